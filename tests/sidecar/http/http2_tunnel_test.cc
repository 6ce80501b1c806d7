// Upgrades and CONNECT over HTTP/2 (RFC 8441), both ends.

#include <gtest/gtest.h>

#include "tests/sidecar/http/http2_pair.h"

namespace weft::http {
namespace {

using testing::frames_of;
using testing::get;
using testing::Hearer;
using testing::Host;
using testing::Http2Pair;
using testing::kPieces;

TEST(Http2Tunnel, TunnelsAnUpgradeAsExtendedConnect) {
  Http2Pair pair;
  pair.run();  // the peer's SETTINGS say that it may
  RequestHead head = get("/chat");
  head.protocol = "websocket";
  auto asking = pair.open(head, false);
  pair.run();
  Hearer& asked = pair.requests.at(0);
  EXPECT_EQ(testing::describe(asked.request), "GET http://cart:8080/chat protocol=websocket");
  ResponseHead switching;
  switching.status = 101;
  asked.server->send_head(switching, false);
  asked.server->send_body(Buffer("hi"), false);
  asking->client->send_body(Buffer("ho"), false);
  pair.run();
  EXPECT_EQ(asking->text, "[101][body 2]");
  EXPECT_EQ(asked.text, "[body 2]");
}

RequestHead websocket() {
  RequestHead head = get("/chat");
  head.protocol = "websocket";
  head.headers.add(HeaderId::kSecWebsocketKey, "dGhlIHNhbXBsZSBub25jZQ==");
  head.headers.add(HeaderId::kSecWebsocketVersion, "13");
  return head;
}

TEST(Http2Tunnel, HoldsAnUpgradeUntilThePeerHasSaidWhatItTakes) {
  for (const std::size_t piece : kPieces) {
    Http2Pair pair({}, piece);  // no SETTINGS seen yet
    RequestHead head = websocket();
    auto asking = pair.open(head, false);
    asking->client->send_body(Buffer("early"), false);
    RequestHead other = get("/other");
    auto beside = pair.open(other);
    EXPECT_EQ(pair.client->streams(), 2U);
    pair.run();
    ASSERT_EQ(pair.requests.all.size(), 2U);
    EXPECT_EQ(testing::describe(pair.requests.at(0).request), "GET http://cart:8080/other");
    // The key is of HTTP/1 (RFC 8441 section 5).
    EXPECT_EQ(testing::describe(pair.requests.at(1).request),
              "GET http://cart:8080/chat protocol=websocket\nsec-websocket-version: 13");
    EXPECT_EQ(pair.requests.at(1).body, "early");
    EXPECT_EQ(asking->sent, 5U);
  }
}

TEST(Http2Tunnel, AnUpgradeMayBeGivenUpBeforeItIsSent) {
  for (const bool drop : {true, false}) {
    Http2Pair pair;
    RequestHead head = websocket();
    auto asking = pair.open(head, false);
    if (drop) {
      asking->client.reset();
    } else {
      asking->client->reset(ResetReason::kCancel);
    }
    pair.run();
    EXPECT_EQ(asking->text, "");
    EXPECT_TRUE(pair.requests.all.empty());
    EXPECT_EQ(pair.client->streams(), 0U);
  }
}

TEST(Http2Tunnel, RefusesAnUpgradeThatThePeerDoesNotTunnel) {
  for (const bool known : {false, true}) {
    Host host;
    const std::unique_ptr<ClientCodec> client = make_http2_client(host, {});
    Buffer settings(std::string_view("\0\0\0\4\0\0\0\0\0", 9));
    if (known) {
      ASSERT_TRUE(client->feed(settings));
    }
    Hearer hearer;
    RequestHead head = websocket();
    hearer.client = client->open(head, false, hearer);
    EXPECT_EQ(hearer.text, "");  // never from inside the call
    if (!known) {
      ASSERT_TRUE(client->feed(settings));
    }
    Buffer out;
    client->produce(out, 64 * 1024);
    EXPECT_EQ(hearer.text, "[fault method unsupported]");
    EXPECT_EQ(frames_of(out.to_string()).find("HEADERS"), std::string::npos);
    EXPECT_EQ(client->streams(), 0U);
  }
}

TEST(Http2Tunnel, AGoodAnswerThatIsNoSwitchIsNotTakenForOne) {
  Http2Pair pair;
  RequestHead head = websocket();
  auto asking = pair.open(head, false);
  pair.run();
  ResponseHead answer;
  answer.status = 204;
  pair.requests.at(0).server->send_head(answer, true);
  pair.run();
  EXPECT_EQ(asking->text, "[502 end]");
}

TEST(Http2Tunnel, EachHalfOfATunnelEndsOnItsOwn) {
  for (const bool caller_first : {true, false}) {
    Http2Pair pair;
    RequestHead head = websocket();
    auto asking = pair.open(head, false);
    pair.run();
    Hearer& asked = pair.requests.at(0);
    ResponseHead answer;
    answer.status = 101;
    asked.server->send_head(answer, false);
    const auto caller_ends = [&] {
      asking->client->send_body(Buffer("over"), true);
      pair.run();
    };
    if (caller_first) caller_ends();
    asked.server->send_body(Buffer("and out"), true);
    pair.run();
    EXPECT_EQ(asking->text, "[101][body 7 end]");
    if (!caller_first) caller_ends();
    EXPECT_EQ(asked.text, "[body 4 end]");
    EXPECT_EQ(pair.client->streams() + pair.server->streams(), 0U);
  }
}

TEST(Http2Tunnel, ATunnelCutInItsSecondHalfIsToldSo) {
  Http2Pair pair;
  RequestHead head = websocket();
  auto asking = pair.open(head, false);
  pair.run();
  ResponseHead answer;
  answer.status = 101;
  pair.requests.at(0).server->send_head(answer, false);
  pair.requests.at(0).server->send_body(Buffer("all"), true);
  pair.run();
  pair.requests.at(0).server->reset(ResetReason::kCancel);
  pair.run();
  EXPECT_EQ(asking->text, "[101][body 3 end][fault reset]");
}

TEST(Http2Tunnel, CarriesAPlainConnect) {
  Http2Pair pair;
  RequestHead head;
  head.method = Method::kConnect;
  head.method_name = "CONNECT";
  head.authority = "db:5432";
  head.target = {};
  auto asking = pair.open(head, false);
  pair.run();
  EXPECT_EQ(pair.requests.at(0).request.method, Method::kConnect);
  EXPECT_EQ(pair.requests.at(0).request.authority, "db:5432");
  EXPECT_EQ(pair.requests.at(0).request.target, "");
}

}  // namespace
}  // namespace weft::http
