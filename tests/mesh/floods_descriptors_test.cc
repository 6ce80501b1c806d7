// Out of descriptors (threats.md MB-05): weft-sidecar as a program that may open 256 of them, and
// more callers than that.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/mesh/program.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::size_t kCrowd = 320;
constexpr const char* kShortages = "weft_descriptor_shortages_total";

class OutOfDescriptors : public ::testing::Test {
 protected:
  OutOfDescriptors() {
    for (std::size_t i = 0; i < kCrowd; ++i) crowd_.push_back(sidecar_.dial());
    EXPECT_TRUE(sidecar_.metric_reaches(1, kShortages)) << sidecar_.log();
  }
  Origin origin_{Origin::holds()};
  Program sidecar_{origin_.port(), "ulimit -n 256"};
  std::vector<Wire> crowd_;
};

TEST_F(OutOfDescriptors, ListenersWaitWithoutSpinningAndTheAdminPagesAnswer) {
  // A look each quarter of a second, and nothing between the looks.
  const double before = sidecar_.metric(kShortages);
  const auto began = steady_clock::now();
  ASSERT_TRUE(sidecar_.metric_reaches(before + 4, kShortages));
  EXPECT_GE(steady_clock::now() - began, 700ms);
  const long busy = sidecar_.ticks();
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(crowd_.back().fd(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  EXPECT_EQ(crowd_.back().read_bytes(1), "") << "it waits in the kernel's queue";
  EXPECT_LT(sidecar_.ticks() - busy, 5) << "hundredths of a second, in one second";
  EXPECT_TRUE(sidecar_.alive());
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(sidecar_.ready()) << "admin page " << i;
  EXPECT_NE(sidecar_.log().find("nearly all of the 256 descriptors"), std::string::npos)
      << sidecar_.log();
}

TEST_F(OutOfDescriptors, RequestsThatNeedAnUpstreamConnectionAreAnswered503) {
  // A descriptor or two may have come free since, and whoever got one waits for an answer.
  constexpr std::size_t kAsking = 20;
  for (std::size_t i = 0; i < kAsking; ++i)
    ASSERT_TRUE(crowd_[i].send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  EXPECT_TRUE(sidecar_.metric_reaches(kAsking / 2.0, "weft_requests_total", "\"503\""));
  EXPECT_TRUE(sidecar_.ready());
  EXPECT_TRUE(sidecar_.alive());
}

TEST_F(OutOfDescriptors, WhoWaitedIsServedAsSoonAsSomeAreFree) {
  origin_.release();
  const double before = sidecar_.metric(kShortages);
  crowd_.erase(crowd_.begin(), crowd_.begin() + 200);
  EXPECT_EQ(ask(crowd_.back(), "/").status(), 200);
  // Each look takes a quarter of a second: more than four in vain would be more than one second.
  EXPECT_LE(sidecar_.metric(kShortages), before + 4);
  EXPECT_EQ(ask(crowd_.front(), "/").status(), 200);
}

}  // namespace
}  // namespace weft::mesh_test
