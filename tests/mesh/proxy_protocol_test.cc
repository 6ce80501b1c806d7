// The PROXY protocol through a whole proxy: believed where it was configured, nowhere else.

#include <gtest/gtest.h>

#include "sidecar/core/proxy_header.h"
#include "tests/mesh/log_file.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

const std::string kCaller = "PROXY TCP4 192.0.2.7 198.51.100.2 4321 80\r\n";
const std::string kCallerV2 =
    "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x02\x10\xe1\0\x50"s;

// Sends back what it was sent, until the caller ends.
Origin::Serve echoes_bytes() {
  return [](Origin& self, Wire& wire) {
    const std::string all = wire.read_all();
    self.note({.head = all, .body = {}});
    (void)wire.send(all);
  };
}

std::string through(Wire wire, const std::string& bytes) {
  if (!wire.send(bytes)) return "refused";
  wire.end();
  return wire.read_all();
}

TEST(ProxyProtocol, ThePeerThatIsToldIsThePeerInTheLog) {
  LogFile log;
  Origin origin(echoes_bytes());
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol.emplace();
  std::get<config::TcpSettings>(listener.chains.front().what).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  EXPECT_EQ(through(proxy.dial(), kCaller + "hello"), "hello");
  EXPECT_EQ(through(proxy.dial(), kCallerV2), "");
  EXPECT_EQ(through(proxy.dial(), "PROXY UNKNOWN\r\nwho?"), "who?");
  Wire slow = proxy.dial();
  for (const char byte : kCallerV2 + "in pieces") ASSERT_TRUE(slow.send({&byte, 1}));
  EXPECT_EQ(through(std::move(slow), ""), "in pieces");
  EXPECT_EQ(proxy.metric("weft_proxy_headers_total", {"v1"}), 2);
  EXPECT_EQ(proxy.metric("weft_proxy_headers_total", {"v2"}), 2);
  proxy.drain();
  proxy.end();
  const std::string lines = log.text();
  std::size_t told = 0;
  for (std::size_t at = 0; (at = lines.find("192.0.2.7:4321", at)) != std::string::npos; ++at)
    ++told;
  EXPECT_EQ(told, 3U) << lines;
}

TEST(ProxyProtocol, HttpIsServedBehindIt) {
  LogFile log;
  Origin origin;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  listener.proxy_protocol.emplace();
  http_of(listener).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kCallerV2));
  EXPECT_EQ(ask(wire, "/one").status(), 200);
  EXPECT_EQ(ask(wire, "/two").status(), 200) << "the header comes once";
  wire = Wire();
  proxy.drain();
  proxy.end();
  EXPECT_NE(log.text().find("192.0.2.7:4321"), std::string::npos) << log.text();
}

TEST(ProxyProtocol, ChainsAreChosenByWhatIsTold) {
  Origin origin(echoes_bytes());
  Origin other([](Origin&, Wire& wire) { (void)wire.send("the other"); });
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol.emplace();
  config::FilterChain chain = tcp_listener("x", "other").chains.front();
  chain.match.source_prefixes = {Cidr::parse("192.0.2.0/24").value()};
  listener.chains.push_back(chain);
  chain.match = {.destination_port = 81};
  listener.chains.push_back(chain);
  Proxy proxy({listener},
              {cluster("cart", {origin.address()}), cluster("other", {other.address()})});
  EXPECT_EQ(through(proxy.dial(), kCaller), "the other");
  EXPECT_EQ(through(proxy.dial(), "PROXY TCP4 192.0.3.7 198.51.100.2 4321 80\r\nhello"), "hello");
  EXPECT_EQ(through(proxy.dial(), "PROXY TCP4 192.0.3.7 198.51.100.2 4321 81\r\n"), "the other");
}

TEST(ProxyProtocol, WithoutAHeaderNobodyComesIn) {
  Origin origin(echoes_bytes());
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol.emplace();
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  EXPECT_EQ(through(proxy.dial(), "hello"), "");
  EXPECT_EQ(through(proxy.dial(), "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\nhello"), "");
  EXPECT_EQ(through(proxy.dial(), kCaller.substr(0, 20)), "");
  EXPECT_EQ(proxy.metric("weft_proxy_headers_total", {"absent"}), 1);
  EXPECT_EQ(proxy.metric("weft_proxy_headers_total", {"malformed"}), 2);
  EXPECT_EQ(origin.connections(), 0U) << "not a byte reached the upstream";
}

TEST(ProxyProtocol, WhereItMayBeMissingACallerSpeaksForItself) {
  Origin origin(echoes_bytes());
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol = {.required = false, .v2 = false};
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  EXPECT_EQ(through(proxy.dial(), "hello"), "hello");
  EXPECT_EQ(through(proxy.dial(), "POST?"), "POST?");
  EXPECT_EQ(through(proxy.dial(), kCaller + "hello"), "hello");
  EXPECT_EQ(through(proxy.dial(), kCallerV2 + "hello"), "") << "this version is not allowed";
}

// What an origin was sent before it answers "heard".
Origin::Serve hears() {
  return [](Origin& self, Wire& wire) {
    self.note({.head = wire.read_all(), .body = {}});
    (void)wire.send("heard");
  };
}

TEST(ProxyProtocol, AnUpstreamIsToldWhoCalls) {
  Origin origin(hears());
  config::ClusterConfig told = cluster("cart", {origin.address()});
  told.proxy_header = ProxyHeader::Version::kV1;
  Proxy proxy({tcp_listener("in", "cart")}, {told});
  EXPECT_EQ(through(proxy.dial(), "hello"), "heard");
  const std::string line = origin.last().head;
  EXPECT_TRUE(line.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 ")) << line;
  EXPECT_TRUE(line.ends_with(" " + std::to_string(proxy.port()) + "\r\nhello")) << line;
}

TEST(ProxyProtocol, AnUpstreamIsToldBeforeTheCallerHasSaidAnything) {
  Origin origin([](Origin&, Wire& wire) { (void)wire.send(wire.read_to("\r\n")); });
  config::ClusterConfig told = cluster("cart", {origin.address()});
  told.proxy_header = ProxyHeader::Version::kV1;
  Proxy proxy({tcp_listener("in", "cart")}, {told});
  EXPECT_TRUE(proxy.dial().read_to("\r\n").starts_with("PROXY TCP4 127.0.0.1 "));
}

TEST(ProxyProtocol, WhatOneVersionToldTheOtherPassesOn) {
  Origin origin(hears());
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol.emplace();
  config::ClusterConfig told = cluster("cart", {origin.address()});
  told.proxy_header = ProxyHeader::Version::kV2;
  Proxy proxy({listener}, {told});
  EXPECT_EQ(through(proxy.dial(), kCaller + "hello"), "heard");
  EXPECT_EQ(origin.last().head, kCallerV2 + "hello");
}

TEST(ProxyProtocol, TheHeaderStandsOutsideOfTls) {
  const Authority authority("cluster.local");
  Origin origin(echoes_bytes());
  config::ListenerConfig inner = tcp_listener("in", "app");
  inner.chains.front().tls = inbound(authority.material("server")).chains.front().tls;
  inner.proxy_protocol.emplace();
  LogFile log;
  std::get<config::TcpSettings>(inner.chains.front().what).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy server({inner}, {cluster("app", {origin.address()})});
  config::ClusterConfig remote = to_server(authority.material("client"), server.address());
  remote.http.protocol = config::UpstreamHttp::Protocol::kHttp1;
  remote.proxy_header = ProxyHeader::Version::kV2;
  config::ListenerConfig outer = tcp_listener("in", "server");
  outer.proxy_protocol.emplace();
  Proxy client({outer}, {remote});
  EXPECT_EQ(through(client.dial(), kCaller + "hello"), "hello");
  server.drain();
  server.end();
  EXPECT_NE(log.text().find("192.0.2.7:4321"), std::string::npos) << log.text();
  EXPECT_NE(log.text().find("sa/client"), std::string::npos) << log.text();
}

TEST(ProxyProtocol, HttpIsNotSentToAClusterThatNamesOneCaller) {
  Origin origin;
  config::ClusterConfig told = cluster("cart", {origin.address()});
  told.proxy_header = ProxyHeader::Version::kV1;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {told});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(origin.connections(), 0U);
}

// threats.md SL-05.
TEST(ProxyProtocol, HalfAHeaderIsWaitedForAsLongAsTheDeadlineSays) {
  Origin origin(echoes_bytes());
  config::ListenerConfig listener = tcp_listener("in", "cart");
  listener.proxy_protocol = {.required = false};
  listener.sniff_timeout = 100ms;
  // Going on without knowing is for silence, not for half a header.
  listener.go_on_after_sniff_timeout = true;
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  std::vector<Wire> halves;
  for (const std::string& half : {kCaller.substr(0, 30), kCallerV2.substr(0, 15), "P"s}) {
    halves.push_back(proxy.dial());
    ASSERT_TRUE(halves.back().send(half));
  }
  EXPECT_EQ(through(proxy.dial(), kCaller + "a bystander"), "a bystander");
  for (Wire& half : halves) EXPECT_EQ(half.read_all(), "");
  EXPECT_TRUE(proxy.metric_reaches(3, "weft_proxy_headers_total", {"timeout"}));
  EXPECT_EQ(origin.connections(), 1U);
}

// threats.md RB-04.
TEST(ProxyProtocol, AListenerThatDoesNotExpectOneTakesItForBadHttp) {
  Origin origin;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  for (const std::string& header : {kCaller, kCallerV2}) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(header + "GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
    EXPECT_EQ(wire.read_message(true).status(), 400);
    EXPECT_EQ(wire.read_all(), "");
  }
  EXPECT_EQ(origin.requests(), 0U);
}

}  // namespace
}  // namespace weft::mesh_test
