// The log keeps workers free when nobody reads it: the oldest lines go, and are counted.
#include "sidecar/core/log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

namespace weft {
namespace {

// Stands in for stderr: a pipe that is full from the start.
class FullPipe {
 public:
  FullPipe() : stderr_before_(::dup(2)) {
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    EXPECT_EQ(::fcntl(ends_[1], F_SETFL, O_NONBLOCK), 0);
    const std::string filling(4096, '.');
    while (::write(ends_[1], filling.data(), filling.size()) > 0) {
    }
    EXPECT_EQ(::fcntl(ends_[1], F_SETFL, 0), 0);
    ::dup2(ends_[1], 2);
  }
  ~FullPipe() {
    ::dup2(stderr_before_, 2);
    for (const int fd : {stderr_before_, ends_[0], ends_[1]}) ::close(fd);
  }
  // What is written until `end` has been, without the filling.
  std::string read_until(std::string_view end) {
    std::string text;
    std::array<char, 4096> bytes;
    while (text.find(end) == std::string::npos) {
      const ssize_t size = ::read(ends_[0], bytes.data(), bytes.size());
      if (size <= 0) break;
      text.append(bytes.data(), static_cast<std::size_t>(size));
    }
    text.erase(0, text.find_first_not_of('.'));
    return text;
  }

 private:
  int stderr_before_;
  std::array<int, 2> ends_{};
};

TEST(Log, LosesTheOldestLinesWhenNobodyReadsThem) {
  constexpr std::size_t kTooMany = 50;
  FullPipe pipe;
  const std::uint64_t dropped_before = log_lines_dropped();

  // The writer's thread has one line in its hands, which the pipe does not take.
  for (std::size_t i = 0; i < kLogLinesWaitingMax + kTooMany; ++i) WEFT_LOG(kError, "line {};", i);
  const std::uint64_t dropped = log_lines_dropped() - dropped_before;
  EXPECT_GE(dropped, kTooMany - 1);
  EXPECT_LE(dropped, kTooMany);

  const std::string last = "line " + std::to_string(kLogLinesWaitingMax + kTooMany - 1) + ";";
  const std::string read = pipe.read_until(last);
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = read.find(" line ", at)) != std::string::npos; ++at) ++lines;
  EXPECT_EQ(lines + dropped, kLogLinesWaitingMax + kTooMany);
}

}  // namespace
}  // namespace weft
