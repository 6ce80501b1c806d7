#include "sidecar/core/token_buckets.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weft {
namespace {

using namespace std::chrono_literals;

const TimePoint kStart{1'000'000s};

int taken_at(RateLimiter& limiter, TimePoint now, int tries) {
  int taken = 0;
  for (int i = 0; i < tries; ++i) taken += limiter.take(now) == 0ns ? 1 : 0;
  return taken;
}

TEST(TokenBuckets, LetsTheBurstThroughAndThenTheRate) {
  TokenBuckets limiter(10, 1s, 5);
  EXPECT_EQ(taken_at(limiter, kStart, 100), 5);
  EXPECT_EQ(taken_at(limiter, kStart + 99ms, 100), 0);
  EXPECT_EQ(taken_at(limiter, kStart + 100ms, 100), 1);
  EXPECT_EQ(taken_at(limiter, kStart + 10s, 100), 5) << "no more is kept than the burst";
}

TEST(TokenBuckets, SaysHowLongUntilTheNext) {
  TokenBuckets limiter(1, 10s, 1);
  EXPECT_EQ(limiter.take(kStart), 0ns);
  EXPECT_EQ(limiter.take(kStart), 10s);
  EXPECT_EQ(limiter.take(kStart + 4s), 6s);
  EXPECT_EQ(limiter.take(kStart + 10s), 0ns);
}

TEST(TokenBuckets, HoldsTheRateOverALongTime) {
  TokenBuckets limiter(7, 1s, 1);
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += limiter.take(kStart + i * 1ms) == 0ns ? 1 : 0;
  EXPECT_NEAR(taken, 700, 1);
}

TEST(TokenBuckets, ATokenGivenBackIsThereAgain) {
  TokenBuckets limiter(1, 1h, 1);
  EXPECT_EQ(limiter.take(kStart), 0ns);
  limiter.give_back(kStart);
  EXPECT_EQ(limiter.take(kStart), 0ns);
  EXPECT_EQ(limiter.take(7, kStart).wait, 0ns);
  limiter.give_back(7, kStart);
  EXPECT_EQ(limiter.take(7, kStart).wait, 0ns);
  EXPECT_NE(limiter.take(7, kStart).wait, 0ns);
}

TEST(TokenBuckets, KeysDoNotShareABucket) {
  TokenBuckets limiter(1, 1h, 2, 42);
  for (const char* name : {"a", "b", ""}) {
    const std::uint64_t key = limiter.key_of(name);
    EXPECT_EQ(limiter.take(key, kStart).wait, 0ns);
    EXPECT_EQ(limiter.take(key, kStart).wait, 0ns);
    EXPECT_EQ(limiter.take(key, kStart).wait, 1h);
  }
}

TEST(TokenBuckets, MadeUpKeysNeitherGrowTheTableNorPushOutAKnownOne) {
  TokenBuckets limiter(1, 1h, 1);
  const std::uint64_t known = limiter.key_of("known");
  EXPECT_EQ(limiter.take(known, kStart).wait, 0ns);
  std::size_t passed = 0;
  for (int i = 0; i < 100'000; ++i)
    passed +=
        limiter.take(limiter.key_of("made up " + std::to_string(i)), kStart).wait == 0ns ? 1 : 0;
  EXPECT_LE(limiter.keys(), RateLimiter::kKeysMax);
  EXPECT_LE(passed, RateLimiter::kKeysMax + 16) << "what finds no room shares one bucket";
  EXPECT_NE(limiter.take(known, kStart).wait, 0ns);
  EXPECT_FALSE(limiter.take(known, kStart).shared);
  EXPECT_TRUE(limiter.take(limiter.key_of("one more"), kStart).shared);
}

TEST(TokenBuckets, ForgetsKeysWhoseBucketIsFull) {
  TokenBuckets limiter(1, 1s, 1);
  for (int i = 0; i < 100'000; ++i)
    (void)limiter.take(limiter.key_of("old " + std::to_string(i)), kStart);
  std::size_t passed = 0;
  for (int i = 0; i < 1000; ++i) {
    passed +=
        limiter.take(limiter.key_of("new " + std::to_string(i)), kStart + 10s).wait == 0ns ? 1 : 0;
  }
  EXPECT_EQ(passed, 1000U);
}

TEST(TokenBuckets, DoesNotOverflowAtAnySetting) {
  TokenBuckets slow(1, std::chrono::hours(24 * 365 * 100), UINT32_MAX);
  EXPECT_EQ(taken_at(slow, kStart, 1), 1);
  TokenBuckets quick(UINT32_MAX, 1ms, UINT32_MAX);
  EXPECT_EQ(taken_at(quick, kStart, 1000), 1000);
  // A clock that reads earlier on another worker.
  TokenBuckets one(1, 1s, 1);
  EXPECT_EQ(taken_at(one, kStart + 1s, 1), 1);
  EXPECT_EQ(taken_at(one, kStart, 1), 0);
}

TEST(TokenBuckets, OneMeansOneForManyThreads) {
  TokenBuckets limiter(1, 1h, 3);
  std::atomic<int> plain{0};
  std::atomic<int> keyed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) {
        if (limiter.take(kStart) == 0ns) ++plain;
        if (limiter.take(99, kStart).wait == 0ns) ++keyed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(plain, 3);
  EXPECT_EQ(keyed, 3);
}

}  // namespace
}  // namespace weft
