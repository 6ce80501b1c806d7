// Text that many hold: equal by content, one copy where it was asked to be alike.
#include "sidecar/core/shared_text.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace weft {
namespace {

TEST(SharedText, IsAValueThatComparesByContent) {
  const SharedText none;
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none, "");
  EXPECT_EQ(none, SharedText(std::string()));
  const SharedText zone = "north-1";
  const SharedText again = std::string("north-1");
  EXPECT_FALSE(zone.empty());
  EXPECT_EQ(zone, again) << "two copies of the same";
  EXPECT_EQ(zone, "north-1");
  EXPECT_EQ(zone, std::string("north-1"));
  EXPECT_EQ(zone, std::string_view("north-1"));
  EXPECT_NE(zone, none);
  EXPECT_NE(zone, "north-2");
  EXPECT_EQ(std::string_view(zone), "north-1");
  EXPECT_EQ(zone.str(), "north-1");
}

TEST(SharedText, LivesAsLongAsAnybodyHoldsIt) {
  SharedText kept;
  const char* where = nullptr;
  {
    const SharedText first = std::string(100, 'x');
    where = first.view().data();
    kept = first;
  }
  EXPECT_EQ(kept, std::string(100, 'x'));
  EXPECT_EQ(kept.view().data(), where) << "it was not copied";
}

TEST(SharedText, LikeAnotherIsTheSameCopyWhereItIsTheSameText) {
  const SharedText first = "spiffe://cluster.local/ns/shop/sa/cart";
  const SharedText same =
      SharedText::like(first, std::string("spiffe://cluster.local/ns/shop/sa/") + "cart");
  EXPECT_EQ(same.view().data(), first.view().data());
  const SharedText other = SharedText::like(first, "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_EQ(other, "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_NE(other.view().data(), first.view().data());
  EXPECT_TRUE(SharedText::like(SharedText(), "").empty());
}

TEST(SharedText, IsCopiedAndLetGoOnAnyThread) {
  const SharedText text = std::string(100, 'x');
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([mine = text] {
      SharedText other;
      for (int round = 0; round < 1000; ++round) {
        const SharedText copy = mine;
        other = round % 2 == 0 ? copy : SharedText("another");
      }
      EXPECT_EQ(other, "another");
      EXPECT_EQ(mine.view().size(), 100U);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(text, std::string(100, 'x'));
}

TEST(SharedText, TakesAPointerWhereverItIsHeld) {
  EXPECT_EQ(sizeof(SharedText), sizeof(void*)) << "an endpoint has eight of them";
}

}  // namespace
}  // namespace weft
