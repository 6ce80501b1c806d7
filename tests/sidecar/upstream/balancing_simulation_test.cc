// One endpoint of ten goes bad: an event simulation over the balancers, loads and ejection that the
// sidecar runs, with time by hand. Prints its table.
//
// Each endpoint has four places and a queue, service is exponential with a mean of 2 ms, callers
// are a Poisson process. The fault is from 2 s to 5 s; judged are the requests begun from 3 s to
// 5 s. Nobody tries again: what a bad endpoint gets is what the balancer gave it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <deque>
#include <queue>

#include "sidecar/upstream/endpoint_groups.h"
#include "sidecar/upstream/outlier_detector.h"
#include "tests/sidecar/upstream/place.h"

namespace weft::upstream {
namespace {

using config::BalancerKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using State = EndpointGroups::State;

enum class Trouble { kNone, kSlow, kStalled, kFailing, kSomeFailuresEverywhere, kBeyondTheLimit };

const char* name_of(Trouble trouble) {
  switch (trouble) {
    case Trouble::kNone:
      return "none";
    case Trouble::kSlow:
      return "20 x slower";
    case Trouble::kStalled:
      return "stalled";
    case Trouble::kFailing:
      return "failing fast";
    case Trouble::kSomeFailuresEverywhere:
      return "1 of 1000 fails";
    case Trouble::kBeyondTheLimit:
      return "beyond the limit";
  }
  return "?";
}

const char* name_of(BalancerKind kind) {
  return kind == BalancerKind::kPeakEwma       ? "peak EWMA"
         : kind == BalancerKind::kLeastRequest ? "least request"
                                               : "round robin";
}

struct Result {
  double bad_share = 0;  // percent of the judged requests that went to the bad endpoint
  double p50_ms = 0;
  double p99_ms = 0;
  double failed = 0;   // percent
  double in_time = 0;  // percent of all requests, before and after the fault too
  std::size_t judged = 0;
};

class Simulation {
 public:
  Simulation(BalancerKind kind, double load, Trouble trouble, std::size_t endpoints = 10)
      : trouble_(trouble),
        interval_(kServiceMean / (load * static_cast<double>(endpoints * kPlaces))),
        groups_({.kind = kind}, random_),
        servers_(endpoints) {
    regroup();
  }

  Result run() {
    schedule(kStart + exponential(interval_), kNobody, {});
    while (!events_.empty() && now_ < kEnd) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      return_the_ejected();
      if (event.server == kNobody) {
        arrive();
        schedule(now_ + exponential(interval_), kNobody, {});
      } else {
        finish(event);
      }
    }
    return result();
  }

 private:
  static constexpr std::size_t kPlaces = 4;
  static constexpr std::size_t kNobody = SIZE_MAX;
  // What a caller waits for at most, and what the bad one takes then.
  static constexpr Duration kLimit = milliseconds(100);
  static constexpr Duration kTooLong = milliseconds(200);
  static constexpr std::size_t kBad = 6;
  static constexpr double kServiceMean = 2e6;
  static constexpr TimePoint kStart{std::chrono::hours(1)};
  static constexpr TimePoint kFault = kStart + seconds(2);
  static constexpr TimePoint kJudged = kStart + seconds(3);
  static constexpr TimePoint kMended = kStart + seconds(5);
  static constexpr TimePoint kEnd = kStart + seconds(9);

  struct Server {
    testing::Place place;
    OutlierState outlier;
    std::deque<TimePoint> queue;  // when each was begun
    std::size_t busy = 0;
  };
  struct Event {
    TimePoint at;
    std::size_t server;  // kNobody: a request comes
    TimePoint begun;
    bool fails;
    bool holds_place;
    bool operator>(const Event& other) const { return at > other.at; }
  };

  Duration exponential(double mean) {
    return Duration(static_cast<std::int64_t>(-mean * std::log(1.0 - random_.unit())));
  }
  [[nodiscard]] bool troubled(std::size_t server) const {
    return server == kBad && now_ >= kFault && now_ < kMended;
  }
  void schedule(TimePoint at, std::size_t server, TimePoint begun, bool fails = false,
                bool holds_place = false) {
    events_.push({at, server, begun, fails, holds_place});
  }

  void regroup() {
    std::vector<EndpointGroups::Member> members;
    for (Server& server : servers_) {
      members.push_back({.endpoint = &server.place,
                         .state = server.outlier.ejected() ? State::kEjected : State::kReady});
    }
    groups_.set(members, {.panic_percent = 0}, now_);
  }

  void return_the_ejected() {
    for (Server& server : servers_) {
      if (!server.outlier.ejected() || server.outlier.until() > now_) continue;
      server.outlier.return_to_service(now_);
      regroup();
    }
  }

  void arrive() {
    Endpoint* picked = groups_.pick({.now = now_});
    std::size_t index = 0;
    while (&servers_[index].place != picked) ++index;
    Server& server = servers_[index];
    server.place.begin(now_);
    ++begun_;
    if (now_ >= kJudged && now_ < kMended) {
      ++judged_;
      bad_ += index == kBad ? 1 : 0;
    }
    if (troubled(index) && trouble_ == Trouble::kFailing) {
      schedule(now_ + std::chrono::microseconds(100), index, now_, true);
    } else if (server.busy < kPlaces) {
      serve(index, now_);
    } else {
      server.queue.push_back(now_);
    }
  }

  void serve(std::size_t index, TimePoint begun) {
    ++servers_[index].busy;
    const bool slow = troubled(index) && trouble_ == Trouble::kSlow;
    const bool fails = trouble_ == Trouble::kSomeFailuresEverywhere && random_.below(1000) == 0;
    Duration takes = exponential(kServiceMean * (slow ? 20 : 1));
    if (troubled(index) && trouble_ == Trouble::kBeyondTheLimit) takes = kTooLong;
    schedule(now_ + takes, index, begun, fails, true);
  }

  void finish(const Event& event) {
    if (troubled(event.server) && trouble_ == Trouble::kStalled) {
      schedule(kMended + exponential(kServiceMean), event.server, event.begun, event.fails,
               event.holds_place);
      return;
    }
    Server& server = servers_[event.server];
    const Duration taken = now_ - event.begun;
    in_time_ += taken <= kLimit && !event.fails ? 1 : 0;
    const Verdict verdict = event.fails ? Verdict::kGatewayError : Verdict::kSuccess;
    server.place.answer(now_, taken, verdict);
    server.place.end();
    if (!server.outlier.ejected() && server.outlier.note(settings_, verdict)) {
      server.outlier.eject(settings_, now_, random_);
      regroup();
    }
    if (event.begun >= kJudged && event.begun < kMended) {
      taken_.push_back(taken);
      failed_ += event.fails ? 1 : 0;
    }
    if (!event.holds_place) return;
    --server.busy;
    if (server.queue.empty()) return;
    const TimePoint begun = server.queue.front();
    server.queue.pop_front();
    serve(event.server, begun);
  }

  Result result() {
    // Who has not been answered by the end took at least until then.
    while (taken_.size() < judged_) taken_.push_back(kEnd - kJudged);
    std::sort(taken_.begin(), taken_.end());
    const auto at = [&](double quantile) {
      const auto index = static_cast<std::size_t>(quantile * static_cast<double>(taken_.size()));
      return static_cast<double>(taken_[std::min(index, taken_.size() - 1)].count()) / 1e6;
    };
    const auto all = static_cast<double>(judged_);
    return {.bad_share = 100.0 * static_cast<double>(bad_) / all,
            .p50_ms = at(0.5),
            .p99_ms = at(0.99),
            .failed = 100.0 * static_cast<double>(failed_) / all,
            .in_time = 100.0 * static_cast<double>(in_time_) / static_cast<double>(begun_),
            .judged = judged_};
  }

  const Trouble trouble_;
  const double interval_;
  // weft's default (behaviour.md 6).
  const config::OutlierDetection settings_{.consecutive_5xx = 0, .consecutive_gateway_failure = 5};
  Random random_{20};
  EndpointGroups groups_;
  std::vector<Server> servers_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  TimePoint now_ = kStart;
  std::size_t judged_ = 0;
  std::size_t bad_ = 0;
  std::size_t failed_ = 0;
  std::size_t begun_ = 0;
  std::size_t in_time_ = 0;
  std::vector<Duration> taken_;
};

Result simulate(BalancerKind kind, double load, Trouble trouble) {
  const Result result = Simulation(kind, load, trouble).run();
  std::printf("%-14s %3.0f %%  %-16s bad %6.3f %%  failed %6.3f %%  p50 %7.2f ms  p99 %8.2f ms\n",
              name_of(kind), load * 100, name_of(trouble), result.bad_share, result.failed,
              result.p50_ms, result.p99_ms);
  return result;
}

TEST(Simulation, OneBadEndpointOfTenHardlyMattersUnderPeakEwma) {
  for (const double load : {0.5, 0.7}) {
    const Result healthy = simulate(BalancerKind::kPeakEwma, load, Trouble::kNone);
    EXPECT_NEAR(healthy.bad_share, 10, 2) << "all are alike";
    for (const Trouble trouble : {Trouble::kSlow, Trouble::kStalled, Trouble::kFailing}) {
      const Result result = simulate(BalancerKind::kPeakEwma, load, trouble);
      EXPECT_LE(result.bad_share, 0.3) << name_of(trouble);
      EXPECT_LE(result.failed, 0.3) << name_of(trouble);
      EXPECT_LE(result.p99_ms, healthy.p99_ms * 1.1) << name_of(trouble);
    }
  }
}

TEST(Simulation, RoundRobinFeedsItForContrast) {
  EXPECT_NEAR(simulate(BalancerKind::kRoundRobin, 0.5, Trouble::kSlow).bad_share, 10, 0.1);
  EXPECT_NEAR(simulate(BalancerKind::kRoundRobin, 0.5, Trouble::kStalled).bad_share, 10, 0.1);
  // Fast failures are what ejection is for.
  EXPECT_EQ(simulate(BalancerKind::kRoundRobin, 0.5, Trouble::kFailing).bad_share, 0);
}

// Eleven backends of which one takes twice what callers wait for, for a third of the time
// (performance.md S9); the load is a thousand requests a second.
TEST(Simulation, ElevenBackendsAndOneBeyondTheLimitOfTheCallers) {
  const auto in_time = [](BalancerKind kind) {
    const Result result =
        Simulation(kind, 1000.0 / (11 * 4 * 500), Trouble::kBeyondTheLimit, 11).run();
    std::printf("%-14s 11 backends, one at 200 ms for a third of the time: %7.3f %% in 100 ms\n",
                name_of(kind), result.in_time);
    return result.in_time;
  };
  EXPECT_LT(in_time(BalancerKind::kRoundRobin), 98) << "for contrast";
  EXPECT_GE(in_time(BalancerKind::kPeakEwma), 99.95);
}

TEST(Simulation, ARareFailureEverywhereEmptiesNoEndpoint) {
  const Result healthy = simulate(BalancerKind::kPeakEwma, 0.7, Trouble::kNone);
  const Result some = simulate(BalancerKind::kPeakEwma, 0.7, Trouble::kSomeFailuresEverywhere);
  EXPECT_NEAR(some.bad_share, 10, 3);
  EXPECT_LE(some.p99_ms, healthy.p99_ms * 1.1);
}

}  // namespace
}  // namespace weft::upstream
