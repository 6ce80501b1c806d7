// What the kernel answers is read with its lengths believed by nobody.
#include "sidecar/redirect/netlink.h"

#include <gtest/gtest.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <array>
#include <vector>

#include "sidecar/redirect/policy_routing.h"

namespace weft::redirect {
namespace {

constexpr std::size_t kBody = 12;

// A fixed part of zeros, then attributes of these lengths as they say of themselves.
class AnswerText final {
 public:
  AnswerText& add(std::uint16_t type, std::uint32_t value, std::uint16_t length = 8) {
    const auto byte = [this](std::uint32_t of, int at) {
      bytes_.push_back(static_cast<std::uint8_t>(of >> (8 * at)));
    };
    byte(length, 0);
    byte(length, 1);
    byte(type, 0);
    byte(type, 1);
    for (int at = 0; at < 4; ++at) byte(value, at);
    return *this;
  }
  [[nodiscard]] std::uint32_t read(std::uint16_t type) const {
    return NetlinkRequest::attribute_of(bytes_, kBody, type);
  }
  [[nodiscard]] std::uint32_t read_cut(std::uint16_t type, std::size_t size) const {
    return NetlinkRequest::attribute_of(std::span(bytes_).first(size), kBody, type);
  }

 private:
  std::vector<std::uint8_t> bytes_ = std::vector<std::uint8_t>(kBody);
};

TEST(NetlinkAnswer, AnAttributeIsFoundBehindOthers) {
  AnswerText answer;
  answer.add(FRA_PRIORITY, 7).add(FRA_FWMARK, 15006).add(FRA_TABLE, 0x1234'5678);
  EXPECT_EQ(answer.read(FRA_FWMARK), 15006U);
  EXPECT_EQ(answer.read(FRA_TABLE), 0x1234'5678U);
  EXPECT_EQ(answer.read(FRA_SRC), 0U);
}

TEST(NetlinkAnswer, WhatIsCutOffOrLiesAboutItsLengthIsNotThere) {
  AnswerText answer;
  answer.add(FRA_PRIORITY, 7).add(FRA_FWMARK, 15006);
  for (std::size_t size = 0; size < kBody + 16; ++size) {
    EXPECT_EQ(answer.read_cut(FRA_FWMARK, size), 0U) << size;
  }
  EXPECT_EQ(answer.read_cut(FRA_FWMARK, kBody + 16), 15006U);
  for (const std::uint16_t length : std::to_array<std::uint16_t>({0, 1, 3, 9, 65535})) {
    AnswerText liar;
    liar.add(FRA_PRIORITY, 7, length).add(FRA_FWMARK, 15006);
    EXPECT_EQ(liar.read(FRA_PRIORITY), 0U) << length;
  }
  AnswerText endless;
  endless.add(FRA_PRIORITY, 7, 0).add(FRA_FWMARK, 15006);
  EXPECT_EQ(endless.read(FRA_FWMARK), 0U) << "an attribute without a length ends the list";
}

// Reading needs no privilege; whoever runs this test has none of our routing.
TEST(NetlinkAnswer, TheKernelSaysThatNothingOfOursIsThere) {
  SystemPolicyRouting routing;
  const Result<PolicyRouting::There> there = routing.look(Family::kV4);
  ASSERT_TRUE(there) << there.error().detail;
  EXPECT_EQ(*there, PolicyRouting::There::kNothing);
}

}  // namespace
}  // namespace weft::redirect
