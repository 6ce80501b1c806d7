// Text that many hold: equal by content, one copy where it was asked to be alike.
#include "sidecar/core/shared_text.h"

#include <gtest/gtest.h>

#include <string>

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
  EXPECT_EQ(zone.str().size(), 7U);
}

TEST(SharedText, LivesAsLongAsAnybodyHoldsIt) {
  SharedText kept;
  const char* where = nullptr;
  {
    const SharedText first = std::string(100, 'x');
    where = first.str().data();
    kept = first;
  }
  EXPECT_EQ(kept, std::string(100, 'x'));
  EXPECT_EQ(kept.str().data(), where) << "it was not copied";
}

TEST(SharedText, LikeAnotherIsTheSameCopyWhereItIsTheSameText) {
  const SharedText first = "spiffe://cluster.local/ns/shop/sa/cart";
  const SharedText same =
      SharedText::like(first, std::string("spiffe://cluster.local/ns/shop/sa/") + "cart");
  EXPECT_EQ(same.str().data(), first.str().data());
  const SharedText other = SharedText::like(first, "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_EQ(other, "spiffe://cluster.local/ns/shop/sa/web");
  EXPECT_NE(other.str().data(), first.str().data());
  EXPECT_TRUE(SharedText::like(SharedText(), "").empty());
}

}  // namespace
}  // namespace weft
