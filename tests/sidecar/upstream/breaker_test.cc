// The circuit breaker as arithmetic: lists of endings in, transitions out, time by hand.
#include "sidecar/upstream/breaker.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace weft::upstream {
namespace {

using namespace std::chrono_literals;
using config::BreakerPolicy;
using telemetry::BreakerEdge;
using Ending = Breaker::Ending;
using State = Breaker::State;

// Five in a row, open for five seconds, three trials.
BreakerPolicy fast() {
  BreakerPolicy policy;
  policy.failure_ratio = 0;
  policy.consecutive_failures = 5;
  return policy;
}

class Story {
 public:
  explicit Story(const BreakerPolicy& rules) : policy(rules) {}

  // One attempt from its beginning to its verdict. False: refused.
  bool attempt(Ending ending) {
    note_edge(breaker.refresh(now));
    Breaker::Pass pass = breaker.enter(policy);
    if (!pass.held) return false;
    note_edge(breaker.note(policy, pass, ending, now, random));
    return true;
  }
  void attempts(int count, Ending ending) {
    for (int i = 0; i < count; ++i) EXPECT_TRUE(attempt(ending)) << i;
  }
  Breaker::Pass enter() {
    note_edge(breaker.refresh(now));
    return breaker.enter(policy);
  }
  void end(Breaker::Pass& pass, Ending ending) {
    note_edge(breaker.note(policy, pass, ending, now, random));
  }
  void wait_until_half_open() {
    now += breaker.time_left(now);
    note_edge(breaker.refresh(now));
    EXPECT_EQ(breaker.state(), State::kHalfOpen);
  }
  void note_edge(Breaker::Edge edge) {
    if (edge) edges.push_back(*edge);
  }

  BreakerPolicy policy;
  Breaker breaker;
  Random random{7};
  TimePoint now = TimePoint{} + 1000h;
  std::vector<BreakerEdge> edges;
};

TEST(Breaker, OpensAfterFailuresInARowAndASuccessStartsTheRowAgain) {
  Story story(fast());
  story.attempts(4, Ending::kFailure);
  story.attempts(1, Ending::kSuccess);
  story.attempts(4, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
  story.attempts(1, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kOpen);
  EXPECT_FALSE(story.attempt(Ending::kSuccess)) << "open refuses at once";
  EXPECT_EQ(story.edges, std::vector{BreakerEdge::kClosedToOpen});
}

TEST(Breaker, WhatIsNeitherSuccessNorFailureChangesNothing) {
  Story story(fast());
  story.attempts(4, Ending::kFailure);
  story.attempts(100, Ending::kNeutral);
  story.attempts(1, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kOpen) << "the row goes on across a neutral ending";
}

TEST(Breaker, StandardOpensOnlyWhenEveryOneOfTwentyFailed) {
  Story story{BreakerPolicy{}};
  story.attempts(19, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kClosed) << "too few to judge";
  story.attempts(1, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kOpen);

  Story one_good{BreakerPolicy{}};
  one_good.attempts(1, Ending::kSuccess);
  one_good.attempts(500, Ending::kFailure);
  EXPECT_EQ(one_good.breaker.state(), State::kClosed);
}

TEST(Breaker, JudgesTheRatioOverASlidingWindow) {
  BreakerPolicy half;
  half.requests_min = 10;
  half.failure_ratio = 0.5;
  Story story(half);
  story.attempts(6, Ending::kSuccess);
  story.now += 4s;
  story.attempts(5, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kClosed) << "5 of 11";
  // The successes leave the window, the failures after them not yet.
  story.now += 6s;
  story.attempts(4, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kClosed) << "9 are too few to judge";
  story.attempts(1, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kOpen) << "10 of 10";

  Story forgotten(half);
  forgotten.attempts(9, Ending::kFailure);
  forgotten.now += half.window;
  forgotten.attempts(9, Ending::kFailure);
  EXPECT_EQ(forgotten.breaker.state(), State::kClosed) << "nine of ten seconds ago do not count";
}

// A window that passes while a call is under way is no transition: its result counts.
TEST(Breaker, CallsThatTakeLongerThanTheWindowCountToo) {
  Story story(fast());
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(story.breaker.state(), State::kClosed) << i;
    Breaker::Pass pass = story.enter();
    story.now += 3 * story.policy.window;
    story.end(pass, Ending::kFailure);
  }
  EXPECT_EQ(story.breaker.state(), State::kOpen);
}

TEST(Breaker, OpensOnSlowCallsWhenAsked) {
  BreakerPolicy slow = fast();
  slow.requests_min = 4;
  slow.slow_threshold = 100ms;
  slow.slow_ratio = 0.5;
  Story story(slow);
  story.attempts(2, Ending::kSuccess);
  story.attempts(1, Ending::kSlow);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
  story.attempts(1, Ending::kSlow);
  EXPECT_EQ(story.breaker.state(), State::kOpen);

  Story off(fast());
  off.attempts(100, Ending::kSlow);
  EXPECT_EQ(off.breaker.state(), State::kClosed);
}

TEST(Breaker, LetsExactlyThreeTrialsThroughABurstOfEight) {
  Story story(fast());
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  std::vector<Breaker::Pass> held;
  for (int i = 0; i < 8; ++i) {
    const Breaker::Pass pass = story.enter();
    if (pass.held) held.push_back(pass);
  }
  EXPECT_EQ(held.size(), 3U);
  for (Breaker::Pass& pass : held) {
    EXPECT_EQ(story.breaker.state(), State::kHalfOpen);
    story.end(pass, Ending::kSuccess);
  }
  EXPECT_EQ(story.breaker.state(), State::kClosed);
  EXPECT_EQ(story.edges, (std::vector{BreakerEdge::kClosedToOpen, BreakerEdge::kOpenToHalfOpen,
                                      BreakerEdge::kHalfOpenToClosed}));
}

TEST(Breaker, OneAfterAnotherItAlsoTakesExactlyThree) {
  Story story(fast());
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  story.attempts(2, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kHalfOpen);
  story.attempts(1, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
}

TEST(Breaker, CountsStartAgainSoThatTheOldFailuresCannotOpenItOnceMore) {
  Story story(fast());
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  story.attempts(3, Ending::kSuccess);
  story.attempts(4, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
  EXPECT_EQ(story.breaker.counts(story.policy, story.now).attempts, 4U);
}

TEST(Breaker, AnyFailedTrialOpensItAgainForTwiceAsLongUpToTheMaximum) {
  BreakerPolicy policy = fast();
  policy.open_max = 15s;
  Story story(policy);
  story.attempts(5, Ending::kFailure);
  for (const double wanted : {5.0, 10.0, 15.0, 15.0}) {
    const double left = std::chrono::duration<double>(story.breaker.time_left(story.now)).count();
    EXPECT_GE(left, wanted * 0.9);
    EXPECT_LE(left, wanted * 1.1 + 0.001);
    story.wait_until_half_open();
    story.attempts(2, Ending::kSuccess);
    story.attempts(1, Ending::kFailure);
    EXPECT_EQ(story.breaker.state(), State::kOpen);
  }
  story.wait_until_half_open();
  story.attempts(3, Ending::kSuccess);
  story.attempts(5, Ending::kFailure);
  EXPECT_LE(story.breaker.time_left(story.now), 5501ms) << "closed in between: from the start";
}

TEST(Breaker, ATrialWithoutAVerdictMakesRoomForAnother) {
  Story story(fast());
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  for (int i = 0; i < 100; ++i) {
    Breaker::Pass pass = story.enter();
    ASSERT_TRUE(pass.held) << i;
    if (i % 2 == 0) {
      story.breaker.give_back(pass);
    } else {
      story.end(pass, Ending::kNeutral);
    }
  }
  story.attempts(3, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
}

TEST(Breaker, APassIsUsedOnce) {
  Story story(fast());
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  Breaker::Pass pass = story.enter();
  story.end(pass, Ending::kSuccess);
  story.end(pass, Ending::kSuccess);
  story.breaker.give_back(pass);
  story.end(pass, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kHalfOpen);
  story.attempts(2, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
}

TEST(Breaker, ResultsFromBeforeATransitionChangeNothing) {
  Story story(fast());
  Breaker::Pass early = story.enter();
  Breaker::Pass late = story.enter();
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  story.end(early, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kHalfOpen) << "a slow failure does not open it again";
  Breaker::Pass trial = story.enter();
  story.attempts(1, Ending::kFailure);
  EXPECT_EQ(story.breaker.state(), State::kOpen);
  story.wait_until_half_open();
  story.end(trial, Ending::kSuccess);
  story.end(late, Ending::kSuccess);
  story.attempts(2, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kHalfOpen) << "nor do slow successes close it";
  story.attempts(1, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
}

TEST(Breaker, NoTrialsWrittenMeansOne) {
  BreakerPolicy policy = fast();
  policy.trials = 0;
  Story story(policy);
  story.attempts(5, Ending::kFailure);
  story.wait_until_half_open();
  story.attempts(1, Ending::kSuccess);
  EXPECT_EQ(story.breaker.state(), State::kClosed);
}

TEST(Breaker, SaysWhetherItWouldRefuse) {
  Story story(fast());
  EXPECT_FALSE(story.breaker.refuses(story.policy, story.now));
  story.attempts(5, Ending::kFailure);
  EXPECT_TRUE(story.breaker.refuses(story.policy, story.now));
  story.now += story.breaker.time_left(story.now);
  EXPECT_FALSE(story.breaker.refuses(story.policy, story.now)) << "its time is over";
  std::vector<Breaker::Pass> held(3);
  for (Breaker::Pass& pass : held) pass = story.enter();
  EXPECT_TRUE(story.breaker.refuses(story.policy, story.now));
}

TEST(Breaker, ManyThreadsNeverHaveMoreTrialsUnderWayThanAllowed) {
  constexpr int kThreads = 4;
  BreakerPolicy policy = fast();
  policy.open_for = 1ms;
  policy.open_max = 1ms;
  Breaker breaker;
  std::atomic<int> trials{0};
  std::atomic<int> most{0};
  std::atomic<std::uint64_t> opened{0};
  std::atomic<std::uint64_t> half{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, seed = static_cast<std::uint64_t>(i) + 1] {
      Random random(seed);
      TimePoint now = TimePoint{} + 1h;
      const auto note = [&](Breaker::Edge edge) {
        if (!edge) return;
        opened += *edge == BreakerEdge::kClosedToOpen || *edge == BreakerEdge::kHalfOpenToOpen;
        half += *edge == BreakerEdge::kOpenToHalfOpen;
      };
      for (int round = 0; round < 20'000; ++round) {
        now += 10us;
        note(breaker.refresh(now));
        Breaker::Pass pass = breaker.enter(policy);
        if (!pass.held) continue;
        const bool trial = pass.trial;
        if (trial) {
          const int under_way = ++trials;
          for (int seen = most; under_way > seen && !most.compare_exchange_weak(seen, under_way);) {
          }
          --trials;
        }
        const std::uint64_t draw = random.below(10);
        note(breaker.note(policy, pass,
                          draw < 7   ? Ending::kFailure
                          : draw < 9 ? Ending::kSuccess
                                     : Ending::kNeutral,
                          now, random));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_GE(opened.load(), half.load()) << "half-open only ever follows open";
  EXPECT_LE(opened.load() - half.load(), 1U);
  EXPECT_GT(half.load(), 0U);
}

}  // namespace
}  // namespace weft::upstream
