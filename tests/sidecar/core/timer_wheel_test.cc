#include "sidecar/core/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sidecar/core/random.h"

namespace weft {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart = TimePoint{} + hours(1000);

struct Recorder final : TimerSink {
  void on_timer(Timer& timer) override { fired.push_back(&timer); }
  std::vector<Timer*> fired;
};

TEST(TimerWheel, FiresAtTheDeadlineAndNotBefore) {
  TimerWheel wheel(kStart);
  Recorder recorder;
  Timer timer(wheel, recorder);
  timer.arm(milliseconds(100));
  wheel.advance(kStart + milliseconds(99));
  EXPECT_TRUE(recorder.fired.empty());
  wheel.advance(kStart + milliseconds(108));
  EXPECT_EQ(recorder.fired.size(), 1u);
  EXPECT_FALSE(timer.armed());
}

TEST(TimerWheel, SleepsForEverWhenNothingIsArmed) {
  TimerWheel wheel(kStart);
  EXPECT_FALSE(wheel.next_wake().has_value());
}

TEST(TimerWheel, ForgetsACancelledTimer) {
  TimerWheel wheel(kStart);
  Recorder recorder;
  Timer timer(wheel, recorder);
  timer.arm(milliseconds(50));
  timer.cancel();
  wheel.advance(kStart + seconds(1));
  EXPECT_TRUE(recorder.fired.empty());
  EXPECT_FALSE(wheel.next_wake().has_value());
}

TEST(TimerWheel, ForgetsADestroyedTimer) {
  TimerWheel wheel(kStart);
  Recorder recorder;
  auto timer = std::make_unique<Timer>(wheel, recorder);
  timer->arm(milliseconds(50));
  timer.reset();
  wheel.advance(kStart + seconds(1));
  EXPECT_TRUE(recorder.fired.empty());
}

TEST(TimerWheel, MovesWithARearmedDeadline) {
  TimerWheel wheel(kStart);
  Recorder recorder;
  Timer timer(wheel, recorder);
  timer.arm(milliseconds(50));
  timer.arm(seconds(5));
  wheel.advance(kStart + seconds(4));
  EXPECT_TRUE(recorder.fired.empty());
  timer.arm(milliseconds(20));  // earlier again
  wheel.advance(kStart + seconds(4) + milliseconds(30));
  EXPECT_EQ(recorder.fired.size(), 1u);
}

TEST(TimerWheel, HoldsDeadlinesBeyondItsHorizon) {
  TimerWheel wheel(kStart);
  Recorder recorder;
  Timer timer(wheel, recorder);
  timer.arm(hours(100));
  while (recorder.fired.empty()) {
    ASSERT_TRUE(wheel.next_wake().has_value());
    wheel.advance(*wheel.next_wake());
    ASSERT_LE(wheel.now(), kStart + hours(100) + seconds(1));
  }
  EXPECT_GE(wheel.now(), kStart + hours(100));
}

TEST(TimerWheel, ATimerArmedInsideACallbackFiresInALaterCall) {
  TimerWheel wheel(kStart);
  struct Again final : TimerSink {
    void on_timer(Timer& timer) override {
      ++count;
      timer.arm(Duration::zero());
    }
    int count = 0;
  } again;
  Timer timer(wheel, again);
  timer.arm(milliseconds(1));
  wheel.advance(kStart + TimerWheel::kTick);
  EXPECT_EQ(again.count, 1);
  wheel.advance(kStart + 2 * TimerWheel::kTick);
  EXPECT_EQ(again.count, 2);
}

TEST(TimerWheel, ACallbackMayDestroyAnotherTimerThatIsDue) {
  TimerWheel wheel(kStart);
  struct Killer final : TimerSink {
    void on_timer(Timer&) override {
      ++count;
      victim.reset();
    }
    int count = 0;
    std::unique_ptr<Timer> victim;
  } killer;
  Timer first(wheel, killer);
  first.arm(milliseconds(10));
  killer.victim = std::make_unique<Timer>(wheel, killer);
  killer.victim->arm(milliseconds(10));
  wheel.advance(kStart + seconds(1));
  EXPECT_EQ(killer.count, 1);
}

// Against a model: every timer fires once, at the first advance() whose time is past its deadline's
// tick.
TEST(TimerWheel, AgreesWithASortedListForRandomSchedules) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    TimerWheel wheel(kStart);
    struct Late final : TimerSink {
      explicit Late(TimerWheel& w) : wheel(w) {}
      void on_timer(Timer& timer) override {
        EXPECT_GE(wheel.now(), timer.deadline());
        ++fired;
      }
      TimerWheel& wheel;
      int fired = 0;
    } sink(wheel);
    std::vector<std::unique_ptr<Timer>> timers;
    TimePoint last = kStart;
    for (int i = 0; i < 200; ++i) {
      timers.push_back(std::make_unique<Timer>(wheel, sink));
      const int magnitude = static_cast<int>(random.below(24));
      timers.back()->arm(milliseconds(random.below(std::uint64_t{1} << magnitude)));
      last = std::max(last, timers.back()->deadline());
    }
    while (sink.fired < 200) {
      ASSERT_TRUE(wheel.next_wake().has_value()) << "seed " << seed << " fired " << sink.fired;
      const TimePoint wake = *wheel.next_wake();
      ASSERT_GT(wake, wheel.now());
      wheel.advance(wake);
      // Nobody who is due is left behind by more than a tick.
      for (const auto& timer : timers) {
        if (timer->armed()) {
          ASSERT_GT(timer->deadline() + TimerWheel::kTick, wheel.now()) << "seed " << seed;
        }
      }
    }
    EXPECT_LE(wheel.now(), last + TimerWheel::kTick);
  }
}

}  // namespace
}  // namespace weft
