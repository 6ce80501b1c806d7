// How the HTTP/1 server codec lives through the requests of one connection: keep-alive, pipelining,
// expectations, upgrades, flow of bodies, drain and every way to end.

#include <gtest/gtest.h>

#include <string>

#include "sidecar/http/http1_server.h"
#include "tests/sidecar/http/http1_talk.h"

namespace weft::http {
namespace {

const std::string kGet = "GET /a HTTP/1.1\r\nHost: cart\r\n\r\n";
const std::string kPost = "POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\n\r\n";
const std::string kChunked = "POST /a HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string kUpgrade =
    "GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: "
    "WebSocket\r\nSec-WebSocket-Key: k\r\n\r\n";

ResponseHead with_length(std::uint16_t status, std::uint64_t length) {
  ResponseHead head = response(status);
  head.content_length = length;
  return head;
}

// ---- answers ----

TEST(Http1Answer, WritesALengthWhenItIsKnown) {
  ServerTalk server;
  server.feed(kGet);
  ResponseHead head = response(404, {{"Content-Type", "text/plain"}, {"X-A", "b"}});
  head.content_length = 2;
  server.request_stream->send_head(head, false);
  server.request_stream->send_body(Buffer("no"), true);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nX-A: b\r\ncontent-length: "
            "2\r\n\r\nno");
}

TEST(Http1Answer, WritesChunksWhenItIsNot) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("hello"), false);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n");
  Headers trailers;
  trailers.add("grpc-status", "0");
  server.request_stream->send_trailers(trailers);
  server.turn();
  EXPECT_EQ(server.take_wire(), "0\r\ngrpc-status: 0\r\n\r\n");
  EXPECT_EQ(server.sent(), 5U);
}

TEST(Http1Answer, EndsAConnectionOfHttp10ToEndItsBody) {
  ServerTalk server;
  server.feed("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("hello"), true);
  server.turn();
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
  EXPECT_EQ(server.transcript(), "GET  / (1.0) end\nclosed\n");
}

TEST(Http1Answer, HasNoBodyWhereNoneMayBe) {
  const auto answer = [](std::string_view method, const ResponseHead& head, bool body) {
    ServerTalk server;
    server.feed(std::string(method) + " /a HTTP/1.1\r\nHost: cart\r\n\r\n");
    server.request_stream->send_head(head, !body);
    if (body) server.request_stream->send_body(Buffer("hello"), true);
    server.turn();
    EXPECT_EQ(server.sent(), body ? 5U : 0U);
    server.feed(kGet);
    EXPECT_EQ(server.requests, 2);
    return server.take_wire();
  };
  EXPECT_EQ(answer("HEAD", with_length(200, 5), true),
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(answer("HEAD", response(200), false), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(answer("GET", with_length(304, 5), false),
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n");
  EXPECT_EQ(answer("GET", with_length(204, 5), true), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(answer("GET", response(200), false), "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
}

TEST(Http1Answer, CutShortEndsTheConnection) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream->send_head(with_length(200, 5), false);
  server.request_stream->send_body(Buffer("he"), true);
  server.turn();
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe");
  EXPECT_EQ(server.transcript(), "GET cart /a end\nclosed\n");
}

TEST(Http1Answer, NothingInAHeadContradictsTheFraming) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream->send_head(response(200, {{"Connection", "x"},
                                                  {"Transfer-Encoding", "y"},
                                                  {"content-length", "7"},
                                                  {"Keep-Alive", "z"},
                                                  {"Upgrade", "h2c"},
                                                  {"Server", "app"},
                                                  {"Date", "now"}}),
                                   true);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\nServer: app\r\nDate: now\r\ncontent-length: 0\r\n\r\n");
}

// ---- pipelining ----

TEST(Http1Pipeline, H1_20_AHundredRequestsAreAnsweredInOrder) {
  std::string text;
  std::string expected;
  for (int i = 1; i <= 100; ++i) {
    text += kGet;
    const std::string body = std::to_string(i);
    expected +=
        "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  ServerTalk server;
  server.answers = ServerTalk::Answers::kAtEnd;
  server.feed(text);
  EXPECT_EQ(server.take_wire(), expected);
}

TEST(Http1Pipeline, TheNextRequestWaitsForTheAnswerAndTheSocketIsPaused) {
  ServerTalk server;
  server.feed(kGet);
  EXPECT_FALSE(server.paused());  // so that a client that goes is noticed
  server.feed(kGet + kGet);
  EXPECT_EQ(server.requests, 1);
  EXPECT_TRUE(server.paused());
  EXPECT_EQ(server.left_behind(), 2 * kGet.size());
  server.answer();
  server.turn();
  EXPECT_EQ(server.requests, 2);
  server.answer();
  server.turn();
  EXPECT_EQ(server.requests, 3);
  EXPECT_FALSE(server.paused());
}

TEST(Http1Pipeline, AnswersThatDoNotFitAtOnceStayInOrder) {
  ServerTalk server;
  server.produce_room = 7;
  server.answers = ServerTalk::Answers::kAtEnd;
  server.feed(kGet + kPost + "hello" + kGet);
  EXPECT_EQ(server.requests, 3);
  const std::string wire = server.take_wire();
  EXPECT_LT(wire.find("\r\n\r\n1"), wire.find("\r\n\r\n2"));
  EXPECT_LT(wire.find("\r\n\r\n2"), wire.find("\r\n\r\n3"));
}

TEST(Http1Pipeline, AnEarlyAnswerReadsTheBodyOff) {
  ServerTalk server;
  server.feed(kPost);
  server.answer();
  server.turn();
  server.request_stream.reset();
  server.feed("hel");
  server.feed("lo" + kGet);
  EXPECT_EQ(server.transcript(), "POST cart /a length=5\nGET cart /a end\n");
}

TEST(Http1Pipeline, ABodyTooLongToReadOffEndsTheConnection) {
  ServerTalk server;
  server.feed("POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 10000000\r\n\r\n");
  server.answer();
  server.request_stream.reset();
  server.turn();
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 4; ++i) server.feed(piece);
  EXPECT_FALSE(server.server->finished());
  server.feed(piece);
  EXPECT_TRUE(server.server->finished());
}

TEST(Http1Pipeline, ABrokenBodyBehindACompleteAnswerEndsTheConnectionQuietly) {
  ServerTalk server;
  server.feed(kChunked);
  server.answer();
  server.request_stream.reset();
  server.feed("nonsense\r\n");
  EXPECT_EQ(server.transcript(),
            "POST cart /a\nerror downstream protocol: bad chunk size\nclosed\n");
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

// ---- expectations ----

const std::string kExpects =
    "POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n";

TEST(Http1Expect, H1_13_TheContinueIsTheOriginsToGive) {
  ServerTalk server;
  server.feed(kExpects);
  EXPECT_EQ(server.take_wire(), "");
  server.request_stream->send_informational(response(100));
  server.turn();
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 100 Continue\r\n\r\n");
  server.feed("hello");
  server.answer();
  server.feed(kGet);
  EXPECT_EQ(server.transcript(),
            "POST cart /a length=5 expects\nbody hello\nend\nGET cart /a end\n");
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Expect, H1_13_AnAnswerInsteadOfContinueEndsTheConnection) {
  ServerTalk server;
  server.feed(kExpects);
  server.answer();
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1");
  server.feed("GET /evil HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(server.transcript(), "POST cart /a length=5 expects\nclosed\n");
}

TEST(Http1Expect, H1_13_NoBodyNoExpectationAndOthersArePassedOn) {
  ServerTalk server;
  server.answers = ServerTalk::Answers::kAtEnd;
  server.feed("GET /a HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\n\r\n");
  server.feed("GET /b HTTP/1.1\r\nHost: cart\r\nExpect: 100-contniue\r\n\r\n");
  server.feed(
      "POST /c HTTP/1.0\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(server.transcript(),
            "GET cart /a end\nGET cart /b | Expect: 100-contniue end\n"
            "POST cart /c (1.0) length=1\nbody x\nend\nclosed\n");
}

TEST(Http1Expect, AClientOfHttp10HearsNoInformationalResponse) {
  ServerTalk server;
  server.feed("GET / HTTP/1.0\r\n\r\n");
  server.request_stream->send_informational(response(103));
  server.turn();
  EXPECT_EQ(server.take_wire(), "");
}

// ---- upgrades and CONNECT ----

TEST(Http1Upgrade, H1_17_BytesAreHeldUntilTheSwitch) {
  ServerTalk server;
  server.feed(kUpgrade + "early");
  EXPECT_EQ(server.take_transcript(), "GET cart /chat wants=websocket | Sec-WebSocket-Key: k\n");
  EXPECT_TRUE(server.paused());
  server.request_stream->send_head(response(101, {{"sec-websocket-accept", "x"}}), false);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: x\r\nconnection: "
            "upgrade\r\nupgrade: websocket\r\n\r\n");
  EXPECT_EQ(server.take_transcript(), "body early\n");
  server.request_stream->send_body(Buffer("frame"), false);
  server.feed("more");
  EXPECT_EQ(server.take_wire(), "frame");
  server.feed_end();
  EXPECT_EQ(server.take_transcript(), "body more\nend\n");
  server.request_stream->send_body(Buffer("bye"), true);
  server.turn();
  EXPECT_EQ(server.take_wire(), "bye");
  EXPECT_EQ(server.transcript(), "closed\n");
}

const std::string kKeyed =
    "GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

TEST(Http1Upgrade, ProvesTheKeyWhenTheAnswerDoesNot) {
  ServerTalk server;
  server.feed(kKeyed);
  server.request_stream->send_head(response(101), false);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: "
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n");
}

TEST(Http1Upgrade, CarriesATunnelCutAnywhere) {
  const std::string all = kKeyed + "to the origin";
  const std::string told = testing::at_every_split(all, [](const testing::Pieces& pieces) {
    ServerTalk server;
    server.feed(pieces);
    if (server.request_stream == nullptr) return std::string("no request");
    server.request_stream->send_head(response(101), false);
    server.turn();
    return server.transcript();
  });
  EXPECT_EQ(told,
            "GET cart /chat wants=websocket | Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
            "body to the origin\n");
}

TEST(Http1Upgrade, TheAnswerMayEndFirst) {
  ServerTalk server;
  server.feed(kKeyed);
  server.request_stream->send_head(response(101), false);
  server.request_stream->send_body(Buffer("bye"), true);
  server.turn();
  EXPECT_TRUE(server.take_wire().ends_with("\r\n\r\nbye"));
  EXPECT_TRUE(server.server->half_closed());
  EXPECT_FALSE(server.server->finished());
  (void)server.take_transcript();
  server.feed("still here");
  server.feed_end();
  EXPECT_EQ(server.transcript(), "body still here\nend\nclosed\n");
}

TEST(Http1Upgrade, ATunnelThatNobodyReadsAnyMoreEndsInOrder) {
  ServerTalk server;
  server.feed(kKeyed);
  server.request_stream->send_head(response(101), false);
  server.request_stream->send_body(Buffer("bye"), true);
  server.request_stream.reset();
  server.turn();
  EXPECT_TRUE(server.take_wire().ends_with("\r\n\r\nbye"));
  EXPECT_TRUE(server.server->finished());
  EXPECT_FALSE(server.server->aborted());
}

TEST(Http1Upgrade, AHalfClosedTunnelThatBreaksIsAborted) {
  ServerTalk server;
  server.feed(kKeyed);
  server.request_stream->send_head(response(101), false);
  server.request_stream->send_body(Buffer("bye"), true);
  server.turn();
  server.request_stream->reset(ResetReason::kInternal);
  EXPECT_TRUE(server.server->aborted());
}

TEST(Http1Upgrade, H1_17_WithoutASwitchTheBytesAreTheNextRequest) {
  ServerTalk server;
  server.feed(kUpgrade + kGet);
  server.answer();
  server.turn();
  EXPECT_EQ(server.transcript(),
            "GET cart /chat wants=websocket | Sec-WebSocket-Key: k\nGET cart /a end\n");
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Upgrade, H1_18_AnotherHttpIsNotOffered) {
  const auto wants = [](std::string_view fields) {
    ServerTalk server;
    server.feed("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n");
    return server.transcript();
  };
  EXPECT_EQ(
      wants("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
      "GET a / end\n");
  EXPECT_EQ(wants("Connection: Upgrade\r\nUpgrade: HTTP/2.0, TLS/1.0\r\n"), "GET a / end\n");
  EXPECT_EQ(wants("Connection: Upgrade\r\nUpgrade: h2c, WebSocket\r\n"),
            "GET a / wants=websocket\n");
  EXPECT_EQ(wants("Upgrade: websocket\r\n"), "GET a / end\n");  // not nominated
  EXPECT_EQ(wants("Connection: upgrade\r\n"), "GET a / end\n");
  EXPECT_EQ(wants("Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"),
            "GET a / length=1\n");
  EXPECT_EQ(wants("Connection: upgrade\r\nUpgrade: " + std::string(33, 'a') + "\r\n"),
            "GET a / end\n");
}

TEST(Http1Connect, TwoHundredIsATunnel) {
  ServerTalk server;
  server.feed("CONNECT Cart:443 HTTP/1.1\r\nHost: other\r\n\r\nhello");
  EXPECT_EQ(server.take_transcript(), "CONNECT cart:443 \n");
  server.request_stream->send_head(response(200), false);
  server.turn();
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(server.take_transcript(), "body hello\n");
  server.request_stream->reset(ResetReason::kCancel);
  EXPECT_EQ(server.transcript(), "aborted\n");
}

TEST(Http1Connect, ARefusalEndsTheConnection) {
  ServerTalk server;
  server.feed("CONNECT cart:443 HTTP/1.1\r\nHost: cart\r\n\r\n" + kGet);
  server.request_stream->send_head(response(403), true);
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  EXPECT_EQ(server.transcript(), "CONNECT cart:443 \nclosed\n");
}

// ---- flow ----

TEST(Http1Flow, AReceiverThatDoesNotConsumePausesTheClient) {
  CodecOptions options;
  options.limits.body_window = 1000;
  ServerTalk server(options);
  server.consumes = false;
  server.feed("POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 3000\r\n\r\n" +
              std::string(3000, 'x'));
  EXPECT_TRUE(server.paused());
  EXPECT_EQ(server.left_behind(), 2000U);
  server.request_stream->consume(500);
  EXPECT_FALSE(server.paused());
  server.turn();
  EXPECT_EQ(server.left_behind(), 1500U);
  server.consumes = true;
  server.request_stream->consume(1000);
  server.turn();
  EXPECT_EQ(server.transcript(), "POST cart /a length=3000\nbody of 3000\nend\n");
}

TEST(Http1Flow, OnSentCountsBodyAndNotItsFraming) {
  ServerTalk server;
  server.produce_room = 100;
  server.feed(kGet);
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer(std::string(10000, 'x')), false);
  EXPECT_EQ(server.request_stream->buffered(), 10000U);
  server.turn();
  EXPECT_EQ(server.sent(), 10000U);
  EXPECT_EQ(server.request_stream->buffered(), 0U);
}

// ---- ends ----

TEST(Http1End, DroppingAStreamUnansweredEndsTheConnection) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream.reset();
  server.turn();
  EXPECT_EQ(server.take_wire(), "");
  EXPECT_EQ(server.transcript(), "GET cart /a end\nclosed\n");
}

TEST(Http1End, DroppingAStreamHalfAnsweredShowsThatItIsCut) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("half"), false);
  server.turn();
  server.request_stream.reset();
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  EXPECT_EQ(server.transcript(), "GET cart /a end\nclosed\n");
}

TEST(Http1End, ACutAnswerThatOnlyTheEndOfTheConnectionDelimitsIsAborted) {
  ServerTalk server;
  server.feed("GET / HTTP/1.0\r\n\r\n");
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("half"), false);
  server.turn();
  server.request_stream.reset();
  EXPECT_EQ(server.transcript(), "GET  / (1.0) end\naborted\n");
}

TEST(Http1End, AStreamDroppedBehindItsEndIsStillAnswered) {
  ServerTalk server;
  server.feed(kGet);
  server.answer();
  server.request_stream.reset();
  server.turn();
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
  server.feed(kGet);
  EXPECT_EQ(server.requests, 2);
}

TEST(Http1End, AClientThatGoesCancelsItsRequest) {
  ServerTalk server;
  server.feed(kGet);
  server.feed_end();
  EXPECT_TRUE(server.transcript().starts_with(
      "GET cart /a end\nfault downstream reset: client closed before its answer was complete\n"));
}

TEST(Http1End, AnIdleConnectionEndsWithItsClient) {
  ServerTalk server;
  server.feed_end();
  EXPECT_EQ(server.transcript(), "closed\n");
}

TEST(Http1End, DrainSaysCloseOnTheNextAnswer) {
  ServerTalk server;
  server.feed(kGet);
  server.server->drain();
  EXPECT_FALSE(server.server->finished());
  server.answer();
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1");
  EXPECT_TRUE(server.server->finished());
}

TEST(Http1End, DrainEndsAnIdleConnectionAtOnceButNotAHeadThatHasBegun) {
  ServerTalk idle;
  idle.server->drain();
  EXPECT_TRUE(idle.server->finished());
  ServerTalk begun;
  begun.feed("GET / HT");
  EXPECT_TRUE(begun.server->reading_head());
  begun.server->drain();
  EXPECT_FALSE(begun.server->finished());
}

TEST(Http1End, CloseAfterMakesThisAnswerTheLast) {
  ServerTalk server;
  server.feed(kGet + kGet);
  server.request_stream->close_after();
  server.answer();
  server.turn();
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n1");
  EXPECT_EQ(server.requests, 1);
}

TEST(Http1End, TheLastRequestOfAConnectionSaysGoodbye) {
  CodecOptions options;
  options.limits.requests_per_connection_max = 2;
  ServerTalk server(options);
  server.answers = ServerTalk::Answers::kAtEnd;
  server.feed(kGet + kGet + kGet);
  EXPECT_EQ(server.requests, 2);
  EXPECT_EQ(server.take_wire(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1"
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: close\r\n\r\n2");
}

TEST(Http1End, AHeadThatTookTooLongIsAnswered408) {
  ServerTalk server;
  server.feed("GET / HT");
  server.server->answer_timeout();
  server.turn();
  EXPECT_TRUE(server.take_wire().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  EXPECT_TRUE(server.server->finished());
  server.feed(kGet);
  EXPECT_EQ(server.requests, 0);
}

TEST(Http1End, AFaultBehindABegunAnswerIsNotAnsweredTwice) {
  ServerTalk server;
  server.feed(kChunked);
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("a"), false);
  server.feed("x\r\n");
  EXPECT_EQ(server.take_wire(), "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(server.transcript(),
            "POST cart /a\nfault downstream protocol: bad chunk size\n"
            "error downstream protocol: bad chunk size\nclosed\n");
}

TEST(Http1End, FailingTellsTheStreamAndSilencesTheCodec) {
  ServerTalk server;
  server.feed(kGet);
  server.request_stream->send_head(response(200), true);
  server.server->fail({Fault::kReset, Side::kDownstream, "gone"});
  server.turn();
  EXPECT_EQ(server.take_wire(), "");
  EXPECT_EQ(server.transcript(), "GET cart /a end\nfault downstream reset: gone\nclosed\n");
}

TEST(Http1End, AStreamMayOutliveItsConnection) {
  ServerTalk server;
  server.feed(kGet);
  server.server.reset();
  server.request_stream->send_head(response(200), false);
  server.request_stream->send_body(Buffer("x"), true);
  server.request_stream->close_after();
  server.request_stream->consume(1);
  EXPECT_EQ(server.request_stream->buffered(), 0U);
}

}  // namespace
}  // namespace weft::http
