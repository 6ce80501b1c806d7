// XXH64 against values of the reference implementation.
#include "sidecar/core/xxhash.h"

#include <gtest/gtest.h>

#include <string>

namespace weft {
namespace {

TEST(XxHash, GivesTheKnownValues) {
  EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999U);
  EXPECT_EQ(xxh64("a"), 0xD24EC4F1A98C6E5BU);
  EXPECT_EQ(xxh64("abc"), 0x44BC2CF5AD770999U);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1U);
}

TEST(XxHash, EveryByteOfEveryLengthCounts) {
  for (std::size_t size = 1; size < 80; ++size) {
    const std::string text(size, 'x');
    for (std::size_t at = 0; at < size; ++at) {
      auto other = text;
      other[at] = 'y';
      EXPECT_NE(xxh64(text), xxh64(other)) << size << " " << at;
    }
    EXPECT_NE(xxh64(text), xxh64(text, 1));
  }
}

}  // namespace
}  // namespace weft
