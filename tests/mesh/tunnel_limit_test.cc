// Tunnels inside HTTP have a limit of their own: an upgrade or a CONNECT beyond it is refused, for
// the whole sidecar, while requests go on.

#include <gtest/gtest.h>

#include <optional>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

const std::string kWantsTunnel =
    "GET /chat HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

// Agrees to a tunnel and says nothing in it; answers /no with 200 instead, and anything else.
Origin::Serve agrees_to_tunnels() {
  return [](Origin& self, Wire& wire) {
    for (Wire::Message asked = wire.read_message(false); !asked.empty();
         asked = wire.read_message(false)) {
      self.note(asked);
      if (!asked.field("upgrade").empty() && asked.target() == "/chat") {
        (void)wire.send("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
        (void)wire.read_all();
        return;
      }
      if (!wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) return;
    }
  };
}

struct TunnelLimit : public ::testing::Test {
  void begin(std::optional<std::uint32_t> tunnels_max, std::uint32_t workers) {
    config::ClusterConfig cart = cluster("cart", {origin.address()});
    cart.limits.tunnels_max = tunnels_max;
    config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
    http_of(listener).upgrades = {"websocket"};
    sidecar::Start start = start_of({listener}, {cart});
    start.workers = workers;
    proxy = std::make_unique<Proxy>(std::move(start));
    ASSERT_TRUE(proxy->ready());
  }
  // The status that a new caller hears, who stays when it is a tunnel.
  int ask_for_tunnel() {
    Wire wire = proxy->dial();
    if (!wire.send(kWantsTunnel)) return 0;
    const int status = wire.read_message(true, true).status();
    if (status == 101) tunnels.push_back(std::move(wire));
    return status;
  }
  [[nodiscard]] double in_use() const {
    return proxy->metric("weft_limit_in_use", {"limit=\"tunnels\""});
  }
  bool falls_to(double tunnels_in_use) const {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    while (in_use() != tunnels_in_use) {
      if (std::chrono::steady_clock::now() > until) return false;
    }
    return true;
  }
  Origin origin{agrees_to_tunnels()};
  std::unique_ptr<Proxy> proxy;
  std::vector<Wire> tunnels;
};

TEST_F(TunnelLimit, OfOneIsOneForAllWorkers) {
  begin(1, 4);
  std::vector<Wire> callers;
  for (int i = 0; i < 40; ++i) {
    callers.push_back(proxy->dial());
    ASSERT_TRUE(callers.back().send(kWantsTunnel));
  }
  int agreed = 0;
  for (Wire& caller : callers) {
    const int status = caller.read_message(true, true).status();
    if (status == 101) {
      ++agreed;
    } else {
      EXPECT_EQ(status, 503);
      EXPECT_EQ(caller.read_bytes(6), "limit\n");
    }
  }
  EXPECT_EQ(agreed, 1);
  EXPECT_EQ(origin.connections(), 1U) << "a refused tunnel never reaches the origin";
  EXPECT_EQ(in_use(), 1);
  EXPECT_EQ(proxy->metric("weft_limit_max", {"limit=\"tunnels\""}), 1);
  EXPECT_EQ(proxy->metric("weft_limit_high_water", {"limit=\"tunnels\""}), 1);
  EXPECT_EQ(proxy->metric("weft_refused_total", {"cause=\"limit\""}), 39);
  EXPECT_TRUE(proxy->metric_reaches(39, "weft_requests_total",
                                    {"response_flags=\"UO\"", "cause=\"bulkhead_full\""}));
}

TEST_F(TunnelLimit, LeavesRequestsAlone) {
  begin(1, 1);
  ASSERT_EQ(ask_for_tunnel(), 101);
  EXPECT_EQ(ask_for_tunnel(), 503);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(*proxy, "/").status(), 200);
}

TEST_F(TunnelLimit, APlaceIsFreeAgainWhenItsTunnelEnds) {
  begin(1, 1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(ask_for_tunnel(), 101);
    EXPECT_EQ(in_use(), 1);
    tunnels.clear();
    ASSERT_TRUE(falls_to(0)) << in_use();
  }
}

TEST_F(TunnelLimit, WhoeverIsAnsweredInsteadHoldsNoPlace) {
  begin(1, 1);
  Wire wire = proxy->dial();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(ask(wire, "/no", "connection: upgrade\r\nupgrade: websocket\r\n").status(), 200);
    EXPECT_TRUE(falls_to(0)) << in_use();
  }
  EXPECT_EQ(ask_for_tunnel(), 101);
}

TEST_F(TunnelLimit, OfNoneIsNoneAndNobodySaysItIsOne) {
  begin(std::nullopt, 1);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_for_tunnel(), 101);
  EXPECT_EQ(in_use(), 20);
  EXPECT_EQ(proxy->metric("weft_limit_max", {"limit=\"tunnels\""}), 0);
}

}  // namespace
}  // namespace weft::mesh_test
