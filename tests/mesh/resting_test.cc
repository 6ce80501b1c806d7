// Callers of HTTP/1 who ask nothing for a while: their connections rest, without a codec, and are
// served, drained and ended as before.

#include <gtest/gtest.h>
#include <poll.h>

#include "sidecar/http/connection.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

// Longer than a connection takes to rest, in which nobody says anything.
bool stays_silent(const Wire& wire) {
  constexpr auto kTime =
      std::chrono::duration_cast<std::chrono::milliseconds>(http::Connection::kQuiet + 500ms);
  pollfd watched{.fd = wire.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&watched, 1, static_cast<int>(kTime.count())) == 0;
}

bool connections_fall_to(Proxy& proxy, double count) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (proxy.metric("weft_downstream_connections") != count) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

TEST(Resting, CallersAreServedAgainAndMayEndAndAreDrained) {
  Origin origin(Origin::echoes());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire again = proxy.dial();
  Wire ends = proxy.dial();
  Wire resets = proxy.dial();
  Wire stays = proxy.dial();
  for (Wire* wire : {&again, &ends, &resets, &stays}) {
    ASSERT_EQ(ask(*wire, "/", {}, "POST", "once").body, "once");
  }
  ASSERT_TRUE(stays_silent(again));
  ASSERT_EQ(proxy.metric("weft_downstream_connections"), 4);
  // Two at once, of which one waits in the kernel for the other.
  ASSERT_TRUE(
      again.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n1"
                 "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n2"));
  EXPECT_EQ(again.read_message(true).body, "1");
  EXPECT_EQ(again.read_message(true).body, "2");
  ends.end();
  EXPECT_EQ(ends.read_all(), "");
  resets.reset();
  EXPECT_TRUE(connections_fall_to(proxy, 2));
  const double detected = proxy.metric("weft_protocol_detected_total");
  EXPECT_EQ(detected, 4) << "each was found out about once";
  proxy.drain();
  EXPECT_EQ(stays.read_all(), "");
  EXPECT_EQ(again.read_all(), "");
  proxy.join();
}

TEST(Resting, OverTlsTheyAreServedAgain) {
  Origin origin;
  const Authority authority("cluster.local");
  Proxy proxy({inbound(authority.material("server"))}, {cluster("app", {origin.address()})});
  config::ClusterConfig secured = to_server(authority.material("client"), proxy.address());
  secured.tls->settings.alpn = {"http/1.1"};
  Proxy wrapped({tcp_listener("in", secured.name)}, {secured});
  Wire wire = wrapped.dial();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask(wire, "/").status(), 200);
    EXPECT_TRUE(stays_silent(wire));
  }
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_downstream_connections"), 1);
}

TEST(Resting, TheIdleTimeoutEndsThem) {
  Origin origin;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).timeouts.idle = http::Connection::kQuiet + 500ms;
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/").status(), 200);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_GE(std::chrono::steady_clock::now() - began, http::Connection::kQuiet);
  EXPECT_TRUE(connections_fall_to(proxy, 0));
}

}  // namespace
}  // namespace weft::mesh_test
