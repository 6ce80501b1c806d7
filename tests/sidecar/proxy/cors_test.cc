#include "sidecar/proxy/cors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weft::proxy {
namespace {

config::CorsPolicy shop_policy() {
  config::CorsPolicy policy;
  policy.origins.push_back(
      {.how = config::TextMatch::How::kExact, .value = "https://shop.example"});
  policy.methods = "GET, PUT";
  policy.headers = "x-cart";
  policy.expose = "x-total";
  policy.max_age = "3600";
  return policy;
}

http::RequestHead asking(http::Method method, std::string_view origin,
                         std::vector<std::pair<std::string, std::string>> fields = {}) {
  http::RequestHead head;
  head.method = method;
  head.method_name = http::name_of(method);
  if (!origin.empty()) head.headers.add_copy("origin", origin);
  for (const auto& [name, value] : fields) head.headers.add_copy(name, value);
  return head;
}

std::string shown(const http::Headers& headers) {
  std::vector<std::string> lines;
  for (const http::Field& field : headers)
    lines.push_back(std::string(field.name) + ": " + std::string(field.value) + "\n");
  std::sort(lines.begin(), lines.end());
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

TEST(Cors, TellsPreflightFromActualFromOther) {
  const config::CorsPolicy policy = shop_policy();
  const std::string us = "https://shop.example";
  using http::Method;
  EXPECT_EQ(judge_cors(policy, asking(Method::kGet, us)), CorsVerdict::kActual);
  EXPECT_EQ(judge_cors(policy, asking(Method::kGet, "")), CorsVerdict::kNone);
  EXPECT_EQ(judge_cors(policy, asking(Method::kGet, "https://evil.example")), CorsVerdict::kNone);
  EXPECT_EQ(judge_cors(policy, asking(Method::kOptions, us)), CorsVerdict::kActual)
      << "OPTIONS that asks for no method is no preflight";
  EXPECT_EQ(
      judge_cors(policy, asking(Method::kOptions, us, {{"access-control-request-method", "PUT"}})),
      CorsVerdict::kPreflight);
  EXPECT_EQ(
      judge_cors(policy, asking(Method::kGet, us, {{"access-control-request-method", "PUT"}})),
      CorsVerdict::kActual);
}

TEST(Cors, AnUnknownOriginsPreflightGoesOnUnlessItMayNot) {
  config::CorsPolicy policy = shop_policy();
  const http::RequestHead head = asking(http::Method::kOptions, "https://evil.example",
                                        {{"access-control-request-method", "PUT"}});
  EXPECT_EQ(judge_cors(policy, head), CorsVerdict::kNone);
  policy.forward_unmatched_preflights = false;
  EXPECT_EQ(judge_cors(policy, head), CorsVerdict::kRefuse);
}

TEST(Cors, OriginsAreComparedWholeAndByCase) {
  const config::CorsPolicy policy = shop_policy();
  for (const char* origin : {"https://shop.example.evil", "http://shop.example",
                             "https://shop.example:8443", "null", "https://SHOP.example"}) {
    EXPECT_EQ(judge_cors(policy, asking(http::Method::kGet, origin)), CorsVerdict::kNone) << origin;
  }
}

TEST(Cors, APreflightSaysWhatMayBeAsked) {
  const config::CorsPolicy policy = shop_policy();
  http::ResponseHead answer;
  write_preflight(policy,
                  asking(http::Method::kOptions, "https://shop.example",
                         {{"access-control-request-method", "DELETE"}}),
                  answer);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(shown(answer.headers),
            "access-control-allow-headers: x-cart\n"
            "access-control-allow-methods: GET, PUT\n"
            "access-control-allow-origin: https://shop.example\n"
            "access-control-max-age: 3600\n"
            "vary: origin\n");
}

TEST(Cors, WithCredentialsAStarIsSpelledOut) {
  config::CorsPolicy policy = shop_policy();
  policy.any_origin = true;
  policy.methods = policy.headers = "*";
  policy.credentials = true;
  policy.max_age.clear();
  http::ResponseHead answer;
  write_preflight(policy,
                  asking(http::Method::kOptions, "https://any.example",
                         {{"access-control-request-method", "PATCH"},
                          {"access-control-request-headers", "x-one,x-two"}}),
                  answer);
  EXPECT_EQ(shown(answer.headers),
            "access-control-allow-credentials: true\n"
            "access-control-allow-headers: x-one,x-two\n"
            "access-control-allow-methods: PATCH\n"
            "access-control-allow-origin: https://any.example\n"
            "vary: origin\n");
  policy.credentials = false;
  http::ResponseHead plain;
  write_preflight(policy,
                  asking(http::Method::kOptions, "https://any.example",
                         {{"access-control-request-method", "PATCH"}}),
                  plain);
  EXPECT_EQ(plain.headers.find("access-control-allow-methods"), "*");
}

TEST(Cors, APrivateNetworkIsAllowedOnlyWhenAskedForAndWritten) {
  config::CorsPolicy policy = shop_policy();
  const http::RequestHead head = asking(http::Method::kOptions, "https://shop.example",
                                        {{"access-control-request-method", "GET"},
                                         {"access-control-request-private-network", "true"}});
  http::ResponseHead without;
  write_preflight(policy, head, without);
  EXPECT_FALSE(without.headers.find("access-control-allow-private-network"));
  policy.private_network = true;
  http::ResponseHead with;
  write_preflight(policy, head, with);
  EXPECT_EQ(with.headers.find("access-control-allow-private-network"), "true");
}

TEST(Cors, TheApplicationsOwnPermissionsAreReplaced) {
  const config::CorsPolicy policy = shop_policy();
  http::Headers answer;
  answer.add_copy("access-control-allow-origin", "*");
  answer.add_copy("access-control-allow-credentials", "true");
  answer.add_copy("vary", "accept");
  allow_cors(policy, "https://shop.example", answer);
  EXPECT_EQ(shown(answer),
            "access-control-allow-origin: https://shop.example\n"
            "access-control-expose-headers: x-total\n"
            "vary: accept\n"
            "vary: origin\n");
}

}  // namespace
}  // namespace weft::proxy
