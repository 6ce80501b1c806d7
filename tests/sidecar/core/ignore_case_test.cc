// equals_ignore_case goes by words of eight; here it is compared with going byte by byte.

#include <gtest/gtest.h>

#include <string>

#include "sidecar/core/strings.h"

namespace weft {
namespace {

bool by_bytes(std::string_view a, std::string_view b) { return to_lower(a) == to_lower(b); }

TEST(EqualsIgnoreCase, SaysWhatABytewiseComparisonSays) {
  for (std::size_t size = 1; size <= 18; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        for (const int change : {0x00, 0x20, 0x01, 0x80, 0x40, 0xa0}) {
          std::string a(size, 'k');
          std::string b(size, 'K');
          a[at] = static_cast<char>(byte);
          b[at] = static_cast<char>(byte ^ change);
          ASSERT_EQ(equals_ignore_case(a, b), by_bytes(a, b))
              << size << ' ' << at << ' ' << byte << ' ' << change;
        }
      }
    }
  }
}

TEST(EqualsIgnoreCase, SizesMustAgree) {
  EXPECT_TRUE(equals_ignore_case("", ""));
  EXPECT_FALSE(equals_ignore_case("abcdefgh", "abcdefghi"));
  EXPECT_FALSE(equals_ignore_case("a", ""));
}

}  // namespace
}  // namespace weft
