// Which tunnels may be had inside HTTP: upgrade_configs of a listener and of a route, for every way
// to ask; and CONNECT that ends at the proxy, to an upstream that knows nothing of HTTP.

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mesh/http2_caller.h"
#include "tests/mesh/log_file.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string kAskForIt =
    "GET /chat HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
const std::string kConnect = "CONNECT db:5432 HTTP/1.1\r\nhost: db:5432\r\n\r\n";

config::Route connect_to(std::string cluster) {
  config::Route route = to("/", std::move(cluster));
  route.path.how = config::PathMatch::How::kConnect;
  return route;
}

// Everything by path, and CONNECT.
config::ListenerConfig listener_to(std::vector<std::string> upgrades,
                                   const std::vector<config::UpgradeRule>& of_route = {}) {
  config::Route connect = connect_to("cart");
  config::Route path = to("/", "cart");
  forward(connect).upgrades = forward(path).upgrades = of_route;
  config::ListenerConfig listener = http_listener("in", routes({connect, path}));
  http_of(listener).upgrades = std::move(upgrades);
  return listener;
}

// Agrees to every tunnel and sends back what comes through it; answers anything else.
Origin::Serve agrees() {
  return [](Origin& self, Wire& wire) {
    const Wire::Message asked = wire.read_message(false);
    self.note(asked);
    const std::string protocol = asked.field("upgrade");
    if (protocol.empty() && !asked.head.starts_with("CONNECT ")) {
      (void)wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      return;
    }
    const std::string agreed =
        protocol.empty()
            ? "HTTP/1.1 200 OK\r\n\r\n"
            : "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: " + protocol + "\r\n\r\n";
    if (!wire.send(agreed)) return;
    for (std::string got; !(got = wire.read_bytes(1)).empty();)
      if (!wire.send(got)) return;
  };
}

int status_of(Proxy& proxy, const std::string& request) {
  Wire wire = proxy.dial();
  return wire.send(request) ? wire.read_message(true, true).status() : 0;
}

int status_by_http2(Proxy& proxy, std::string_view protocol) {
  Http2Caller caller(proxy.dial());
  // Whether the proxy takes extended CONNECT is in its SETTINGS.
  Http2Caller::Request& request = caller.connect(1, "shop", protocol);
  return caller.run_until([&] { return request.status != 0; }) ? request.status : 0;
}

TEST(Upgrades, ThatAreNotListedAreRefused) {
  LogFile log;
  Origin origin(agrees());
  config::ListenerConfig listener = listener_to({});
  http_of(listener).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  EXPECT_EQ(status_of(proxy, kAskForIt), 403);
  EXPECT_EQ(status_of(proxy, kConnect), 403);
  EXPECT_EQ(status_by_http2(proxy, "websocket"), 403);
  EXPECT_EQ(status_by_http2(proxy, ""), 403);
  EXPECT_TRUE(proxy.metric_reaches(4, "weft_requests_total",
                                   {"response_code=\"403\"", "cause=\"upgrade_denied\""}));
  EXPECT_EQ(origin.connections(), 0U);
  EXPECT_EQ(ask(proxy, "/", "upgrade: websocket\r\n").status(), 200)
      << "asks for nothing: Connection does not name it";
  proxy.drain();
  proxy.end();
  const std::string lines = log.text();
  EXPECT_NE(lines.find("upgrade_failed: upgrade_configs do not list websocket"), std::string::npos)
      << lines;
  EXPECT_NE(lines.find("upgrade_failed: upgrade_configs do not list connect"), std::string::npos);
}

TEST(Upgrades, ThatAreListedPass) {
  Origin origin(agrees());
  Proxy proxy({listener_to({"connect", "websocket"})}, {cluster("cart", {origin.address()})});
  EXPECT_EQ(status_of(proxy, kAskForIt), 101);
  EXPECT_EQ(status_of(proxy, kConnect), 200);
  EXPECT_EQ(status_by_http2(proxy, ""), 200);
}

TEST(Upgrades, ARouteOutranksItsListener) {
  Origin origin(agrees());
  Proxy proxy({listener_to({"websocket"},
                           {{.protocol = "websocket", .allowed = false}, {.protocol = "connect"}})},
              {cluster("cart", {origin.address()})});
  EXPECT_EQ(status_of(proxy, kAskForIt), 403);
  EXPECT_EQ(status_of(proxy, kConnect), 200);
}

TEST(Upgrades, ARefusalLeavesTheConnectionOfUse) {
  Origin origin;
  Proxy proxy({listener_to({})}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(wire.send(kAskForIt));
    const Wire::Message answer = wire.read_message(true);
    EXPECT_EQ(answer.status(), 403);
    EXPECT_EQ(answer.body, "denied\n");
  }
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(origin.requests(), 1U);
}

TEST(Upgrades, WhereNothingIsRoutedARefusalComesFirst) {
  Origin origin;
  Proxy proxy({http_listener("in", routes({to("/shop", "cart")}))},
              {cluster("cart", {origin.address()})});
  EXPECT_EQ(status_of(proxy, kAskForIt), 403);
  EXPECT_EQ(status_of(proxy, kConnect), 403);
}

// ---- CONNECT by HTTP/2 to an origin that speaks HTTP/1.1 ----

TEST(ConnectByHttp2, IsATunnelOnceTheOriginAgrees) {
  Origin origin(agrees());
  Proxy proxy({listener_to({"connect"})}, {cluster("cart", {origin.address()})});
  Http2Caller caller(proxy.dial());
  Http2Caller::Request& tunnel = caller.connect(3, "db:5432");
  tunnel.read();
  tunnel.send(100, false);
  ASSERT_TRUE(caller.run_until([&] { return tunnel.received == 100; }));
  EXPECT_EQ(tunnel.status, 200);
  EXPECT_EQ(origin.last().head.substr(0, 24), "CONNECT db:5432 HTTP/1.1");
  tunnel.send(50'000, true);
  ASSERT_TRUE(caller.run_until([&] { return tunnel.ended; }));
  EXPECT_TRUE(tunnel.whole(50'100));
}

// ---- CONNECT that ends at the proxy ----

enum class By : std::uint8_t { kHttp1, kHttp2 };

// One tunnel to a TCP origin, opened by either version of HTTP.
class Tunnel final {
 public:
  Tunnel(By by, Proxy& proxy) {
    if (by == By::kHttp2) {
      caller_.emplace(proxy.dial());
      stream_ = &caller_->connect(5, "db:5432");
      stream_->read();
      return;
    }
    wire_ = proxy.dial();
    EXPECT_TRUE(wire_.send(kConnect));
  }
  int status() {
    if (stream_ == nullptr) return wire_.read_message(true, true).status();
    (void)caller_->run_until([&] { return stream_->status != 0 || !stream_->fault.empty(); });
    return stream_->status;
  }
  void send(std::size_t size, bool end) {
    if (stream_ != nullptr) return stream_->send(size, end);
    for (std::size_t left = size; left > 0;) {
      const std::size_t piece = std::min(left, kLettersMax);
      if (!wire_.send(letters(5, said_, piece))) return;
      said_ += piece;
      left -= piece;
    }
    if (end) wire_.end();
  }
  // What HTTP/2 sends moves only while it is asked for something.
  bool has_sent(std::size_t size) {
    return stream_ == nullptr || caller_->run_until([&] { return stream_->sent == size; });
  }
  // So many letters, right ones.
  bool receives(std::size_t size) {
    if (stream_ != nullptr) {
      const std::size_t goal = heard_ += size;
      return caller_->run_until([&] { return stream_->received >= goal; }) && stream_->right;
    }
    const std::string got = wire_.read_bytes(size);
    bool right = got.size() == size;
    for (std::size_t at = 0; right && at < size; at += kLettersMax) {
      const std::size_t piece = std::min(kLettersMax, size - at);
      right = std::string_view(got).substr(at, piece) == letters(5, heard_ + at, piece);
    }
    heard_ += size;
    return right;
  }
  // Its end, in order.
  bool ends() {
    if (stream_ == nullptr) return wire_.read_all().empty();
    return caller_->run_until([&] { return stream_->ended; });
  }
  // Cut off, and to be told from an end by HTTP/2.
  bool is_cut() {
    if (stream_ == nullptr) return wire_.read_all().empty();
    return caller_->run_until([&] { return !stream_->fault.empty(); }) && !stream_->ended;
  }
  void reset() {
    if (stream_ == nullptr) return wire_.reset();
    stream_->reset();
    (void)caller_->run_until([] { return true; });
  }

 private:
  Wire wire_;
  std::optional<Http2Caller> caller_;
  Http2Caller::Request* stream_ = nullptr;
  std::size_t said_ = 0;
  std::size_t heard_ = 0;
};

class ConnectThatEndsHere : public ::testing::TestWithParam<By> {
 protected:
  static config::Route route() {
    config::Route route = connect_to("db");
    forward(route).upgrades = {{.protocol = "connect", .ends_here = true}};
    return route;
  }
  static Proxy proxy_to(const SocketAddress& address, Duration idle = {}) {
    config::Route made = route();
    forward(made).timeouts.idle = idle;
    return Proxy({http_listener("in", routes({made}))}, {cluster("db", {address})});
  }
};
INSTANTIATE_TEST_SUITE_P(By, ConnectThatEndsHere, ::testing::Values(By::kHttp1, By::kHttp2),
                         [](const auto& it) { return it.param == By::kHttp1 ? "Http1" : "Http2"; });

Origin::Serve echoes_tunnel() {
  return [](Origin& self, Wire& wire) {
    std::size_t count = 0;
    for (std::string got; !(got = wire.read_bytes(1)).empty(); ++count)
      if (!wire.send(got)) return;
    self.note({.head = std::to_string(count), .body = {}});
  };
}

TEST_P(ConnectThatEndsHere, CarriesBytesBothWays) {
  Origin origin(echoes_tunnel());
  Proxy proxy = proxy_to(origin.address());
  Tunnel tunnel(GetParam(), proxy);
  EXPECT_EQ(tunnel.status(), 200);
  for (int i = 0; i < 20; ++i) {
    tunnel.send(1000, false);
    ASSERT_TRUE(tunnel.receives(1000));
  }
  tunnel.send(0, true);
  EXPECT_TRUE(tunnel.ends());
  ASSERT_TRUE(origin.wait_for(1));
  EXPECT_EQ(origin.last().head, "20000") << "not a byte of HTTP";
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_code=\"200\""}));
  EXPECT_EQ(proxy.metric("weft_limit_in_use"), 0);
}

TEST_P(ConnectThatEndsHere, MayBeEndedByTheCallerFirst) {
  Origin origin([](Origin& self, Wire& wire) {
    const std::string all = wire.read_all();
    self.note({.head = std::to_string(all.size()), .body = {}});
    (void)wire.send(all);
  });
  Proxy proxy = proxy_to(origin.address());
  Tunnel tunnel(GetParam(), proxy);
  EXPECT_EQ(tunnel.status(), 200);
  tunnel.send(700'000, true);
  EXPECT_TRUE(tunnel.receives(700'000));
  EXPECT_TRUE(tunnel.ends());
}

TEST_P(ConnectThatEndsHere, MayBeEndedByTheServerFirst) {
  Origin origin([](Origin& self, Wire& wire) {
    (void)wire.send(letters(5, 0, 10));
    wire.end();
    self.note({.head = std::to_string(wire.read_all().size()), .body = {}});
  });
  Proxy proxy = proxy_to(origin.address());
  Tunnel tunnel(GetParam(), proxy);
  EXPECT_EQ(tunnel.status(), 200);
  EXPECT_TRUE(tunnel.receives(10));
  EXPECT_TRUE(tunnel.ends());
  tunnel.send(500'000, true);
  EXPECT_TRUE(tunnel.has_sent(500'000));
  ASSERT_TRUE(origin.wait_for(1));
  EXPECT_EQ(origin.last().head, "500000");
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_code=\"200\""}));
}

TEST_P(ConnectThatEndsHere, IsCutWhenEitherSideBreaks) {
  Origin origin([](Origin& self, Wire& wire) {
    const std::string first = wire.read_bytes(1);
    if (first.empty()) return;
    if (self.connections() == 1) return wire.reset();
    (void)wire.read_all();
    self.note({});
  });
  Proxy proxy = proxy_to(origin.address());
  Tunnel broken(GetParam(), proxy);
  EXPECT_EQ(broken.status(), 200);
  broken.send(1, false);
  EXPECT_TRUE(broken.is_cut());
  Tunnel left(GetParam(), proxy);
  EXPECT_EQ(left.status(), 200);
  left.send(1, false);
  EXPECT_TRUE(left.has_sent(1));
  left.reset();
  EXPECT_TRUE(origin.wait_for(1));
  EXPECT_TRUE(proxy.metric_reaches(2, "weft_requests_total", {"response_code=\"200\""}));
}

TEST_P(ConnectThatEndsHere, Is503WhenNobodyAnswers) {
  ClosedPort closed;
  Proxy proxy = proxy_to(closed.address());
  Tunnel tunnel(GetParam(), proxy);
  EXPECT_EQ(tunnel.status(), 503);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_flags=\"UF\""}));
}

TEST_P(ConnectThatEndsHere, IsGivenUpWhenNothingMoves) {
  Origin origin([](Origin& self, Wire& wire) {
    (void)wire.read_all();
    self.note({});
  });
  Proxy proxy = proxy_to(origin.address(), 50ms);
  Tunnel tunnel(GetParam(), proxy);
  EXPECT_EQ(tunnel.status(), 200);
  EXPECT_TRUE(tunnel.is_cut());
  EXPECT_TRUE(origin.wait_for(1));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_flags=\"SI\""}));
}

TEST_P(ConnectThatEndsHere, AWriterThatNobodyReadsStops) {
  Origin origin([](Origin& self, Wire&) { self.wait_for_release(); });
  Proxy proxy = proxy_to(origin.address());
  if (GetParam() == By::kHttp2) {
    Http2Caller caller(proxy.dial());
    Http2Caller::Request& tunnel = caller.connect(5, "db:5432");
    tunnel.send(64 * 1024 * 1024, false);
    std::size_t before = 0;
    // Until nothing has left for a while: run_until asks again after each look at the socket.
    int quiet = 0;
    (void)caller.run_until([&] {
      quiet = tunnel.sent == before ? quiet + 1 : 0;
      before = tunnel.sent;
      return quiet > 100;
    });
    EXPECT_LT(tunnel.sent, 48U * 1024 * 1024);
  } else {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(kConnect));
    EXPECT_EQ(wire.read_message(true, true).status(), 200);
    EXPECT_LT(wire.send_until_stuck(1'000'000'000, 500ms), 64U * 1024 * 1024);
  }
  origin.release();
}

TEST(ConnectEndsHere, EarlyBytesAreHeldUntilTheAnswer) {
  Origin origin(echoes_tunnel());
  config::Route route = connect_to("db");
  forward(route).upgrades = {{.protocol = "connect", .ends_here = true}};
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("db", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kConnect + "early"));
  EXPECT_EQ(wire.read_message(true, true).status(), 200);
  EXPECT_EQ(wire.read_bytes(5), "early");
}

TEST(ConnectEndsHere, TellsAnUpstreamWhoCalls) {
  Origin origin([](Origin& self, Wire& wire) {
    self.note({.head = wire.read_to("\r\n"), .body = {}});
    (void)wire.send(letters(5, 0, 2));
  });
  config::Route route = connect_to("db");
  forward(route).upgrades = {{.protocol = "connect", .ends_here = true}};
  config::ClusterConfig db = cluster("db", {origin.address()});
  db.proxy_header = ProxyHeader::Version::kV1;
  Proxy proxy({http_listener("in", routes({route}))}, {db});
  Tunnel tunnel(By::kHttp1, proxy);
  EXPECT_EQ(tunnel.status(), 200);
  EXPECT_TRUE(tunnel.receives(2));
  EXPECT_EQ(origin.last().head.substr(0, 20), "PROXY TCP4 127.0.0.1");
}

}  // namespace
}  // namespace weft::mesh_test
