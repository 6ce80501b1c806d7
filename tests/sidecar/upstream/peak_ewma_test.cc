// Peak EWMA: what an endpoint is taken for, and who is picked.

#include "sidecar/upstream/peak_ewma.h"

#include <gtest/gtest.h>

#include "tests/sidecar/upstream/place.h"

namespace weft::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::candidates;
using testing::Place;
using testing::places;

constexpr Duration kDecay = seconds(10);
const TimePoint kStart = TimePoint{} + std::chrono::hours(1);

double ms(const EndpointLoad& load, TimePoint now) { return load.latency(now, kDecay) / 1e6; }

EndpointLoad after(std::initializer_list<Outcome> outcomes, TimePoint now) {
  EndpointLoad load;
  for (const Outcome& outcome : outcomes) load.sample(now, outcome, kDecay);
  return load;
}

constexpr Outcome took(int milliseconds_taken, Verdict verdict = Verdict::kSuccess) {
  return {.verdict = verdict, .latency = milliseconds(milliseconds_taken)};
}

TEST(Load, RisesAtOnceAndFallsWithTime) {
  EndpointLoad load = after({took(5)}, kStart);
  EXPECT_DOUBLE_EQ(ms(load, kStart), 5);
  load.sample(kStart, took(80), kDecay);
  EXPECT_DOUBLE_EQ(ms(load, kStart), 80) << "a peak counts in full";
  load.sample(kStart, took(5), kDecay);
  EXPECT_DOUBLE_EQ(ms(load, kStart), 80) << "no time has passed";
  load.sample(kStart + seconds(10), took(5), kDecay);
  EXPECT_NEAR(ms(load, kStart + seconds(10)), 80 / 2.71828 + 5 * (1 - 1 / 2.71828), 0.01);
}

TEST(Load, FallsWithoutAnswersSoThatAnEndpointIsTriedAgain) {
  const EndpointLoad load = after({took(100)}, kStart);
  EXPECT_NEAR(ms(load, kStart + seconds(10)), 36.8, 0.1);
  EXPECT_LT(ms(load, kStart + seconds(60)), 0.3);
}

TEST(Load, CountsAFastFailureAsSlow) {
  const EndpointLoad row =
      after({took(5), took(1, Verdict::kGatewayError), took(1, Verdict::kConnectFailure)}, kStart);
  EXPECT_DOUBLE_EQ(ms(row, kStart), 1000);
  const EndpointLoad slow = after({took(5), took(2500, Verdict::kTimeout)}, kStart);
  EXPECT_DOUBLE_EQ(ms(slow, kStart), 2500) << "what was really waited counts at once";
}

TEST(Load, AveragesOneFailureAmongAnswersIn) {
  EndpointLoad load;
  TimePoint now = kStart;
  for (int i = 0; i < 1000; ++i) {
    now += milliseconds(10);
    load.sample(now, i % 100 == 50 ? took(1, Verdict::kServerError) : took(5), kDecay);
  }
  EXPECT_GT(ms(load, now), 5);
  EXPECT_LT(ms(load, now), 30) << "one in a hundred is no reason to leave an endpoint idle";
}

TEST(Load, TakesNothingFromWhatSaysNothing) {
  const EndpointLoad load = after({took(5), took(9000, Verdict::kNeutral)}, kStart);
  EXPECT_DOUBLE_EQ(ms(load, kStart), 5);
}

TEST(Load, AgesWhileRequestsHang) {
  EndpointLoad load;
  load.begin(kStart);
  load.begin(kStart + milliseconds(100));
  EXPECT_DOUBLE_EQ(load.waiting_age(kStart + milliseconds(100)), 50e6);
  EXPECT_DOUBLE_EQ(load.waiting_age(kStart + milliseconds(200)), 150e6);
  load.answered(kStart + milliseconds(200), milliseconds(200));
  EXPECT_DOUBLE_EQ(load.waiting_age(kStart + milliseconds(200)), 100e6) << "the second still waits";
  EXPECT_EQ(load.active(), 2U) << "the first one's body is under way";
  load.end();
  EXPECT_DOUBLE_EQ(load.waiting_age(kStart + milliseconds(200)), 100e6);
  load.end();  // given up without a verdict
  EXPECT_DOUBLE_EQ(load.waiting_age(kStart + seconds(9)), 0);
  EXPECT_EQ(load.active(), 0U);
}

TEST(PeakEwma, TakesTheFasterOfTwo) {
  Random random(1);
  PeakEwma balancer(kDecay, random);
  Place slow;
  Place fast;
  slow.answer(kStart, milliseconds(100));
  fast.answer(kStart, milliseconds(5));
  balancer.set(std::vector<Candidate>{{&slow, 1}, {&fast, 1}}, kStart);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(balancer.pick({.now = kStart}), &fast);
  // Until the faster one has twenty times as much to do.
  for (int i = 0; i < 20; ++i) fast.begin(kStart);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(balancer.pick({.now = kStart}), &slow);
}

TEST(PeakEwma, NeverComparesAnEndpointWithItself) {
  Random random(2);
  PeakEwma balancer(kDecay, random);
  const auto all = places(10);
  for (const auto& place : all) place->answer(kStart, milliseconds(5));
  all[3]->answer(kStart, milliseconds(500));
  balancer.set(candidates(all), kStart);
  for (int i = 0; i < 10'000; ++i) ASSERT_NE(balancer.pick({.now = kStart}), all[3].get());
}

TEST(PeakEwma, LeavesAnEndpointThatHangsBeforeItsFirstAnswer) {
  Random random(3);
  PeakEwma balancer(kDecay, random);
  Place hung;
  Place fine;
  fine.answer(kStart, milliseconds(5));
  hung.answer(kStart, milliseconds(5));
  balancer.set(std::vector<Candidate>{{&hung, 1}, {&fine, 1}}, kStart);
  hung.begin(kStart);
  for (int i = 0; i < 10; ++i) fine.begin(kStart);
  EXPECT_EQ(balancer.pick({.now = kStart + milliseconds(5)}), &hung)
      << "ten under way are more than one";
  for (int i = 0; i < 10; ++i) fine.answer(kStart + milliseconds(5), milliseconds(5));
  // 200 ms x 2 against 5 ms x 11: the bodies of those ten are under way.
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(balancer.pick({.now = kStart + milliseconds(200)}), &fine);
}

TEST(PeakEwma, ANewEndpointIsAskedAtOnceAndTakenForTheMedianUntilItAnswers) {
  Random random(4);
  PeakEwma balancer(kDecay, random);
  const auto all = places(6);
  for (std::size_t i = 0; i < 5; ++i)
    all[i]->answer(kStart, milliseconds(10 * (static_cast<int>(i) + 1)));
  balancer.set(candidates(all), kStart);
  EXPECT_DOUBLE_EQ(balancer.score(5, kStart), 0) << "also beside one that has become faster since";
  all[5]->begin(kStart);
  EXPECT_DOUBLE_EQ(balancer.score(5, kStart), 2 * 30e6);
  for (int i = 0; i < 6000; ++i) ASSERT_NE(balancer.pick({.now = kStart}), all[5].get());
}

TEST(PeakEwma, SharesWhatIsUnderWayByWeight) {
  Random random(5);
  PeakEwma balancer(kDecay, random);
  Place heavy;
  Place light;
  heavy.answer(kStart, milliseconds(5));
  light.answer(kStart, milliseconds(5));
  balancer.set(std::vector<Candidate>{{&heavy, 3}, {&light, 1}}, kStart);
  for (int i = 0; i < 400; ++i) static_cast<Place*>(balancer.pick({.now = kStart}))->begin(kStart);
  EXPECT_NEAR(heavy.load().active(), 300, 3);
}

TEST(PeakEwma, SpreadsBeforeAnybodyHasAnswered) {
  Random random(6);
  PeakEwma balancer(kDecay, random);
  const auto all = places(10);
  balancer.set(candidates(all), kStart);
  for (int i = 0; i < 1000; ++i) static_cast<Place*>(balancer.pick({.now = kStart}))->begin(kStart);
  for (const auto& place : all) EXPECT_NEAR(place->load().active(), 100, 3);
}

}  // namespace
}  // namespace weft::upstream
