#include "sidecar/http/connection.h"

#include <gtest/gtest.h>

#include "tests/sidecar/http/connection_pair.h"

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using testing::ConnectionPair;
using testing::frames_of;
using testing::get;
using testing::Hearer;
using testing::RawClient;
using weft::testing::MemoryPipe;

class Connections : public ::testing::TestWithParam<Protocol> {};

std::string protocol_name(const ::testing::TestParamInfo<Protocol>& info) {
  return info.param == Protocol::kHttp1 ? "Http1" : "Http2";
}
INSTANTIATE_TEST_SUITE_P(Over, Connections, ::testing::Values(Protocol::kHttp1, Protocol::kHttp2),
                         protocol_name);

ResponseHead with_length(std::size_t size) {
  ResponseHead head;
  head.content_length = size;
  return head;
}

TEST_P(Connections, CarryOneRequestAfterAnother) {
  ConnectionPair pair(GetParam());
  for (int i = 0; i < 3; ++i) {
    ASSERT_GT(pair.client.connection->available(), 0U);
    auto asking = pair.open(get("/cart"));
    EXPECT_EQ(pair.client.connection->reused(), i > 0);
    pair.run();
    Hearer& asked = pair.server.requests.at(static_cast<std::size_t>(i));
    EXPECT_EQ(asked.request.target, "/cart");
    asked.server->send_head(with_length(2), false);
    asked.server->send_body(Buffer("ok"), true);
    pair.run();
    EXPECT_EQ(asking->body, "ok");
    EXPECT_EQ(pair.client.connection->streams(), 0U);
  }
  EXPECT_GT(pair.client.capacities, 0);
  EXPECT_EQ(pair.server.done + pair.client.done, "");
}

TEST_P(Connections, StopAtTheHighMarkAndGoOnBelowIt) {
  for (const std::size_t wire : {4000U, 64U * 1024, 300U * 1024}) {
    ConnectionPair pair(GetParam(), {}, {.wire = wire});
    auto asking = pair.open(get());
    asking->hold = true;
    pair.run();
    constexpr std::size_t kSize = 1024 * 1024;
    Hearer& asked = pair.server.requests.at(0);
    asked.server->send_head(with_length(kSize), false);
    asked.server->send_body(Buffer(std::string(kSize, 'x')), true);
    std::size_t most = 0;
    for (int i = 0; i < 200'000 && !asking->ended; ++i) {
      pair.pipe.step();
      most = std::max(most, pair.server.connection->transport().buffered());
      asking->consume();
    }
    EXPECT_TRUE(asking->ended) << wire;
    EXPECT_EQ(asking->body.size(), kSize);
    EXPECT_EQ(asked.sent, kSize);
    EXPECT_LE(most, Transport::kHighMark + 64 * 1024);
  }
}

TEST_P(Connections, WorkInPiecesOfOneByte) {
  ConnectionPair pair(GetParam(), {}, {.piece = 1});
  auto asking = pair.open(get());
  pair.run();
  pair.server.requests.at(0).server->send_head(with_length(2), false);
  pair.server.requests.at(0).server->send_body(Buffer("ok"), true);
  pair.run();
  EXPECT_EQ(asking->body, "ok");
}

TEST_P(Connections, DrainWhenIdle) {
  ConnectionPair pair(GetParam());
  pair.run();
  pair.server.connection->drain();
  EXPECT_EQ(pair.server.done, "");  // a call down does not call back
  pair.pass(3s);
  EXPECT_EQ(pair.server.done, "[closed: drained]");
  EXPECT_EQ(pair.client.done.substr(0, 7), "[closed");
  EXPECT_FALSE(pair.pipe.is_aborted(MemoryPipe::End::kRight));
}

TEST_P(Connections, DrainLetsTheRequestInFlightFinish) {
  for (const bool by_server : {true, false}) {
    ConnectionPair pair(GetParam());
    auto asking = pair.open(get());
    pair.run();
    if (by_server) {
      pair.server.connection->drain();
    } else {
      pair.client.connection->drain();
      EXPECT_EQ(pair.client.connection->available(), 0U);
    }
    pair.pass(3s);
    EXPECT_EQ(pair.server.done + pair.client.done, "");
    pair.server.requests.at(0).server->send_head(with_length(2), false);
    pair.server.requests.at(0).server->send_body(Buffer("ok"), true);
    pair.pass(3s);
    EXPECT_EQ(asking->body, "ok");
    EXPECT_TRUE(asking->ended);
    EXPECT_EQ(pair.server.done.substr(0, 7), "[closed");
    EXPECT_EQ(pair.client.done.substr(0, 7), "[closed");
  }
}

TEST_P(Connections, DrainEndsByForce) {
  ConnectionPair pair(GetParam());
  auto asking = pair.open(get());
  pair.run();
  pair.server.connection->drain();
  pair.pass(9s);
  EXPECT_EQ(pair.server.done, "");
  pair.pass(2s);
  EXPECT_EQ(pair.server.done, "[draining: still busy after the drain time]");
  EXPECT_EQ(pair.server.requests.at(0).text, "[fault draining]");
  EXPECT_TRUE(pair.pipe.is_aborted(MemoryPipe::End::kRight));
  EXPECT_EQ(asking->text, "[fault reset]");
}

TEST_P(Connections, CloseWhenIdleForTooLong) {
  ConnectionOptions options;
  options.timeouts.idle = 60s;
  ConnectionPair pair(GetParam(), options);
  pair.pass(50s);
  auto asking = pair.open(get());
  pair.run();
  pair.pass(100s);  // busy, not idle
  pair.server.requests.at(0).server->send_head(with_length(0), true);
  pair.run();
  pair.pass(59s);
  EXPECT_EQ(pair.client.done + pair.server.done, "");
  pair.pass(5s);
  EXPECT_EQ(pair.client.done.substr(0, 7), "[closed");
  EXPECT_EQ(pair.server.done.substr(0, 7), "[closed");
}

// ---- quiet ones ----

constexpr std::string_view kQuietGet = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

void answer_last(RawClient& caller) {
  caller.server.requests.all.back()->server->send_head(with_length(0), true);
  caller.pipe.run();
}

TEST(QuietConnections, GoOnAsNewOnesOnTheSameTransport) {
  RawClient caller(Protocol::kHttp1);
  caller.server.rests = true;
  for (int i = 1; i <= 3; ++i) {
    caller.write(kQuietGet);
    answer_last(caller);
    caller.pass(Connection::kQuiet - 1ms);
    EXPECT_EQ(caller.server.quiet, i - 1);
    caller.pass(1s);
    EXPECT_EQ(caller.server.quiet, i);
    ASSERT_EQ(caller.server.connection, nullptr);
    caller.pass(100s);
    caller.server.connection =
        std::make_unique<ServerConnection>(caller.turn, std::move(caller.server.resting),
                                           Protocol::kHttp1, ConnectionOptions(), caller.server);
    caller.server.connection->start(Buffer());
  }
  EXPECT_EQ(caller.server.requests.all.size(), 3U);
  EXPECT_EQ(caller.server.done, "");
}

TEST(QuietConnections, AreToldOfOnceForEachTimeWithoutARequest) {
  RawClient caller(Protocol::kHttp1);
  caller.pass(100s);
  EXPECT_EQ(caller.server.quiet, 1);
  caller.write(kQuietGet);
  caller.pass(100s);
  EXPECT_EQ(caller.server.quiet, 1) << "a request is under way";
  answer_last(caller);
  caller.pass(100s);
  EXPECT_EQ(caller.server.quiet, 2);
}

TEST(QuietConnections, AreNoneWhileSomethingOfAMessageIsThere) {
  ConnectionOptions options;
  options.timeouts.head = 100s;
  for (const std::string_view begun :
       {"G", "GET / HTTP/1.1\r\nhost: a\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1"}) {
    RawClient caller(Protocol::kHttp1, options);
    caller.write(begun);
    if (!caller.server.requests.all.empty()) answer_last(caller);
    caller.pass(10s);
    EXPECT_EQ(caller.server.quiet, 0) << begun;
  }
}

TEST(QuietConnections, AreNoneThatCountTheirRequests) {
  ConnectionOptions options;
  options.codec.limits.requests_per_connection_max = 5;
  RawClient caller(Protocol::kHttp1, options);
  caller.pass(10s);
  EXPECT_EQ(caller.server.quiet, 0);
}

TEST(QuietConnections, EndWhenIdleForTooLongAllTheSame) {
  ConnectionOptions options;
  options.timeouts.idle = 10s;
  RawClient caller(Protocol::kHttp1, options);
  caller.pass(9s);
  EXPECT_EQ(caller.server.done, "");
  caller.pass(3s);
  EXPECT_EQ(caller.server.quiet, 1);
  EXPECT_TRUE(caller.ear.ended);
}

TEST_P(Connections, GiveUpAPeerThatTakesNoBytes) {
  ConnectionOptions options;
  options.timeouts.stream_idle = 60s;
  ConnectionPair pair(GetParam(), options);
  auto asking = pair.open(get());
  pair.run();
  pair.pipe.set_wire(0);
  Hearer& asked = pair.server.requests.at(0);
  asked.server->send_head(with_length(1024 * 1024), false);
  asked.server->send_body(Buffer(std::string(1024 * 1024, 'x')), true);
  pair.pass(59s);
  EXPECT_EQ(pair.server.done, "");
  pair.pass(60s);
  EXPECT_EQ(pair.server.done.substr(0, 5), "[idle");
  EXPECT_EQ(asked.text, "[fault idle]");
  EXPECT_TRUE(pair.pipe.is_aborted(MemoryPipe::End::kRight));
}

TEST(Http1Connection, GivesUpAPeerThatTakesNoLastBytes) {
  ConnectionOptions options;
  options.timeouts.stream_idle = 5s;
  ConnectionPair pair(Protocol::kHttp1, options);
  auto asking = pair.open(get());
  pair.run();
  pair.pipe.set_wire(0);
  Hearer& asked = pair.server.requests.at(0);
  asked.server->send_head(with_length(1024 * 1024), false);
  asked.server->send_body(Buffer(std::string(100'000, 'x')), false);
  pair.run();
  asked.server.reset();  // whoever answers ends first
  pair.run();
  pair.pass(4s);
  EXPECT_EQ(pair.server.done, "");
  pair.pass(2s);
  EXPECT_EQ(pair.server.done.substr(0, 5), "[idle");
  EXPECT_TRUE(pair.pipe.is_aborted(MemoryPipe::End::kRight));
}

TEST_P(Connections, TellTheirStreamsWhenTheTransportBreaks) {
  ConnectionPair pair(GetParam());
  auto asking = pair.open(get());
  pair.run();
  pair.pipe.break_end(MemoryPipe::End::kRight, {Fault::kReset, Side::kLocal, "cable"});
  pair.pipe.break_end(MemoryPipe::End::kLeft, {Fault::kReset, Side::kLocal, "cable"});
  pair.run();
  EXPECT_EQ(pair.server.done, "[reset: cable]");
  EXPECT_EQ(pair.client.done, "[reset: cable]");
  EXPECT_EQ(asking->text, "[fault reset]");
  EXPECT_EQ(pair.server.requests.at(0).text, "[fault reset]");
}

TEST_P(Connections, MayBeAbandonedInsideTheirEvents) {
  for (int way = 0; way < 2; ++way) {
    ConnectionPair pair(GetParam());
    pair.server.abandon_in_request = way == 0;
    pair.client.abandon_in_capacity = way == 1;
    auto asking = pair.open(get());
    pair.run();
    if (way == 1) {
      pair.server.requests.at(0).server->send_head(with_length(0), true);
      pair.run();
    }
    EXPECT_EQ(way == 0 ? pair.server.done : pair.client.done, "");
    pair.pass(3s);
    EXPECT_NE(way == 0 ? pair.client.done : pair.server.done, "");  // the other end noticed
  }
}

TEST_P(Connections, MayBeAbandonedByAStreamsSink) {
  struct Leaver final : ResponseSink {
    testing::ClientOwner* owner = nullptr;
    void on_informational(ResponseHead&&) override {}
    void on_response_head(ResponseHead&&, bool) override { owner->abandon(); }
    void on_body(Buffer&&, bool) override { ADD_FAILURE(); }
    void on_trailers(Headers&&) override { ADD_FAILURE(); }
    void on_sent(std::size_t) override {}
    void on_stream_fault(const Error&) override { owner->abandon(); }
  };
  for (const bool broken : {false, true}) {
    ConnectionPair pair(GetParam());
    Leaver leaver;
    leaver.owner = &pair.client;
    auto stream = pair.client.connection->open(get(), true, leaver);
    pair.run();
    if (broken) {
      pair.pipe.break_end(MemoryPipe::End::kLeft, {Fault::kReset, Side::kLocal, "cable"});
    } else {
      pair.server.requests.at(0).server->send_head(with_length(0), true);
    }
    pair.run();
    EXPECT_EQ(pair.client.connection, nullptr);
    EXPECT_EQ(pair.client.done, "");
  }
}

// ---- a client by hand ----

TEST(Http2Connection, CutsAPrefaceThatDoesNotArrive) {
  RawClient client(Protocol::kHttp2);
  client.write("PRI * HTT");
  client.pass(9s);
  EXPECT_EQ(client.server.done, "");
  client.pass(3s);
  EXPECT_EQ(client.server.requests.malformed, "[408 timeout]");
  EXPECT_TRUE(frames_of(client.ear.text).ends_with("GOAWAY(0,0)")) << frames_of(client.ear.text);
  EXPECT_TRUE(client.ear.ended);
  client.pass(2s);
  EXPECT_EQ(client.server.done.substr(0, 19), "[downstream timeout");
}

TEST(Http2Connection, CutsAHeadThatDrips) {
  RawClient client(Protocol::kHttp2);
  client.write(testing::preface());
  client.pass(1min);  // quiet, but no head has begun
  EXPECT_EQ(client.server.requests.malformed, "");
  const std::string head = testing::headers(1, testing::get_block());
  client.write(head.substr(0, 9));
  for (std::size_t i = 9; i < 20; ++i) {
    client.write(head.substr(i, 1));
    client.pass(990ms);
  }
  EXPECT_EQ(client.server.requests.malformed, "[408 timeout]");
}

TEST(Http2Connection, AnInvalidHeadIsNotTakenForASlowOne) {
  RawClient client(Protocol::kHttp2);
  client.write(testing::preface() +
               testing::headers(1, "\x82\x86\x84" + testing::literal("Upper", "x")));
  client.pass(1min);
  EXPECT_EQ(client.server.requests.malformed, "[400 protocol]");
  EXPECT_EQ(client.server.done, "");
}

TEST(Http2Connection, LingersSoThatTheGoodbyeIsHeard) {
  RawClient client(Protocol::kHttp2);
  client.write(testing::preface() + testing::frame(0, 0, 0, "data on stream 0"));
  EXPECT_TRUE(frames_of(client.ear.text).ends_with("GOAWAY(0,1)"));
  EXPECT_TRUE(client.ear.ended);
  EXPECT_EQ(client.server.done, "");
  client.write(std::string(10'000, 'x'));  // read, into nothing
  client.pass(500ms);
  EXPECT_EQ(client.server.done, "");
  client.transport->shutdown_write();
  client.pipe.run();
  EXPECT_EQ(client.server.done.substr(0, 20), "[downstream protocol");
}

TEST(Http2Connection, DoesNotLingerForEver) {
  RawClient client(Protocol::kHttp2);
  client.write(testing::preface() + testing::frame(0, 0, 0, "data on stream 0"));
  client.pass(Connection::kLinger + 100ms);
  EXPECT_EQ(client.server.done.substr(0, 20), "[downstream protocol");
}

TEST(Http2Connection, AsksASilentPeerForASignOfLife) {
  ConnectionOptions options;
  options.timeouts.ping = 10s;
  options.timeouts.ping_answer = 5s;
  options.timeouts.drain = 1h;
  ConnectionPair pair(Protocol::kHttp2, options);
  auto asking = pair.open(get());
  pair.pass(5min);  // the answers to the pings are enough
  EXPECT_EQ(pair.client.done + pair.server.done, "");
  EXPECT_NE(frames_of(pair.pipe.sent_to(MemoryPipe::End::kRight)).find("PING"), std::string::npos);
  pair.pipe.set_wire(0);
  pair.pass(26s);
  EXPECT_EQ(pair.client.done, "[timeout: the peer does not answer a PING]");
  EXPECT_EQ(asking->text, "[fault timeout]");
}

TEST(Http2Connection, APingAnswerAloneDoesNotEndADrain) {
  RawClient client(Protocol::kHttp2);
  client.write(testing::preface() + testing::headers(1, testing::get_block()));
  client.server.connection->drain();
  client.write(testing::frame(6, 1, 0, "12345678"));  // not ours
  EXPECT_EQ(frames_of(client.ear.text).find("GOAWAY(1,0)"), std::string::npos);
  client.write(testing::headers(3, testing::get_block()));
  EXPECT_EQ(client.server.requests.all.size(), 2U);
  client.pass(2s);
  EXPECT_NE(frames_of(client.ear.text).find("GOAWAY(3,0)"), std::string::npos);
}

TEST(Http2Connection, SaysWhenThePeersWindowHoldsUpEverything) {
  ConnectionOptions options;
  options.codec.http2.connection_window = 65'535;
  options.codec.http2.stream_window = 1024 * 1024;
  ConnectionPair pair(Protocol::kHttp2, options);
  pair.run();
  auto asking = pair.open(get(), false);
  EXPECT_FALSE(pair.client.connection->blocked());
  pair.pipe.set_wire(70'000);
  asking->client->send_body(Buffer(std::string(200'000, 'x')), false);
  pair.turn.end();
  EXPECT_TRUE(pair.client.connection->blocked());
  pair.run();
  EXPECT_FALSE(pair.client.connection->blocked());
}

TEST(Http2Connection, FeedsWhatASnifferHasRead) {
  for (std::size_t split = 0; split < 60; ++split) {
    const std::string bytes = testing::preface() + testing::headers(1, testing::get_block());
    const std::size_t at = std::min(split, bytes.size());
    RawClient client(Protocol::kHttp2, {}, Buffer(bytes.substr(0, at)));
    client.write(bytes.substr(at));
    EXPECT_EQ(client.server.requests.all.size(), 1U) << split;
  }
}

}  // namespace
}  // namespace weft::http
