// What a hostile or broken client sends, frame by frame, and what becomes of its connection
// (threats.md 3.2 and 3.4); floods are in http2_floods_test.cc.
#include "tests/sidecar/http/http2_hostile.h"

#include <gtest/gtest.h>

#include <functional>
#include <tuple>

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using testing::blocks;
using testing::frame;
using testing::frames_of;
using testing::get_block;
using testing::greeted;
using testing::headers;
using testing::Hearer;
using testing::literal;
using testing::RawServer;
using testing::stream_of;
using testing::u32;

constexpr std::string_view kGet = "\x82\x86\x84";  // GET http /

// Every case runs on its own stream of one connection; a good request after it must still be
// served.
struct Bad {
  const char* name;
  std::string block;
};

TEST(Http2Hostile, MalformedHeadsCostTheStreamNotTheConnection) {
  const std::string authority = literal(":authority", "cart");
  const std::vector<Bad> cases = {
      {"upper-case name", get_block() + literal("X-Upper", "1")},
      {"empty name", get_block() + literal("", "1")},
      {"name with colon", get_block() + literal("a:b", "1")},
      {"name with space", get_block() + literal("a b", "1")},
      {"name with CR", get_block() + literal("a\rb", "1")},
      {"value with CR", get_block() + literal("a", "1\r2")},
      {"value with LF", get_block() + literal("a", "1\n2")},
      {"value with NUL", get_block() + literal("a", std::string_view("1\0"
                                                                     "2",
                                                                     3))},
      {"value with leading space", get_block() + literal("a", " 1")},
      {"value with trailing tab", get_block() + literal("a", "1\t")},
      {"connection", get_block() + literal("connection", "close")},
      {"keep-alive", get_block() + literal("keep-alive", "1")},
      {"proxy-connection", get_block() + literal("proxy-connection", "x")},
      {"transfer-encoding", get_block() + literal("transfer-encoding", "chunked")},
      {"upgrade", get_block() + literal("upgrade", "h2c")},
      {"te gzip", get_block() + literal("te", "gzip")},
      {"no method", "\x86\x84" + authority},
      {"no scheme", "\x82\x84" + authority},
      {"no path", "\x82\x86" + authority},
      {"no authority", std::string(kGet)},
      {"method twice", "\x82\x82\x86\x84" + authority},
      {"path twice", "\x82\x86\x84\x84" + authority},
      {"authority twice", std::string(kGet) + authority + authority},
      {"unknown pseudo-field", get_block() + literal(":verb", "x")},
      {":status in a request", get_block() + literal(":status", "200")},
      {"pseudo-field after a field", std::string(kGet) + literal("a", "1") + authority},
      {"empty path", "\x82\x86" + authority + literal(":path", "")},
      {"path without slash", "\x82\x86" + authority + literal(":path", "admin")},
      {"grpc path without slash", "\x82\x86" + authority + literal(":path", "Service/Method")},
      {"path with space", "\x82\x86" + authority + literal(":path", "/a b")},
      {"path with fragment", "\x82\x86" + authority + literal(":path", "/a#b")},
      {"path with LF", "\x82\x86" + authority + literal(":path", "/a\nb")},
      {"asterisk with GET", "\x82\x86" + authority + literal(":path", "*")},
      {"scheme with a URL", "\x82\x84" + authority + literal(":scheme", "http://x/?")},
      {"scheme ftp", "\x82\x84" + authority + literal(":scheme", "ftp")},
      {"method with a path", "\x86\x84" + authority + literal(":method", "GET /x")},
      {"userinfo", std::string(kGet) + literal(":authority", "user@cart")},
      {"authority with a path", std::string(kGet) + literal(":authority", "cart/admin")},
      {"authority with LF", std::string(kGet) + literal(":authority", "cart\nx")},
      {"port out of range", std::string(kGet) + literal(":authority", "cart:99999")},
      {"two hosts", get_block() + literal("host", "a") + literal("host", "b")},
      {"two lengths",
       get_block() + literal("content-length", "1") + literal("content-length", "1")},
      {"negative length", get_block() + literal("content-length", "-1")},
      {"length with plus", get_block() + literal("content-length", "+1")},
      {"length of 20 digits", get_block() + literal("content-length", "99999999999999999999")},
      {"length 5 without body", get_block() + literal("content-length", "5")},
      {"CONNECT with a path", "\x84" + authority + literal(":method", "CONNECT")},
      {"protocol without CONNECT", get_block() + literal(":protocol", "websocket")},
  };
  auto server = greeted();
  std::uint32_t id = 1;
  for (const Bad& bad : cases) {
    server->feed(headers(id, bad.block));
    const std::string reply = server->reply();
    const std::string stream = "(" + std::to_string(id);
    EXPECT_TRUE(reply.find("RST_STREAM" + stream + ",1)") != std::string::npos ||
                reply.find("HEADERS" + stream + ",end)") != std::string::npos)
        << bad.name << ": " << reply;
    EXPECT_EQ(reply.find("GOAWAY"), std::string::npos) << bad.name;
    EXPECT_TRUE(server->requests.all.empty()) << bad.name;
    id += 2;
  }
  server->requests.answer = true;
  server->feed(headers(id, get_block()));
  EXPECT_EQ(server->requests.all.size(), 1U);
  EXPECT_TRUE(server->status.has_value());
  EXPECT_EQ(server->codec->streams(), 1U);
  server->reply();
  EXPECT_EQ(server->codec->streams(), 0U);
}

TEST(Http2Hostile, TheAuthorityDecidesAndHostIsDropped) {
  auto server = greeted();
  server->feed(headers(1, get_block("Real.Example:8080") + literal("host", "other.example") +
                              literal("te", "Trailers")));
  ASSERT_EQ(server->requests.all.size(), 1U);
  EXPECT_EQ(testing::describe(server->requests.at(0).request),
            "GET http://real.example:8080/\nte: trailers");
  server->feed(headers(3, std::string(kGet) + literal("host", "only.example")));
  EXPECT_EQ(server->requests.at(1).request.authority, "only.example");
}

TEST(Http2Hostile, ABodyMustBeAsLongAsItSays) {
  const auto with_length = [](std::string_view length) {
    return get_block() + literal("content-length", length);
  };
  for (const auto& [length, body, end_by_trailers] :
       {std::tuple{"5", "1234", false}, std::tuple{"5", "123456", false},
        std::tuple{"0", "1", false}, std::tuple{"5", "1234", true}}) {
    auto server = greeted();
    server->feed(headers(1, with_length(length), false));
    if (end_by_trailers) {
      server->feed(frame(0, 0, 1, body) + headers(1, literal("x", "1")));
    } else {
      server->feed(frame(0, 1, 1, body));
    }
    EXPECT_EQ(server->reply(), "RST_STREAM(1,1)") << length << " " << body;
    EXPECT_TRUE(server->requests.at(0).text.ends_with("[fault protocol]"))
        << server->requests.at(0).text;
    EXPECT_FALSE(server->requests.at(0).ended) << length << " " << body;
  }
}

TEST(Http2Hostile, AFrameCutShortDeliversOnlyWhatIsInHand) {
  auto server = greeted();
  server->feed(headers(1, get_block(), false));
  const std::string data = frame(0, 1, 1, std::string(16384, 'x'));
  server->feed(data.substr(0, 9 + 1024));
  EXPECT_EQ(server->requests.at(0).body.size(), 1024U);
  EXPECT_FALSE(server->requests.at(0).ended);
  ASSERT_TRUE(server->codec->feed_end());
  EXPECT_EQ(server->requests.at(0).text, "[body 1024][fault reset]");
}

TEST(Http2Hostile, TrailersObeyTheSameRules) {
  for (const std::string& trailers : {literal(":path", "/x"), literal("Upper", "x"),
                                      literal("connection", "close"), literal("a", "b\n")}) {
    auto server = greeted();
    server->feed(headers(1, get_block(), false) + headers(1, trailers));
    EXPECT_EQ(server->reply(), "RST_STREAM(1,1)");
    EXPECT_EQ(server->requests.at(0).text, "[fault protocol]");
  }
  auto server = greeted();
  server->feed(headers(1, get_block(), false) +
               headers(1, literal("a", "b"), false));  // without END_STREAM
  EXPECT_EQ(server->reply(), "RST_STREAM(1,1)");
  // What must not be merged into a head is dropped.
  server->feed(headers(3, get_block(), false) +
               headers(3, literal("x-sum", "1") + literal("authorization", "x")));
  EXPECT_EQ(server->requests.at(1).text, "[trailers x-sum=1]");
  std::string many;
  for (int i = 0; i < 33; ++i) many += literal("a", "b");
  server->feed(headers(5, get_block(), false) + headers(5, many));
  EXPECT_EQ(server->reply(), "RST_STREAM(5,1)");
  EXPECT_EQ(server->requests.at(2).text, "[fault head too large]");
}

// ---- sizes ----

TEST(Http2Hostile, HeadsAtTheLimitPassAndBeyondItAreAnswered) {
  const CodecOptions options;
  const auto fields = [](std::size_t count) {
    std::string block = get_block();
    for (std::size_t i = 0; i < count; ++i) block += literal("a", "b");
    return block;
  };
  const auto path = [](std::size_t size) {
    return "\x82\x86" + literal(":authority", "cart") +
           literal(":path", "/" + std::string(size - 1, 'x'));
  };
  auto server = greeted();
  server->feed(blocks(1, fields(100)));
  EXPECT_EQ(server->requests.all.size(), 1U);
  server->feed(blocks(3, fields(101)));
  server->feed(blocks(5, path(options.limits.target_bytes_max)));
  EXPECT_EQ(server->requests.all.size(), 2U);
  server->feed(blocks(7, path(options.limits.target_bytes_max + 1)));
  server->feed(blocks(9, get_block() + literal("big", std::string(62'000, 'x'))));
  EXPECT_EQ(server->requests.all.size(), 2U);
  EXPECT_EQ(server->requests.malformed,
            "[431 head too large][414 target too long][431 head too large]");
  EXPECT_EQ(server->reply(), "HEADERS(3,end) HEADERS(7,end) HEADERS(9,end)");
  // Far beyond, nobody waits for the end.
  server->feed(blocks(11, fields(1000)));
  EXPECT_EQ(server->reply(), "RST_STREAM(11,11)");
  EXPECT_TRUE(server->status.has_value());
}

TEST(Http2Hostile, CookieCrumbsCountOneByOne) {
  std::string block = get_block();
  for (int i = 0; i < 500; ++i) block += literal("cookie", "a=1");
  auto server = greeted();
  server->feed(blocks(1, block));
  EXPECT_TRUE(server->requests.all.empty());
  EXPECT_EQ(server->reply(), "RST_STREAM(1,11)");
}

TEST(Http2Hostile, OneByteThatStandsForMuchIsCounted) {
  // One field of 4,000 bytes enters the dynamic table, then single bytes refer to it.
  std::string block = get_block();
  block += "\x40" + literal("bomb", std::string(3900, 'x')).substr(1);
  block += std::string(15'000, '\xbe');
  auto server = greeted();
  for (std::uint32_t id = 1; id < 200 && server->status; id += 2) {
    server->feed(blocks(id, block));
    server->reply();
  }
  EXPECT_FALSE(server->status.has_value());  // ended long before a hundred of them
  EXPECT_TRUE(server->requests.all.empty());
  EXPECT_NE(frames_of(server->out).find("GOAWAY"), std::string::npos);
}

TEST(Http2Hostile, TheTableStaysRightBehindAHeadThatWasThrownAway) {
  auto server = greeted();
  std::string block = get_block();
  for (int i = 0; i < 300; ++i) block += literal("a", "b");
  block +=
      "\x40" + literal("later", "here").substr(1);  // enters the table although nobody reads it
  server->feed(blocks(1, block));
  server->feed(blocks(3, get_block() + "\xbe"));
  ASSERT_EQ(server->requests.all.size(), 1U);
  EXPECT_EQ(server->requests.at(0).request.headers.find("later"), "here");
}

TEST(Http2Hostile, ContinuationsEndAtTheLimit) {
  for (const std::string& filler : {std::string(), literal("a", std::string(10'000, 'x'))}) {
    auto server = greeted();
    std::string wire = headers(1, get_block(), true, false);
    for (int i = 0; i < 100; ++i) wire += frame(9, 0, 1, filler);
    server->feed(wire);
    EXPECT_FALSE(server->status.has_value());
    EXPECT_TRUE(server->reply().ends_with("GOAWAY(0,11)")) << frames_of(server->out);
    EXPECT_TRUE(server->requests.all.empty());
  }
}

TEST(Http2Hostile, ContinuationsMayArriveByteByByte) {
  auto server = greeted();
  std::string wire = headers(1, get_block(), true, false);
  for (int i = 0; i < 8; ++i) wire += frame(9, i == 7 ? 4 : 0, 1, literal("a", "b"));
  for (const char byte : wire) server->feed(std::string(1, byte));
  EXPECT_EQ(server->requests.all.size(), 1U);
}

// ---- broken frames ----

TEST(Http2Hostile, BrokenFramesEndTheConnectionCleanly) {
  const std::string open = headers(1, get_block(), false);
  const std::string closed = headers(1, get_block());
  const std::vector<std::tuple<const char*, std::string, int>> cases = {
      {"frame over 16 KiB", frame(0, 0, 1, std::string(16'385, 'x')), 6},
      {"DATA on stream 0", frame(0, 0, 0, "x"), 1},
      {"DATA on an idle stream", frame(0, 0, 9, "x"), 1},
      {"DATA after the end", closed + frame(0, 0, 1, "x"), 5},
      {"HEADERS after the end", closed + headers(1, get_block()), 5},
      {"HEADERS on an even stream", headers(2, get_block()), 1},
      {"PUSH_PROMISE by a client", frame(5, 4, 1, u32(2)), 1},
      {"PING of 7 bytes", frame(6, 0, 0, "1234567"), 6},
      {"PING on a stream", frame(6, 0, 1, "12345678"), 1},
      {"RST_STREAM of 3 bytes", frame(3, 0, 1, "123"), 6},
      {"RST_STREAM on an idle stream", frame(3, 0, 9, u32(0)), 1},
      {"SETTINGS of 5 bytes", frame(4, 0, 0, "12345"), 6},
      {"SETTINGS answer with a body", frame(4, 1, 0, std::string(6, '\0')), 6},
      {"ENABLE_PUSH 2", frame(4, 0, 0, std::string("\0\2", 2) + u32(2)), 1},
      {"INITIAL_WINDOW_SIZE too large", frame(4, 0, 0, std::string("\0\4", 2) + u32(0x80000000U)),
       3},
      {"MAX_FRAME_SIZE too small", frame(4, 0, 0, std::string("\0\5", 2) + u32(100)), 1},
      {"WINDOW_UPDATE 0", frame(8, 0, 0, u32(0)), 1},
      {"PRIORITY on stream 0", frame(2, 0, 0, u32(1) + "\x10"), 1},
      {"connection window too large", frame(8, 0, 0, u32(0x7fffffff)), 3},
      {"CONTINUATION alone", frame(9, 4, 1, ""), 1},
      {"HEADERS cut by DATA", headers(3, get_block(), true, false) + frame(0, 0, 1, "x"), 1},
      {"padding longer than the frame", frame(0, 8, 1, "\x0ax"), 1},
      {"HPACK index 0", headers(3, "\x80"), 9},
      {"HPACK index out of range", headers(3, "\xff\x00"), 9},
      {"HPACK integer overflow", headers(3, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), 9},
      {"HPACK table larger than allowed", headers(3, "\x3f\xff\xff\xff\x07"), 9},
      {"Huffman padding of zeros", headers(3, std::string("\x00\x81\x00\x81\x00", 5)), 9},
  };
  for (const auto& [name, wire, code] : cases) {
    for (const std::size_t piece : {std::size_t{1}, wire.size()}) {
      auto server = greeted();
      server->feed(open);
      Hearer* first = server->requests.all.empty() ? nullptr : &server->requests.at(0);
      if (std::string_view(wire).starts_with(closed)) server = greeted();
      for (std::size_t at = 0; at < wire.size(); at += piece) server->feed(wire.substr(at, piece));
      const std::string reply = server->reply();
      EXPECT_TRUE(reply.ends_with("," + std::to_string(code) + ")")) << name << ": " << reply;
      EXPECT_NE(reply.find("GOAWAY"), std::string::npos) << name << ": " << reply;
      EXPECT_EQ(server->codec->streams(), 0U) << name;
      EXPECT_TRUE(server->codec->finished()) << name;
      ASSERT_NE(server->codec->failure(), nullptr) << name;
      if (!server->requests.all.empty() && &server->requests.at(0) == first) {
        EXPECT_NE(server->requests.at(0).text.find("[fault protocol]"), std::string::npos) << name;
      }
      server->feed(std::string(100'000, 'x'));  // nothing more is read
      EXPECT_EQ(server->reply(), "") << name;
    }
  }
}

TEST(Http2Hostile, HeadersForAClosedStreamEndTheConnection) {
  const auto answered = headers(5, get_block());
  const auto given_up = headers(5, get_block(), false) + frame(3, 0, 5, u32(8));
  for (const std::string& closed : {answered, given_up}) {
    for (const std::uint32_t id : {5U, 3U}) {  // that one, and one that it closed unused
      auto server = greeted();
      server->requests.answer = closed == answered;
      server->feed(closed);
      server->reply();
      server->feed(headers(id, get_block()));
      EXPECT_EQ(server->reply(), "GOAWAY(5,5)") << id;
      EXPECT_TRUE(server->codec->finished());
    }
  }
}

TEST(Http2Hostile, WhatIsLateForAStreamThatWeResetIsNobodysMistake) {
  auto server = greeted();
  server->feed(headers(1, get_block(), false) + headers(3, get_block(), false));
  server->requests.at(1).server.reset();
  EXPECT_EQ(server->reply(), "RST_STREAM(3,2)");
  server->feed(headers(3, literal("x-sum", "1")));  // its trailers
  EXPECT_EQ(server->reply(), "");
  server->feed(headers(5, get_block()));
  EXPECT_EQ(server->requests.all.size(), 3U);
  EXPECT_TRUE(server->status.has_value());
}

TEST(Http2Hostile, HttpOneOnAnHttpTwoPortIsTurnedAway) {
  RawServer server;
  server.feed("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  EXPECT_FALSE(server.status.has_value());
  EXPECT_TRUE(server.reply().ends_with("GOAWAY(0,1)"));
  EXPECT_TRUE(server.codec->finished());
}

TEST(Http2Hostile, BrokenFramesAfterOurGoawayAreHarmless) {
  auto server = greeted();
  server->feed(headers(1, get_block(), false));
  server->codec->drain_now();
  server->reply();
  server->feed(frame(0, 0, 0, "x") + frame(9, 0, 7, "") + headers(3, "\x80"));
  server->reply();
  EXPECT_EQ(server->codec->streams(), 0U);
  EXPECT_TRUE(server->codec->finished());
}

TEST(Http2Hostile, WindowsMayGoNegativeAndComeBack) {
  auto server = greeted();
  server->feed(headers(1, get_block()));
  server->requests.at(0).server->send_head(ResponseHead(), false);
  server->requests.at(0).server->send_body(Buffer(std::string(100'000, 'x')), true);
  server->reply();
  EXPECT_EQ(server->requests.at(0).sent, 65'535U);
  server->feed(frame(4, 0, 0, std::string("\0\4", 2) + u32(0)));  // the window is now -65,535
  server->feed(frame(8, 0, 0, u32(1'000'000)) + frame(8, 0, 1, u32(65'535)));
  server->reply();
  EXPECT_EQ(server->requests.at(0).sent, 65'535U);
  server->feed(frame(8, 0, 1, u32(40'000)));
  server->reply();
  EXPECT_EQ(server->requests.at(0).sent, 100'000U);
}

TEST(Http2Hostile, PaddingIsNotDeliveredAndItsCreditReturns) {
  auto server = greeted();
  server->requests.hold = false;
  server->feed(headers(1, get_block(), false));
  for (int i = 0; i < 2000; ++i) {
    server->feed(
        frame(0, 8, 1, std::string(1, '\xff') + std::string(100, 'd') + std::string(255, '\0')));
    server->reply();
    ASSERT_TRUE(server->status.has_value());
  }
  EXPECT_EQ(server->requests.at(0).body.size(), 2000U * 100);
}

}  // namespace
}  // namespace weft::http
