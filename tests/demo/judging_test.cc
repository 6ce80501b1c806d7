// Verdicts from lists of requests.

#include "tests/demo/judging.h"

#include <gtest/gtest.h>

namespace weft::demo {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

// One request a millisecond; `cart` says who answered each.
template <typename Cart>
std::vector<Sent> requests(std::size_t count, Cart cart) {
  std::vector<Sent> out;
  for (std::size_t i = 0; i < count; ++i) {
    const TimePoint begun = kStart + std::chrono::milliseconds(i);
    out.push_back({.number = i + 1,
                   .due = begun,
                   .begun = begun,
                   .ended = begun + 2ms,
                   .status = 200,
                   .cart = cart(i)});
  }
  return out;
}

std::vector<Sighting> seen_as_answered(const std::vector<Sent>& sent) {
  std::vector<Sighting> out = {{"web-a", "web", {}},
                               {"cart-v1-a", "cart", {}},
                               {"cart-v1-b", "cart", {}},
                               {"cart-v2-a", "cart", {}},
                               {"ledger-a", "ledger", {}}};
  for (const Sent& one : sent) {
    for (Sighting& sighting : out) {
      if (sighting.service != "cart" || sighting.instance == one.cart) {
        sighting.numbers.push_back(one.number);
      }
    }
  }
  return out;
}

bool split_is_kept(std::size_t to_v2) {
  const std::vector<Sent> sent =
      requests(10'000, [&](std::size_t i) { return i < to_v2 ? "cart-v2-a" : "cart-v1-b"; });
  Verdict verdict;
  judge_split(sent, join(sent, seen_as_answered(sent)), {.v1 = 90, .v2 = 10}, verdict);
  return verdict.kept();
}

TEST(JudgeSplit, AllowsOneInAThousand) {
  EXPECT_TRUE(split_is_kept(1000));
  EXPECT_TRUE(split_is_kept(1010));
  EXPECT_TRUE(split_is_kept(990));
}

TEST(JudgeSplit, ObjectsToMore) {
  EXPECT_FALSE(split_is_kept(1011));
  EXPECT_FALSE(split_is_kept(989));
  EXPECT_FALSE(split_is_kept(2000));
  EXPECT_FALSE(split_is_kept(0));
}

TEST(JudgeSplit, AsksTheOriginsAsWellAsTheAnswers) {
  const std::vector<Sent> sent =
      requests(1000, [](std::size_t i) { return i % 10 == 0 ? "cart-v2-a" : "cart-v1-a"; });
  std::vector<Sighting> seen = seen_as_answered(sent);
  seen[3].numbers.resize(50);
  Verdict verdict;
  judge_split(sent, join(sent, seen), {}, verdict);
  EXPECT_FALSE(verdict.kept());
}

TEST(JudgeClean, ObjectsToOneFailure) {
  std::vector<Sent> sent = requests(10, [](std::size_t) { return "cart-v1-a"; });
  Verdict clean;
  judge_clean(join(sent, seen_as_answered(sent)), clean);
  EXPECT_TRUE(clean.kept());
  sent[4].status = 503;
  Verdict failed;
  judge_clean(join(sent, seen_as_answered(sent)), failed);
  EXPECT_FALSE(failed.kept());
}

TEST(JudgeClean, ObjectsToNothingAtAll) {
  Verdict verdict;
  judge_clean(join({}, {}), verdict);
  EXPECT_FALSE(verdict.kept());
}

TEST(MovedAfter, IsTheLastRequestToTheOldVersion) {
  const std::vector<Sent> sent =
      requests(100, [](std::size_t i) { return i <= 42 ? "cart-v1-a" : "cart-v2-a"; });
  EXPECT_EQ(moved_after(sent, kStart + 10ms, kStart + 100ms, "v2"), 32ms);
  EXPECT_EQ(moved_after(sent, kStart + 50ms, kStart + 100ms, "v2"), 0ms);
  EXPECT_EQ(moved_after(sent, kStart + 200ms, kStart + 300ms, "v2"), std::nullopt);
}

TEST(MovedAfter, GoesOnForAsLongAsNothingMoves) {
  const std::vector<Sent> sent = requests(2000, [](std::size_t) { return "cart-v1-a"; });
  EXPECT_EQ(moved_after(sent, kStart, kStart + 1500ms, "v2"), 1499ms);
}

// cart-v1-a is gone at 50 ms.
struct Kill {
  std::vector<Sent> sent =
      requests(100, [](std::size_t i) { return i % 2 == 0 && i < 50 ? "cart-v1-a" : "cart-v1-b"; });
  std::vector<Sighting> seen = seen_as_answered(sent);
  void fail(std::size_t i) { sent[i].status = 503; }
  [[nodiscard]] KillToll toll() const { return count_toll(sent, seen, "cart-v1-a", kStart + 50ms); }
};

TEST(KillToll, ExcusesWhatWasInFlightAtTheVictim) {
  Kill kill;
  kill.fail(48);
  EXPECT_EQ(kill.toll().in_flight_failed, 1U);
  EXPECT_EQ(kill.toll().unexcused, 0U);
}

TEST(KillToll, DoesNotExcuseWhatBeganAfterwards) {
  Kill kill;
  kill.fail(51);
  kill.seen[2].numbers.clear();
  EXPECT_EQ(kill.toll().unexcused, 1U);
}

TEST(KillToll, DoesNotExcuseWhatAnotherInstanceHad) {
  Kill kill;
  kill.fail(49);  // at cart-v1-b
  EXPECT_EQ(kill.toll().in_flight_failed, 0U);
  EXPECT_EQ(kill.toll().unexcused, 1U);
}

TEST(Verdict, SaysWhatWasNotSo) {
  Verdict verdict{.name = "split-90-10", .promise = "it comes out"};
  verdict.figure("10 of 10");
  EXPECT_EQ(verdict.text(), "kept    split-90-10 (0 s): it comes out\n        10 of 10\n");
  verdict.took = 7s;
  verdict.expect(true, "never");
  verdict.expect(false, "it did not");
  EXPECT_EQ(
      verdict.text(),
      "BROKEN  split-90-10 (7 s): it comes out\n        10 of 10\n        not so: it did not\n");
  EXPECT_EQ(summary({verdict, Verdict{.name = "trace"}}),
            "1 of 2 promises kept; broken: split-90-10\n");
  EXPECT_FALSE(all_kept({verdict}));
}

}  // namespace
}  // namespace weft::demo
