// The rows of threats.md 3.1 that need both sides of a whole proxy: what a client and an origin try
// on each other through it, byte for byte on either socket; and that what is refused is counted.
//
// The whole table, at every split, is tests/sidecar/http/http1_threats_test.cc.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::string_literals;

const std::string kNext = "GET /next HTTP/1.1\r\nhost: shop\r\n\r\n";
const std::string kOkAnswer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

Proxy proxy_to(const Origin& origin) {
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).upgrades = {"websocket"};
  return Proxy({listener}, {cluster("cart", {origin.address()})});
}

// Notes every request, and answers the first one with these bytes and the rest as usual.
Origin::Serve answers_first(std::string answer) {
  return [answer = std::move(answer)](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      origin.note(request);
      if (!wire.send(origin.requests() == 1 ? answer : kOkAnswer)) return;
    }
  };
}

TEST(Smuggling, H1_12_ABodyOfAGetNeverBecomesARequest) {
  for (const char* method : {"GET", "OPTIONS", "DELETE"}) {
    Origin origin(Origin::echoes());
    Proxy proxy = proxy_to(origin);
    Wire wire = proxy.dial();
    const std::string evil = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
    std::string both = method;
    both.append(" /a HTTP/1.1\r\nhost: shop\r\ncontent-length: 31\r\n\r\n")
        .append(evil)
        .append(kNext);
    ASSERT_TRUE(wire.send(both));
    EXPECT_EQ(wire.read_message(true).body, evil) << method;
    EXPECT_EQ(wire.read_message(true).status(), 200);
    EXPECT_EQ(origin.requests(), 2U);
    EXPECT_EQ(origin.last().target(), "/next");
  }
}

TEST(Smuggling, H1_13_AFinalAnswerInsteadOfContinueEndsBothConnections) {
  Origin origin([](Origin& self, Wire& wire) {
    Wire::Message request;
    request.head = wire.read_to("\r\n\r\n");
    if (request.head.empty()) return;
    self.note(request);
    (void)wire.send("HTTP/1.1 417 X\r\ncontent-length: 0\r\n\r\n");
    // Whatever comes now on this connection would be read as a request.
    Wire::Message more;
    more.head = wire.read_all();
    if (!more.head.empty()) self.note(more);
  });
  Proxy proxy = proxy_to(origin);
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(
      "POST /a HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 31\r\n\r\n"));
  const Wire::Message answer = wire.read_message(true);
  EXPECT_EQ(answer.status(), 417);
  EXPECT_EQ(answer.field("connection"), "close");
  (void)wire.send("GET /evil HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_EQ(ask(proxy, "/again").status(), 417);
  EXPECT_EQ(origin.requests(), 2U) << origin.last().head;
  EXPECT_EQ(origin.connections(), 2U);
}

TEST(Smuggling, H1_13_TheContinueIsTheOrigins) {
  Origin origin([](Origin& self, Wire& wire) {
    Wire::Message request;
    request.head = wire.read_to("\r\n\r\n");
    if (request.head.empty() || !wire.send("HTTP/1.1 100 Continue\r\n\r\n")) return;
    request.body = wire.read_bytes(5);
    self.note(std::move(request));
    (void)wire.send(kOkAnswer);
  });
  Proxy proxy = proxy_to(origin);
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(
      "POST /a HTTP/1.1\r\nhost: shop\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n"));
  EXPECT_EQ(wire.read_to("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(wire.send("hello"));
  EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(origin.last().body, "hello");
}

const std::string kUpgrade =
    "GET /chat HTTP/1.1\r\nhost: shop\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

TEST(Smuggling, H1_17_EarlyBytesAreHeldUntilTheSwitch) {
  Origin origin([](Origin& self, Wire& wire) {
    Wire::Message request;
    request.head = wire.read_to("\r\n\r\n");
    self.note(request);
    self.wait_for_release();
    (void)wire.send("HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
    (void)wire.send(wire.read_bytes(5) + "!");
  });
  Proxy proxy = proxy_to(origin);
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kUpgrade + "early"));
  ASSERT_TRUE(origin.wait_for(1));
  origin.release();
  EXPECT_TRUE(wire.read_to("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  EXPECT_EQ(wire.read_all(), "early!");
  wire.end();
}

TEST(Smuggling, H1_17_AnAnswerThatIsNoSwitchLeavesARequestBehind) {
  Origin origin(answers_first(kOkAnswer));
  Proxy proxy = proxy_to(origin);
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(kUpgrade + kNext));
  EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(origin.last().target(), "/next");
  EXPECT_EQ(origin.requests(), 2U);
  EXPECT_EQ(origin.connections(), 2U) << "what was offered for a switch is not used again";
}

TEST(Smuggling, H1_18_AnotherHttpIsNotOffered) {
  Origin origin;
  Proxy proxy = proxy_to(origin);
  EXPECT_EQ(ask(proxy, "/",
                "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA\r\n")
                .status(),
            200);
  EXPECT_EQ(origin.last().field("upgrade") + origin.last().field("http2-settings") +
                origin.last().field("connection"),
            "");
}

TEST(Smuggling, H1_19_WhatConnectionNominatesIsGoneAndOurOwnIsStillWritten) {
  Origin origin;
  Proxy proxy = proxy_to(origin);
  EXPECT_EQ(
      ask(proxy, "/",
          "connection: x-forwarded-for, x-mesh-identity, authorization, x-request-id, "
          "traceparent\r\n"
          "x-mesh-identity: me\r\nauthorization: b\r\nx-request-id: mine\r\nx-weft-peer: me\r\n"
          "x_weft_peer: me\r\n")
          .status(),
      200);
  const Wire::Message seen = origin.last();
  EXPECT_EQ(seen.field("x-mesh-identity") + seen.field("authorization") + seen.field("connection") +
                seen.field("x-weft-peer") + seen.field("x_weft_peer"),
            "");
  EXPECT_NE(seen.field("x-request-id"), "");
  EXPECT_NE(seen.field("x-request-id"), "mine");
}

TEST(Smuggling, H1_20_TenThousandPipelinedRequestsAreAnsweredInOrder) {
  Origin origin(Origin::echoes());
  Proxy proxy = proxy_to(origin);
  Wire wire = proxy.dial();
  constexpr int kCount = 10'000;
  std::thread sender([&wire] {
    for (int i = 0; i < kCount; ++i) {
      const std::string body = std::to_string(i);
      std::string request = "PUT /";
      request.append(body).append(" HTTP/1.1\r\nhost: shop\r\ncontent-length: ");
      request.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
      if (!wire.send(request)) return;
    }
  });
  int wrong = 0;
  for (int i = 0; i < kCount; ++i)
    wrong += wire.read_message(true).body == std::to_string(i) ? 0 : 1;
  sender.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(origin.connections(), 1U);
}

TEST(Smuggling, H1_21_WhatFollowsAnAnswerIsNobodysAnswer) {
  const std::string evil = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
  for (const std::string& answer :
       {kOkAnswer + evil, "HTTP/1.1 204 X\r\n\r\n" + evil,
        "HTTP/1.1 304 X\r\ncontent-length: 4\r\n\r\nevil" + evil,
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" + evil}) {
    Origin origin(answers_first(answer));
    Proxy proxy = proxy_to(origin);
    Wire wire = proxy.dial();
    EXPECT_EQ(ask(wire, "/1").status() / 100, answer.starts_with("HTTP/1.1 3") ? 3 : 2);
    EXPECT_EQ(ask(wire, "/2").body, "ok") << answer;
    EXPECT_EQ(origin.connections(), 2U) << answer;
  }
}

TEST(Smuggling, H1_21_AnswersThatAreNoneAre502AndCounted) {
  for (const std::string& answer :
       {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok"s,
        "HTTP/1.1 200 OK\ncontent-length: 2\r\n\r\nok"s,
        "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"s,
        "HTTP/1.1 200 OK\r\nx: "s + std::string(1024 * 1024, 'x') + "\r\n\r\n",
        "HTTP/2.0 200 OK\r\ncontent-length: 2\r\n\r\nok"s, "SSH-2.0-x\r\n"s}) {
    Origin origin(answers_first(answer));
    Proxy proxy = proxy_to(origin);
    Wire wire = proxy.dial();
    EXPECT_EQ(ask(wire, "/1", {}, "POST", "x").status(), 502) << answer.substr(0, 100);
    EXPECT_EQ(ask(wire, "/2").status(), 200);
    EXPECT_EQ(origin.connections(), 2U);
    EXPECT_TRUE(proxy.metric_reaches(1, "weft_attempts_total", {"protocol_error"}))
        << answer.substr(0, 100);
  }
}

// One request for each class that is refused: the answer, and the counter that rises.
TEST(Smuggling, WhatIsRefusedIsCountedByItsReason) {
  Origin origin;
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  http_of(listener).timeouts.head = std::chrono::milliseconds(50);
  Proxy proxy({listener}, {cluster("cart", {origin.address()})});
  const auto refused = [&proxy](const std::string& text) {
    Wire wire = proxy.dial();
    EXPECT_TRUE(wire.send(text));
    const int status = wire.read_message(true).status();
    EXPECT_EQ(wire.read_all(), "");
    return status;
  };
  const std::string family = "weft_downstream_connections_ended_total";
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n"), 400);
  EXPECT_TRUE(proxy.metric_reaches(1, family, {"\"protocol\""}));
  EXPECT_EQ(refused("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n+5\r\n"), 400);
  EXPECT_TRUE(proxy.metric_reaches(2, family, {"\"protocol\""}));
  EXPECT_EQ(refused("GET /" + std::string(64 * 1024, 'x')), 414);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nx: " + std::string(64 * 1024, 'x')), 431);
  EXPECT_TRUE(proxy.metric_reaches(2, family, {"\"too_large\""}));
  EXPECT_EQ(refused("GET / HTTP/3.0\r\nhost: a\r\n\r\n"), 505);
  EXPECT_TRUE(proxy.metric_reaches(1, family, {"\"unsupported\""}));
  EXPECT_EQ(refused("GET / HTTP/1.1\r\nhost"), 408);
  EXPECT_TRUE(proxy.metric_reaches(1, family, {"\"too_slow\""}));
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(origin.requests(), 1U) << "nothing of all that went on";
}

}  // namespace
}  // namespace weft::mesh_test
