// Out of descriptors (threats.md MB-05): weft-sidecar as a program that may open 256 of them, and
// more callers than that.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "tests/demo/child.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr int kDescriptors = 256;
constexpr std::size_t kCrowd = 320;
constexpr std::string_view kShortages = "weft_descriptor_shortages_total";

// Nobody has it now; the program that is told it takes it at once.
std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof at;
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), length), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length), 0);
  ::close(fd);
  return ntohs(at.sin_port);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string start_file(std::uint16_t admin, std::uint16_t in, std::uint16_t origin) {
  std::ostringstream text;
  text << R"(admin: {address: {socket_address: {address: 127.0.0.1, port_value: )" << admin
       << R"(}}}
static_resources:
  listeners:
  - name: in
    address: {socket_address: {address: 127.0.0.1, port_value: )"
       << in << R"(}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: in
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{match: {prefix: "/"}, route: {cluster: app}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
  - name: app
    type: STATIC
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: )"
       << origin << R"(}}}
)";
  return std::move(text).str();
}

// The program, its limit and whoever wants something of it.
class OutOfDescriptors : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ =
        std::filesystem::temp_directory_path() / ("weft-descriptors-" + std::to_string(::getpid()));
    std::filesystem::create_directory(directory_);
    const std::string file = directory_ / "sidecar.yaml";
    std::ofstream(file) << start_file(admin_, in_, origin_.port());
    Result<demo::Child> child =
        demo::Child::start({.arguments = {"/bin/sh", "-c",
                                          "ulimit -n " + std::to_string(kDescriptors) + "; exec " +
                                              WEFT_BIN_DIR + "/weft-sidecar -c " + file},
                            .output = log()});
    ASSERT_TRUE(child.has_value());
    sidecar_.emplace(std::move(*child));
    const auto until = steady_clock::now() + kPatience;
    while (!ready() && sidecar_->alive() && steady_clock::now() < until) {
    }
    ASSERT_TRUE(ready()) << text_of(log());
  }
  void TearDown() override {
    sidecar_.reset();
    std::filesystem::remove_all(directory_);
  }

  // On a connection of its own each time, as a scraper's may be.
  [[nodiscard]] Wire::Message page(std::string_view target) const {
    Wire wire = Wire::to(admin_);
    if (!wire.send("GET " + std::string(target) +
                   " HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"))
      return {};
    return wire.read_message(true);
  }
  [[nodiscard]] bool ready() const { return page("/ready").status() == 200; }
  // -1 when the page does not come.
  [[nodiscard]] double shortages() {
    const Wire::Message metrics = page("/metrics");
    if (metrics.status() != 200) ++pages_missed_;
    std::istringstream lines(metrics.body);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with(kShortages)) return std::stod(line.substr(line.rfind(' ') + 1));
    }
    return -1;
  }
  [[nodiscard]] bool shortages_reach(double count) {
    const auto until = steady_clock::now() + kPatience;
    while (shortages() < count) {
      if (steady_clock::now() > until) return false;
    }
    return true;
  }
  // Clock ticks of processor time, of which there are 100 in a second.
  [[nodiscard]] long ticks() const {
    std::ifstream file("/proc/" + std::to_string(sidecar_->pid()) + "/stat");
    std::string text;
    std::getline(file, text);
    std::istringstream fields(text.substr(text.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    long user = 0;
    long system = 0;
    fields >> user >> system;
    return user + system;
  }
  [[nodiscard]] std::string log() const { return directory_ / "log"; }

  Origin origin_;
  const std::uint16_t admin_ = free_port();
  const std::uint16_t in_ = free_port();
  std::filesystem::path directory_;
  std::optional<demo::Child> sidecar_;
  int pages_missed_ = 0;
};

TEST_F(OutOfDescriptors, ListenersWaitWithoutSpinningAndTheAdminPagesAnswer) {
  std::vector<Wire> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) crowd.push_back(Wire::to(in_));
  ASSERT_TRUE(shortages_reach(1)) << text_of(log());

  // A look each quarter of a second, and nothing between the looks.
  const double before = shortages();
  const auto began = steady_clock::now();
  ASSERT_TRUE(shortages_reach(before + 4));
  EXPECT_GE(steady_clock::now() - began, 700ms);
  const long busy = ticks();
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(crowd.back().fd(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  EXPECT_EQ(crowd.back().read_bytes(1), "") << "it waits in the kernel's queue";
  EXPECT_LT(ticks() - busy, 5) << "hundredths of a second, in one second";
  EXPECT_TRUE(sidecar_->alive());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(ready()) << "admin page " << i;
  EXPECT_EQ(pages_missed_, 0);
  EXPECT_NE(text_of(log()).find("nearly all of the 256 descriptors"), std::string::npos)
      << text_of(log());
}

TEST_F(OutOfDescriptors, RequestsThatNeedAnUpstreamConnectionAreAnswered503) {
  std::vector<Wire> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) crowd.push_back(Wire::to(in_));
  ASSERT_TRUE(shortages_reach(1));
  // A descriptor or two may have come free since: all at once, so that none is used twice.
  constexpr int kAsking = 20;
  for (int i = 0; i < kAsking; ++i)
    ASSERT_TRUE(crowd[static_cast<std::size_t>(i)].send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  int refused = 0;
  for (int i = 0; i < kAsking; ++i) {
    if (crowd[static_cast<std::size_t>(i)].read_message(true).status() == 503) ++refused;
  }
  EXPECT_GE(refused, 1);
  EXPECT_TRUE(ready());
  EXPECT_TRUE(sidecar_->alive());
}

TEST_F(OutOfDescriptors, WhoWaitedIsServedAsSoonAsSomeAreFree) {
  std::vector<Wire> crowd;
  for (std::size_t i = 0; i < kCrowd; ++i) crowd.push_back(Wire::to(in_));
  ASSERT_TRUE(shortages_reach(1));
  const double before = shortages();
  crowd.erase(crowd.begin(), crowd.begin() + 200);
  EXPECT_EQ(ask(crowd.back(), "/").status(), 200);
  // Each look takes a quarter of a second: four of them in vain would be one too long.
  EXPECT_LE(shortages(), before + 4);
  EXPECT_EQ(ask(crowd.front(), "/").status(), 200);
}

}  // namespace
}  // namespace weft::mesh_test
