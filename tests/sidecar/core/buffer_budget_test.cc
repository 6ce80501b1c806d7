#include "sidecar/core/buffer_budget.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sidecar/core/buffer.h"
#include "sidecar/core/random.h"

namespace weft {
namespace {

constexpr std::size_t kWish = 256 * 1024;
constexpr std::int64_t kLimit = 8 * 1024 * 1024;

TEST(BufferBudget, GivesEverybodyHisWishUpToHalf) {
  BufferBudget budget(kLimit);
  EXPECT_EQ(budget.share(kWish), kWish);
  budget.take(kLimit / 2);
  EXPECT_EQ(budget.share(kWish), kWish);
  EXPECT_FALSE(budget.tight());
  budget.take(1);
  EXPECT_TRUE(budget.tight());
  EXPECT_LT(budget.share(kWish), kWish);
}

TEST(BufferBudget, GivesLessTheLessIsFreeAndNeverLessThanOneSmallBlock) {
  BufferBudget budget(kLimit);
  budget.take(kLimit / 4 * 3);
  EXPECT_EQ(budget.share(kWish), kWish / 2);
  EXPECT_FALSE(budget.short_of_credit());
  budget.take(kLimit / 8);
  EXPECT_EQ(budget.share(kWish), kWish / 4);
  EXPECT_TRUE(budget.short_of_credit());
  budget.take(kLimit / 8);
  EXPECT_EQ(budget.share(kWish), BufferBudget::kLeast);
  budget.take(kLimit);
  EXPECT_EQ(budget.share(kWish), BufferBudget::kLeast) << "more than all of it is in use";
  EXPECT_EQ(budget.share(100), 100U) << "who wishes for little gets no more than that";
  budget.give(2 * kLimit);
  EXPECT_EQ(budget.share(kWish), kWish);
}

TEST(BufferBudget, FollowsItsLimit) {
  BufferBudget budget(kLimit);
  budget.take(kLimit / 2);
  budget.set_limit(kLimit / 2);
  EXPECT_EQ(budget.share(kWish), BufferBudget::kLeast);
  budget.set_limit(4 * kLimit);
  EXPECT_EQ(budget.share(kWish), kWish);
  budget.set_limit(0);
  EXPECT_EQ(budget.share(kWish), BufferBudget::kLeast) << "nothing divides by it";
  EXPECT_EQ(BufferBudget().share(kWish), kWish);
}

// Each takes what comes in pieces, whenever it holds less than its share, and lets nothing go.
std::int64_t held_by(std::size_t holders, std::uint64_t seed) {
  BufferBudget budget(kLimit);
  Random random(seed);
  std::vector<std::size_t> held(holders);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t& mine : held) {
      const std::size_t share = budget.share(kWish);
      if (mine >= share) continue;
      const std::size_t piece = std::min(share - mine, 1 + random.below(64 * 1024));
      mine += piece;
      budget.take(piece);
      moved = true;
    }
  }
  return budget.in_use();
}

TEST(BufferBudget, BoundsHoweverManyStandStill) {
  for (const std::size_t holders : {1U, 16U, 100U, 400U, 1'000U, 10'000U}) {
    const std::int64_t in_use = held_by(holders, holders);
    // What everybody may always hold comes on top.
    EXPECT_LE(in_use, kLimit + static_cast<std::int64_t>(holders * BufferBudget::kLeast));
    EXPECT_GT(in_use, std::min(kLimit / 2, static_cast<std::int64_t>(holders * kWish) - 1))
        << holders << ": it is there to be used";
  }
}

TEST(BufferBudget, CountsBlocksWholeFromTheFirstReferenceToTheLast) {
  BufferBudget budget(kLimit);
  const BufferBudget::Binding binding(budget);
  Buffer kept;
  {
    Buffer large;
    (void)large.reserve(Block::kLarge);
    large.commit(Block::kLarge);
    EXPECT_EQ(budget.in_use(), static_cast<std::int64_t>(Block::kLarge));
    kept = large.share(0, Buffer::kShareMin);
    EXPECT_EQ(budget.in_use(), static_cast<std::int64_t>(Block::kLarge)) << "shared, not copied";
  }
  EXPECT_EQ(budget.in_use(), static_cast<std::int64_t>(Block::kLarge))
      << "a few bytes keep all of it";
  kept.clear();
  EXPECT_EQ(budget.in_use(), 0);
  const BlockRef odd = BlockRef::make(100'000);
  EXPECT_EQ(budget.in_use(), 100'000);
}

TEST(BufferBudget, BelongsToOneThreadAndToNoOther) {
  EXPECT_EQ(BufferBudget::of_thread(), nullptr);
  BufferBudget budget(2);
  const BufferBudget::Binding binding(budget);
  budget.take(10);
  EXPECT_EQ(buffer_share(kWish), BufferBudget::kLeast);
  std::size_t elsewhere = 0;
  std::thread([&] { elsewhere = buffer_share(kWish); }).join();
  EXPECT_EQ(elsewhere, kWish);
}

}  // namespace
}  // namespace weft
