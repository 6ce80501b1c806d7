// Mirrors: a copy of a request goes to somebody else, and whatever becomes of it is nobody's wait.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

config::Route mirrored(std::vector<config::MirrorPolicy> mirrors) {
  config::Route route = to("/", "cart");
  config::RouteExtras extras;
  extras.mirrors = std::move(mirrors);
  route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  return route;
}

config::Route mirrored_to(std::string name) { return mirrored({{.cluster = std::move(name)}}); }

TEST(Mirror, ACopyGoesThereWithItsBodyUnderAnotherHost) {
  Origin cart(Origin::echoes());
  Origin shadow;
  Proxy proxy({http_listener("in", routes({mirrored_to("shadow")}))},
              {cluster("cart", {cart.address()}), cluster("shadow", {shadow.address()})});
  Wire wire = proxy.dial();
  const std::string body(20'000, 'm');
  ASSERT_TRUE(
      wire.send("POST /pay?x=1 HTTP/1.1\r\nhost: shop.example:8080\r\nx-a: 1\r\n"
                "content-length: 20000\r\n\r\n" +
                body));
  const Wire::Message answer = wire.read_message(true);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, body);
  ASSERT_TRUE(shadow.wait_for(1));
  const Wire::Message copy = shadow.last();
  EXPECT_EQ(copy.target(), "/pay?x=1");
  EXPECT_EQ(copy.body, body);
  EXPECT_EQ(copy.field("host"), "shop.example-shadow:8080");
  EXPECT_EQ(copy.field("x-a"), "1");
  EXPECT_EQ(copy.field("x-request-id"), cart.last().field("x-request-id"));
  EXPECT_EQ(cart.last().field("host"), "shop.example:8080");
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_mirrors_total",
                                   {"destination_service=\"shadow\"", "result=\"sent\""}));
}

TEST(Mirror, SeveralAndByTheirShare) {
  Origin cart;
  Origin one;
  Origin two;
  Origin never;
  Proxy proxy({http_listener("in", routes({mirrored({{.cluster = "one"},
                                                     {.cluster = "two", .suffix_host = false},
                                                     {.cluster = "never", .per_million = 0}})}))},
              {cluster("cart", {cart.address()}), cluster("one", {one.address()}),
               cluster("two", {two.address()}), cluster("never", {never.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_TRUE(one.wait_for(20));
  EXPECT_TRUE(two.wait_for(20));
  EXPECT_EQ(never.requests(), 0U);
  EXPECT_EQ(two.last().field("host"), cart.last().field("host"));
}

TEST(Mirror, OneThatNeverAnswersHoldsNobodyUp) {
  Origin cart;
  Origin stalled(Origin::never_answers());
  Proxy proxy({http_listener("in", routes({mirrored_to("stalled")}))},
              {cluster("cart", {cart.address()}), cluster("stalled", {stalled.address()})});
  Wire wire = proxy.dial();
  const auto begun = std::chrono::steady_clock::now();
  // More than there may be copies at once.
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s) << "nobody waits for a copy's time";
  EXPECT_TRUE(proxy.metric_reaches(200 - 128, "weft_mirrors_total", {"result=\"dropped\""}))
      << "beyond the bound they are dropped";
}

TEST(Mirror, OneThatDoesNotReadIsGivenUpNotWaitedFor) {
  Origin cart(Origin::echoes());
  Origin deaf([](Origin& self, Wire&) { self.wait_for_release(); });
  deaf.narrow();
  Proxy proxy({http_listener("in", routes({mirrored_to("deaf")}))},
              {cluster("cart", {cart.address()}), cluster("deaf", {deaf.address()})});
  const std::string body(4 * 1024 * 1024, 'd');
  EXPECT_EQ(ask(proxy, "/", {}, "POST", body).body.size(), body.size());
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_mirrors_total", {"result=\"dropped\""}));
  deaf.release();
}

TEST(Mirror, OneThatFailsIsCountedAndNobodyElseHears) {
  Origin cart;
  ClosedPort nobody;
  Proxy proxy({http_listener("in", routes({mirrored({{.cluster = "gone"}, {.cluster = "who"}})}))},
              {cluster("cart", {cart.address()}), cluster("gone", {nobody.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_TRUE(proxy.metric_reaches(5, "weft_mirrors_total",
                                   {"destination_service=\"gone\"", "result=\"failed\""}));
  EXPECT_TRUE(proxy.metric_reaches(5, "weft_mirrors_total",
                                   {"destination_service=\"cart\"", "result=\"failed\""}))
      << "no such cluster";
}

TEST(Mirror, TheMirroredClustersLimitsAreAsked) {
  Origin cart;
  Origin busy(Origin::holds());
  config::ClusterConfig small = cluster("busy", {busy.address()});
  small.limits.requests_max = 1;
  Proxy proxy({http_listener("in", routes({mirrored_to("busy")}))},
              {cluster("cart", {cart.address()}), small});
  Wire wire = proxy.dial();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_TRUE(proxy.metric_reaches(9, "weft_mirrors_total", {"result=\"failed\""}));
  EXPECT_TRUE(busy.wait_for(1));
  EXPECT_EQ(busy.requests(), 1U);
  busy.release();
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_mirrors_total", {"result=\"sent\""}))
      << "a copy goes on when its request has long been answered";
}

TEST(Mirror, ACopyIsCutWhenItsRequestIs) {
  Origin cart;
  Origin shadow;
  Proxy proxy({http_listener("in", routes({mirrored_to("shadow")}))},
              {cluster("cart", {cart.address()}), cluster("shadow", {shadow.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_in_use",
                                   {"destination_service=\"shadow\"", "limit=\"requests\""}));
  wire.reset();
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_mirrors_total", {"result=\"dropped\""}));
  EXPECT_LT(shadow.last().body.size(), 100U);
}

}  // namespace
}  // namespace weft::mesh_test
