// Fallbacks: somebody else answers when a destination cannot, once, and it is told; and groups of a
// split that have nobody leave their share to the others.

#include <gtest/gtest.h>

#include "tests/mesh/log_file.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

config::Route with_fallback(config::Fallback fallback) {
  config::Route route = to("/", "cart");
  config::RouteExtras extras;
  extras.fallback = std::move(fallback);
  route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  forward(route).retry.backoff_base = 1ms;
  return route;
}

config::Fallback answered(std::uint8_t on, std::string body) {
  config::Fallback fallback{.on = on};
  fallback.response.status = 200;
  fallback.response.body = std::move(body);
  fallback.response.headers.push_back({.name = "x-stale", .value = "yes"});
  return fallback;
}

config::BreakerPolicy opens_after(std::uint32_t failures) {
  config::BreakerPolicy policy;
  policy.counts = config::BreakerPolicy::kTransport | config::BreakerPolicy::kServerError;
  policy.failure_ratio = 0;
  policy.consecutive_failures = failures;
  policy.open_for = policy.open_max = 30s;
  return policy;
}

TEST(Fallback, AnOpenCircuitAsksTheOtherCluster) {
  Origin broken(Origin::resets());
  Origin other(Origin::echoes());
  config::ClusterConfig cart = cluster("cart", {broken.address()});
  cart.breaker = opens_after(1);
  LogFile log;
  config::ListenerConfig listener = http_listener(
      "in", routes({with_fallback({.on = config::kOnCircuitOpen, .cluster = "other"})}));
  http_of(listener).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy proxy({listener}, {cart, cluster("other", {other.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 503) << "the failure that opens it is not an open circuit";
  const Wire::Message answer = ask(proxy, "/", {}, "POST", "pay");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "pay");
  EXPECT_EQ(answer.field("x-weft-fallback"), "circuit_open");
  EXPECT_EQ(broken.requests(), 1U);
  EXPECT_EQ(proxy.metric("weft_requests_total",
                         {"cause=\"fallback\"", "response_code=\"200\"", "response_flags=\"UO\""}),
            1);
  proxy.drain();
  proxy.end();
  EXPECT_NE(log.text().find("\"cause\":\"fallback\""), std::string::npos) << log.text();
  EXPECT_NE(log.text().find("fallback: circuit open"), std::string::npos) << log.text();
}

TEST(Fallback, AFullLimitIsAnsweredWithWhatIsWritten) {
  Origin busy(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {busy.address()});
  cart.limits.requests_max = 1;
  Proxy proxy(
      {http_listener("in", routes({with_fallback(answered(config::kOnOverloaded, "later"))}))},
      {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  ASSERT_TRUE(busy.wait_for(1));
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "later");
  EXPECT_EQ(answer.field("x-stale"), "yes");
  EXPECT_EQ(answer.field("x-weft-fallback"), "overloaded");
  EXPECT_EQ(proxy.metric("weft_requests_total", {"cause=\"fallback\""}), 1);
  busy.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
}

TEST(Fallback, ComesWhenAllTriesHaveFailedAndTakesTheBodyAlong) {
  Origin broken(Origin::replies(503, "no"));
  Origin other(Origin::echoes());
  config::Route route = with_fallback({.on = config::kOnRetriesExhausted, .cluster = "other"});
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.any_method = true;
  forward(route).retry.attempts_extra = 2;
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {broken.address()}), cluster("other", {other.address()})});
  const Wire::Message answer = ask(proxy, "/", {}, "POST", std::string(20'000, 'p'));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body.size(), 20'000U);
  EXPECT_EQ(answer.field("x-weft-fallback"), "retries_exhausted");
  EXPECT_EQ(broken.requests(), 3U);
  EXPECT_EQ(other.requests(), 1U);
}

TEST(Fallback, ComesWhenNobodyIsThereToTry) {
  Proxy proxy({http_listener(
                  "in", routes({with_fallback(answered(config::kOnRetriesExhausted, "empty"))}))},
              {cluster("cart", {})});
  EXPECT_EQ(ask(proxy, "/").body, "empty");
}

TEST(Fallback, OfAFallbackThereIsNone) {
  Origin broken(Origin::replies(503, "first"));
  Origin broken_too(Origin::replies(502, "second"));
  config::Route route = with_fallback({.on = config::kOnRetriesExhausted, .cluster = "other"});
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.attempts_extra = 1;
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {broken.address()}), cluster("other", {broken_too.address()})});
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.status(), 502);
  EXPECT_EQ(answer.body, "second");
  EXPECT_EQ(broken.requests(), 2U);
  EXPECT_EQ(broken_too.requests(), 1U);
}

TEST(Fallback, APostThatMayHaveBeenDoneIsNotDoneElsewhere) {
  Origin broken(Origin::resets());
  Origin other;
  config::Route route = with_fallback({.on = config::kOnRetriesExhausted, .cluster = "other"});
  forward(route).retry.on = config::kRetryReset;
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {broken.address()}), cluster("other", {other.address()})});
  EXPECT_EQ(ask(proxy, "/", {}, "POST", "pay").status(), 503);
  EXPECT_EQ(other.requests(), 0U);
}

TEST(Fallback, AnAnswerThatIsNoFailurePassesAndSaysNothing) {
  Origin picky(Origin::replies(404, "no such cart"));
  config::Route route = with_fallback(answered(7, "never"));
  forward(route).retry.on = config::kRetry5xx;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {picky.address()})});
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.body, "no such cart");
  EXPECT_EQ(answer.field("x-weft-fallback"), "");
  EXPECT_EQ(proxy.metric("weft_requests_total", {"cause=\"fallback\""}), 0);
}

TEST(Fallback, ARefusalOfAnotherSidecarCounts) {
  Origin full(Origin::replies(503, "full", "x-weft-cause: bulkhead_full\r\n"));
  config::ClusterConfig cart = cluster("cart", {full.address()});
  cart.mesh_peer = true;
  Proxy proxy(
      {http_listener("in", routes({with_fallback(answered(config::kOnOverloaded, "later"))}))},
      {cart});
  EXPECT_EQ(ask(proxy, "/").body, "later");
}

// ---- groups with nobody ----

config::Route split_three(bool redistribute) {
  config::Route route = to("/", "a");
  forward(route).clusters = {{.cluster = "a", .weight = 50, .edits = {}},
                             {.cluster = "b", .weight = 40, .edits = {}},
                             {.cluster = "c", .weight = 10, .edits = {}},
                             {.cluster = "off", .weight = 0, .edits = {}}};
  forward(route).redistribute_empty = redistribute;
  return route;
}

TEST(EmptyBackend, LeavesItsShareToTheOthersByTheirWeights) {
  Origin b;
  Origin c;
  Origin off;
  Proxy proxy({http_listener("in", routes({split_three(true)}))},
              {cluster("a", {}), cluster("b", {b.address()}), cluster("c", {c.address()}),
               cluster("off", {off.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 500; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_NEAR(static_cast<double>(b.requests()), 400, 2);
  EXPECT_NEAR(static_cast<double>(c.requests()), 100, 2);
  EXPECT_EQ(off.requests(), 0U) << "a weight of zero means never";
  EXPECT_NEAR(proxy.metric("weft_redistributed_requests_total", {"destination_service=\"a\""}), 250,
              1);
  EXPECT_NEAR(proxy.metric("weft_redistributed_requests_total"), 250, 1) << "and nobody else's";
}

TEST(EmptyBackend, FailsItsShareWhenThatIsWritten) {
  Origin b;
  Origin c;
  Proxy proxy({http_listener("in", routes({split_three(false)}))},
              {cluster("a", {}), cluster("b", {b.address()}), cluster("c", {c.address()}),
               cluster("off", {})});
  Wire wire = proxy.dial();
  int failed = 0;
  for (int i = 0; i < 100; ++i) failed += ask(wire, "/").status() == 503 ? 1 : 0;
  EXPECT_NEAR(failed, 50, 1);
  EXPECT_EQ(proxy.metric("weft_requests_total", {"response_flags=\"UH\""}), failed);
  EXPECT_EQ(proxy.metric("weft_redistributed_requests_total"), 0);
}

TEST(EmptyBackend, AllEmptyIsAnswered503) {
  Proxy proxy({http_listener("in", routes({split_three(true)}))},
              {cluster("a", {}), cluster("b", {}), cluster("c", {}), cluster("off", {})});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
}

// A bad release must not hide behind its neighbours.
TEST(EmptyBackend, AGroupThatIsAllEjectedKeepsItsShare) {
  Origin bad(Origin::replies(503, "bad"));
  Origin b;
  Origin c;
  config::ClusterConfig a = cluster("a", {bad.address()});
  a.outlier = config::OutlierDetection{.consecutive_5xx = 1, .ejected_percent_max = 100};
  a.panic_percent = 0;
  Proxy proxy({http_listener("in", routes({split_three(true)}))},
              {a, cluster("b", {b.address()}), cluster("c", {c.address()}), cluster("off", {})});
  Wire wire = proxy.dial();
  int failed = 0;
  for (int i = 0; i < 200; ++i) failed += ask(wire, "/").status() == 503 ? 1 : 0;
  EXPECT_NEAR(failed, 100, 1);
  EXPECT_EQ(bad.requests(), 1U) << "it is ejected";
}

}  // namespace
}  // namespace weft::mesh_test
