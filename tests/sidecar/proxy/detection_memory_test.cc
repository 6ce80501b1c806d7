#include "sidecar/proxy/detection_memory.h"

#include <gtest/gtest.h>

namespace weft::proxy {
namespace {

using namespace std::chrono_literals;

SocketAddress host(std::uint16_t number) { return {IpAddress::v4(0x0a000000U + number), 3306}; }
const TimePoint kBegin{1h};

TEST(DetectionMemory, ExpectsSilenceWhereThereWasSome) {
  DetectionMemory memory;
  EXPECT_FALSE(memory.expects_silence(host(1), kBegin));
  memory.learn_silence(host(1), kBegin);
  EXPECT_TRUE(memory.expects_silence(host(1), kBegin));
  EXPECT_FALSE(memory.expects_silence(host(2), kBegin));
  EXPECT_FALSE(memory.expects_silence(SocketAddress(host(1).ip(), 80), kBegin))
      << "another port is another destination";
}

TEST(DetectionMemory, ForgetsASpeaker) {
  DetectionMemory memory;
  memory.learn_silence(host(1), kBegin);
  memory.learn_silence(host(2), kBegin);
  memory.learn_speech(host(1));
  memory.learn_speech(host(3));
  EXPECT_FALSE(memory.expects_silence(host(1), kBegin));
  EXPECT_TRUE(memory.expects_silence(host(2), kBegin));
}

TEST(DetectionMemory, ForgetsWithTime) {
  DetectionMemory memory;
  memory.learn_silence(host(1), kBegin);
  EXPECT_TRUE(memory.expects_silence(host(1), kBegin + DetectionMemory::kKeep - 1ms));
  EXPECT_FALSE(memory.expects_silence(host(1), kBegin + DetectionMemory::kKeep));
  memory.learn_silence(host(1), kBegin + 5min);
  EXPECT_TRUE(memory.expects_silence(host(1), kBegin + DetectionMemory::kKeep));
}

TEST(DetectionMemory, HasABoundAndLosesTheOldestFirst) {
  DetectionMemory memory;
  constexpr auto kMax = static_cast<std::uint16_t>(DetectionMemory::kDestinationsMax);
  for (std::uint16_t i = 0; i < kMax; ++i) memory.learn_silence(host(i), kBegin);
  memory.learn_silence(host(0), kBegin + 1s);  // once more: now the youngest
  for (std::uint16_t i = 0; i < 10; ++i) {
    memory.learn_silence(host(static_cast<std::uint16_t>(kMax + i)), kBegin + 2s);
  }
  EXPECT_EQ(memory.size(), DetectionMemory::kDestinationsMax);
  EXPECT_TRUE(memory.expects_silence(host(0), kBegin + 3s));
  EXPECT_FALSE(memory.expects_silence(host(1), kBegin + 3s));
  EXPECT_FALSE(memory.expects_silence(host(10), kBegin + 3s));
  EXPECT_TRUE(memory.expects_silence(host(11), kBegin + 3s));
}

}  // namespace
}  // namespace weft::proxy
