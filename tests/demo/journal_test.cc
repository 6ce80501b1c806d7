// What the two joined lists say of each other.

#include "tests/demo/journal.h"

#include <gtest/gtest.h>

namespace weft::demo {
namespace {

Sent answered(std::uint64_t number, std::string cart) {
  return {.number = number, .status = 200, .cart = std::move(cart)};
}
Sent failed(std::uint64_t number) {
  return {.number = number, .status = 503, .failure = "status 503: no healthy endpoint"};
}

const std::vector<Sighting> kAllSeen = {{"web-a", "web", {1, 2, 3}},
                                        {"cart-v1-a", "cart", {1, 3}},
                                        {"cart-v2-a", "cart", {2}},
                                        {"ledger-a", "ledger", {3, 2, 1}}};
const std::vector<Sent> kAllAnswered = {answered(1, "cart-v1-a"), answered(2, "cart-v2-a"),
                                        answered(3, "cart-v1-a")};

TEST(Journal, AgreesWhenEveryStepSawEveryNumberOnce) {
  const Joined joined = join(kAllAnswered, kAllSeen);
  EXPECT_TRUE(joined.agrees());
  EXPECT_EQ(joined.text(),
            "sent 3, answered 3, failed 0; seen by cart 3 (cart-v1-a 2 + cart-v2-a 1), ledger 3, "
            "web 3; answered and not seen 0, seen twice 0, never sent 0");
}

TEST(Journal, FindsWhatWasAnsweredAndNotSeen) {
  std::vector<Sighting> seen = kAllSeen;
  seen.back().numbers = {1, 2};
  const Joined joined = join(kAllAnswered, seen);
  EXPECT_EQ(joined.lost, 1U);
  EXPECT_FALSE(joined.agrees());
}

TEST(Journal, FindsWhatTwoInstancesOfAServiceSaw) {
  std::vector<Sighting> seen = kAllSeen;
  seen[2].numbers = {2, 3};
  const Joined joined = join(kAllAnswered, seen);
  EXPECT_EQ(joined.twice, 1U);
  EXPECT_FALSE(joined.agrees());
}

TEST(Journal, FindsWhatOneInstanceSawTwice) {
  std::vector<Sighting> seen = kAllSeen;
  seen[0].numbers = {1, 2, 3, 3};
  EXPECT_EQ(join(kAllAnswered, seen).twice, 1U);
}

TEST(Journal, FindsWhatNobodySent) {
  const std::vector<Sent> sent = {answered(1, "cart-v1-a"), answered(3, "cart-v1-a")};
  EXPECT_EQ(join(sent, kAllSeen).strange, 3U) << "number 2, at each step";
}

TEST(Journal, LeavesTheNumbersOfOtherWindowsAlone) {
  std::vector<Sighting> seen = kAllSeen;
  for (Sighting& sighting : seen) sighting.numbers.insert(sighting.numbers.end(), {77, 77});
  EXPECT_TRUE(join(kAllAnswered, seen).agrees());
}

TEST(Journal, FindsAnAnswerThatNamesAnotherThanSawIt) {
  std::vector<Sent> sent = kAllAnswered;
  sent[0].cart = "cart-v2-a";
  const Joined joined = join(sent, kAllSeen);
  EXPECT_EQ(joined.elsewhere, 1U);
  EXPECT_FALSE(joined.agrees());
}

TEST(Journal, CountsFailuresWhetherTheyWereSeenOrNot) {
  const std::vector<Sent> sent = {answered(1, "cart-v1-a"), failed(2), answered(3, "cart-v1-a"),
                                  failed(4)};
  const Joined joined = join(sent, kAllSeen);
  EXPECT_EQ(joined.failed, 2U);
  EXPECT_TRUE(joined.agrees()) << "a request that failed may have been seen";
  ASSERT_EQ(joined.failures.size(), 2U);
  EXPECT_EQ(joined.failures[0], "number 2: status 503: no healthy endpoint");
}

TEST(Journal, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(1234567), "1,234,567");
}

}  // namespace
}  // namespace weft::demo
