// Memory to the edge (threats.md MB-06): weft-sidecar as a program in a memory group of 96 MiB, and
// callers who send bodies that nobody takes. Needs cgroups that may be written; else skipped.

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/mesh/program.h"

namespace weft::mesh_test {
namespace {

constexpr const char* kActive = "weft_overload_active";
constexpr const char* kRefuses = "action=\"refuse_streams\"";

// A group of its own under /sys/fs/cgroup, removed again when nobody is in it any more.
class Group final {
 public:
  Group() {
    const std::string name = "/weft-test-" + std::to_string(::getpid());
    // Version 1 has a mount for each controller.
    for (const auto& [top, limit] :
         {std::pair<std::string, std::string>{"/sys/fs/cgroup/memory", "/memory.limit_in_bytes"},
          std::pair<std::string, std::string>{"/sys/fs/cgroup", "/memory.max"}}) {
      path_ = top + name;
      if (::mkdir(path_.c_str(), 0755) != 0) continue;
      if (std::ofstream file(path_ + limit); file << (96U << 20U) << std::flush) return;
      ::rmdir(path_.c_str());
    }
    path_.clear();
  }
  ~Group() {
    if (!path_.empty()) ::rmdir(path_.c_str());
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Sends what is taken at once and leaves the rest.
void pour(const Wire& wire, std::string_view bytes) {
  (void)::send(wire.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

TEST(MemoryToTheEdge, NewRequestsAreRefusedAndTheProcessLives) {
#ifdef WEFT_SANITIZED
  GTEST_SKIP() << "a sanitizer's own memory is more than the group's";
#endif
  const Group group;
  if (group.path().empty()) GTEST_SKIP() << "no memory group can be made here";
  // GET is answered, anything else is left lying.
  Origin origin([](Origin& self, Wire& wire) {
    while (wire.read_to("\r\n\r\n").starts_with("GET")) {
      if (!wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")) return;
    }
    self.wait_for_release();
  });
  Program sidecar(origin.port(), "echo $$ > " + group.path() + "/cgroup.procs");
  Wire kept = sidecar.dial();
  ASSERT_EQ(ask(kept, "/").status(), 200) << sidecar.log();
  const auto refuses = [&] { return sidecar.metric(kActive, kRefuses) == 1; };
  ASSERT_FALSE(refuses());

  constexpr std::size_t kCallersMax = 1500;
  const std::string body = "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1000000000\r\n\r\n" +
                           std::string(500'000, 'x');
  std::vector<Wire> crowd;
  while (!refuses() && sidecar.alive() && crowd.size() < kCallersMax) {
    crowd.push_back(sidecar.dial());
    pour(crowd.back(), body);
    for (const Wire& one : crowd) pour(one, std::string_view(body).substr(100));
  }
  ASSERT_TRUE(sidecar.alive()) << "after " << crowd.size() << " callers\n" << sidecar.log();
  EXPECT_TRUE(refuses()) << sidecar.log();
  EXPECT_EQ(sidecar.metric(kActive, "action=\"stop_accepting\""), 1);
  EXPECT_EQ(ask(kept, "/").status(), 503);
  EXPECT_NE(sidecar.log().find("of the 96 MiB"), std::string::npos) << sidecar.log();

  crowd.clear();
  origin.release();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (refuses() && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_FALSE(refuses()) << sidecar.log();
  Wire fresh = sidecar.dial();
  EXPECT_EQ(ask(fresh, "/").status(), 200);
}

}  // namespace
}  // namespace weft::mesh_test
