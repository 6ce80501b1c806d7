#include "telemetry/labels.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "sidecar/core/strings.h"

namespace weft::telemetry {
namespace {

using SmallTable = Interner<std::string, std::string_view, TextHash>;
constexpr std::uint32_t kOther = 0;

TEST(Labels, TheFixedIdsMeanWhatTheySay) {
  EXPECT_EQ(text_of(LabelId::kUnknown), "unknown");
  EXPECT_EQ(text_of(LabelId::kEmpty), "");
  EXPECT_EQ(text_of(LabelId::kOther), "other");
  EXPECT_EQ(intern(""), LabelId::kEmpty);
  EXPECT_EQ(intern("unknown"), LabelId::kUnknown);
  EXPECT_EQ(labels_of(PeerId::kUnknown), PeerLabels{});
  EXPECT_EQ(labels_of(PeerId::kOther).principal, LabelId::kOther);
  EXPECT_EQ(labels_of(ServiceId::kOther).host, LabelId::kOther);
}

TEST(Labels, EqualTextsShareAnIdAndOthersDoNot) {
  std::string text = "cart.shop.svc.cluster.local";
  const LabelId id = intern(text);
  text[0] = 'C';  // the table keeps its own copy
  EXPECT_EQ(text_of(id), "cart.shop.svc.cluster.local");
  EXPECT_EQ(intern("cart.shop.svc.cluster.local"), id);
  EXPECT_NE(intern(text), id);
}

TEST(Labels, ATextThatIsTooLongIsOtherAndCounted) {
  const std::uint64_t before = label_overflows();
  EXPECT_EQ(intern(std::string(kLabelBytesMax + 1, 'x')), LabelId::kOther);
  EXPECT_NE(intern(std::string(kLabelBytesMax, 'x')), LabelId::kOther);
  EXPECT_EQ(label_overflows(), before + 1);
}

TEST(Labels, SetsAreSharedLikeTexts) {
  const PeerLabels cart{.workload = intern("cart-v1"), .workload_namespace = intern("shop")};
  const PeerId id = intern_peer(cart);
  EXPECT_EQ(intern_peer(cart), id);
  EXPECT_EQ(labels_of(id), cart);
  PeerLabels other = cart;
  other.principal = intern("spiffe://a/ns/shop/sa/cart");
  EXPECT_NE(intern_peer(other), id);
  const ServiceLabels service{
      .host = intern("cart.shop"), .name = intern("cart"), .name_space = intern("shop")};
  EXPECT_EQ(labels_of(intern_service(service)), service);
}

TEST(Interner, BeyondTheBoundEverythingNewIsOther) {
  SmallTable table(8, kOther);
  for (int i = 0; i < 8; ++i)
    EXPECT_EQ(table.intern(std::to_string(i), Origin::kConfiguration),
              static_cast<std::uint32_t>(i));
  EXPECT_EQ(table.intern("8", Origin::kConfiguration), kOther);
  EXPECT_EQ(table.intern("7", Origin::kConfiguration), 7u);
  EXPECT_EQ(table.overflows(), 1u);
}

TEST(Interner, PeersMayFillThreeQuartersOnly) {
  SmallTable table(8, kOther);
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(table.intern(std::to_string(i), Origin::kPeer), static_cast<std::uint32_t>(i));
  EXPECT_EQ(table.intern("6", Origin::kPeer), kOther);
  EXPECT_EQ(table.intern("6", Origin::kConfiguration), 6u);
  EXPECT_EQ(table.intern("6", Origin::kPeer), 6u);
}

TEST(Interner, ReadersSeeWhatOtherThreadsIntern) {
  SmallTable table(2048, kOther);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&table] {
      for (int i = 0; i < 2000; ++i) {
        const std::string text = "label " + std::to_string(i);
        ASSERT_EQ(table.at(table.intern(text, Origin::kConfiguration)), text);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table.overflows(), 0u);
}

}  // namespace
}  // namespace weft::telemetry
