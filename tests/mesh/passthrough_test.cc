// TLS that a proxy passes on unopened, by the name that its ClientHello asks for. The clients and
// servers on both sides of it are sidecars with real TLS.

#include <gtest/gtest.h>

#include "sidecar/bootstrap.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

// caller -> client sidecar (TLS, a server name) -> the one in the middle -> server sidecar ->
// origin
struct Passthrough : public ::testing::Test {
  Authority authority{"cluster.local"};
  Origin cart{Origin::replies(200, "cart")};
  Origin shop{Origin::replies(200, "shop")};
  Origin rest{Origin::replies(200, "rest")};
  Proxy cart_server{{inbound(authority.material("server"))}, {cluster("app", {cart.address()})}};
  Proxy shop_server{{inbound(authority.material("server"))}, {cluster("app", {shop.address()})}};
  Proxy rest_server{{inbound(authority.material("server"))}, {cluster("app", {rest.address()})}};
  Proxy middle{{router()},
               {cluster("cart", {cart_server.address()}), cluster("shop", {shop_server.address()}),
                cluster("rest", {rest_server.address()})}};

  static config::FilterChain by_name(std::string name, config::ChainMatch match) {
    config::FilterChain chain = tcp_listener("x", std::move(name)).chains.front();
    chain.match = std::move(match);
    return chain;
  }
  static config::ListenerConfig router() {
    config::ListenerConfig listener = tcp_listener("in", "rest");
    listener.sniff_tls = true;
    listener.sniff_timeout = 10s;
    listener.chains = {by_name("cart", {.server_names = {"cart.shop.example"}}),
                       by_name("shop", {.server_names = {"*.shop.example"}}),
                       by_name("rest", {.transport_protocol = "tls"})};
    return listener;
  }
  [[nodiscard]] std::string answer(const std::string& server_name) {
    config::ClusterConfig remote = to_server(authority.material("client"), middle.address());
    remote.tls->settings.server_name = server_name;
    Proxy client({outbound()}, {remote});
    const Wire::Message message = ask(client, "/");
    return std::to_string(message.status()) + " " + message.body;
  }
};

TEST_F(Passthrough, GoesWhereTheNameSays) {
  EXPECT_EQ(answer("cart.shop.example"), "200 cart");
  EXPECT_EQ(answer("Cart.Shop.Example"), "200 cart") << "names have no case";
  EXPECT_EQ(answer("web.shop.example"), "200 shop");
  EXPECT_EQ(answer("a.b.shop.example"), "200 shop");
  EXPECT_EQ(answer("shop.example"), "200 rest");
  EXPECT_EQ(answer(""), "200 rest") << "no name is asked for";
  EXPECT_EQ(cart.requests(), 2U);
  EXPECT_EQ(middle.metric("weft_handshakes_total"), 0) << "the one in the middle opens nothing";
  EXPECT_EQ(middle.metric("weft_protocol_detected_total", {"tls", "sniffed"}), 6);
}

TEST_F(Passthrough, ItIsTheServersCertificateThatTheClientJudges) {
  config::ClusterConfig remote = to_server(authority.material("client"), middle.address());
  remote.tls->settings.server_name = "cart.shop.example";
  remote.tls->settings.peer_names.front().value = "spiffe://cluster.local/ns/shop/sa/somebody";
  Proxy client({outbound()}, {remote});
  EXPECT_EQ(ask(client, "/").status(), 503);
  EXPECT_TRUE(client.metric_reaches(1, "weft_handshakes_total", {"client", "identity"}));
}

// A ClientHello as a browser sends it: GREASE, an encrypted hello of 300 bytes, key shares that
// fill it beyond one segment. The bytes go on as they came.
std::string number(std::size_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>((value >> (8 * i)) & 255U);
  return bytes;
}
std::string vector(const std::string& body, int length_size) {
  return number(body.size(), length_size) + body;
}
std::string extension(std::size_t type, const std::string& body) {
  return number(type, 2) + vector(body, 2);
}
std::string hello(const std::string& name) {
  std::string extensions = extension(0x2a2a, "");
  if (!name.empty()) {
    extensions += extension(0, vector(std::string(1, '\0') + vector(name, 2), 2));
  }
  extensions += extension(0xfe0d, std::string(300, 'e'));
  extensions += extension(51, std::string(1200, 'k'));
  extensions += extension(16, vector(vector("\x6a\x6a", 1) + vector("h2", 1), 2));
  extensions += extension(0x8a8a, std::string(1, '\0'));
  const std::string body = "\x03\x03" + std::string(32, 'r') + vector("", 1) +
                           vector("\x7a\x7a\x13\x01", 2) + vector(std::string(1, '\0'), 1) +
                           vector(extensions, 2);
  const std::string message = "\x01" + vector(body, 3);
  // Two records, as one that is too long for its sender's buffer.
  return "\x16\x03\x01" + vector(message.substr(0, 700), 2) + "\x16\x03\x01" +
         vector(message.substr(700), 2);
}

// Answers with its name and how much it was sent.
Origin::Serve counts(std::string name) {
  return [name](Origin& self, Wire& wire) {
    self.note({.head = wire.read_all(), .body = {}});
    (void)wire.send(name);
  };
}

TEST(PassthroughBytes, AHelloInManySegmentsGoesOnAsItCame) {
  Origin cart(counts("cart"));
  Origin rest(counts("rest"));
  config::ListenerConfig listener = tcp_listener("in", "rest");
  listener.chains.push_back(Passthrough::by_name("cart", {.server_names = {"cart.shop.example"}}));
  Proxy proxy({listener}, {cluster("cart", {cart.address()}), cluster("rest", {rest.address()})});
  for (const std::size_t piece : {1U, 7U, 700U, 100'000U}) {
    Wire wire = proxy.dial();
    const std::string bytes = hello("cart.shop.example") + "and on";
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(wire.send(std::string_view(bytes).substr(at, piece)));
    }
    wire.end();
    EXPECT_EQ(wire.read_all(), "cart") << piece;
    EXPECT_EQ(cart.last().head, bytes);
  }
  for (const std::string& bytes : {hello(""), hello("elsewhere.example"), std::string("plain"),
                                   std::string("GET / HTTP/1.1\r\n\r\n")}) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(bytes));
    wire.end();
    EXPECT_EQ(wire.read_all(), "rest");
    EXPECT_EQ(rest.last().head, bytes);
  }
}

TEST(PassthroughBytes, ABrokenHelloIsRefused) {
  Origin cart(counts("cart"));
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.chains.front().match.server_names = {"cart.shop.example"};
  Proxy proxy({listener}, {cluster("cart", {cart.address()})});
  std::string twice = hello("cart.shop.example");
  twice[6] = '\x7f';  // the message claims eight megabytes
  for (const std::string& bytes : {twice, hello("other.example"), std::string("plain")}) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(bytes));
    EXPECT_EQ(wire.read_all(), "");
  }
  EXPECT_EQ(cart.connections(), 0U);
}

// threats.md SL-05.
TEST(PassthroughBytes, HalfAHelloIsWaitedForAsLongAsTheDeadlineSays) {
  Origin cart(counts("cart"));
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.chains.front().match.server_names = {"cart.shop.example"};
  listener.sniff_timeout = 100ms;
  Proxy proxy({listener}, {cluster("cart", {cart.address()})});
  Wire half = proxy.dial();
  ASSERT_TRUE(half.send(hello("cart.shop.example").substr(0, 900)));
  EXPECT_EQ(half.read_all(), "");
  EXPECT_EQ(cart.connections(), 0U);
}

// The example as it stands, but for the ports, which others may hold.
TEST(Examples, SidecarPassthroughGoesByNameAndTellsTheServerWhoCalls) {
  Result<sidecar::Start> start = sidecar::load_start(
      {.config_file = WEFT_SOURCE_DIR "/k8s/examples/sidecar-passthrough.yaml"});
  ASSERT_TRUE(start.has_value()) << start.error().detail;
  Origin cart(counts("cart"));
  Origin shop(counts("shop"));
  start->admin = SocketAddress();
  ASSERT_EQ(start->listeners.size(), 1U);
  start->listeners[0].address = SocketAddress(start->listeners[0].address.ip(), 0);
  for (config::ClusterConfig& one : start->clusters) {
    auto endpoints = std::make_shared<config::EndpointSet>(*one.inline_endpoints);
    endpoints->endpoints.at(0).address = (one.name == "cart" ? cart : shop).address();
    one.inline_endpoints = std::move(endpoints);
  }
  Proxy proxy(*start);
  const std::string line = "PROXY TCP4 192.0.2.7 198.51.100.2 4321 443\r\n";
  const auto answer = [&](const std::string& bytes) {
    Wire wire = proxy.dial();
    EXPECT_TRUE(wire.send(bytes));
    wire.end();
    return wire.read_all();
  };
  EXPECT_EQ(answer(line + hello("cart.shop.example")), "cart");
  EXPECT_EQ(cart.last().head, std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
                                          "\xc0\0\x02\x07\xc6\x33\x64\x02\x10\xe1\x01\xbb",
                                          28) +
                                  hello("cart.shop.example"));
  EXPECT_EQ(answer(line + hello("web.shop.example")), "shop");
  EXPECT_EQ(shop.last().head, hello("web.shop.example"));
  EXPECT_EQ(answer(hello("cart.shop.example")), "") << "the load balancer's header is missing";
}

}  // namespace
}  // namespace weft::mesh_test
