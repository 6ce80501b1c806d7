#include "sidecar/core/sliding_windows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/core/random.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

const TimePoint kBegin{1'000'000s};

int let_in(RateLimiter& limiter, TimePoint now, int tries) {
  int in = 0;
  for (int i = 0; i < tries; ++i) in += limiter.take(now) == 0ns ? 1 : 0;
  return in;
}

TEST(SlidingWindows, LetAsManyInAtOnceAndThenNobodyUntilTheIntervalIsOver) {
  SlidingWindows limiter(10, 1s);
  EXPECT_EQ(let_in(limiter, kBegin, 100), 10);
  for (Duration later = 100ms; later <= 1s; later += 100ms)
    EXPECT_EQ(let_in(limiter, kBegin + later, 100), 0) << later.count();
  EXPECT_EQ(let_in(limiter, kBegin + 1100ms, 100), 10);
}

// What two fixed windows, or a bucket that was refilled meanwhile, would let through.
TEST(SlidingWindows, ABurstAcrossAnyBoundaryCountsOnce) {
  SlidingWindows limiter(10, 1s);
  EXPECT_EQ(let_in(limiter, kBegin + 950ms, 10), 10);
  EXPECT_EQ(let_in(limiter, kBegin + 1050ms, 10), 0);
  EXPECT_EQ(let_in(limiter, kBegin + 1500ms, 10), 0);
  EXPECT_EQ(let_in(limiter, kBegin + 1900ms, 10), 0);
  EXPECT_EQ(let_in(limiter, kBegin + 2050ms, 10), 10);
}

TEST(SlidingWindows, InNoSpanOfTheIntervalMoreThanTheLimitHoweverTheyCome) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    SlidingWindows limiter(7, 1s);
    std::deque<TimePoint> in;
    TimePoint now = kBegin;
    int total = 0;
    for (int i = 0; i < 20'000; ++i) {
      // Storms and quiet times.
      now += i % 500 < 400 ? Duration(static_cast<std::int64_t>(random.below(20'000'000)))
                           : Duration(static_cast<std::int64_t>(random.below(400'000'000)));
      if (limiter.take(now) != 0ns) continue;
      ++total;
      in.push_back(now);
      while (in.front() <= now - 1s) in.pop_front();
      ASSERT_LE(in.size(), 7U) << "seed " << seed << ", request " << i;
    }
    EXPECT_GT(total, 1000) << "it does let in";
  }
}

TEST(SlidingWindows, WhoAsksAllTheTimeGetsNearlyTheRate) {
  SlidingWindows limiter(100, 1s);
  int in = 0;
  for (int ms = 0; ms < 100'000; ++ms) in += limiter.take(kBegin + ms * 1ms) == 0ns ? 1 : 0;
  // 100 in each 1.1 s: a slot counts until all of it is too old.
  EXPECT_NEAR(in, 9091, 110);
}

TEST(SlidingWindows, SayWhenThereIsAPlaceAndNeverTooEarly) {
  Random random(5);
  SlidingWindows limiter(3, 10s);
  TimePoint now = kBegin;
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const Duration wait = limiter.take(now);
    if (wait == 0ns) {
      now += Duration(static_cast<std::int64_t>(random.below(3'000'000'000)));
      continue;
    }
    ++refused;
    ASSERT_GT(wait, 0ns);
    ASSERT_LE(wait, 11s);
    ASSERT_NE(limiter.take(now + wait - 1ns), 0ns) << "one moment before it is too early";
    now += wait;
    ASSERT_EQ(limiter.take(now), 0ns) << "whoever comes back when he was told is let in";
  }
  EXPECT_GT(refused, 100);
}

TEST(SlidingWindows, APlaceGivenBackIsThereAgain) {
  SlidingWindows limiter(1, 1h);
  EXPECT_EQ(limiter.take(kBegin), 0ns);
  limiter.give_back(kBegin);
  EXPECT_EQ(limiter.take(kBegin), 0ns);
  EXPECT_EQ(limiter.take(7, kBegin).wait, 0ns);
  limiter.give_back(7, kBegin);
  EXPECT_EQ(limiter.take(7, kBegin).wait, 0ns);
  EXPECT_NE(limiter.take(7, kBegin).wait, 0ns);
  // Of a slot that counts no more nothing comes back.
  limiter.give_back(7, kBegin - 2h);
  EXPECT_NE(limiter.take(7, kBegin).wait, 0ns);
}

TEST(SlidingWindows, KeysDoNotShareAWindow) {
  SlidingWindows limiter(2, 1h, 42);
  for (const char* name : {"a", "b", ""}) {
    const std::uint64_t key = limiter.key_of(name);
    EXPECT_EQ(limiter.take(key, kBegin).wait, 0ns);
    EXPECT_EQ(limiter.take(key, kBegin).wait, 0ns);
    EXPECT_NE(limiter.take(key, kBegin).wait, 0ns);
  }
}

TEST(SlidingWindows, MadeUpKeysNeitherGrowTheTableNorPushOutAKnownOne) {
  SlidingWindows limiter(1, 1h);
  const std::uint64_t known = limiter.key_of("known");
  EXPECT_EQ(limiter.take(known, kBegin).wait, 0ns);
  std::size_t passed = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = limiter.key_of("made up " + std::to_string(i));
    passed += limiter.take(key, kBegin).wait == 0ns ? 1 : 0;
  }
  EXPECT_LE(limiter.keys(), RateLimiter::kKeysMax);
  EXPECT_LE(passed, RateLimiter::kKeysMax + 16) << "what finds no room shares one window";
  EXPECT_NE(limiter.take(known, kBegin).wait, 0ns);
  EXPECT_TRUE(limiter.take(limiter.key_of("one more"), kBegin).shared);
  // Once nobody of them was seen for an interval there is room again.
  passed = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto taken = limiter.take(limiter.key_of("new " + std::to_string(i)), kBegin + 2h);
    passed += taken.wait == 0ns && !taken.shared ? 1 : 0;
  }
  EXPECT_EQ(passed, 1000U);
}

TEST(SlidingWindows, TakeEverySettingAndAClockReadEarlier) {
  SlidingWindows quick(1'000'000'000, 1ms);
  EXPECT_EQ(let_in(quick, kBegin, 1000), 1000);
  SlidingWindows slow(1, std::chrono::hours(24));
  EXPECT_EQ(let_in(slow, kBegin, 2), 1);
  // An interval that has no ten slots.
  SlidingWindows tiny(1, 3ns);
  EXPECT_EQ(let_in(tiny, kBegin, 2), 1);
  SlidingWindows one(1, 1s);
  EXPECT_EQ(let_in(one, kBegin + 1s, 1), 1);
  EXPECT_EQ(let_in(one, kBegin, 1), 0) << "another worker's clock turns nothing back";
}

TEST(SlidingWindows, OneMeansOneForManyThreads) {
  SlidingWindows limiter(3, 1h);
  std::atomic<int> plain{0};
  std::atomic<int> keyed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        if (limiter.take(kBegin) == 0ns) ++plain;
        if (limiter.take(99, kBegin).wait == 0ns) ++keyed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(plain, 3);
  EXPECT_EQ(keyed, 3);
}

TEST(RateLimiter, IsMadeAsTheSettingSays) {
  const RateLimiter::Setting bucket{.requests = 1, .interval = 1h, .burst = 2};
  const RateLimiter::Setting window{
      .algorithm = RateLimiter::Algorithm::kSlidingWindow, .requests = 1, .interval = 1h};
  const auto buckets = RateLimiter::make(bucket);
  const auto windows = RateLimiter::make(window);
  EXPECT_EQ(let_in(*buckets, kBegin, 5), 2);
  EXPECT_EQ(let_in(*windows, kBegin, 5), 1);
  EXPECT_EQ(buckets->setting(), bucket);
  EXPECT_EQ(windows->setting(), window);
  EXPECT_NE(bucket, window);
}

}  // namespace
}  // namespace weft
