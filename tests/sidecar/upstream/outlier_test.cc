// Ejection and the retry budget: pure arithmetic, tested by lists of events.
#include <gtest/gtest.h>

#include "sidecar/upstream/outlier_detector.h"
#include "sidecar/upstream/outlier_sweep.h"
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

std::string swept(const config::OutlierDetection& settings, std::vector<IntervalCount> counts) {
  std::string out;
  for (const auto& reason : sweep_outliers(settings, counts)) {
    out += !reason ? '-' : *reason == telemetry::EjectionReason::kSuccessRate ? 'S' : 'F';
  }
  return out;
}

TEST(OutlierSweep, TakesOutWhoSucceedsFarLessThanTheOthers) {
  const config::OutlierDetection settings{.success_rate = config::OutlierDetection::SuccessRate{}};
  std::vector<IntervalCount> counts(9, {.requests = 100, .successes = 100});
  counts.push_back({.requests = 100, .successes = 50});
  EXPECT_EQ(swept(settings, counts), "---------S");
  // mean 95, deviation 15: below 66.5.
  counts.back().successes = 95;
  counts[3].successes = 97;
  EXPECT_EQ(swept(settings, counts), "---------S") << "a small gap where all others are alike";
  counts.assign(10, {.requests = 100, .successes = 50});
  EXPECT_EQ(swept(settings, counts), "----------") << "all fail alike: nobody is an outlier";
}

TEST(OutlierSweep, JudgesNobodyByTooLittle) {
  const config::OutlierDetection settings{
      .success_rate = config::OutlierDetection::SuccessRate{},
      .failure_percent = config::OutlierDetection::FailurePercent{}};
  std::vector<IntervalCount> few(4, {.requests = 1000, .successes = 1000});
  few[0].successes = 0;
  EXPECT_EQ(swept(settings, few), "----") << "four endpoints are too few to compare";
  std::vector<IntervalCount> quiet(10, {.requests = 40, .successes = 40});
  quiet[0].successes = 0;
  EXPECT_EQ(swept(settings, quiet), "----------") << "forty requests say nothing yet";
  EXPECT_EQ(swept(settings, {}), "");
  EXPECT_EQ(swept({}, few), "----") << "neither is asked for";
}

TEST(OutlierSweep, TakesOutWhoFailsMoreThanAFixedShare) {
  const config::OutlierDetection settings{
      .failure_percent = config::OutlierDetection::FailurePercent{
          .endpoints_min = 2, .requests_min = 10, .percent = 30}};
  EXPECT_EQ(swept(settings, {{.requests = 10, .successes = 8},
                             {.requests = 10, .successes = 7},
                             {.requests = 9, .successes = 0},
                             {.requests = 100, .successes = 0}}),
            "-F-F");
}

TEST(OutlierSweep, CountsExternalResultsOnlyWhenLocalOnesAreApart) {
  const config::OutlierDetection together{.consecutive_5xx = 0};
  const config::OutlierDetection apart{.consecutive_5xx = 0, .split_local = true};
  for (const auto& [settings, requests] :
       {std::pair{together, std::uint64_t{4}}, std::pair{apart, std::uint64_t{3}}}) {
    OutlierState state;
    for (const Verdict verdict : {Verdict::kSuccess, Verdict::kRateLimited, Verdict::kServerError,
                                  Verdict::kConnectFailure, Verdict::kNeutral})
      EXPECT_FALSE(state.note(settings, verdict));
    const IntervalCount count = state.take_interval();
    EXPECT_EQ(count.requests, requests);
    EXPECT_EQ(count.successes, 2U);
    EXPECT_EQ(state.take_interval().requests, 0U) << "an interval of its own";
  }
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
