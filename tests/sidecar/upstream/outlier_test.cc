// Balancers, ejection and the retry budget: pure arithmetic, tested by lists of events.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/outlier_detector.h"
#include "sidecar/upstream/retry_budget.h"

namespace weft::upstream {
namespace {

using std::chrono::seconds;

class Place final : public Endpoint {
 public:
  [[nodiscard]] const config::Endpoint& config() const override { return config_; }
  [[nodiscard]] std::uint32_t active_requests() const override { return active; }
  [[nodiscard]] bool ejected() const override { return false; }
  [[nodiscard]] telemetry::PeerId peer() const override { return telemetry::PeerId::kUnknown; }
  [[nodiscard]] const std::string& address_text() const override { return text_; }
  std::uint32_t active = 0;

 private:
  config::Endpoint config_;
  std::string text_;
};

TEST(RoundRobin, SharesByWeight) {
  Random random(1);
  const auto balancer = make_balancer({}, random);
  Place a;
  Place b;
  balancer->set(std::vector<Candidate>{{&a, 3}, {&b, 1}});
  std::map<Endpoint*, int> counts;
  for (int i = 0; i < 400; ++i) ++counts[balancer->pick(nullptr)];
  EXPECT_NEAR(counts[&a], 300, 4);
}

TEST(Balancers, PreferWhatWasNotTriedAndStillAnswerWhenAllWere) {
  for (const auto kind : {config::BalancerKind::kRoundRobin, config::BalancerKind::kLeastRequest,
                          config::BalancerKind::kRandom}) {
    Random random(2);
    const auto balancer = make_balancer({.kind = kind}, random);
    EXPECT_EQ(balancer->pick(nullptr), nullptr);
    Place a;
    Place b;
    balancer->set(std::vector<Candidate>{{&a, 1}, {&b, 1}});
    Tried tried;
    tried.add(a);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(balancer->pick(&tried), &b);
    tried.add(b);
    EXPECT_NE(balancer->pick(&tried), nullptr);
  }
}

TEST(LeastRequest, AvoidsTheBusy) {
  Random random(3);
  const auto balancer = make_balancer({.kind = config::BalancerKind::kLeastRequest}, random);
  Place busy;
  Place idle;
  busy.active = 10;
  balancer->set(std::vector<Candidate>{{&busy, 1}, {&idle, 1}});
  int on_busy = 0;
  for (int i = 0; i < 1000; ++i) on_busy += balancer->pick(nullptr) == &busy ? 1 : 0;
  // Only when both draws are the busy one.
  EXPECT_NEAR(on_busy, 250, 60);
}

TEST(Outlier, CountsFailuresInARowAndStartsAgainAfterASuccess) {
  const config::OutlierDetection settings{.consecutive_5xx = 0, .consecutive_gateway_failure = 3};
  OutlierState state;
  EXPECT_FALSE(state.note(settings, Verdict::kGatewayError));
  EXPECT_FALSE(state.note(settings, Verdict::kGatewayError));
  EXPECT_FALSE(state.note(settings, Verdict::kSuccess));
  EXPECT_FALSE(state.note(settings, Verdict::kGatewayError));
  EXPECT_FALSE(state.note(settings, Verdict::kNeutral));
  EXPECT_FALSE(state.note(settings, Verdict::kGatewayError));
  EXPECT_EQ(state.note(settings, Verdict::kTimeout), telemetry::EjectionReason::kGatewayErrors);
  EXPECT_FALSE(state.note(settings, Verdict::kTimeout));
}

TEST(Outlier, TellsLocalFailuresApartWhenAsked) {
  const config::OutlierDetection settings{
      .consecutive_5xx = 2, .consecutive_local_failure = 2, .split_local = true};
  OutlierState state;
  EXPECT_FALSE(state.note(settings, Verdict::kConnectFailure));
  EXPECT_FALSE(state.note(settings, Verdict::kServerError));
  EXPECT_FALSE(state.note(settings, Verdict::kConnectFailure));
  EXPECT_EQ(state.note(settings, Verdict::kReset), telemetry::EjectionReason::kLocalFailures);
}

TEST(Outlier, LeavesOutForLongerEachTimeUpToAMaximum) {
  const config::OutlierDetection settings{.base_ejection = seconds(30),
                                          .max_ejection = seconds(100)};
  Random random(1);
  OutlierState state;
  TimePoint now{};
  for (const int expected : {30, 60, 90, 100, 100}) {
    state.eject(settings, now, random);
    EXPECT_EQ(state.until() - now, seconds(expected));
    now = state.until();
    state.return_to_service(now);
  }
  // Ten healthy intervals take the count back to nothing.
  now += settings.interval * 10;
  state.eject(settings, now, random);
  EXPECT_EQ(state.until() - now, seconds(30));
}

TEST(RetryBudget, IsAShareOfRecentRequestsWithAFloor) {
  TimePoint now = TimePoint{} + std::chrono::hours(1);
  RetryBudget budget({.percent = 20, .interval = seconds(10), .min_per_second = 0}, now);
  EXPECT_FALSE(budget.admit(now));
  for (int i = 0; i < 100; ++i) budget.count_request(now);
  int admitted = 0;
  while (budget.admit(now)) ++admitted;
  EXPECT_EQ(admitted, 20);
  now += seconds(11);
  EXPECT_FALSE(budget.admit(now));
  budget.set({.percent = 20, .interval = seconds(10), .min_per_second = 2});
  admitted = 0;
  while (budget.admit(now)) ++admitted;
  EXPECT_EQ(admitted, 20);
}

}  // namespace
}  // namespace weft::upstream
