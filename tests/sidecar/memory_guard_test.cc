// The memory guard on files of a test's own, for both versions of cgroups.

#include "sidecar/memory_guard.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "sidecar/core/turn.h"

namespace weft::sidecar {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMega = 1'000'000;
constexpr std::uint64_t kMebi = 1024 * 1024;

class MemoryGuardTest : public ::testing::Test, public MemoryGuard::Owner {
 protected:
  MemoryGuardTest()
      : root_(std::filesystem::temp_directory_path() /
              ("weft-memory-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(root_);
  }
  ~MemoryGuardTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text << "\n";
  }
  [[nodiscard]] std::optional<MemoryGroup> find() const {
    return MemoryGroup::find(root_, root_ / "self");
  }
  void on_memory_full(bool full) override { told_.push_back(full); }
  void on_memory_read(const MemoryReading& reading) override { read_.push_back(reading.used); }
  // After a second with so much in use.
  std::vector<bool> with(std::uint64_t used) {
    write("pod/memory.current", std::to_string(used));
    turn_.advance(turn_.now() + seconds(1));
    turn_.end();
    return std::exchange(told_, {});
  }

  const std::filesystem::path root_;
  Turn turn_{TimePoint{}};
  std::vector<bool> told_;
  std::vector<std::uint64_t> read_;
};

TEST_F(MemoryGuardTest, FindsTheNearestGroupThatHasALimit) {
  write("self", "0::/pod/box");
  write("pod/memory.max", "1000");
  write("pod/memory.current", "600");
  write("pod/memory.stat", "anon 100\ninactive_file 150\nactive_file 50");
  write("pod/box/memory.max", "max");
  const auto group = find();
  ASSERT_TRUE(group.has_value());
  const auto reading = group->read();
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->limit, 1000U);
  EXPECT_EQ(reading->used, 400U) << "file pages can be given back";
}

TEST_F(MemoryGuardTest, KnowsTheFirstVersionOfGroups) {
  write("self", "3:cpu,cpuacct:/x\n4:memory:/pod\n0::/");
  write("memory/pod/memory.limit_in_bytes", "1000");
  write("memory/pod/memory.usage_in_bytes", "600");
  write("memory/pod/memory.stat", "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 0");
  const auto group = find();
  ASSERT_TRUE(group.has_value());
  EXPECT_EQ(group->read()->used, 500U);
}

TEST_F(MemoryGuardTest, LooksWhereAContainerShowsItsOwnGroup) {
  write("self", "0::/kubepods/pod/box");
  write("memory.max", "2000");
  write("memory.current", "1");
  ASSERT_TRUE(find().has_value());
  EXPECT_EQ(find()->read()->limit, 2000U);
}

TEST_F(MemoryGuardTest, HasNothingToGuardWithoutALimit) {
  write("self", "4:memory:/pod\n0::/pod");
  write("pod/memory.max", "max");
  write("memory/pod/memory.limit_in_bytes", "9223372036854771712");
  EXPECT_FALSE(find().has_value());
  write("self", "nonsense");
  EXPECT_FALSE(find().has_value());
}

TEST_F(MemoryGuardTest, SaysFullAboveNinetyPercentAndRelaxesBelowEighty) {
  write("self", "0::/pod");
  write("pod/memory.max", std::to_string(1000 * kMega));
  write("pod/memory.current", "0");
  MemoryGuard guard(turn_.timers(), *this, *find());
  EXPECT_EQ(with(900 * kMega), std::vector<bool>{});
  EXPECT_EQ(with(901 * kMega), std::vector<bool>{true});
  EXPECT_EQ(with(999 * kMega), std::vector<bool>{});
  EXPECT_EQ(with(801 * kMega), std::vector<bool>{}) << "in between what was said holds";
  EXPECT_EQ(with(800 * kMega), std::vector<bool>{false});
  EXPECT_EQ(with(899 * kMega), std::vector<bool>{});
  EXPECT_EQ(with(950 * kMega), std::vector<bool>{true});
  EXPECT_EQ(read_.back(), 950 * kMega);
  write("pod/memory.max", "max");
  EXPECT_EQ(with(5000 * kMega), std::vector<bool>{false})
      << "a limit that went away refuses nobody";
}

TEST_F(MemoryGuardTest, LeavesRoomForACrowdInASmallGroup) {
  write("self", "0::/pod");
  write("pod/memory.max", std::to_string(96 * kMebi));
  write("pod/memory.current", "0");
  MemoryGuard guard(turn_.timers(), *this, *find());
  EXPECT_EQ(with(80 * kMebi), std::vector<bool>{});
  EXPECT_EQ(with(80 * kMebi + 1), std::vector<bool>{true}) << "16 MiB are left";
  EXPECT_EQ(with(71 * kMebi), std::vector<bool>{});
  EXPECT_EQ(with(70 * kMebi), std::vector<bool>{false});
}

TEST(MemoryReading, LeavesTheBuffersTwoThirdsOrWhatTheOthersLeave) {
  MemoryReading reading{.used = 10 * kMebi, .limit = 96 * kMebi};
  EXPECT_EQ(reading.for_buffers(0), 64 * kMebi);
  reading.used = 60 * kMebi;
  EXPECT_EQ(reading.for_buffers(50 * kMebi), 64 * kMebi) << "their own does not count against them";
  EXPECT_EQ(reading.for_buffers(10 * kMebi), 38 * kMebi) << "96 without half the room and 50";
  reading.used = 95 * kMebi;
  EXPECT_EQ(reading.for_buffers(0), 6 * kMebi) << "never nothing, or nobody would move";
  EXPECT_EQ(reading.for_buffers(200 * kMebi), 64 * kMebi);
}

}  // namespace
}  // namespace weft::sidecar
