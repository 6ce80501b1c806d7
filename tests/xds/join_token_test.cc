#include "xds/join_token.h"

#include <gtest/gtest.h>

#include "sidecar/core/base64.h"

namespace weft::xds {
namespace {

const std::string kDigest(64, 'a');

std::string token(const std::string& payload) {
  return "weft1." + encode_base64url(payload) + ".c2lnbmF0dXJl";
}
std::string payload(const std::string& id, const std::string& root = kDigest) {
  return R"({"exp":2000000000,"iat":1900000000,"id":")" + id + R"(","root":")" + root +
         R"(","td":"cluster.local"})";
}

TEST(JoinToken, SaysWhoseItIsAndWhomToTrust) {
  const auto read = read_join_token(token(payload("spiffe://cluster.local/ns/shop/sa/cart")));
  ASSERT_TRUE(read.has_value()) << read.error().detail;
  EXPECT_EQ(read->id.uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(read->root_spki_sha256, kDigest);
  EXPECT_EQ(read->expires, WallTime(std::chrono::seconds(2'000'000'000)));
}

TEST(JoinToken, IsNotReadFromAnythingElse) {
  const std::string good = token(payload("spiffe://cluster.local/ns/shop/sa/cart"));
  EXPECT_FALSE(is_join_token("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"));
  for (const std::string& bad :
       {std::string(), std::string("weft1"), std::string("weft1."), std::string("weft1..x"),
        std::string("weft1.e30.x"), std::string("weft1.!!.x"), "weft2" + good.substr(5),
        token(payload("nobody")), token(payload("spiffe://cluster.local/ns/shop/sa/cart", "ab")),
        token("[]"), token("{"), token(R"({"exp":-1})"), good + std::string(5000, 'x')}) {
    EXPECT_FALSE(read_join_token(bad).has_value()) << bad;
  }
  for (std::size_t size = 0; size + 15 < good.size(); ++size)
    EXPECT_FALSE(read_join_token(std::string_view(good).substr(0, size)).has_value()) << size;
}

}  // namespace
}  // namespace weft::xds
