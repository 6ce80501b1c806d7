// Tunnels inside HTTP: WebSocket by Upgrade and by RFC 8441 between two sidecars, and CONNECT.

#include "sidecar/http/websocket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

const std::string kKey = "dGhlIHNhbXBsZSBub25jZQ==";
const std::string kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const std::string kAsk =
    "GET /chat?room=1 HTTP/1.1\r\nhost: shop\r\nconnection: Upgrade\r\nupgrade: "
    "WebSocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: " +
    kKey + "\r\nsec-websocket-protocol: chat\r\n\r\n";

std::string accept_of(const std::string& text) {
  http::WebSocketKey key{};
  if (text.size() != key.size()) return {};
  std::copy(text.begin(), text.end(), key.begin());
  return std::string(http::view(http::websocket_accept(key)));
}

// Takes the switch, then does as told.
Origin::Serve switches(std::function<void(Origin&, Wire&)> then) {
  return [then = std::move(then)](Origin& self, Wire& wire) {
    const Wire::Message asked = wire.read_message(false);
    self.note(asked);
    if (!wire.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: " +
            accept_of(asked.field("sec-websocket-key")) +
            "\r\nSec-WebSocket-Protocol: chat\r\n\r\n"))
      return;
    then(self, wire);
  };
}

void echo_until_end(Origin& self, Wire& wire) {
  const std::string all = wire.read_all();
  self.note({});
  (void)wire.send("heard " + all);
}

// The same promises hold through one sidecar, by HTTP/1.1 on both sides, and through two that speak
// HTTP/2 with each other.
class Tunnels : public ::testing::TestWithParam<bool> {
 protected:
  Wire dial(Origin& origin) {
    if (!GetParam()) {
      config::ListenerConfig listener = http_listener("in", routes({to("/", "app")}));
      http_of(listener).upgrades = {"websocket"};
      near_.emplace(std::vector<config::ListenerConfig>{listener},
                    std::vector<config::ClusterConfig>{cluster("app", {origin.address()})});
    } else {
      const Authority authority{"cluster.local"};
      far_.emplace(std::vector<config::ListenerConfig>{inbound(authority.material("server"))},
                   std::vector<config::ClusterConfig>{cluster("app", {origin.address()})});
      near_.emplace(std::vector<config::ListenerConfig>{outbound()},
                    std::vector<config::ClusterConfig>{
                        to_server(authority.material("client"), far_->address())});
    }
    return near_->dial();
  }
  Proxy& near() { return *near_; }

 private:
  std::optional<Proxy> far_;
  std::optional<Proxy> near_;
};
INSTANTIATE_TEST_SUITE_P(Through, Tunnels, ::testing::Bool(),
                         [](const auto& it) { return it.param ? "APair" : "OneSidecar"; });

TEST_P(Tunnels, CarryBytesBothWays) {
  Origin origin(switches([](Origin&, Wire& wire) {
    for (std::string got; !(got = wire.read_bytes(1000)).empty();)
      if (!wire.send(got)) return;
  }));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  const Wire::Message answer = wire.read_message(true, true);
  EXPECT_EQ(answer.status(), 101) << answer.head;
  EXPECT_EQ(answer.field("upgrade"), "websocket");
  EXPECT_EQ(answer.field("connection"), "upgrade");
  EXPECT_EQ(answer.field("sec-websocket-accept"), kAccept);
  EXPECT_EQ(answer.field("sec-websocket-protocol"), "chat");
  for (int i = 0; i < 50; ++i) {
    const std::string text(1000, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(wire.send(text));
    ASSERT_EQ(wire.read_bytes(1000), text);
  }
  wire.end();
  EXPECT_EQ(wire.read_all(), "");
  const Wire::Message asked = origin.last();
  EXPECT_EQ(asked.target(), "/chat?room=1");
  EXPECT_EQ(asked.field("sec-websocket-version"), "13");
  EXPECT_EQ(asked.field("sec-websocket-protocol"), "chat");
  EXPECT_EQ(asked.field("sec-websocket-key") == kKey, !GetParam());  // between versions a new one
  EXPECT_TRUE(near().metric_reaches(1, "weft_requests_total", {"response_code=\"101\""}));
}

TEST_P(Tunnels, HoldEarlyBytesUntilTheSwitch) {
  Origin origin(switches(echo_until_end));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk + "early"));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  ASSERT_TRUE(wire.send(" late"));
  wire.end();
  EXPECT_EQ(wire.read_all(), "heard early late");
}

TEST_P(Tunnels, MayBeEndedByTheCallerFirst) {
  Origin origin(switches(echo_until_end));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  ASSERT_TRUE(wire.send(std::string(300'000, 'x')));
  wire.end();
  EXPECT_EQ(wire.read_all().size(), 300'006U);
}

TEST_P(Tunnels, MayBeEndedByTheOriginFirst) {
  std::string heard;
  Origin origin(switches([&](Origin& self, Wire& wire) {
    (void)wire.send("that is all");
    wire.end();
    heard = wire.read_all();
    self.note({});
  }));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  EXPECT_EQ(wire.read_all(), "that is all");
  ASSERT_TRUE(wire.send("and "));
  ASSERT_TRUE(wire.send(std::string(300'000, 'y')));
  wire.end();
  ASSERT_TRUE(origin.wait_for(2));
  EXPECT_EQ(heard.size(), 300'004U);
}

TEST_P(Tunnels, AreCutForTheCallerWhenTheOriginBreaks) {
  Origin origin(switches([](Origin&, Wire& wire) {
    (void)wire.read_bytes(2);
    wire.reset();
  }));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  ASSERT_TRUE(wire.send("go"));
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_TRUE(near().metric_reaches(1, "weft_requests_total", {"response_code=\"101\""}));
}

TEST_P(Tunnels, AreCutForTheOriginWhenTheCallerBreaks) {
  Origin origin(switches([](Origin& self, Wire& wire) {
    (void)wire.read_all();
    self.note({});
  }));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  wire.reset();
  EXPECT_TRUE(origin.wait_for(2));
}

TEST_P(Tunnels, H1_17_AnAnswerIsNoSwitch) {
  Origin origin(Origin::replies(200, "no tunnel"));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  const Wire::Message answer = wire.read_message(true);
  // By HTTP/2 a good answer would be a switch, so it cannot be passed on as it is.
  EXPECT_EQ(answer.status(), GetParam() ? 502 : 200) << answer.head;
}

TEST_P(Tunnels, ARefusalIsPassedOnAndTheConnectionGoesOn) {
  Origin origin(Origin::replies(403, "not you"));
  Wire wire = dial(origin);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(wire.send(kAsk));
    const Wire::Message answer = wire.read_message(true);
    EXPECT_EQ(answer.status(), 403);
    EXPECT_EQ(answer.body, "not you");
  }
}

TEST_P(Tunnels, StopAWriterThatNobodyReads) {
  Origin origin(switches([](Origin& self, Wire&) { self.wait_for_release(); }));
  Wire wire = dial(origin);
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true, true).status(), 101);
  using namespace std::chrono_literals;
  EXPECT_LT(wire.send_until_stuck(1'000'000'000, 500ms), 64U * 1024 * 1024);
  origin.release();
}

TEST(Upgrade, AWrongProofOfTheKeyIsTheOriginsFault) {
  const Authority authority{"cluster.local"};
  Origin origin([](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    (void)wire.send(
        "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        "sec-websocket-accept: " +
        kAccept + "\r\n\r\n");
    (void)wire.read_all();
  });
  Proxy server({inbound(authority.material("server"))}, {cluster("app", {origin.address()})});
  Proxy client({outbound()}, {to_server(authority.material("client"), server.address())});
  Wire wire = client.dial();
  ASSERT_TRUE(wire.send(kAsk));
  EXPECT_EQ(wire.read_message(true).status(), 502);
}

TEST(Upgrade, IsRefusedWhenThePeerDoesNotTunnel) {
  // It speaks HTTP/2, and its SETTINGS say nothing of RFC 8441.
  Origin origin([](Origin& self, Wire& wire) {
    self.note({});
    (void)wire.send(std::string("\0\0\0\4\0\0\0\0\0", 9));
    (void)wire.read_all();
  });
  config::ClusterConfig modern = cluster("modern", {origin.address()});
  modern.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "modern")}));
  http_of(listener).upgrades = {"websocket"};
  Proxy proxy({listener}, {modern});
  for (int i = 0; i < 12; ++i) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(kAsk));
    // Its own doing, so it is asked for other things all the same.
    EXPECT_EQ(wire.read_message(true).status(), 501);
  }
  EXPECT_EQ(proxy.metric("weft_ejections_total"), 0);
}

TEST(Connect, IsATunnelOnceTheOriginAgrees) {
  Origin origin([](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    if (!wire.send("HTTP/1.1 200 OK\r\n\r\n")) return;
    echo_until_end(self, wire);
  });
  config::Route route = to("/", "cart");
  route.path.how = config::PathMatch::How::kConnect;
  config::ListenerConfig listener = http_listener("in", routes({route}));
  http_of(listener).upgrades = {"connect"};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\nearly"));
  EXPECT_EQ(wire.read_message(true, true).status(), 200);
  EXPECT_EQ(origin.last().head.substr(0, 24), "CONNECT db:5432 HTTP/1.1");
  ASSERT_TRUE(wire.send(" late"));
  wire.end();
  EXPECT_EQ(wire.read_all(), "heard early late");
}

}  // namespace
}  // namespace weft::mesh_test
