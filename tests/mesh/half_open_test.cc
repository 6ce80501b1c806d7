// Origins that are gone without a word (threats.md SL-06): on an idle connection nobody would
// notice, so the kernel is asked to.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

// /proc/net/tcp, "tr": the timer that runs on a connection.
constexpr unsigned kNoTimer = 0;
constexpr unsigned kKeepAliveTimer = 2;

// Of the connections of this machine to `port` of 127.0.0.1, the timers that run.
std::vector<unsigned> timers_towards(std::uint16_t port) {
  std::ostringstream remote;
  remote << "0100007F:" << std::uppercase << std::hex;
  remote.width(4);
  remote.fill('0');
  remote << port;
  std::vector<unsigned> timers;
  std::ifstream table("/proc/net/tcp");
  std::string line;
  std::getline(table, line);  // the names of the columns
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    std::string slot;
    std::string local;
    std::string peer;
    std::string state;
    std::string queues;
    std::string timer;
    columns >> slot >> local >> peer >> state >> queues >> timer;
    if (peer != remote.str() || state != "01") continue;
    timers.push_back(static_cast<unsigned>(std::stoul(timer, nullptr, 16)));
  }
  return timers;
}

TEST(HalfOpen, AnIdleConnectionIsProbedWhereItsClusterAsksForIt) {
  for (const bool asked : {true, false}) {
    Origin origin;
    config::ClusterConfig cart = cluster("cart", {origin.address()});
    if (asked) cart.tcp_keepalive = KeepAlive{.idle_s = 30, .interval_s = 10, .probes = 3};
    Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
    EXPECT_EQ(ask(proxy, "/").status(), 200);
    // What was sent last is acknowledged at once or a little later.
    const auto until = std::chrono::steady_clock::now() + kPatience;
    const std::vector<unsigned> wanted{asked ? kKeepAliveTimer : kNoTimer};
    while (timers_towards(origin.port()) != wanted && std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    EXPECT_EQ(timers_towards(origin.port()), wanted);
  }
}

}  // namespace
}  // namespace weft::mesh_test
