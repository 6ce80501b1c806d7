// Splits of connections through whole proxies: as exact as those of requests, for each worker, over
// pushes, and while one of the chosen cluster's endpoints refuses connections.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

// Says its name to whoever comes.
Origin::Serve names_itself(std::string name) {
  return [name = std::move(name)](Origin& self, Wire& wire) {
    self.note({.head = wire.read_to("\n"), .body = {}});
    (void)wire.send(name + "\n");
  };
}

struct ConnectionSplit : public ::testing::Test {
  [[nodiscard]] static config::ListenerConfig splitting(std::uint32_t to_stable,
                                                        std::uint32_t to_canary) {
    config::ListenerConfig listener = tcp_listener("in", "stable");
    auto& tcp = std::get<config::TcpSettings>(listener.chains.front().what);
    tcp.clusters[0].weight = to_stable;
    tcp.clusters.push_back({.cluster = "canary", .weight = to_canary, .edits = {}});
    tcp.connect_attempts_max = 3;
    return listener;
  }
  void begin(const config::ListenerConfig& listener, std::uint32_t workers,
             std::vector<SocketAddress> more_canaries = {}) {
    more_canaries.insert(more_canaries.begin(), canary.address());
    sidecar::Start start = start_of(
        {listener}, {cluster("stable", {stable.address()}), cluster("canary", more_canaries)});
    start.workers = workers;
    proxy = std::make_unique<Proxy>(std::move(start));
    ASSERT_TRUE(proxy->ready());
  }
  // How many of so many came to the canary; one after another.
  int call(int connections) {
    int reached = 0;
    for (int i = 0; i < connections; ++i) {
      Wire wire = proxy->dial();
      EXPECT_TRUE(wire.send("hello\n"));
      const std::string answer = wire.read_to("\n");
      EXPECT_TRUE(answer == "stable\n" || answer == "canary\n") << answer;
      reached += answer == "canary\n" ? 1 : 0;
    }
    return reached;
  }

  Origin stable{names_itself("stable")};
  Origin canary{names_itself("canary")};
  std::unique_ptr<Proxy> proxy;
};

TEST_F(ConnectionSplit, IsExactOverEveryRound) {
  begin(splitting(9, 1), 1);
  for (int round = 0; round < 20; ++round) EXPECT_EQ(call(10), 1) << "round " << round;
  EXPECT_TRUE(proxy->metric_reaches(20, "weft_tcp_connections_opened_total",
                                    {"destination_service=\"canary\""}));
  EXPECT_EQ(proxy->metric("weft_tcp_connections_opened_total", {"destination_service=\"stable\""}),
            180);
}

TEST_F(ConnectionSplit, OfManyWorkersIsExactToOneConnectionAWorker) {
  begin(splitting(95, 5), 4);
  const int reached = call(400);
  EXPECT_LE(std::abs(reached - 20), 4) << reached;
}

TEST_F(ConnectionSplit, GoesOnOverAPushThatLeavesItAlone) {
  config::ListenerConfig listener = splitting(9, 1);
  listener.address = SocketAddress(IpAddress::v4(0x7f000001), 0);
  begin(listener, 1);
  int reached = 0;
  for (int push = 0; push < 10; ++push) {
    listener.version = "push " + std::to_string(push);
    proxy->on_loop([&](sidecar::Sidecar& sidecar) {
      EXPECT_TRUE(sidecar.publisher().put(listener));
      sidecar.publisher().schedule();
    });
    ASSERT_TRUE(proxy->ready());
    reached += call(5);
  }
  EXPECT_EQ(reached, 5) << "a split that began anew with each push would send what it likes";
}

TEST_F(ConnectionSplit, StaysExactWhileAnEndpointOfTheCanaryRefuses) {
  const ClosedPort gone;
  begin(splitting(4, 1), 1, {gone.address()});
  EXPECT_EQ(call(100), 20) << "another endpoint is tried, of the same cluster";
  EXPECT_GT(proxy->metric("weft_attempts_total",
                          {"destination_service=\"canary\"", "result=\"connect_failure\""}),
            0);
}

}  // namespace
}  // namespace weft::mesh_test
