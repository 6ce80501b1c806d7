// CORS: browsers are told which pages may ask, and the application need not know.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

config::Route for_pages(std::string cluster_name = "cart") {
  config::Route route = to("/", std::move(cluster_name));
  config::RouteExtras extras;
  config::CorsPolicy& cors = extras.cors.emplace();
  cors.origins.push_back({.value = "https://shop.example"});
  cors.methods = "GET, PUT";
  cors.max_age = "600";
  cors.credentials = true;
  route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  return route;
}

constexpr std::string_view kPage = "origin: https://shop.example\r\n";
constexpr std::string_view kAsksForPut =
    "origin: https://shop.example\r\naccess-control-request-method: PUT\r\n";

TEST(Cors, APreflightNeverReachesTheApplication) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({for_pages()}))}, {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 2; ++i) {
    const Wire::Message answer = ask(wire, "/", kAsksForPut, "OPTIONS");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.field("access-control-allow-origin"), "https://shop.example");
    EXPECT_EQ(answer.field("access-control-allow-methods"), "GET, PUT");
    EXPECT_EQ(answer.field("access-control-allow-credentials"), "true");
    EXPECT_EQ(answer.field("access-control-max-age"), "600");
    EXPECT_EQ(answer.field("vary"), "origin");
  }
  EXPECT_EQ(cart.requests(), 0U);
  EXPECT_EQ(proxy.metric("weft_cors_requests_total", {"result=\"preflight\""}), 2);
}

TEST(Cors, AnAllowedPageMayReadTheAnswer) {
  Origin cart(Origin::replies(200, "ok", "access-control-allow-origin: *\r\n"));
  Proxy proxy({http_listener("in", routes({for_pages()}))}, {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  const Wire::Message answer = ask(wire, "/", kPage);
  EXPECT_EQ(answer.body, "ok");
  EXPECT_EQ(answer.field("access-control-allow-origin"), "https://shop.example")
      << "instead of the application's own";
  EXPECT_EQ(ask(wire, "/").field("access-control-allow-credentials"), "");
  EXPECT_EQ(ask(wire, "/", "origin: https://evil.example\r\n").field("access-control-allow-origin"),
            "*")
      << "for others it is as the application says";
  EXPECT_EQ(proxy.metric("weft_cors_requests_total", {"result=\"allowed\""}), 1);
  EXPECT_EQ(proxy.metric("weft_cors_requests_total", {"result=\"unmatched\""}), 1);
  EXPECT_EQ(proxy.metric("weft_cors_requests_total"), 2)
      << "and who names no origin is no such request";
}

TEST(Cors, AnAllowedPageMayReadOurRefusalToo) {
  Proxy proxy({http_listener("in", routes({for_pages()}))}, {cluster("cart", {})});
  const Wire::Message answer = ask(proxy, "/", kPage);
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(answer.field("access-control-allow-origin"), "https://shop.example");
}

TEST(Cors, AnUnknownPagesPreflightIsTheApplicationsUnlessItMayNotSee) {
  Origin cart;
  config::Route strict = for_pages();
  config::RouteExtras extras = *strict.extras;
  extras.cors->forward_unmatched_preflights = false;
  strict.path.text.value = "/strict";
  strict.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  Proxy proxy({http_listener("in", routes({strict, for_pages()}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  const std::string_view fields =
      "origin: https://evil.example\r\naccess-control-request-method: PUT\r\n";
  const Wire::Message refused = ask(wire, "/strict", fields, "OPTIONS");
  EXPECT_EQ(refused.status(), 200);
  EXPECT_EQ(refused.field("access-control-allow-origin"), "");
  EXPECT_EQ(cart.requests(), 0U);
  EXPECT_EQ(ask(wire, "/", fields, "OPTIONS").body, "ok");
  EXPECT_EQ(cart.requests(), 1U);
  EXPECT_EQ(proxy.metric("weft_cors_requests_total", {"result=\"refused_preflight\""}), 1);
  EXPECT_EQ(proxy.metric("weft_cors_requests_total", {"result=\"unmatched\""}), 1);
}

}  // namespace
}  // namespace weft::mesh_test
