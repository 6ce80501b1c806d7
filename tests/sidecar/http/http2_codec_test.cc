#include <gtest/gtest.h>

#include "tests/sidecar/http/http2_pair.h"

namespace weft::http {
namespace {

using testing::frames_of;
using testing::get;
using testing::Hearer;
using testing::Http2Pair;
using testing::kPieces;

ResponseHead ok() { return ResponseHead(); }

TEST(Http2Codec, CarriesARequestAndItsAnswerInPiecesOfAnySize) {
  for (const std::size_t piece : kPieces) {
    Http2Pair pair({}, piece);
    RequestHead head = get("/cart?x=1");
    head.headers.add("X-Custom", "one");
    head.headers.add(HeaderId::kTraceparent, "00-1-2-01");
    head.content_length = 5;
    head.method = Method::kPost;
    head.method_name = "POST";
    auto asking = pair.open(head, false);
    asking->client->send_body(Buffer("hello"), true);
    pair.run();
    ASSERT_EQ(pair.requests.all.size(), 1U) << piece;
    Hearer& asked = pair.requests.at(0);
    EXPECT_EQ(testing::describe(asked.request),
              "POST http://cart:8080/cart?x=1 length=5\nx-custom: one\ntraceparent: 00-1-2-01");
    EXPECT_TRUE(asked.request.headers.begin()[1].never_index);
    EXPECT_EQ(asked.body, "hello");
    EXPECT_TRUE(asked.ended);
    EXPECT_EQ(asking->sent, 5U);

    ResponseHead answer = ok();
    answer.headers.add(HeaderId::kContentType, "text/plain");
    answer.content_length = 6;
    asked.server->send_head(answer, false);
    asked.server->send_body(Buffer("wor"), false);
    pair.run();
    asked.server->send_body(Buffer("ld!"), true);
    pair.run();
    EXPECT_EQ(asking->body, "world!");
    EXPECT_EQ(asking->response.status, 200);
    EXPECT_EQ(asking->response.content_length, 6U);
    EXPECT_EQ(asking->response.headers.find("content-type"), "text/plain");
    EXPECT_TRUE(asking->ended);
    EXPECT_EQ(asked.sent, 6U);
    EXPECT_EQ(asked.text.find("fault"), std::string::npos);
    EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
  }
}

TEST(Http2Codec, PutsWhatCouldBeGuessedIntoNoTable) {
  Http2Pair pair;
  RequestHead head = get();
  head.headers.add(HeaderId::kCookie, "pin=4711");
  head.headers.add(HeaderId::kAuthorization, "Basic YTpi");
  head.headers.add("x-tenant", "blue");
  auto asking = pair.open(head);
  pair.run();
  const Headers& asked = pair.requests.at(0).request.headers;
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_TRUE(asked.begin()[0].never_index);
  EXPECT_TRUE(asked.begin()[1].never_index);
  EXPECT_FALSE(asked.begin()[2].never_index);

  RequestHead other = get();
  other.headers.add(HeaderId::kCookie, "session=0123456789abcdef");
  auto again = pair.open(other);
  pair.run();
  EXPECT_FALSE(pair.requests.at(1).request.headers.begin()[0].never_index);
}

TEST(Http2Codec, MergesTheLastBytesWithTheEnd) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head, false);
  asking->client->send_body(Buffer("hello"), true);
  pair.run();
  EXPECT_EQ(pair.requests.at(0).text, "[body 5 end]");
}

TEST(Http2Codec, CarriesTrailersBothWays) {
  for (const std::size_t piece : kPieces) {
    Http2Pair pair({}, piece);
    RequestHead head = get();
    auto asking = pair.open(head, false);
    Headers trailers;
    trailers.add("x-checksum", "42");
    asking->client->send_body(Buffer("ab"), false);
    asking->client->send_trailers(trailers);
    pair.run();
    Hearer& asked = pair.requests.at(0);
    EXPECT_EQ(asked.body, "ab");
    EXPECT_TRUE(asked.text.ends_with("[trailers x-checksum=42]")) << asked.text;
    asked.server->send_head(ok(), false);
    Headers status;
    status.add(HeaderId::kGrpcStatus, "0");
    asked.server->send_trailers(status);
    pair.run();
    EXPECT_TRUE(asking->text.ends_with("[trailers grpc-status=0]")) << asking->text;
    EXPECT_EQ(pair.server->streams(), 0U);
  }
}

TEST(Http2Codec, EndsWithoutABodyInOneFrame) {
  Http2Pair pair;
  pair.requests.answer = true;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.run();
  EXPECT_EQ(asking->text, "[200 end]");
  EXPECT_NE(frames_of(pair.to_server).find("HEADERS(1,end)"), std::string::npos);
  EXPECT_NE(frames_of(pair.to_client).find("HEADERS(1,end)"), std::string::npos);
}

TEST(Http2Codec, PassesInformationalAnswers) {
  Http2Pair pair;
  RequestHead head = get();
  head.expects_continue = true;
  auto asking = pair.open(head, false);
  pair.run();
  EXPECT_TRUE(pair.requests.at(0).request.expects_continue);
  ResponseHead early;
  early.status = 100;
  pair.requests.at(0).server->send_informational(early);
  early.status = 103;
  early.headers.add(HeaderId::kLink, "</a.css>");
  pair.requests.at(0).server->send_informational(early);
  pair.requests.at(0).server->send_head(ok(), true);
  pair.run();
  EXPECT_EQ(asking->text, "[100][103][200 end]");
}

TEST(Http2Codec, JoinsCookieCrumbsAndKeepsOneHost) {
  Http2Pair pair;
  RequestHead head = get();
  head.headers.add(HeaderId::kCookie, "a=1");
  head.headers.add("x-between", "1");
  head.headers.add(HeaderId::kCookie, "b=2");
  head.headers.add(HeaderId::kCookie, "c=3");
  auto asking = pair.open(head);
  pair.run();
  EXPECT_EQ(testing::describe(pair.requests.at(0).request),
            "GET http://cart:8080/\ncookie: a=1; b=2; c=3\nx-between: 1");
}

// ---- resets ----

TEST(Http2Codec, AResetByTheClientReachesTheServer) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head, false);
  pair.run();
  asking->client->reset(ResetReason::kCancel);
  pair.run();
  EXPECT_EQ(pair.requests.at(0).text, "[fault reset]");
  EXPECT_EQ(asking->text, "");
  EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
}

TEST(Http2Codec, DroppingAnUnfinishedStreamResetsIt) {
  Http2Pair pair;
  RequestHead head = get();
  auto first = pair.open(head, false);
  auto second = pair.open(head, false);
  pair.run();
  first->client.reset();
  pair.requests.at(1).server.reset();
  pair.run();
  EXPECT_EQ(pair.requests.at(0).text, "[fault reset]");
  EXPECT_EQ(second->text, "[fault reset]");
  EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
}

TEST(Http2Codec, AStreamDroppedInTheHandlerIsReset) {
  Http2Pair pair;
  pair.requests.drop = true;
  RequestHead head = get();
  auto asking = pair.open(head, false);
  pair.run();
  EXPECT_EQ(asking->text, "[fault reset]");
}

TEST(Http2Codec, ARefusalSaysThatAnotherTryIsSafe) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.run();
  pair.requests.at(0).server->reset(ResetReason::kRefused);
  pair.run();
  EXPECT_EQ(asking->text, "[fault refused]");
}

TEST(Http2Codec, ADroppedAnswerThatIsCompleteStillArrives) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  asking->hold = true;
  pair.run();
  pair.requests.at(0).server->send_head(ok(), false);
  pair.requests.at(0).server->send_body(Buffer(std::string(600 * 1024, 'x')),
                                        true);  // more than the window
  pair.requests.at(0).server.reset();
  pair.run();
  EXPECT_LT(asking->body.size(), 600U * 1024);
  while (!asking->ended && asking->held > 0) {
    asking->consume();
    pair.run();
  }
  EXPECT_EQ(asking->body.size(), 600U * 1024);
  EXPECT_TRUE(asking->ended);
  EXPECT_EQ(pair.server->streams(), 0U);
}

TEST(Http2Codec, AnEarlyAnswerEndsTheUpload) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head, false);
  pair.run();
  pair.requests.at(0).server->send_head(ok(), true);
  pair.requests.at(0).server.reset();
  pair.run();
  EXPECT_EQ(asking->text, "[200 end]");
  EXPECT_NE(frames_of(pair.to_client).find("RST_STREAM(1,0)"), std::string::npos);
  asking->client->send_body(Buffer("late"), true);  // harmless
  pair.run();
  EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
}

// ---- credit ----

TEST(Http2Codec, HoldsASenderToTheStreamsWindow) {
  CodecOptions options;
  Http2Pair pair(options);
  pair.run();
  RequestHead head = get();
  auto asking = pair.open(head, false);
  pair.requests.hold = true;
  asking->client->send_body(Buffer(std::string(1024 * 1024, 'x')), true);
  pair.run();
  Hearer& asked = pair.requests.at(0);
  EXPECT_EQ(asked.body.size(), options.http2.stream_window);
  EXPECT_EQ(asking->sent, options.http2.stream_window);
  EXPECT_EQ(asking->client->buffered(), 1024 * 1024 - options.http2.stream_window);
  while (!asked.ended) {
    const std::size_t before = asked.body.size();
    asked.consume();
    pair.run();
    ASSERT_GT(asked.body.size(), before);
  }
  EXPECT_EQ(asked.body.size(), 1024U * 1024);
  EXPECT_EQ(asking->sent, 1024U * 1024);
}

TEST(Http2Codec, NinetyNineStalledStreamsDoNotHarmTheHundredth) {
  CodecOptions options;
  Http2Pair pair(options);
  pair.run();
  pair.requests.hold = true;
  RequestHead head = get();
  std::vector<std::unique_ptr<Hearer>> stalled;
  for (int i = 0; i < 99; ++i) {
    stalled.push_back(pair.open(head, false));
    stalled.back()->client->send_body(Buffer(std::string(512 * 1024, 's')), true);
  }
  pair.run();
  // 99 windows are more than the connection's own: its credit did not wait for the readers.
  EXPECT_GT(99U * options.http2.stream_window, options.http2.connection_window);
  for (const auto& hearer : pair.requests.all)
    EXPECT_EQ(hearer->body.size(), options.http2.stream_window);
  pair.requests.hold = false;
  auto bystander = pair.open(head, false);
  bystander->client->send_body(Buffer(std::string(8 * 1024 * 1024, 'b')), true);
  pair.run();
  EXPECT_TRUE(pair.requests.at(99).ended);
  EXPECT_EQ(pair.requests.at(99).body.size(), 8U * 1024 * 1024);
  // And those that stalled get well again.
  for (const auto& hearer : pair.requests.all) hearer->hold = false;
  for (const auto& hearer : pair.requests.all) hearer->consume();
  pair.run();
  for (const auto& hearer : pair.requests.all) EXPECT_TRUE(hearer->ended);
}

TEST(Http2Codec, GivesBackTheCreditOfWhatNobodyReads) {
  Http2Pair pair;
  pair.run();
  pair.requests.hold = true;
  RequestHead head = get();
  // Many times the connection's window, all of it undelivered when its stream ends.
  for (int i = 0; i < 200; ++i) {
    auto asking = pair.open(head, false);
    asking->client->send_body(Buffer(std::string(256 * 1024, 'x')), false);
    pair.run();
    EXPECT_EQ(pair.requests.all.back()->body.size(), 256U * 1024) << i;
    if (i % 2 == 0) {
      pair.requests.all.back()->server.reset();
    } else {
      asking->client.reset();
    }
    pair.run();
  }
  EXPECT_TRUE(pair.server_status.has_value());
  EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
}

// ---- goodbye ----

TEST(Http2Codec, DrainsInTwoStepsAndLetsStreamsFinish) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.run();
  pair.server->drain();
  pair.run();
  // The peer's PING answer brought the second GOAWAY at once.
  EXPECT_NE(frames_of(pair.to_client).find("GOAWAY(2147483647,0)"), std::string::npos);
  EXPECT_NE(frames_of(pair.to_client).find("GOAWAY(1,0)"), std::string::npos);
  EXPECT_EQ(pair.client->available(), 0U);
  EXPECT_FALSE(pair.server->finished());
  EXPECT_FALSE(pair.client->finished());
  pair.requests.at(0).server->send_head(ok(), true);
  pair.run();
  EXPECT_EQ(asking->text, "[200 end]");
  EXPECT_TRUE(pair.server->finished());
  EXPECT_TRUE(pair.client->finished());
}

TEST(Http2Codec, ServesWhatCameBeforeTheSecondGoaway) {
  Http2Pair pair;
  pair.requests.answer = true;
  pair.run();
  pair.server->drain();
  RequestHead head = get();
  auto crossing = pair.open(head);  // on its way while the first GOAWAY is
  pair.run();
  EXPECT_EQ(crossing->text, "[200 end]");
}

TEST(Http2Codec, RefusesWhatCameAfterTheSecondGoaway) {
  Http2Pair pair;
  pair.requests.answer = true;
  RequestHead head = get();
  auto served = pair.open(head);
  pair.run();
  pair.server->drain_now();
  Buffer goaway;
  pair.server->produce(goaway, 1 << 20);
  auto late = pair.open(head);
  pair.step();
  ASSERT_TRUE(pair.client->feed(goaway));
  pair.run();
  EXPECT_EQ(served->text, "[200 end]");
  EXPECT_EQ(late->text, "[fault refused]");
  EXPECT_EQ(pair.requests.all.size(), 1U);
}

TEST(Http2Codec, CloseAfterSaysGoaway) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.run();
  pair.requests.at(0).server->close_after();
  pair.requests.at(0).server->send_head(ok(), true);
  pair.run();
  EXPECT_EQ(asking->text, "[200 end]");
  EXPECT_TRUE(pair.client->finished());
  EXPECT_TRUE(pair.server->finished());
}

TEST(Http2Codec, TheLastRequestOfAConnectionSaysGoodbye) {
  CodecOptions options;
  options.limits.requests_per_connection_max = 2;
  Http2Pair pair(options);
  pair.requests.answer = true;
  RequestHead head = get();
  auto one = pair.open(head);
  pair.run();
  EXPECT_GT(pair.client->available(), 0U);
  auto two = pair.open(head);
  pair.run();
  EXPECT_EQ(one->text + two->text, "[200 end][200 end]");
  EXPECT_EQ(pair.client->available(), 0U);
  EXPECT_TRUE(pair.client->finished());
}

TEST(Http2Codec, TheEndOfInputEndsEveryStream) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.run();
  ASSERT_TRUE(pair.client->feed_end());
  ASSERT_TRUE(pair.server->feed_end());
  EXPECT_EQ(asking->text, "[fault reset]");
  EXPECT_EQ(pair.requests.at(0).text, "[fault reset]");
  EXPECT_TRUE(pair.client->finished() && pair.server->finished());
}

TEST(Http2Codec, FailTellsEveryStreamAndProducesNothing) {
  Http2Pair pair;
  RequestHead head = get();
  auto asking = pair.open(head);
  pair.client->fail(Error{Fault::kTimeout, Side::kLocal, "late"});
  EXPECT_EQ(asking->text, "[fault timeout]");
  EXPECT_FALSE(pair.client->wants_output());
  Buffer out;
  pair.client->produce(out, 1000);
  EXPECT_TRUE(out.empty());
}

TEST(Http2Codec, AStreamOutlivesItsConnection) {
  auto pair = std::make_unique<Http2Pair>();
  RequestHead head = get();
  auto asking = pair->open(head, false);
  pair->run();
  auto asked = std::move(pair->requests.all.at(0));
  pair.reset();
  for (Stream* stream : {asking->stream(), asked->stream()}) {
    stream->send_body(Buffer("x"), false);
    stream->send_trailers(Headers());
    stream->consume(10);
    EXPECT_EQ(stream->buffered(), 0U);
    stream->reset(ResetReason::kCancel);
  }
  asked->server->send_head(ok(), true);
  EXPECT_EQ(asking->text + asked->text, "");
}

// ---- limits of the peer ----

TEST(Http2Codec, RespectsThePeersStreamLimit) {
  CodecOptions options;
  options.http2.streams_max = 3;
  Http2Pair pair(options);
  EXPECT_EQ(pair.client->available(), 100U);  // nothing heard yet
  pair.run();
  EXPECT_EQ(pair.client->available(), 3U);
  RequestHead head = get();
  std::vector<std::unique_ptr<Hearer>> open;
  while (pair.client->available() > 0) open.push_back(pair.open(head));
  pair.run();
  EXPECT_EQ(pair.requests.all.size(), 3U);
  pair.requests.at(0).server->send_head(ok(), true);
  pair.run();
  EXPECT_EQ(pair.client->available(), 1U);
}

TEST(Http2Codec, RefusesStreamsOpenedBeforeTheLimitWasKnown) {
  CodecOptions options;
  options.http2.streams_max = 3;
  Http2Pair pair(options);
  RequestHead head = get();
  std::vector<std::unique_ptr<Hearer>> open;
  for (int i = 0; i < 10; ++i) open.push_back(pair.open(head));
  pair.run();
  EXPECT_EQ(pair.requests.all.size(), 3U);
  int refused = 0;
  for (const auto& hearer : open) refused += hearer->text == "[fault refused]" ? 1 : 0;
  EXPECT_EQ(refused, 7);
}

TEST(Http2Codec, KnowsWhetherAConnectionWasUsedBefore) {
  Http2Pair pair;
  RequestHead head = get();
  auto first = pair.open(head);
  auto second = pair.open(head);
  EXPECT_FALSE(first->client->reused_connection());
  EXPECT_TRUE(second->client->reused_connection());
}

// ---- stalls ----

TEST(Http2Codec, ExpiresAStreamThatMovesAByteAtATime) {
  using namespace std::chrono_literals;
  CodecOptions options;
  options.http2.stream_window = 100;
  Http2Pair pair(options);
  pair.run();
  RequestHead head = get();
  auto slow = pair.open(head);
  auto idle = pair.open(head);
  slow->hold = true;
  pair.run();
  pair.requests.at(0).server->send_head(ok(), false);
  pair.requests.at(0).server->send_body(Buffer(std::string(4000, 'x')), true);
  pair.run();
  for (int minute = 0; minute < 5; ++minute) {
    pair.server_host.time += 1min;
    slow->client->consume(slow->held > 60 ? 60 : slow->held);
    slow->held -= slow->held > 60 ? 60 : slow->held;
    pair.run();
    if (minute < 4) {
      pair.server->expire(pair.server_host.time - 5min);
    }
  }
  EXPECT_EQ(pair.requests.at(0).text, "");
  pair.server->expire(pair.server_host.time - 5min);
  pair.run();
  EXPECT_EQ(pair.requests.at(0).text, "[fault idle]");
  EXPECT_EQ(pair.requests.at(1).text, "");  // waits for us, not we for it
}

// ---- lifetimes ----

TEST(Http2Codec, SurvivesStreamsDroppedInEveryEvent) {
  for (int side = 0; side < 2; ++side) {
    for (int event = 1; event < 12; ++event) {
      Http2Pair pair;
      RequestHead head = get();
      if (side == 0) pair.requests.drop_in_event = event;
      auto asking = pair.open(head, false);
      auto other = pair.open(head, false);
      if (side == 1) asking->drop_in_event = event;
      for (int i = 0; i < 3; ++i) {
        if (asking->client != nullptr)
          asking->client->send_body(Buffer(std::string(100, 'x')), false);
        pair.run();
        Hearer& asked = pair.requests.at(0);
        if (asked.server != nullptr) {
          if (i == 0) asked.server->send_head(ok(), false);
          asked.server->send_body(Buffer(std::string(100, 'y')), false);
        }
        pair.run();
      }
      if (asking->client != nullptr) asking->client->send_trailers(Headers());
      pair.run();
      if (pair.requests.at(0).server != nullptr)
        pair.requests.at(0).server->send_trailers(Headers());
      pair.run();
      pair.requests.at(1).server->send_head(ok(), true);
      other->client->send_body(Buffer(), true);
      pair.run();
      EXPECT_EQ(other->text, "[200 end]");
      EXPECT_EQ(pair.server->streams() + pair.client->streams(), 0U);
    }
  }
}

}  // namespace
}  // namespace weft::http
