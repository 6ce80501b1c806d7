// The circuit breaker: a destination that only fails is given a rest, and is asked by a few whether
// it is well again.

#include <gtest/gtest.h>

#include <atomic>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using config::BreakerPolicy;

BreakerPolicy after_failures(std::uint32_t in_a_row, Duration open_for) {
  BreakerPolicy policy;
  policy.counts = BreakerPolicy::kTransport | BreakerPolicy::kServerError;
  policy.failure_ratio = 0;
  policy.consecutive_failures = in_a_row;
  policy.open_for = open_for;
  policy.open_max = open_for;
  return policy;
}

config::ClusterConfig guarded(const Origin& origin, const BreakerPolicy& policy) {
  config::ClusterConfig cart = cluster("cart", {origin.address()});
  cart.breaker = policy;
  return cart;
}

// What an application does that can be told to fail.
class Moody final {
 public:
  explicit Moody(std::string good_fields = {})
      : origin([this, fields = std::move(good_fields)](Origin& self, Wire& wire) {
          const auto good = Origin::replies(200, "well", fields);
          const auto bad = Origin::replies(500, "ill", "connection: close\r\n");
          (well ? good : bad)(self, wire);
        }) {}
  std::atomic<bool> well{false};
  Origin origin;
};

// Asks until the answer is that; false when patience ends.
bool comes_to(Proxy& proxy, int status) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < end) {
    if (ask(proxy, "/").status() == status) return true;
  }
  return false;
}

TEST(CircuitBreaker, OpenRefusesAtOnceAndSaysWhenToComeBack) {
  Origin broken(Origin::resets());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(broken, after_failures(3, 30s))});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(proxy, "/").field("retry-after"), "");
  for (int i = 0; i < 10; ++i) {
    const Wire::Message answer = ask(proxy, "/");
    EXPECT_EQ(answer.status(), 503);
    EXPECT_EQ(answer.body, "circuit open\n");
    const int seconds = std::stoi("0" + answer.field("retry-after"));
    EXPECT_GE(seconds, 20);
    EXPECT_LE(seconds, 33);
  }
  EXPECT_EQ(broken.requests(), 3U) << "nothing reaches a destination that rests";
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 2);
  EXPECT_EQ(proxy.metric("weft_breaker_transitions_total", {"from=\"closed\"", "to=\"open\""}), 1);
  EXPECT_EQ(proxy.metric("weft_refused_total", {"circuit_open"}), 10);
}

TEST(CircuitBreaker, ClosesAgainAfterThreeGoodTrials) {
  Moody moody;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(moody.origin, after_failures(3, 20ms))});
  ASSERT_TRUE(comes_to(proxy, 503)) << "opened";
  // Ill for a while longer: trials fail, and it stays open.
  EXPECT_TRUE(comes_to(proxy, 500));
  moody.well = true;
  ASSERT_TRUE(comes_to(proxy, 200));
  ASSERT_TRUE(comes_to(proxy, 200));
  ASSERT_TRUE(comes_to(proxy, 200));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total",
                                   {"from=\"half_open\"", "to=\"closed\""}));
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 0);
  Wire wire = proxy.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_GE(proxy.metric("weft_breaker_transitions_total", {"from=\"half_open\"", "to=\"open\""}),
            1);
}

TEST(CircuitBreaker, TheGaugeSaysHalfOpenAlsoWhenNobodyAsks) {
  Origin broken(Origin::resets());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(broken, after_failures(1, 20ms))});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total",
                                   {"from=\"open\"", "to=\"half_open\""}));
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 1);
}

TEST(CircuitBreaker, AnAnswerBelow500IsNoFailure) {
  Origin picky(Origin::replies(404, "no"));
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(picky, after_failures(1, 30s))});
  Wire wire = proxy.dial();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(ask(wire, "/").status(), 404);
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 0);
}

TEST(CircuitBreaker, ARefusalOfAnotherSidecarIsNoFailureOfItsApplication) {
  Origin full(Origin::replies(503, "full", "x-weft-cause: bulkhead_full\r\n"));
  config::ClusterConfig cart = guarded(full, after_failures(1, 30s));
  cart.mesh_peer = true;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire wire = proxy.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 503);
  EXPECT_EQ(full.requests(), 20U);
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 0);
}

// Or a full queue would open the circuit of a destination that is well.
TEST(CircuitBreaker, OurOwnRefusalsAreNoFailuresOfTheDestination) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = guarded(holding, after_failures(1, 30s));
  cart.limits.requests_max = 1;
  cart.outlier = config::OutlierDetection{.consecutive_5xx = 1, .ejected_percent_max = 100};
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  for (int i = 0; i < 20; ++i) {
    const Wire::Message answer = ask(proxy, "/");
    EXPECT_EQ(answer.status(), 503);
    EXPECT_EQ(answer.field("retry-after"), "") << "that would be the breaker";
  }
  holding.release();
  EXPECT_EQ(first.read_message(true).body, "held");
  EXPECT_EQ(ask(first, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_breaker_transitions_total"), 0);
  EXPECT_EQ(proxy.metric("weft_ejections_total"), 0);
}

TEST(CircuitBreaker, ACallerWhoLeavesDoesNotFailTheDestination) {
  Origin slow(Origin::never_answers());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(slow, after_failures(1, 30s))});
  for (std::size_t i = 1; i <= 10; ++i) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    ASSERT_TRUE(slow.wait_for(i));
    wire.reset();
  }
  EXPECT_TRUE(proxy.metric_reaches(10, "weft_attempts_total", {"cancelled"}));
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 0);
}

TEST(CircuitBreaker, ATrialWhoseCallerLeavesMakesRoomForAnother) {
  std::atomic<int> mood{0};  // 0 fails, 1 says nothing, 2 is well
  Origin origin([&](Origin& self, Wire& wire) {
    if (mood == 0) return Origin::replies(500, "ill", "connection: close\r\n")(self, wire);
    if (mood == 1) return Origin::never_answers()(self, wire);
    return Origin::replies(200, "well")(self, wire);
  });
  BreakerPolicy policy = after_failures(1, 2s);
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {guarded(origin, policy)});
  EXPECT_EQ(ask(proxy, "/").status(), 500);
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_breaker_state"));
  mood = 1;
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total", {"to=\"half_open\""}));
  for (std::size_t i = 0; i < 5; ++i) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
    ASSERT_TRUE(origin.wait_for(2 + i)) << "refused, though no trial is under way";
    wire.reset();
    ASSERT_TRUE(
        proxy.metric_reaches(1.0 + static_cast<double>(i), "weft_attempts_total", {"cancelled"}));
  }
  mood = 2;
  Wire wire = proxy.dial();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 0);
}

TEST(CircuitBreaker, ATrialThatGetsNoHeadInTimeOpensItAgain) {
  std::atomic<bool> silent{false};
  Origin origin([&](Origin& self, Wire& wire) {
    (silent ? Origin::never_answers() : Origin::resets())(self, wire);
  });
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {guarded(origin, after_failures(1, 50ms))});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  silent = true;
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total", {"to=\"half_open\""}));
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total",
                                   {"from=\"half_open\"", "to=\"open\""}))
      << "the attempt itself goes on";
}

TEST(CircuitBreaker, AStreamThatGoesOnCanCloseIt) {
  std::atomic<bool> well{false};
  Origin origin([&](Origin& self, Wire& wire) {
    if (!well) return Origin::resets()(self, wire);
    while (!wire.read_message(false).empty()) {
      (void)wire.send(
          "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n"
          "transfer-encoding: chunked\r\n\r\n");
    }
  });
  BreakerPolicy policy = after_failures(1, 5s);
  policy.open_for = 20ms;
  policy.trials = 1;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {guarded(origin, policy)});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  well = true;
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total", {"to=\"half_open\""}));
  Wire watch = proxy.dial();
  ASSERT_TRUE(watch.send(
      "POST /w.Watch/All HTTP/1.1\r\nhost: a\r\ncontent-type: application/grpc\r\nte: trailers\r\n"
      "content-length: 0\r\n\r\n"));
  EXPECT_NE(watch.read_to("\r\n\r\n").find(" 200 "), std::string::npos);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_breaker_transitions_total", {"to=\"closed\""}));
}

TEST(CircuitBreaker, TheFailureThatOpenedItGoesBackInsteadOfARefusal) {
  Origin broken(Origin::replies(500, "why it fails"));
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.attempts_extra = 5;
  forward(route).retry.backoff_base = 1ms;
  Proxy proxy({http_listener("in", routes({route}))}, {guarded(broken, after_failures(2, 30s))});
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.status(), 500);
  EXPECT_EQ(answer.body, "why it fails");
  EXPECT_EQ(broken.requests(), 2U);
  EXPECT_EQ(proxy.metric("weft_retries_denied_total", {"breaker"}), 1);
}

TEST(CircuitBreaker, IsOneForAllWorkers) {
  Origin broken(Origin::resets());
  sidecar::Start start = start_of({http_listener("in", routes({to("/", "cart")}))},
                                  {guarded(broken, after_failures(5, 30s))});
  start.workers = 4;
  Proxy proxy(std::move(start));
  // Each on a connection of its own, which some worker takes.
  for (int i = 0; i < 60; ++i) EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(broken.requests(), 5U);
  EXPECT_EQ(proxy.metric("weft_breaker_state"), 2);
}

}  // namespace
}  // namespace weft::mesh_test
