// What a connection speaks, found out without ever making it stand still (behaviour.md 8).

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// HTTP has a chain of its own, everything else is carried as bytes.
config::ListenerConfig guessing(Duration patience) {
  config::ListenerConfig listener = http_listener("in", routes({to("/", "web")}));
  listener.chains.front().match.application_protocols = {"http/1.1", "h2c"};
  listener.default_chain =
      std::make_shared<const config::FilterChain>(tcp_listener("x", "bytes").chains.front());
  listener.sniff_http = true;
  listener.sniff_timeout = patience;
  listener.go_on_after_sniff_timeout = true;
  return listener;
}

// MySQL, SMTP, SSH: the server speaks first.
Origin::Serve greets() {
  return [](Origin&, Wire& wire) {
    if (!wire.send("220 ready\r\n")) return;
    const std::string said = wire.read_to("\r\n");
    (void)wire.send("250 " + said);
  };
}

struct Detection : public ::testing::Test {
  Origin web;
  Origin bytes{greets()};
  Proxy start(Duration patience) {
    return Proxy({guessing(patience)},
                 {cluster("web", {web.address()}), cluster("bytes", {bytes.address()})});
  }
  static Clock::duration greeted(Proxy& proxy) {
    const auto begin = Clock::now();
    Wire wire = proxy.dial();
    EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
    const auto took = Clock::now() - begin;
    EXPECT_TRUE(wire.send("EHLO\r\n"));
    EXPECT_EQ(wire.read_all(), "250 EHLO\r\n");
    return took;
  }
};

TEST_F(Detection, OnlyTheFirstCallerOfAServerThatSpeaksFirstWaits) {
  // So long that nobody who waited it out could be taken for one who did not.
  Proxy proxy = start(2s);
  EXPECT_GE(greeted(proxy), 2s);
  for (int i = 0; i < 3; ++i) EXPECT_LT(greeted(proxy), 1s);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "timeout"}), 1);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "remembered"}), 3);
}

TEST_F(Detection, WhoSpeaksIsHeardAlsoWhereSilenceIsExpected) {
  Proxy proxy = start(200ms);
  (void)greeted(proxy);
  EXPECT_EQ(ask(proxy, "/").body, "ok");
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"http1", "sniffed"}), 1);
  EXPECT_GE(greeted(proxy), 200ms) << "a destination that speaks HTTP is worth the wait again";
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "timeout"}), 2);
}

TEST_F(Detection, EveryGuessIsCounted) {
  Proxy proxy = start(10s);
  EXPECT_EQ(ask(proxy, "/").body, "ok");
  for (const std::string& first :
       {std::string("\x01\x02"), std::string("\x16\x03\x01\x01\x01\x01")}) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(first));
    EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  }
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"http1", "sniffed"}), 1);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "sniffed"}), 1);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tls", "sniffed"}), 1);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total"), 3) << "each connection once";
}

TEST_F(Detection, TooLittleToTellIsCarriedOnAtTheDeadline) {
  Origin echo([](Origin&, Wire& wire) { (void)wire.send(wire.read_bytes(2)); });
  Proxy proxy({guessing(50ms)},
              {cluster("web", {web.address()}), cluster("bytes", {echo.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GE"));  // may be HTTP yet
  EXPECT_EQ(wire.read_all(), "GE");
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "timeout"}), 1);
}

TEST_F(Detection, TooLittleToTellThatEndsIsCarriedOnWithItsEnd) {
  Origin echo([](Origin&, Wire& wire) { (void)wire.send("heard " + wire.read_all()); });
  Proxy proxy({guessing(10s)},
              {cluster("web", {web.address()}), cluster("bytes", {echo.address()})});
  for (const char* said : {"G", "who", "\x16\x03"}) {
    Wire wire = proxy.dial();
    ASSERT_TRUE(wire.send(said));
    wire.end();
    EXPECT_EQ(wire.read_all(), std::string("heard ") + said);
  }
  Wire nothing = proxy.dial();
  nothing.end();
  EXPECT_EQ(nothing.read_all(), "") << "a probe";
}

TEST_F(Detection, WhereNoChainAsksNobodyWaits) {
  config::ListenerConfig listener = tcp_listener("in", "bytes");
  listener.sniff_http = listener.sniff_tls = true;
  listener.sniff_timeout = 10s;
  Proxy proxy({listener}, {cluster("bytes", {bytes.address()})});
  EXPECT_LT(greeted(proxy), 5s);
  EXPECT_EQ(proxy.metric("weft_protocol_detected_total", {"tcp", "declared"}), 1);
}

TEST_F(Detection, ZeroMeansNoLimit) {
  config::ListenerConfig listener = guessing(0s);
  Proxy proxy({listener}, {cluster("web", {web.address()}), cluster("bytes", {bytes.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(proxy, "/").body, "ok") << "others are served meanwhile";
  EXPECT_EQ(ask(wire, "/").body, "ok") << "and the silent one was waited for";
}

}  // namespace
}  // namespace weft::mesh_test
