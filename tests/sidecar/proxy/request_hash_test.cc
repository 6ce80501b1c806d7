// Where a request stands on a ring: the same bytes, the same place, in every proxy.
#include "sidecar/proxy/request_hash.h"

#include <gtest/gtest.h>

#include <bit>

#include "sidecar/core/xxhash.h"

namespace weft::proxy {
namespace {

using config::HashPolicy;
using Of = config::HashPolicy::Of;

struct Asked {
  Asked() {
    head.target = "/cart/7?user=ann&user=bob&empty";
    head.authority = "cart:80";
    head.headers.add_copy("X-User", "ann");
    head.headers.add_copy("x-many", "b");
    head.headers.add_copy("x-many", "a");
    head.headers.add(http::HeaderId::kCookie, "a=1; who=\"carl\"; who=2");
    head.headers.add(http::HeaderId::kCookie, "late=3");
  }
  RequestHash by(std::vector<HashPolicy> policies) {
    return hash_request(policies, head, "10.0.0.1:4711");
  }
  http::RequestHead head;
};

TEST(RequestHash, IsOfTheBytesThatAreNamed) {
  Asked asked;
  EXPECT_EQ(asked.by({{.of = Of::kHeader, .name = "x-user"}}).value, xxh64("ann"));
  EXPECT_EQ(asked.by({{.of = Of::kHeader, .name = ":authority"}}).value, xxh64("cart:80"));
  EXPECT_EQ(asked.by({{.of = Of::kPath}}).value, xxh64("/cart/7?user=ann&user=bob&empty"));
  EXPECT_EQ(asked.by({{.of = Of::kQueryParameter, .name = "user"}}).value, xxh64("ann"));
  EXPECT_EQ(asked.by({{.of = Of::kQueryParameter, .name = "empty"}}).value, xxh64(""));
  EXPECT_EQ(asked.by({{.of = Of::kCookie, .name = "who"}}).value, xxh64("carl"));
  EXPECT_EQ(asked.by({{.of = Of::kCookie, .name = "late"}}).value, xxh64("3"));
  EXPECT_EQ(asked.by({{.of = Of::kSourceAddress}}).value, xxh64("10.0.0.1"));
}

TEST(RequestHash, IsNoneWhenNothingIsThere) {
  Asked asked;
  EXPECT_FALSE(asked.by({}).value);
  EXPECT_FALSE(asked
                   .by({{.of = Of::kHeader, .name = "absent"},
                        {.of = Of::kQueryParameter, .name = "use"},
                        {.of = Of::kCookie, .name = "wh"}})
                   .value);
}

TEST(RequestHash, TakesSeveralLinesInAnyOrder) {
  Asked asked;
  Asked other;
  other.head.headers.remove("x-many");
  other.head.headers.add_copy("x-many", "a");
  other.head.headers.add_copy("x-many", "b");
  const std::vector<HashPolicy> many{{.of = Of::kHeader, .name = "x-many"}};
  EXPECT_EQ(asked.by(many).value, xxh64("b", xxh64("a", 0)));
  EXPECT_EQ(asked.by(many).value, other.by(many).value);
}

TEST(RequestHash, CombinesInOrderUntilATerminalOneHasCome) {
  Asked asked;
  const HashPolicy user{.of = Of::kHeader, .name = "x-user"};
  const HashPolicy path{.of = Of::kPath};
  const HashPolicy absent{.of = Of::kHeader, .name = "absent"};
  const std::uint64_t both = std::rotl(xxh64("ann"), 1) ^ xxh64("/cart/7?user=ann&user=bob&empty");
  EXPECT_EQ(asked.by({user, path}).value, both);
  EXPECT_EQ(asked.by({absent, user, absent, path}).value, both);
  HashPolicy last = user;
  last.terminal = true;
  EXPECT_EQ(asked.by({last, path}).value, xxh64("ann"));
  HashPolicy missing = absent;
  missing.terminal = true;
  EXPECT_EQ(asked.by({missing, user}).value, xxh64("ann")) << "it had nothing to say";
}

TEST(RequestHash, RewritesAHeaderFirst) {
  Asked asked;
  HashPolicy policy{.of = Of::kHeader, .name = "x-user"};
  policy.rewrite = config::TextMatch{.how = config::TextMatch::How::kRegex, .value = "n+"};
  ASSERT_TRUE(policy.rewrite->compile());
  policy.substitution = "-";
  EXPECT_EQ(asked.by({policy}).value, xxh64("a-"));
}

TEST(RequestHash, MakesACookieForWhoHasNone) {
  Asked asked;
  HashPolicy policy{.of = Of::kCookie, .name = "shop", .cookie_ttl = std::chrono::seconds(60)};
  policy.cookie_path = "/cart";
  policy.cookie_attributes = "; SameSite=Strict";
  const RequestHash made = asked.by({policy});
  ASSERT_TRUE(made.value);
  const std::string value = made.set_cookie.substr(6, 16);
  EXPECT_EQ(made.set_cookie,
            "shop=\"" + value + "\"; Max-Age=60; Path=/cart; SameSite=Strict; HttpOnly");
  EXPECT_EQ(made.value, xxh64(value));
  EXPECT_EQ(asked.by({policy}).value, made.value) << "all requests of a connection get the same";

  asked.head.headers.add_copy("cookie", "shop=\"" + value + "\"");
  const RequestHash again = asked.by({policy});
  EXPECT_EQ(again.value, made.value);
  EXPECT_EQ(again.set_cookie, "");

  policy.name = "session";
  policy.cookie_ttl = Duration::zero();
  EXPECT_EQ(asked.by({policy}).set_cookie.find("Max-Age"), std::string::npos);
}

TEST(RequestHash, KeepsTheBracketsOfAnAddressOutOfIt) {
  const http::RequestHead head;
  const std::vector<HashPolicy> policies{{.of = Of::kSourceAddress}};
  EXPECT_EQ(hash_request(policies, head, "[::1]:80").value, xxh64("::1"));
}

}  // namespace
}  // namespace weft::proxy
