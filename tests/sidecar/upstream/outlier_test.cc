// Ejection and the retry budget: pure arithmetic, tested by lists of events.
#include <gtest/gtest.h>

#include "sidecar/upstream/outlier_detector.h"
#include "sidecar/upstream/retry_budget.h"

namespace weft::upstream {
namespace {

using std::chrono::seconds;

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
