#include "sidecar/net/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weft::net {
namespace {

using std::chrono::milliseconds;

// Calls back when its timer fires.
struct Alarm final : TimerSink {
  Alarm(Loop& loop, milliseconds delay, std::function<void()> its_call)
      : timer(loop.timers(), *this), call(std::move(its_call)) {
    timer.arm(delay);
  }
  void on_timer(Timer&) override { call(); }
  Timer timer;
  std::function<void()> call;
};

struct Later final : Deferred {
  explicit Later(std::function<void()> its_call) : call(std::move(its_call)) {}
  void on_deferred() override { call(); }
  std::function<void()> call;
};

struct Output final : Flushable {
  explicit Output(std::function<void()> its_call) : call(std::move(its_call)) {}
  void flush() override { call(); }
  std::function<void()> call;
};

TEST(Loop, IsBuiltAndTornDownWithoutRunning) { const Loop loop; }

TEST(Loop, RunsPostedCallsInOrder) {
  Loop loop;
  std::string heard;
  loop.post([&] { heard += 'a'; });
  loop.post([&] { heard += 'b'; });
  loop.post([&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(heard, "ab");
}

TEST(Loop, RunsAgainAfterStop) {
  Loop loop;
  int runs = 0;
  for (int i = 0; i < 3; ++i) {
    loop.post([&] {
      ++runs;
      loop.stop();
    });
    loop.run();
  }
  EXPECT_EQ(runs, 3);
}

TEST(Loop, TakesPostsFromManyThreads) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 2000;
  Loop loop;
  int heard = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) {
        loop.post([&] {
          if (++heard == kThreads * kPosts) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(heard, kThreads * kPosts);
  EXPECT_EQ(loop.stats().posts.value(), static_cast<std::uint64_t>(kThreads * kPosts));
}

TEST(Loop, DropsWhatWasPostedAfterTheEnd) {
  auto token = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([token] { FAIL() << "must not run"; });
  }
  EXPECT_EQ(token.use_count(), 1);
}

TEST(Loop, DrivesTimersThroughTheKernel) {
  Loop loop;
  const TimePoint start = read_monotonic_clock();
  std::string order;
  Alarm second(loop, milliseconds(40), [&] {
    order += '2';
    loop.stop();
  });
  Alarm first(loop, milliseconds(10), [&] { order += '1'; });
  loop.run();
  EXPECT_EQ(order, "12");
  EXPECT_GE(read_monotonic_clock() - start, milliseconds(40));
  // One wake-up each; a cascade of the wheel may cost another.
  EXPECT_LE(loop.stats().turns.value(), 4u);
}

TEST(Loop, ObeysATimerArmedEarlierThanTheOneItSleepsFor) {
  Loop loop;
  bool early = false;
  Alarm late(loop, std::chrono::minutes(10), [] { FAIL(); });
  std::unique_ptr<Alarm> soon;
  loop.post([&] {
    soon = std::make_unique<Alarm>(loop, milliseconds(5), [&] {
      early = true;
      loop.stop();
    });
  });
  loop.run();
  EXPECT_TRUE(early);
}

TEST(Loop, SleepsWhileNobodyWantsAnything) {
  Loop loop;
  std::uint64_t turns_before = 0;
  std::thread other([&] {
    loop.post([&] { turns_before = loop.stats().turns.value(); });
    std::this_thread::sleep_for(
        milliseconds(200));  // the length of the observation, not a wait for something
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  // The first post's own turn and the second's: not one between.
  EXPECT_LE(loop.stats().turns.value() - turns_before, 2u);
}

TEST(Loop, DoesNotWakeForACancelledTimerMoreThanOnce) {
  Loop loop;
  Alarm cancelled(loop, milliseconds(20), [] { FAIL(); });
  cancelled.timer.cancel();
  std::thread other([&] {
    std::this_thread::sleep_for(milliseconds(100));
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  other.join();
  EXPECT_LE(loop.stats().turns.value(), 2u);
}

TEST(Loop, FlushesAndBuriesInTheTurnOfATimer) {
  Loop loop;
  std::string order;
  struct Mortal {
    explicit Mortal(std::string& its_order) : order(its_order) {}
    ~Mortal() { order += " buried"; }
    std::string& order;
  };
  Output output([&] { order += " flushed"; });
  Alarm alarm(loop, milliseconds(1), [&] {
    order += "fired";
    loop.turn().enlist(output);
    loop.turn().retire(std::make_unique<Mortal>(order));
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(order, "fired flushed buried");
}

TEST(Loop, DoesNotSleepWhileOutputIsStillBeingProduced) {
  Loop loop;
  int left = 100;  // far more than the rounds of one turn
  std::unique_ptr<Output> output;
  output = std::make_unique<Output>([&] {
    if (--left > 0) return loop.turn().enlist(*output);
    loop.stop();
  });
  loop.turn().enlist(*output);
  loop.run();
  EXPECT_EQ(left, 0);
}

TEST(Loop, DefersUntilTheCallerHasReturned) {
  Loop loop;
  std::string order;
  Later later([&] {
    order += " deferred";
    loop.stop();
  });
  loop.post([&] {
    loop.defer(later);
    loop.defer(later);  // once is enough
    order += "posted";
  });
  loop.run();
  EXPECT_EQ(order, "posted deferred");
}

TEST(Loop, LetsTheSocketsHaveTheirTurnBetweenDeferredEvents) {
  Loop loop;
  int rounds = 0;
  bool posted_ran = false;
  std::unique_ptr<Later> later;
  later = std::make_unique<Later>([&] {
    if (++rounds == 1) loop.post([&] { posted_ran = true; });
    if (posted_ran) return loop.stop();
    loop.defer(*later);
  });
  loop.defer(*later);
  loop.run();
  EXPECT_TRUE(posted_ran);
  EXPECT_LE(rounds, 5);
}

TEST(Loop, SilencesADestroyedDeferred) {
  Loop loop;
  auto later = std::make_unique<Later>([] { FAIL(); });
  loop.defer(*later);
  later.reset();
  loop.post([&] { loop.stop(); });
  loop.run();
}

TEST(Loop, ShowsEveryEventTheTimeOfItsTurn) {
  Loop loop;
  TimePoint seen{};
  const TimePoint before = read_monotonic_clock();
  loop.post([&] {
    seen = loop.now();
    loop.stop();
  });
  loop.run();
  EXPECT_GE(seen, before);
  EXPECT_LE(seen, read_monotonic_clock());
}

TEST(Loop, MeasuresHowLongATurnHeldItUp) {
  Loop loop;
  loop.post([&] {
    const TimePoint until = read_monotonic_clock() + milliseconds(30);
    while (read_monotonic_clock() < until) {
    }
  });
  Alarm stop(loop, milliseconds(50), [&] { loop.stop(); });
  loop.run();
  std::uint64_t slow = 0;
  for (std::size_t i = 5; i <= Histogram::kEdges.size(); ++i)
    slow += loop.stats().lag.bucket(i);  // over 25 ms
  EXPECT_GE(slow, 1u);
}

TEST(Loop, ReusesItsReadBlockUnlessSomebodyKeepsIt) {
  Loop loop;
  Block* first = loop.read_block().get();
  first->used = 1000;
  EXPECT_EQ(loop.read_block().get(), first);
  EXPECT_EQ(first->used, 0u);

  BlockRef kept = loop.read_block();
  kept->used = 1000;
  EXPECT_EQ(loop.read_block().get(), first);  // room left behind what is kept
  EXPECT_EQ(first->used, 1000u);
  kept->used = Block::kLarge - 1;
  EXPECT_NE(loop.read_block().get(), first);
}

}  // namespace
}  // namespace weft::net
