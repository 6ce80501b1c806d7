#include "sidecar/core/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace weft {
namespace {

// RFC 3720 appendix B.4, and the check value of every catalogue of checksums.
TEST(Crc32c, IsTheCastagnoliSum) {
  EXPECT_EQ(crc32c(""), 0U);
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const std::string text = "the bytes of a header";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), crc32c(text));
  }
}

}  // namespace
}  // namespace weft
