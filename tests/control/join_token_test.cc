// What the root has signed is believed only when every reader of it reads the same.

#include "control/join_token.h"

#include <gtest/gtest.h>

#include "sidecar/core/base64.h"
#include "xds/join_token.h"

namespace weft::control {
namespace {

constexpr WallTime kTokenTime{std::chrono::seconds(1'766'050'000)};
const std::string kHolder = R"("id": "spiffe://cluster.local/ns/shop/sa/cart")";
const std::string kTimes = R"("iat": 1766000000, "exp": 1766100000)";

class JoinTokens : public ::testing::Test {
 protected:
  // What is said of a payload that the root has signed.
  std::string verdict(const std::string& payload) const {
    const std::string text = std::string(JoinToken::kPrefix) + "." + encode_base64url(payload);
    const std::string whole = text + "." + encode_base64url(root_.sign(text).value());
    const Result<JoinToken> token = verify_join_token(whole, root_, kTokenTime);
    if (!token) return token.error().detail;
    const Result<xds::UnverifiedJoinToken> read = xds::read_join_token(whole);
    return read && read->id == token->id ? token->id.uri() : "read differently";
  }
  std::string digest() const { return R"("root": ")" + root_.spki_sha256() + '"'; }

  const tls::Key root_ = tls::Key::generate().value();
};

TEST_F(JoinTokens, SayWhoMayComeAndUntilWhen) {
  const std::string domain = R"("td": "cluster.local")";
  const std::string good = kHolder + ", " + kTimes + ", " + domain + ", " + digest();
  EXPECT_EQ(verdict("{" + good + "}"), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(verdict("{" + good + R"(, "more": [1, {"a": null}]})"),
            "spiffe://cluster.local/ns/shop/sa/cart")
      << "a later version may say more";
  struct Row {
    const char* what;
    std::string payload;
    const char* verdict;
  };
  const std::vector<Row> rows = {
      {"no JSON", good, "join token: unreadable"},
      {"a list", "[" + digest() + "]", "join token: unreadable"},
      {"no trust domain", "{" + kHolder + ", " + kTimes + ", " + digest() + "}",
       "join token: incomplete"},
      {"another trust domain",
       "{" + kHolder + ", " + kTimes + R"(, "td": "elsewhere", )" + digest() + "}",
       "join token: incomplete"},
      {"another root", "{" + kHolder + ", " + kTimes + ", " + domain + R"(, "root": "00"})",
       "join token: incomplete"},
      {"no end", "{" + kHolder + R"(, "iat": 1766000000, )" + domain + ", " + digest() + "}",
       "join token: incomplete"},
      {"an end before 1970",
       "{" + kHolder + R"(, "iat": 1766000000, "exp": -1, )" + domain + ", " + digest() + "}",
       "join token: incomplete"},
      {"two holders", R"({"id": "spiffe://cluster.local/ns/shop/sa/web", )" + good + "}",
       "join token: ambiguous"},
      {"two roots", R"({"root": "00", )" + good + "}", "join token: ambiguous"},
      {"twice something of a later version", "{" + good + R"(, "more": {"a": 1, "a": 2}})",
       "join token: ambiguous"},
      {"over",
       "{" + kHolder + R"(, "iat": 1766000000, "exp": 1766050000, )" + domain + ", " + digest() +
           "}",
       "join token: it has expired"},
      {"of tomorrow",
       "{" + kHolder + R"(, "iat": 1766140000, "exp": 1766200000, )" + domain + ", " + digest() +
           "}",
       "join token: it is from the future"},
  };
  for (const Row& row : rows) EXPECT_EQ(verdict(row.payload), row.verdict) << row.what;
}

}  // namespace
}  // namespace weft::control
