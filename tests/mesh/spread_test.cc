// Which endpoints a caller's requests reach when some are elsewhere, new, out, leaving or failing.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <memory>
#include <numeric>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using Health = config::Endpoint::Health;

// Origins that answer 200, or what they are told to; their place in the cluster is theirs to say.
class Crowd {
 public:
  explicit Crowd(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      statuses_.push_back(std::make_unique<std::atomic<int>>(200));
      std::atomic<int>& status = *statuses_.back();
      origins_.push_back(std::make_unique<Origin>([&status](Origin& self, Wire& wire) {
        for (;;) {
          Wire::Message asked = wire.read_message(false);
          if (asked.empty()) return;
          self.note(std::move(asked));
          // Below 100: every so manieth request fails.
          int now = status;
          if (now < 100) now = self.requests() % static_cast<std::size_t>(now) == 0 ? 503 : 200;
          if (!wire.send("HTTP/1.1 " + std::to_string(now) + " X\r\ncontent-length: 0\r\n\r\n"))
            return;
        }
      }));
      config::Endpoint endpoint;
      endpoint.address = origins_.back()->address();
      endpoints.push_back(std::move(endpoint));
    }
  }
  void answer(std::size_t index, int status) { *statuses_[index] = status; }

  [[nodiscard]] config::ClusterConfig as_cluster(const std::string& name = "cart") const {
    config::ClusterConfig out = cluster(name, {});
    auto set = std::make_shared<config::EndpointSet>();
    set->cluster = name;
    set->endpoints = endpoints;
    out.inline_endpoints = std::move(set);
    out.panic_percent = 0;
    return out;
  }
  // How many of `count` requests each got.
  [[nodiscard]] std::vector<std::size_t> spread(Wire& wire, int count) {
    std::vector<std::size_t> out;
    for (const auto& origin : origins_) out.push_back(origin->requests());
    for (int i = 0; i < count; ++i) (void)ask(wire, "/");
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = origins_[i]->requests() - out[i];
    return out;
  }
  [[nodiscard]] Origin& origin(std::size_t index) { return *origins_[index]; }

  std::vector<config::Endpoint> endpoints;

 private:
  std::vector<std::unique_ptr<std::atomic<int>>> statuses_;
  std::vector<std::unique_ptr<Origin>> origins_;
};

Proxy proxy_of(config::ClusterConfig cart) {
  return Proxy({http_listener("in", routes({to("/", "cart")}))}, {std::move(cart)});
}

void publish(Proxy& proxy, const config::ClusterConfig& changed) {
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(changed));
    sidecar.publisher().schedule();
  });
  // The end of that turn has come once the loop answers again.
  proxy.on_loop([](sidecar::Sidecar&) {});
  ASSERT_TRUE(proxy.ready());
}

TEST(Priorities, SpillOverAsFarAsTheFirstCannotBearItAndFailBack) {
  Crowd crowd(4);
  crowd.endpoints[2].priority = crowd.endpoints[3].priority = 1;
  Proxy proxy = proxy_of(crowd.as_cluster());
  Wire wire = proxy.dial();
  auto got = crowd.spread(wire, 100);
  EXPECT_EQ(got[2] + got[3], 0U) << "the first bears all";
  crowd.endpoints[0].health = Health::kUnhealthy;
  publish(proxy, crowd.as_cluster());
  got = crowd.spread(wire, 600);
  EXPECT_EQ(got[0], 0U);
  EXPECT_NEAR(static_cast<double>(got[1]), 420, 60) << "1.4 times a half";
  EXPECT_GT(got[2], 0U);
  EXPECT_GT(got[3], 0U);
  crowd.endpoints[1].health = Health::kUnhealthy;
  publish(proxy, crowd.as_cluster());
  got = crowd.spread(wire, 100);
  EXPECT_EQ(got[2] + got[3], 100U);
  crowd.endpoints[0].health = crowd.endpoints[1].health = Health::kHealthy;
  publish(proxy, crowd.as_cluster());
  got = crowd.spread(wire, 100);
  EXPECT_EQ(got[0] + got[1], 100U) << "and back";
}

TEST(Zones, OurOwnComesFirst) {
  Crowd crowd(4);
  crowd.endpoints[0].zone = crowd.endpoints[1].zone = "a";
  crowd.endpoints[2].zone = crowd.endpoints[3].zone = "b";
  config::ClusterConfig cart = crowd.as_cluster();
  cart.balancing.localities = config::LocalityPreference::kOwnZone;
  sidecar::Start start = start_of({http_listener("in", routes({to("/", "cart")}))}, {cart});
  start.node_zone = "b";
  Proxy proxy(std::move(start));
  Wire wire = proxy.dial();
  auto got = crowd.spread(wire, 60);
  EXPECT_EQ(got[2] + got[3], 60U);
  for (auto& endpoint : crowd.endpoints)
    if (endpoint.zone == "b") endpoint.health = Health::kUnhealthy;
  config::ClusterConfig changed = crowd.as_cluster();
  changed.balancing.localities = config::LocalityPreference::kOwnZone;
  publish(proxy, changed);
  got = crowd.spread(wire, 60);
  EXPECT_EQ(got[0] + got[1], 60U) << "another one rather than none";
}

TEST(SlowStart, ANewEndpointGetsAGrowingShare) {
  Crowd crowd(4);
  const auto with = [&](std::size_t count) {
    config::ClusterConfig out = crowd.as_cluster();
    auto set = std::make_shared<config::EndpointSet>(*out.inline_endpoints);
    set->endpoints.resize(count);
    out.inline_endpoints = std::move(set);
    out.balancing.slow_start = {.window = 1s, .aggression = 1.0, .min_weight_percent = 10};
    return out;
  };
  Proxy proxy = proxy_of(with(3));
  Wire wire = proxy.dial();
  const auto full = std::chrono::steady_clock::now() + 1200ms;
  while (std::chrono::steady_clock::now() < full) (void)crowd.spread(wire, 3);
  publish(proxy, with(4));
  const auto early = crowd.spread(wire, 40);
  const auto later = std::chrono::steady_clock::now() + 1200ms;
  while (std::chrono::steady_clock::now() < later) (void)crowd.spread(wire, 3);
  EXPECT_LE(early[3], 6U);
  EXPECT_NEAR(static_cast<double>(crowd.spread(wire, 40)[3]), 10, 1) << "as all others in the end";
}

config::OutlierDetection by_rate() {
  config::OutlierDetection out;
  out.consecutive_5xx = 0;
  out.interval = 50ms;
  out.base_ejection = out.max_ejection = 600s;
  out.ejected_percent_max = 100;
  return out;
}

// Asks until somebody is out; who gets nothing then.
std::vector<std::size_t> spread_after_ejection(Crowd& crowd, Proxy& proxy,
                                               const std::string& reason) {
  Wire wire = proxy.dial();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (proxy.metric("weft_ejections_total", {reason}) < 1 &&
         std::chrono::steady_clock::now() < until) {
    (void)crowd.spread(wire, 100);
  }
  EXPECT_EQ(proxy.metric("weft_ejections_total"), 1);
  return crowd.spread(wire, 100);
}

TEST(EjectionByRate, WhoFailsFarMoreOftenThanTheOthersIsOut) {
  Crowd crowd(6);
  crowd.answer(4, 2);  // every other request
  config::ClusterConfig cart = crowd.as_cluster();
  cart.outlier = by_rate();
  cart.outlier->success_rate = {.endpoints_min = 5, .requests_min = 10, .stdev_factor = 1.9};
  Proxy proxy = proxy_of(cart);
  const auto got = spread_after_ejection(crowd, proxy, "reason=\"success_rate\"");
  EXPECT_EQ(got[4], 0U);
  EXPECT_EQ(std::accumulate(got.begin(), got.end(), std::size_t{0}), 100U);
}

TEST(EjectionByRate, WhoFailsAFixedShareIsOut) {
  Crowd crowd(5);
  crowd.answer(1, 2);
  config::ClusterConfig cart = crowd.as_cluster();
  cart.outlier = by_rate();
  cart.outlier->failure_percent = {.endpoints_min = 5, .requests_min = 10, .percent = 40};
  Proxy proxy = proxy_of(cart);
  EXPECT_EQ(spread_after_ejection(crowd, proxy, "reason=\"failure_percent\"")[1], 0U);
}

TEST(EjectionByRate, WhatEveryEndpointFailsEjectsNobody) {
  Crowd crowd(5);
  for (std::size_t i = 0; i < 5; ++i) crowd.answer(i, 503);
  config::ClusterConfig cart = crowd.as_cluster();
  cart.outlier = by_rate();
  cart.outlier->success_rate = {.endpoints_min = 5, .requests_min = 10, .stdev_factor = 1.9};
  Proxy proxy = proxy_of(cart);
  Wire wire = proxy.dial();
  const auto until = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < until) (void)crowd.spread(wire, 50);
  EXPECT_EQ(proxy.metric("weft_ejections_total"), 0);
}

TEST(EndpointStates, DegradedComesSecondAndDrainingLast) {
  Crowd crowd(5);
  crowd.endpoints[1].health = Health::kDegraded;
  crowd.endpoints[2].health = Health::kDraining;
  crowd.endpoints[3].health = Health::kUnhealthy;
  Proxy proxy = proxy_of(crowd.as_cluster());
  Wire wire = proxy.dial();
  // Two of the four that count are healthy: 70 percent, and the degraded one bears the rest.
  auto got = crowd.spread(wire, 400);
  EXPECT_EQ(got[2] + got[3], 0U);
  EXPECT_NEAR(static_cast<double>(got[0] + got[4]), 280, 60);
  EXPECT_EQ(got[0] + got[4] + got[1], 400U);
  crowd.endpoints[0].health = crowd.endpoints[4].health = Health::kUnhealthy;
  publish(proxy, crowd.as_cluster());
  EXPECT_EQ(crowd.spread(wire, 30)[1], 30U);
  crowd.endpoints[1].health = Health::kUnhealthy;
  publish(proxy, crowd.as_cluster());
  EXPECT_EQ(crowd.spread(wire, 30)[2], 30U) << "rather than nobody";
  crowd.endpoints[2].health = Health::kUnhealthy;
  publish(proxy, crowd.as_cluster());
  EXPECT_EQ(ask(wire, "/").status(), 503);
}

TEST(Panic, UsesTheEjectedAndNeverWhoIsNotReady) {
  Crowd crowd(3);
  crowd.answer(0, 503);
  crowd.answer(1, 503);
  crowd.endpoints[2].health = Health::kUnhealthy;
  config::ClusterConfig cart = crowd.as_cluster();
  cart.panic_percent = 50;
  cart.outlier = by_rate();
  cart.outlier->consecutive_5xx = 1;
  Proxy proxy = proxy_of(cart);
  Wire wire = proxy.dial();
  // Panic begins with the first of them, so that the second one is not at once found out.
  (void)crowd.spread(wire, 20);
  EXPECT_TRUE(proxy.metric_reaches(2, "weft_endpoints", {"state=\"ejected\""}));
  const auto got = crowd.spread(wire, 40);
  EXPECT_EQ(got[0] + got[1], 40U);
  EXPECT_EQ(got[2], 0U);
}

TEST(RetrySpread, AvoidsTriedEndpointsAndThenTriedPriorities) {
  Crowd crowd(3);
  crowd.answer(0, 503);
  crowd.answer(1, 503);
  crowd.endpoints[2].priority = 1;
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 2;
  forward(route).retry.avoid_tried_endpoints = true;
  forward(route).retry.backoff_base = forward(route).retry.backoff_max = 1ms;
  config::ClusterConfig cart = crowd.as_cluster();
  cart.limits.retries_max = 100;
  Proxy proxy({http_listener("in", routes({route}))}, {cart});
  Wire wire = proxy.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(crowd.origin(0).requests(), 20U) << "once for each request";
  EXPECT_EQ(crowd.origin(1).requests(), 20U);
  EXPECT_EQ(crowd.origin(2).requests(), 20U);
}

TEST(SplitSpread, StaysExactWhileEndpointsAreEjectedAndRequestsTriedAgain) {
  Crowd stable(3);
  Crowd canary(2);
  canary.answer(1, 503);
  config::Route route = to("/", "stable");
  forward(route).clusters[0].weight = 90;
  forward(route).clusters.push_back({.cluster = "canary", .weight = 10, .edits = {}});
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 2;
  forward(route).retry.avoid_tried_endpoints = true;
  forward(route).retry.backoff_base = forward(route).retry.backoff_max = 1ms;
  config::ClusterConfig second = canary.as_cluster("canary");
  second.outlier = by_rate();
  second.outlier->consecutive_5xx = 5;
  second.limits.retries_max = 100;
  Proxy proxy({http_listener("in", routes({route}))}, {stable.as_cluster("stable"), second});
  Wire wire = proxy.dial();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_ejections_total"), 1);
  EXPECT_NEAR(proxy.metric("weft_route_requests_total", {"backend=\"canary\""}), 100, 1);
  EXPECT_EQ(canary.origin(1).requests(), 5U);
  EXPECT_NEAR(static_cast<double>(canary.origin(0).requests()), 100, 1)
      << "its group keeps its share, and no other has it";
}

// A dependency that fails half its calls costs its own callers at most the budget, and the others
// nothing (behaviour.md 13).
TEST(Cascade, AFailingDependencyIsRetriedWithinItsBudgetAndItsNeighbourNoticesNothing) {
  Crowd ledger(2);
  ledger.answer(0, 2);
  ledger.answer(1, 2);
  Crowd catalogue(1);
  config::Route route = to("/ledger", "ledger");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 5;
  forward(route).retry.backoff_base = forward(route).retry.backoff_max = 1ms;
  config::ClusterConfig failing = ledger.as_cluster("ledger");
  failing.retry_budget = config::RetryBudget{.percent = 20, .interval = 60s, .min_per_second = 0};
  Proxy proxy({http_listener("in", routes({route, to("/", "catalogue")}))},
              {failing, catalogue.as_cluster("catalogue")});
  Wire wire = proxy.dial();
  int good = 0;
  for (int i = 0; i < 500; ++i) {
    good += ask(wire, "/ledger").status() == 200 ? 1 : 0;
    ASSERT_EQ(ask(wire, "/catalogue").status(), 200);
  }
  const std::size_t load = ledger.origin(0).requests() + ledger.origin(1).requests();
  std::printf("500 calls of a dependency that fails half: %zu attempts, %d succeed\n", load, good);
  EXPECT_LE(load, 600U);
  EXPECT_GE(load, 590U);
  EXPECT_GE(good, 290) << "the budget is used where it helps";
  EXPECT_EQ(catalogue.origin(0).requests(), 500U);
}

}  // namespace
}  // namespace weft::mesh_test
