// What the HTTP/1 client codec writes, and what it makes of what origins send (threats.md H1-21
// above all).

#include "sidecar/http/http1_client.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/http/websocket.h"
#include "tests/sidecar/http/http1_talk.h"

namespace weft::http {
namespace {

using testing::Pieces;
using namespace std::string_literals;

// Transcript of an origin that sends `text` to whoever asked with `method`.
std::string answered(std::string_view text, Method method = Method::kGet,
                     bool then_closes = false) {
  return testing::at_every_split(
      text,
      [&](const Pieces& pieces) {
        ClientTalk client;
        (void)client.ask(ClientTalk::head(method));
        client.feed(pieces);
        if (then_closes) client.feed_end();
        return client.transcript() + (client.client->available() == 1 ? "reusable\n" : "");
      },
      text.size() > 200 ? 0 : 64);
}

std::string ok(std::string_view fields, std::string_view body = {}) {
  return "HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

// ---- requests ----

TEST(Http1Client, WritesARequestWithoutBody) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kGet, "/items?id=1");
  head.headers.add("User-Agent", "curl/8");
  head.headers.add("te", "trailers");
  EXPECT_EQ(client.ask(head),
            "GET /items?id=1 HTTP/1.1\r\nhost: cart:80\r\nUser-Agent: curl/8\r\nte: "
            "trailers\r\nconnection: te\r\n\r\n");
}

TEST(Http1Client, NothingInAHeadContradictsTheFraming) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kGet);
  for (const char* name : {"Host", "Connection", "Keep-Alive", "Proxy-Connection",
                           "Transfer-Encoding", "Upgrade", "Content-Length", "HTTP2-Settings"}) {
    head.headers.add(name, "evil");
  }
  EXPECT_EQ(client.ask(head), "GET / HTTP/1.1\r\nhost: cart:80\r\n\r\n");
}

TEST(Http1Client, SaysThatAPostHasNoBody) {
  ClientTalk client;
  EXPECT_EQ(client.ask(ClientTalk::head(Method::kPost)),
            "POST / HTTP/1.1\r\nhost: cart:80\r\ncontent-length: 0\r\n\r\n");
}

TEST(Http1Client, WritesABodyByLength) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kPost);
  head.content_length = 5;
  EXPECT_EQ(client.ask(head, false),
            "POST / HTTP/1.1\r\nhost: cart:80\r\ncontent-length: 5\r\n\r\n");
  client.request_stream->send_body(Buffer("he"), false);
  EXPECT_EQ(client.request_stream->buffered(), 2U);
  client.turn();
  client.request_stream->send_body(Buffer("llo, and too much"), true);
  client.turn();
  EXPECT_EQ(client.take_wire(), "hello");
  EXPECT_EQ(client.sent(), 19U);  // what was cut off is done with as well
}

TEST(Http1Client, WritesChunksAndTrailers) {
  ClientTalk client;
  EXPECT_EQ(client.ask(ClientTalk::head(Method::kPost), false),
            "POST / HTTP/1.1\r\nhost: cart:80\r\ntransfer-encoding: chunked\r\n\r\n");
  client.request_stream->send_body(Buffer("hello"), false);
  client.request_stream->send_body(Buffer(", world of chunks"), false);
  client.turn();
  EXPECT_EQ(client.take_wire(), "16\r\nhello, world of chunks\r\n");
  EXPECT_EQ(client.sent(), 22U);
  Headers trailers;
  trailers.add("x-sum", "7");
  trailers.add("content-length", "7");
  client.request_stream->send_trailers(trailers);
  client.turn();
  EXPECT_EQ(client.take_wire(), "0\r\nx-sum: 7\r\n\r\n");
}

TEST(Http1Client, AChunkIsNeverLargerThanTheRoomThereIs) {
  ClientTalk client;
  client.produce_room = 10;
  (void)client.ask(ClientTalk::head(Method::kPost), false);
  client.request_stream->send_body(Buffer("0123456789abcdef"), true);
  client.turn();
  EXPECT_EQ(client.take_wire(), "a\r\n0123456789\r\n6\r\nabcdef\r\n0\r\n\r\n");
}

TEST(Http1Client, ABodyShorterThanItsLengthEndsTheConnection) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kPost);
  head.content_length = 5;
  (void)client.ask(head, false);
  client.request_stream->send_body(Buffer("he"), true);
  client.turn();
  EXPECT_EQ(client.transcript(),
            "fault internal: request body shorter than its content-length\nclosed\n");
}

TEST(Http1Client, WritesConnectAndUpgrades) {
  ClientTalk connects;
  EXPECT_EQ(connects.ask(ClientTalk::head(Method::kConnect, ""), false),
            "CONNECT cart:80 HTTP/1.1\r\nhost: cart:80\r\n\r\n");
  ClientTalk upgrades;
  RequestHead head = ClientTalk::head(Method::kGet, "/chat");
  head.protocol = "websocket";
  head.headers.add("Sec-WebSocket-Key", "k");
  EXPECT_EQ(upgrades.ask(head, false),
            "GET /chat HTTP/1.1\r\nhost: cart:80\r\nSec-WebSocket-Key: k\r\nconnection: "
            "upgrade\r\nupgrade: websocket\r\n\r\n");
}

TEST(Http1Client, TurnsAnExtendedConnectIntoAnUpgrade) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kGet, "/chat");
  head.version = Version::kHttp2;
  head.protocol = "websocket";
  const std::string wire = client.ask(head, false);
  EXPECT_TRUE(wire.starts_with("GET /chat HTTP/1.1\r\nhost: cart:80\r\nsec-websocket-key: "))
      << wire;
  EXPECT_TRUE(wire.ends_with("==\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")) << wire;
}

// ---- responses as they should be ----

TEST(Http1Client, ReadsABodyByLengthAndIsReusable) {
  EXPECT_EQ(answered(ok("Content-Length: 5\r\nServer: x\r\nKeep-Alive: timeout=5\r\n", "hello")),
            "200 length=5 | Server: x\nbody hello\nend\nreusable\n");
  EXPECT_EQ(answered(ok("Content-Length: 0\r\n")), "200 length=0 end\nreusable\n");
}

TEST(Http1Client, ReadsChunksAndTrailers) {
  EXPECT_EQ(answered(ok("Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n",
                        "3\r\nabc\r\n0\r\nx-sum: 7\r\nset-cookie: a\r\n\r\n")),
            "200 | Trailer: x-sum\nbody abc\ntrailers | x-sum: 7\nreusable\n");
}

TEST(Http1Client, ReadsABodyToTheEndOfTheConnection) {
  EXPECT_EQ(answered(ok("", "hello"), Method::kGet, true), "200\nbody hello\nend\nclosed\n");
  EXPECT_EQ(answered("HTTP/1.0 200\r\n\r\nhello", Method::kGet, true),
            "200\nbody hello\nend\nclosed\n");
}

TEST(Http1Client, ReadsAnswersThatHaveNoBody) {
  EXPECT_EQ(answered(ok("Content-Length: 5\r\n"), Method::kHead), "200 length=5 end\nreusable\n");
  EXPECT_EQ(answered(ok("Transfer-Encoding: chunked\r\n"), Method::kHead), "200 end\nreusable\n");
  EXPECT_EQ(answered("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
            "304 length=5 end\nreusable\n");
  EXPECT_EQ(answered("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
            "204 end\nreusable\n");
}

TEST(Http1Client, PassesInformationalResponsesOn) {
  EXPECT_EQ(answered("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
                     ok("Content-Length: 0\r\n")),
            "informational 100\ninformational 103 | Link: </a>\n200 length=0 end\nreusable\n");
}

TEST(Http1Client, ClosesWhenTheOriginSaysSo) {
  EXPECT_EQ(answered(ok("Content-Length: 0\r\nConnection: close\r\n")),
            "200 length=0 end\nclosed\n");
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), "200 length=0 end\nclosed\n");
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"),
            "200 length=0 end\nreusable\n");
}

TEST(Http1Client, AsksAgainOnTheSameConnection) {
  ClientTalk client;
  (void)client.get();
  EXPECT_FALSE(client.request_stream->reused_connection());
  client.feed(ok("Content-Length: 1\r\n", "1"));
  EXPECT_EQ(client.get(), "GET / HTTP/1.1\r\nhost: cart:80\r\n\r\n");
  EXPECT_TRUE(client.request_stream->reused_connection());
  client.feed(ok("Content-Length: 1\r\n", "2"));
  EXPECT_EQ(client.transcript(), "200 length=1\nbody 1\nend\n200 length=1\nbody 2\nend\n");
}

// ---- what is refused ----

std::string refused(std::string_view why) {
  return "fault upstream protocol: " + std::string(why) +
         "\nerror upstream protocol: " + std::string(why) + "\nclosed\n";
}

TEST(Http1ClientRefusal, H1_21_HeadsThatAreAmbiguous) {
  EXPECT_EQ(answered(ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n")),
            refused("content-length together with transfer-encoding"));
  EXPECT_EQ(answered(ok("Content-Length: 3\r\nContent-Length: 3\r\n", "abc")),
            refused("content-length twice"));
  EXPECT_EQ(answered(ok("Content-Length: +3\r\n", "abc")), refused("bad content-length"));
  EXPECT_EQ(answered(ok("Transfer-Encoding: gzip\r\n", "abc")),
            refused("transfer-encoding is not chunked"));
  EXPECT_EQ(answered("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
            refused("transfer-encoding with HTTP/1.0"));
  EXPECT_EQ(answered("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n"), refused("bare line feed"));
  EXPECT_EQ(answered(ok("x: a\r\n b\r\n")), refused("folded or indented header line"));
  EXPECT_EQ(answered(ok("a : b\r\n")), refused("blank in or after a header name"));
}

TEST(Http1ClientRefusal, StatusLinesThatAreNone) {
  for (const char* line : {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK",
                           "HTTP/1.1 2x0 OK", "HTTP/1.1 200OK"}) {
    EXPECT_EQ(answered(line + "\r\n\r\n"s).substr(0, 31), "fault upstream protocol: bad st")
        << line;
  }
  EXPECT_EQ(answered("HTTP/1.1  200 OK\r\n\r\n"), refused("bad status code"));
  EXPECT_EQ(answered("HTTP/1.10 200 OK\r\n\r\n"), refused("bad status line"));
  EXPECT_EQ(answered("ICY 200 OK\r\n\r\n"), refused("bad status line"));
  EXPECT_EQ(answered("\r\nHTTP/1.1 200 OK\r\n\r\n"), refused("bad status line"));
  EXPECT_EQ(answered("HTTP/1.1 200 O\x01K\r\n\r\n"), refused("control byte in the reason phrase"));
  EXPECT_EQ(answered("HTTP/2.0 200 OK\r\n\r\n"), refused("unsupported version"));
}

TEST(Http1ClientRefusal, H1_08_BadChunksFailTheBody) {
  EXPECT_EQ(answered(ok("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nx\r\n")),
            "200\nbody abc\n" + refused("bad chunk size"));
  EXPECT_EQ(answered(ok("Transfer-Encoding: chunked\r\n", "3\r\nabcd\r\n")),
            "200\nbody abc\n" + refused("chunk data without its line end"));
}

TEST(Http1ClientRefusal, H1_21_BytesBehindAResponsePoisonTheConnection) {
  for (const std::string& text :
       {ok("Content-Length: 1\r\n", "1extra"),
        ok("Content-Length: 1\r\n", "1" + ok("Content-Length: 0\r\n")),
        "HTTP/1.1 204 No Content\r\n\r\nbody"s, "HTTP/1.1 304 Not Modified\r\n\r\nbody"s}) {
    ClientTalk client;
    (void)client.get();
    client.feed(text);
    const std::string transcript = client.transcript();
    EXPECT_EQ(transcript.find("fault"), std::string::npos) << transcript;
    EXPECT_NE(transcript.find("end\n"), std::string::npos) << transcript;
    EXPECT_TRUE(transcript.ends_with("closed\n")) << transcript;
    EXPECT_EQ(client.client->available(), 0U);
  }
  ClientTalk head;
  (void)head.ask(ClientTalk::head(Method::kHead));
  head.feed(ok("Content-Length: 4\r\n", "body"));
  EXPECT_EQ(head.transcript(), "200 length=4 end\nclosed\n");
  ClientTalk later;
  (void)later.get();
  later.feed(ok("Content-Length: 0\r\n"));
  later.feed("x");
  EXPECT_EQ(
      later.transcript(),
      "200 length=0 end\nerror upstream protocol: bytes that belong to no response\nclosed\n");
}

TEST(Http1ClientRefusal, AResponseMayNotComeBeforeItsRequest) {
  ClientTalk client;
  client.request_stream = client.client->open(ClientTalk::head(Method::kGet), true, client);
  client.feed(ok("Content-Length: 0\r\n"));
  EXPECT_EQ(client.transcript(), refused("a response before its request"));
}

TEST(Http1ClientRefusal, H1_21_TooManyInformationalResponses) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "HTTP/1.1 102 Processing\r\n\r\n";
  ClientTalk client;
  (void)client.get();
  client.feed(text);
  EXPECT_TRUE(client.transcript().ends_with(refused("too many informational responses")));
}

TEST(Http1ClientRefusal, H1_21_AHeadOverTheLimit) {
  ClientTalk client;
  (void)client.get();
  client.feed(ok("x: " + std::string(1024 * 1024, 'x') + "\r\n"));
  EXPECT_EQ(client.transcript(),
            "fault upstream head too large: header bytes over the limit\n"
            "error upstream head too large: header bytes over the limit\nclosed\n");
}

TEST(Http1ClientRefusal, AnEndInTheMiddleIsAReset) {
  EXPECT_EQ(
      answered(ok("Content-Length: 5\r\n", "hell"), Method::kGet, true),
      "200 length=5\nbody hell\nfault upstream reset: connection ended inside the response's body\n"
      "error upstream reset: connection ended inside the response's body\nclosed\n");
  EXPECT_TRUE(answered(ok("Transfer-Encoding: chunked\r\n", "5\r\nhell"), Method::kGet, true)
                  .starts_with("200\nbody hell\nfault upstream reset"));
  EXPECT_TRUE(
      answered("HTTP/1.1 20", Method::kGet, true)
          .starts_with("fault upstream reset: connection ended inside the response's head"));
  ClientTalk client;
  (void)client.get();
  client.feed_end();
  EXPECT_TRUE(client.transcript().starts_with(
      "fault upstream reset: connection ended before the response\n"));
}

// ---- tunnels ----

// An upgrade that came without a key, as by HTTP/2, and the answer that it wants.
std::string upgrade_without_key(ClientTalk& client) {
  RequestHead head = ClientTalk::head(Method::kGet);
  head.version = Version::kHttp2;
  head.protocol = "websocket";
  const std::string wire = client.ask(head, false);
  WebSocketKey key{};
  const std::size_t at = wire.find("sec-websocket-key: ") + 19;
  std::copy_n(wire.begin() + static_cast<std::ptrdiff_t>(at), key.size(), key.begin());
  return std::string(view(websocket_accept(key)));
}
const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";

TEST(Http1ClientTunnel, ChecksAndKeepsTheProofForAKeyOfItsOwn) {
  ClientTalk client;
  const std::string accept = upgrade_without_key(client);
  client.feed(kSwitch + "Sec-WebSocket-Accept: " + accept + "\r\nx-other: 1\r\n\r\nframe");
  EXPECT_EQ(client.transcript(), "101 | x-other: 1\nbody frame\n");
}

TEST(Http1ClientTunnel, RefusesASwitchWithoutTheProof) {
  for (const char* fields : {"", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"}) {
    ClientTalk client;
    (void)upgrade_without_key(client);
    client.feed(kSwitch + fields + "\r\nframe");
    EXPECT_EQ(client.transcript(), refused("a wrong sec-websocket-accept"));
  }
}

TEST(Http1ClientTunnel, AnAnswerWithoutASwitchNeedsNoProof) {
  ClientTalk client;
  (void)upgrade_without_key(client);
  client.feed(ok("Content-Length: 2\r\n", "no"));
  EXPECT_EQ(client.transcript(), "200 length=2\nbody no\nend\nclosed\n");
}

TEST(Http1ClientTunnel, TheRequestMayEndFirst) {
  ClientTalk client;
  const std::string accept = upgrade_without_key(client);
  client.request_stream->send_body(Buffer("last"), true);
  client.turn();
  EXPECT_FALSE(client.client->half_closed());  // nothing has left before the switch
  client.feed(kSwitch + "Sec-WebSocket-Accept: " + accept + "\r\n\r\n");
  EXPECT_EQ(client.take_wire(), "last");
  EXPECT_TRUE(client.client->half_closed());
  EXPECT_FALSE(client.client->finished());
  client.feed("still here");
  EXPECT_EQ(client.transcript(), "101\nbody still here\n");
  client.feed_end();
  EXPECT_EQ(client.transcript(), "101\nbody still here\nend\nclosed\n");
}

TEST(Http1ClientTunnel, WhatWasQueuedLeavesAfterItsStreamIsDropped) {
  ClientTalk client;
  const std::string accept = upgrade_without_key(client);
  client.feed(kSwitch + "Sec-WebSocket-Accept: " + accept + "\r\n\r\n");
  client.feed_end();
  client.request_stream->send_body(Buffer("last"), true);
  client.request_stream.reset();
  EXPECT_FALSE(client.client->finished());
  client.turn();
  EXPECT_EQ(client.take_wire(), "last");
  EXPECT_EQ(client.transcript(), "101\nend\nclosed\n");
}

TEST(Http1ClientTunnel, ADroppedStreamIsCutOffUnlessBothHaveEnded) {
  ClientTalk client;
  const std::string accept = upgrade_without_key(client);
  client.feed(kSwitch + "Sec-WebSocket-Accept: " + accept + "\r\n\r\n");
  client.request_stream->send_body(Buffer("last"), true);
  client.turn();
  client.request_stream.reset();
  EXPECT_TRUE(client.client->aborted());
}

TEST(Http1ClientTunnel, CarriesBytesAfterTheSwitch) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kGet);
  head.protocol = "websocket";
  head.headers.add(HeaderId::kSecWebsocketKey, "k");
  (void)client.ask(head, false);
  client.request_stream->send_body(Buffer("early"), false);
  client.turn();
  EXPECT_EQ(client.take_wire(), "");
  client.feed(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "WebSocket\r\nsec-websocket-accept: x\r\n\r\nframe");
  EXPECT_EQ(client.take_wire(), "early");
  client.feed("more");
  client.request_stream->send_body(Buffer("out"), false);
  client.turn();
  EXPECT_EQ(client.take_wire(), "out");
  client.feed_end();
  EXPECT_EQ(client.transcript(), "101 | sec-websocket-accept: x\nbody framemore\nend\n");
  client.request_stream->send_body(Buffer("bye"), true);
  client.turn();
  EXPECT_EQ(client.take_wire(), "bye");
  EXPECT_EQ(client.transcript(), "101 | sec-websocket-accept: x\nbody framemore\nend\nclosed\n");
}

TEST(Http1ClientTunnel, H1_21_ASwitchNobodyAskedForIsRefused) {
  const std::string unasked = refused("a switch of protocols that was not asked for");
  EXPECT_EQ(answered("HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"),
            unasked);
  for (const char* fields : {"", "Upgrade: websocket\r\n", "Connection: upgrade\r\n",
                             "Connection: upgrade\r\nUpgrade: other\r\n"}) {
    ClientTalk client;
    RequestHead head = ClientTalk::head(Method::kGet);
    head.protocol = "websocket";
    (void)client.ask(head, false);
    client.feed("HTTP/1.1 101 X\r\n"s + fields + "\r\n");
    EXPECT_EQ(client.transcript(), unasked) << fields;
  }
}

TEST(Http1ClientTunnel, H1_17_A200IsNoSwitchOfProtocols) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kGet);
  head.protocol = "websocket";
  (void)client.ask(head, false);
  client.request_stream->send_body(Buffer("early"), false);
  client.feed(ok("Content-Length: 2\r\n", "no"));
  EXPECT_EQ(client.take_wire(), "");
  EXPECT_EQ(client.transcript(), "200 length=2\nbody no\nend\nclosed\n");
}

TEST(Http1ClientTunnel, ConnectIsATunnelOnlyWhenAccepted) {
  ClientTalk accepted;
  (void)accepted.ask(ClientTalk::head(Method::kConnect, ""), false);
  accepted.feed(ok("Content-Length: 2\r\n", "any bytes"));
  EXPECT_EQ(accepted.transcript(), "200\nbody any bytes\n");
  ClientTalk refused_one;
  (void)refused_one.ask(ClientTalk::head(Method::kConnect, ""), false);
  refused_one.feed("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(refused_one.transcript(), "403 length=2\nbody no\nend\nclosed\n");
}

// ---- life ----

TEST(Http1ClientLife, H1_13_AnAnswerBeforeTheWholeRequestEndsTheConnection) {
  ClientTalk client;
  RequestHead head = ClientTalk::head(Method::kPost);
  head.content_length = 100;
  head.expects_continue = true;
  EXPECT_EQ(
      client.ask(head, false),
      "POST / HTTP/1.1\r\nhost: cart:80\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n");
  client.feed("HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(client.transcript(), "413 length=2\nbody no\nend\nclosed\n");
  client.request_stream->send_body(Buffer("late"), false);
  client.turn();
  EXPECT_EQ(client.take_wire(), "");
}

TEST(Http1ClientLife, DroppingAStreamThatIsNotFinishedEndsTheConnection) {
  ClientTalk client;
  (void)client.get();
  client.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
  client.request_stream.reset();
  EXPECT_EQ(client.transcript(), "200 length=5\nbody he\nclosed\n");
  client.feed("llo");
  EXPECT_EQ(client.transcript(), "200 length=5\nbody he\nclosed\n");
}

TEST(Http1ClientLife, AReceiverThatDoesNotConsumePausesTheOrigin) {
  CodecOptions options;
  options.limits.body_window = 1000;
  ClientTalk client(options);
  client.consumes = false;
  (void)client.get();
  client.feed(ok("Content-Length: 5000\r\n", std::string(3000, 'x')));
  EXPECT_TRUE(client.paused());
  EXPECT_EQ(client.left_behind(), 2000U);
  client.request_stream->consume(499);
  EXPECT_TRUE(client.paused());
  client.request_stream->consume(1);
  EXPECT_FALSE(client.paused());
  client.turn();
  EXPECT_TRUE(client.paused());
  EXPECT_EQ(client.left_behind(), 1500U);
  client.consumes = true;
  client.request_stream->consume(1000);
  client.turn();
  client.feed(std::string(2000, 'x'));
  EXPECT_EQ(client.transcript(), "200 length=5000\nbody of 5000\nend\n");
}

TEST(Http1ClientLife, DrainingEndsAnIdleConnectionAtOnceAndABusyOneAfterItsAnswer) {
  ClientTalk idle;
  idle.client->drain();
  EXPECT_TRUE(idle.client->finished());
  ClientTalk busy;
  (void)busy.get();
  busy.client->drain();
  EXPECT_FALSE(busy.client->finished());
  busy.feed(ok("Content-Length: 0\r\n"));
  EXPECT_TRUE(busy.client->finished());
  EXPECT_EQ(busy.client->available(), 0U);
}

TEST(Http1ClientLife, FailingTellsTheStreamAndSilencesTheCodec) {
  ClientTalk client;
  client.request_stream = client.client->open(ClientTalk::head(Method::kGet), true, client);
  client.client->fail({Fault::kReset, Side::kUpstream, "gone"});
  client.turn();
  EXPECT_EQ(client.take_wire(), "");
  EXPECT_EQ(client.transcript(), "fault upstream reset: gone\nclosed\n");
}

TEST(Http1ClientLife, AStreamMayOutliveItsConnection) {
  ClientTalk client;
  (void)client.get();
  client.client.reset();
  client.request_stream->send_body(Buffer("x"), true);
  client.request_stream->consume(1);
  client.request_stream->reset(ResetReason::kCancel);
  EXPECT_EQ(client.request_stream->buffered(), 0U);
}

}  // namespace
}  // namespace weft::http
