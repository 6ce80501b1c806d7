// Clients that send a body slowly on purpose (threats.md 3.3), through a whole proxy.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPostHead =
    "POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 1000000000\r\n\r\n";

TEST(SlowPeers, SL_02_ABodyThatStopsIsGivenUp) {
  Origin origin;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).timeouts.stream_idle = 100ms;
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(std::string(kPostHead) + "some"));
  const Wire::Message answer = wire.read_message(true);
  EXPECT_TRUE(answer.empty() || answer.status() == 408 || answer.status() == 504) << answer.head;
  EXPECT_EQ(ask(proxy, "/").status(), 200);
}

TEST(SlowPeers, SL_02_ABodyThatDripsEndsWithTheRequestsTime) {
  Origin origin;
  config::Route route = to("/", "cart");
  forward(route).timeouts.request = 300ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kPostHead));
  const auto began = std::chrono::steady_clock::now();
  Wire::Message answer;
  std::thread dripping([&wire] {
    // Something always moves, so only the request's own time can end it.
    while (wire.send("x")) std::this_thread::yield();
  });
  answer = wire.read_message(true);
  EXPECT_EQ(answer.status(), 504) << answer.head;
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  wire.end();
  dripping.join();
}

TEST(SlowPeers, SL_02_ABodyThatDripsEndsWithTheListenersTimeForARequest) {
  Origin origin;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).request_timeout = 300ms;
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kPostHead));
  std::thread dripping([&wire] {
    while (wire.send("x")) std::this_thread::yield();
  });
  const Wire::Message answer = wire.read_message(true);
  EXPECT_EQ(answer.status(), 408) << answer.head;
  wire.end();
  dripping.join();
  // Only requests that are not whole are meant, and nobody but their caller is blamed.
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_ejections_total", {}), 0);
}

TEST(SlowPeers, SL_02_ATunnelIsNoRequestThatComesSlowly) {
  Origin origin([](Origin&, Wire& wire) {
    if (wire.read_message(false).empty()) return;
    if (!wire.send("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n")) return;
    for (std::string bytes = wire.read_bytes(1); !bytes.empty(); bytes = wire.read_bytes(1))
      if (!wire.send(bytes)) return;
  });
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).request_timeout = 50ms;
  http_of(listener).upgrades = {"echo"};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(
      wire.send("GET / HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n"));
  EXPECT_NE(wire.read_to("\r\n\r\n").find("101"), std::string::npos);
  const auto until = std::chrono::steady_clock::now() + 200ms;
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(wire.send("x"));
    ASSERT_EQ(wire.read_bytes(1), "x");
  }
}

}  // namespace
}  // namespace weft::mesh_test
