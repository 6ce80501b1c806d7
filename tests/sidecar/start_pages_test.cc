// What the start needed of the program is no longer resident after it was given back.
#include "sidecar/start_pages.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace weft::sidecar {
namespace {

// Resident kilobytes of the program's own code, from proc(5)'s smaps.
std::uint64_t resident_code() {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  std::ifstream smaps("/proc/self/smaps");
  std::uint64_t sum = 0;
  bool is_code = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find(" r-xp ") != std::string::npos) {
      is_code = line.ends_with(program);
    } else if (line.find('-') < line.find(' ')) {
      is_code = false;  // the next mapping's first line
    } else if (is_code && line.starts_with("Rss:")) {
      sum += std::stoull(line.substr(4));
    }
  }
  return sum;
}

// Reads a byte of every page of the code around here, as a start would by running it.
void touch_code() {
  std::ifstream maps("/proc/self/maps");
  const std::string program = std::filesystem::read_symlink("/proc/self/exe");
  for (std::string line; std::getline(maps, line);) {
    if (line.find(" r-xp ") == std::string::npos || !line.ends_with(program)) continue;
    const std::uintptr_t begin = std::stoull(line, nullptr, 16);
    const std::uintptr_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    for (std::uintptr_t at = begin; at < end; at += 4096) {
      // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel tells addresses as text
      (void)*reinterpret_cast<const volatile char*>(at);
    }
  }
}

TEST(StartPages, AreNotResidentOnceTheyAreGivenBack) {
  touch_code();
  const std::uint64_t before = resident_code();
  give_back_start_pages();
  const std::uint64_t after = resident_code();
  EXPECT_GT(before, 1024u);
  EXPECT_LT(after, before / 2);
}

// Tables that the loader wrote, and then write-protected, must not fall back to the file's content.
TEST(StartPages, LeaveWhatWasWrittenAlone) {
  static std::uint64_t counter = 7;
  counter += 1;
  give_back_start_pages();
  EXPECT_EQ(counter, 8u);
  EXPECT_EQ(std::to_string(counter), "8");
  EXPECT_THROW(throw std::string("the unwinder finds its tables"), std::string);
}

}  // namespace
}  // namespace weft::sidecar
