// What many callers do together to a destination that fails: how retries multiply through tiers
// with and without budgets, and how callers with breakers come back to one that has recovered.
// Simulated with the budgets and breakers that the sidecar runs; prints its tables.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "sidecar/upstream/breaker.h"
#include "sidecar/upstream/retry_budget.h"

namespace weft::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- a chain of callers above a dependency that fails ----

// Each tier calls the next one, with up to two retries; the last one is the dependency.
class Tiers {
 public:
  Tiers(std::size_t count, bool budgets, double failing)
      : failing_(failing), with_budgets_(budgets), attempts_(count) {
    for (std::size_t i = 0; i < count; ++i)
      budgets_.emplace_back(
          config::RetryBudget{.percent = 20, .interval = seconds(10), .min_per_second = 0},
          TimePoint(std::chrono::hours(1)));
  }
  bool call(std::size_t tier, TimePoint now) {
    if (tier == attempts_.size()) return random_.unit() >= failing_;
    budgets_[tier].count_request(now);
    for (int attempt = 0;; ++attempt) {
      ++attempts_[tier];
      if (call(tier + 1, now)) return true;
      if (attempt == 2 || (with_budgets_ && !budgets_[tier].admit(now))) return false;
    }
  }
  [[nodiscard]] std::size_t load() const { return attempts_.back(); }

 private:
  const double failing_;
  const bool with_budgets_;
  std::vector<RetryBudget> budgets_;
  std::vector<std::size_t> attempts_;
  Random random_{11};
};

TEST(Herd, RetriesThroughTiersStayWithinTheirBudgets) {
  constexpr std::size_t kCalls = 20'000;
  for (const double failing : {0.5, 1.0}) {
    for (const std::size_t tiers : {1U, 2U, 3U}) {
      std::size_t loads[2] = {};
      for (const bool budgets : {false, true}) {
        Tiers chain(tiers, budgets, failing);
        std::size_t good = 0;
        for (std::size_t i = 0; i < kCalls; ++i) {
          good += chain.call(0, TimePoint(std::chrono::hours(1)) + milliseconds(i)) ? 1 : 0;
        }
        loads[budgets ? 1 : 0] = chain.load();
        std::printf("fails %3.0f %%  %zu tiers  %-7s  load %5.2f x  succeed %5.1f %%\n",
                    failing * 100, tiers, budgets ? "budget" : "none",
                    static_cast<double>(chain.load()) / kCalls,
                    100.0 * static_cast<double>(good) / kCalls);
      }
      double most = kCalls;
      for (std::size_t i = 0; i < tiers; ++i) most *= 1.2;
      EXPECT_LE(static_cast<double>(loads[1]), most + 10);
      if (failing == 1.0) {
        EXPECT_GE(static_cast<double>(loads[0]), kCalls * 2.9) << "for contrast: 3 to the tiers";
      }
    }
  }
}

// ---- many callers come back ----

struct HerdCaller {
  std::unique_ptr<Breaker> breaker = std::make_unique<Breaker>();
  std::size_t under_way = 0;
};

TEST(Herd, CallersComeBackToARecoveredDestinationByFewTrials) {
  // 200 sidecars of 10 requests a second each; the destination is down from 10 s to 40 s.
  constexpr std::size_t kCallers = 200;
  constexpr TimePoint kStart{std::chrono::hours(1)};
  constexpr TimePoint kDown = kStart + seconds(10);
  constexpr TimePoint kUp = kStart + seconds(40);
  const config::BreakerPolicy policy{.failure_ratio = 0, .consecutive_failures = 5};
  Random random(5);
  std::vector<HerdCaller> callers(kCallers);
  std::vector<std::size_t> sent(1200);  // each 100 ms
  std::vector<std::size_t> refused(1200);
  for (std::size_t tick = 0; tick < sent.size(); ++tick) {
    for (HerdCaller& caller : callers) {
      const TimePoint now = kStart + milliseconds(tick * 100) +
                            milliseconds(static_cast<std::int64_t>(random.below(100)));
      (void)caller.breaker->refresh(now);
      Breaker::Pass pass = caller.breaker->enter(policy);
      if (!pass.held) {
        ++refused[tick];
        continue;
      }
      ++sent[tick];
      const bool fails = now >= kDown && now < kUp;
      (void)caller.breaker->note(policy, pass,
                                 fails ? Breaker::Ending::kFailure : Breaker::Ending::kSuccess,
                                 now + milliseconds(2), random);
    }
  }
  const auto tick_of = [&](TimePoint at) {
    return static_cast<std::size_t>((at - kStart) / milliseconds(100));
  };
  std::size_t while_down = 0;
  for (std::size_t i = tick_of(kDown) + 20; i < tick_of(kUp); ++i) while_down += sent[i];
  const auto most_after =
      *std::max_element(sent.begin() + static_cast<long>(tick_of(kUp)), sent.end());
  std::size_t back = tick_of(kUp);
  while (back < sent.size() && sent[back] < kCallers * 9 / 10) ++back;
  const std::size_t first = sent[tick_of(kUp)];
  std::printf(
      "offered %zu each 100 ms; from 2 s after the failure to its end %zu sent in all (%.2f %%)\n",
      kCallers, while_down,
      100.0 * static_cast<double>(while_down) / static_cast<double>(kCallers * 280));
  std::printf(
      "recovered: %zu in the first 100 ms, never more than %zu, 90 %% of the load after %.1f s\n",
      first, most_after, static_cast<double>(back - tick_of(kUp)) / 10);
  for (std::size_t second = 0; second < 30; second += 2)
    std::printf("  %2zu s after: %4zu sent, %4zu refused in 100 ms\n", second,
                sent[tick_of(kUp) + second * 10], refused[tick_of(kUp) + second * 10]);
  EXPECT_LT(static_cast<double>(while_down), kCallers * 280 * 0.05);
  EXPECT_LE(first, kCallers / 5) << "they do not all come at once";
  EXPECT_LE(most_after, kCallers) << "and never more than what is offered";
  EXPECT_LT(back, sent.size());
}

}  // namespace
}  // namespace weft::upstream
