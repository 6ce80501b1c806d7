#include "sidecar/net/original_dst.h"

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

TEST(OriginalDst, IsNothingForAConnectionThatWasNotRedirected) {
  const Ends tcp = tcp_ends();
  const auto found = original_dst(tcp.ours.get());
  ASSERT_TRUE(found.has_value()) << found.error().detail;
  EXPECT_FALSE(found->has_value());
}

TEST(OriginalDst, IsNothingForAUnixSocket) {
  const Ends ends = unix_ends();
  const auto found = original_dst(ends.ours.get());
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->has_value());
}

TEST(OriginalDst, SaysWhatTheSystemSaidOfABadDescriptor) {
  EXPECT_FALSE(original_dst(-1).has_value());
}

}  // namespace
}  // namespace weft::net
