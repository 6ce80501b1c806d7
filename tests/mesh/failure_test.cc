// Refused, reset, slow and too many: what the caller is told, and what is never done twice.

#include <gtest/gtest.h>

#include <atomic>
#include <utility>
#include <vector>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

TEST(Retry, TriesAnotherEndpointAfterARefusedConnection) {
  Origin good;
  ClosedPort bad;
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryUnprocessed;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {bad.address(), good.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  // A connection that was never made cannot have carried a POST.
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "/", {}, "POST", "x").status(), 200);
  EXPECT_EQ(good.requests(), 20U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_retries_total"));
}

TEST(Retry, TellsHowLongEachWaitedJitterAndAll) {
  Origin busy(Origin::replies(503, "busy"));
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 2;
  forward(route).retry.backoff_base = 2ms;
  forward(route).retry.backoff_max = 3ms;
  forward(route).retry.jitter = config::BackoffJitter::kNone;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {busy.address()})});
  EXPECT_EQ(proxy.metrics().find("\nweft_retry_backoff_seconds"), std::string::npos)
      << "nobody waited yet";
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  // 2 ms and then 4, of which 3 are allowed.
  EXPECT_EQ(proxy.metric("weft_retry_backoff_seconds_count"), 2);
  EXPECT_NEAR(proxy.metric("weft_retry_backoff_seconds_sum"), 0.005, 1e-9);
  EXPECT_EQ(proxy.metric("weft_retry_backoff_seconds_bucket", {"le=\"0.0025\""}), 1);
}

TEST(Retry, DoesNotRepeatAPostThatMayHaveBeenProcessed) {
  Origin resetting(Origin::resets());
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryReset | config::kRetry5xx;
  forward(route).retry.attempts_extra = 3;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {resetting.address()})});
  EXPECT_EQ(ask(proxy, "/", {}, "POST", "pay").status(), 503);
  EXPECT_EQ(resetting.requests(), 1U);
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(resetting.requests(), 1U + 4U) << "a GET may be repeated";
}

// An app that ends closes its listener while the kernel holds connections that it has not taken,
// and its kept ones while the next request comes: the sidecar beside it sends what may be repeated
// again, and nothing else.
TEST(Retry, AnAppThatEndsLosesNoGet) {
  const auto inbound = [](const Origin& app) {
    config::Route route = to("/", "app");
    forward(route).retry.on = config::kRetryUnprocessed;
    forward(route).retry.attempts_extra = 0;
    forward(route).retry.replay_bytes_max = 0;
    config::ListenerConfig listener = http_listener("in", routes({route}));
    listener.direction = config::Direction::kInbound;
    return std::pair(std::vector{listener}, std::vector{cluster("app", {app.address()})});
  };
  std::atomic<int> cut = 1;
  Origin ends([&](Origin& origin, Wire& wire) {
    if (cut-- > 0) return Origin::resets()(origin, wire);
    return Origin::echoes()(origin, wire);
  });
  auto [listeners, clusters] = inbound(ends);
  Proxy proxy(std::move(listeners), std::move(clusters));
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(ends.requests(), 2U);
  Origin resetting(Origin::resets());
  auto [again, to_it] = inbound(resetting);
  Proxy other(std::move(again), std::move(to_it));
  EXPECT_EQ(ask(other, "/", {}, "POST", "pay").status(), 503);
  EXPECT_EQ(resetting.requests(), 1U);
  EXPECT_EQ(ask(other, "/").status(), 503);
  EXPECT_EQ(resetting.requests(), 1U + 5U) << "but not for ever";
}

TEST(Retry, RepeatsAPostWithItsBodyAfterAnAnswerThatAllowsIt) {
  Origin busy(Origin::replies(503, "busy"));
  Origin good(Origin::echoes());
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.any_method = true;
  forward(route).retry.avoid_tried_endpoints = true;
  forward(route).retry.attempts_extra = 3;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {busy.address(), good.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 10; ++i) {
    const Wire::Message answer = ask(wire, "/", {}, "POST", std::string(20'000, 'b'));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body.size(), 20'000U);
  }
}

TEST(Retry, NeverRetriesBeyondTheBudget) {
  Origin broken(Origin::replies(503, "no"));
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.attempts_extra = 5;
  forward(route).retry.backoff_base = 1ms;
  config::ClusterConfig cart = cluster("cart", {broken.address()});
  cart.retry_budget = config::RetryBudget{.percent = 20.0, .interval = 60s, .min_per_second = 0};
  Proxy proxy({http_listener("in", routes({route}))}, {cart});
  Wire wire = proxy.dial();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(ask(wire, "/").status(), 503);
  EXPECT_GE(broken.requests(), 115U);
  EXPECT_LE(broken.requests(), 120U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_retries_denied_total", {"budget"}));
}

TEST(Timeouts, AnswersAttemptTimeoutWith504) {
  Origin silent(Origin::never_answers());
  config::Route route = to("/", "cart");
  forward(route).timeouts.attempt = 50ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {silent.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/").status(), 504);
  EXPECT_EQ(ask(wire, "/", {}, "POST", "x").status(), 504);
}

// What is given up must not go on behind our back: the origin hears of it, and the place is free.
TEST(Timeouts, AnAttemptThatTimesOutIsCutOffAndGivesItsPlaceBack) {
  Origin silent([](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    (void)wire.read_all();
    self.note({.head = "gone", .body = {}});
  });
  config::Route route = to("/", "cart");
  forward(route).timeouts.attempt = 30ms;
  config::ClusterConfig cart = cluster("cart", {silent.address()});
  cart.limits.requests_max = cart.limits.connections_max = 1;
  Proxy proxy({http_listener("in", routes({route}))}, {cart});
  for (std::size_t i = 1; i <= 5; ++i) {
    EXPECT_EQ(ask(proxy, "/").status(), 504) << i;
    EXPECT_TRUE(silent.wait_for(2 * i)) << "its connection has ended";
  }
  EXPECT_EQ(proxy.metric("weft_limit_in_use", {"requests"}), 0);
}

TEST(Timeouts, RequestTimeoutCoversAllTries) {
  Origin silent(Origin::never_answers());
  config::Route route = to("/", "cart");
  forward(route).timeouts.request = 200ms;
  forward(route).retry.on = config::kRetryTimeout;
  forward(route).retry.attempt_timeout = 60ms;
  forward(route).retry.attempts_extra = 50;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {silent.address()})});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(proxy, "/").status(), 504);
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, 190ms);
  EXPECT_LT(took, 2s);
  EXPECT_GE(silent.requests(), 2U);
  EXPECT_LE(silent.requests(), 4U);
}

// x-envoy-expected-rq-timeout-ms, as an Envoy in front of us would send it.
std::string expects(std::string_view milliseconds) {
  return "x-envoy-expected-rq-timeout-ms: " + std::string(milliseconds) + "\r\n";
}

TEST(Timeouts, WhatAnEnvoyExpectsIsADeadlineAndWhatIsLeftGoesOn) {
  Origin origin;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  EXPECT_EQ(ask(proxy, "/", expects("5000")).status(), 200);
  const std::string told = origin.last().field("x-envoy-expected-rq-timeout-ms");
  ASSERT_FALSE(told.empty());
  EXPECT_LE(std::stoi(told), 5000);
  EXPECT_GT(std::stoi(told), 0);
  EXPECT_EQ(ask(proxy, "/", expects("0")).status(), 504) << "it is over";
  EXPECT_EQ(origin.requests(), 1U) << "and reaches nobody";
  for (const char* nonsense : {"", "-1", "1x", "99999999999999999999"}) {
    EXPECT_EQ(ask(proxy, "/", expects(nonsense)).status(), 200) << nonsense;
  }
}

TEST(Timeouts, WhatAnEnvoyExpectsOnlyShortens) {
  Origin silent(Origin::never_answers());
  config::Route bounded = to("/bounded", "cart");
  forward(bounded).timeouts.request = 200ms;
  Proxy proxy({http_listener("in", routes({bounded, to("/", "cart")}))},
              {cluster("cart", {silent.address()})});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(proxy, "/", expects("100")).status(), 504);
  EXPECT_EQ(ask(proxy, "/bounded", expects("60000")).status(), 504);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s);
}

TEST(Ejection, LeavesOutAnEndpointAfterFiveFailures) {
  Origin good;
  Origin bad(Origin::replies(500, "bad"));
  config::ClusterConfig cart = cluster("cart", {good.address(), bad.address()});
  cart.outlier = config::OutlierDetection{};
  cart.outlier->consecutive_5xx = 5;
  cart.outlier->ejected_percent_max = 100;
  cart.outlier->base_ejection = 600s;
  cart.outlier->max_ejection = 600s;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire wire = proxy.dial();
  int failed = 0;
  for (int i = 0; i < 100; ++i) failed += ask(wire, "/").status() == 200 ? 0 : 1;
  EXPECT_EQ(failed, 5);
  EXPECT_EQ(bad.requests(), 5U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_ejections_total"));
}

TEST(Limits, RefusesTheRequestOverTheLimitWith503UO) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.requests_max = 1;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"UO"}));
  holding.release();
  EXPECT_EQ(first.read_message(true).body, "held");
  EXPECT_EQ(ask(first, "/").status(), 200) << "the permit came back";
}

TEST(Limits, QueueIsBounded) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.connections_max = 1;
  cart.limits.pending_max = 1;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET /1 HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  Wire second = proxy.dial();
  ASSERT_TRUE(second.send("GET /2 HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_in_use", {"pending"}));
  EXPECT_EQ(ask(proxy, "/3").status(), 503);
  holding.release();
  EXPECT_EQ(first.read_message(true).body, "held");
  EXPECT_EQ(second.read_message(true).body, "held");
  EXPECT_EQ(holding.connections(), 1U);
}

// The answer that would be retried and the connection's failure come in one read: nothing of the
// first attempt is heard again.
TEST(Retry, SurvivesAnAnswerThatBreaksOffInTheSameRead) {
  Origin broken([](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      origin.note(std::move(request));
      if (!wire.send("HTTP/1.1 503 X\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n")) return;
    }
  });
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.attempts_extra = 3;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {broken.address()})});
  // The last answer is handed on, and the client can see that it is not whole.
  EXPECT_TRUE(ask(proxy, "/").empty());
  EXPECT_EQ(broken.requests(), 4U);
  EXPECT_TRUE(ask(proxy, "/").empty());  // and is still there
  EXPECT_EQ(broken.requests(), 8U);
}

}  // namespace
}  // namespace weft::mesh_test
