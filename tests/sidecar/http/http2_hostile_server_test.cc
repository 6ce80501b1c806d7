// What a hostile or broken server sends, frame by frame, and what becomes of the streams on its
// connection (threats.md 3.2 DG-10, 3.4 HF-07 to HF-10).
//
// Each play is run whole and cut at every byte, on a connection with three streams: 1 asks, 3 is a
// bystander that asks too, 5 is an upload under way. A play that costs the connection says so by
// the client's GOAWAY; after any other the bystander is answered and the upload goes on.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/sidecar/http/http2_hostile.h"

namespace weft::http {
namespace {

using testing::answer;
using testing::begun;
using testing::blocks;
using testing::FedClient;
using testing::frame;
using testing::greeting;
using testing::headers;
using testing::Hearer;
using testing::kFrameMax;
using testing::kOk;
using testing::literal;
using testing::setting;
using testing::settings;
using testing::u32;
using testing::with;

// Cut at every byte up to here; longer ones in three pieces only.
constexpr std::size_t kSmall = 300;

struct Play {
  const char* name;
  std::string wire;
  const char* hears;  // stream 1
  const char* says;   // the client, at once
};

// "[200][body 1][body 2 end]" as "[200][body end]": how a body was cut is nobody's business.
std::string without_cuts(const Hearer& hearer) {
  std::string text;
  for (std::size_t at = 0; at < hearer.text.size();) {
    const std::size_t close = hearer.text.find(']', at) + 1;
    const std::string_view one = std::string_view(hearer.text).substr(at, close - at);
    if (!one.starts_with("[body")) {
      text += one;
    } else if (one.ends_with(" end]")) {
      text += "[body end]";
    }
    at = close;
  }
  return text;
}

class Stage final {
 public:
  // `greeting`: the server's first frames.
  explicit Stage(std::string_view greeting) {
    client.feed(greeting);
    client.says();
    asking = client.open();
    bystander = client.open();
    upload = client.open(false);
  }
  void play(const Play& play, const std::vector<std::string_view>& pieces) {
    std::string said;
    for (const std::string_view piece : pieces) {
      client.feed(piece);
      const std::string more = client.says();
      said += (said.empty() || more.empty() ? "" : " ") + more;
    }
    EXPECT_EQ(without_cuts(*asking), play.hears) << play.name;
    EXPECT_EQ(said, play.says) << play.name;
    if (std::string_view(play.says).find("GOAWAY") != std::string_view::npos) {
      expect_dead(play);
    } else {
      expect_alive(play);
    }
  }

 private:
  void expect_dead(const Play& play) {
    EXPECT_NE(bystander->text.find("[fault "), std::string::npos) << play.name;
    EXPECT_TRUE(upload->ended || upload->text.find("[fault ") != std::string::npos) << play.name;
    EXPECT_NE(client.codec->failure(), nullptr) << play.name;
    EXPECT_EQ(client.codec->streams(), 0U) << play.name;
    EXPECT_EQ(client.codec->available(), 0U) << play.name;
    client.feed(answer(3) + std::string(100, 'x'));
    EXPECT_EQ(client.says(), "") << play.name << ": a dead connection is silent";
    EXPECT_TRUE(client.codec->finished()) << play.name;
  }
  void expect_alive(const Play& play) {
    EXPECT_TRUE(client.status.has_value()) << play.name;
    EXPECT_EQ(upload->text, "") << play.name;
    client.feed(answer(3));
    EXPECT_EQ(bystander->text, "[200 end]") << play.name;
    upload->client->send_body(Buffer("bytes"), true);
    EXPECT_EQ(client.says(), "DATA(5,5,end)") << play.name;
    client.feed(answer(5));
    EXPECT_EQ(upload->text, "[200 end]") << play.name;
    auto next = client.open();
    client.feed(answer(7));
    EXPECT_EQ(next->text, "[200 end]") << play.name;
    asking->client.reset();
    client.says();
    EXPECT_EQ(client.codec->streams(), 0U) << play.name;
  }
  FedClient client;
  std::unique_ptr<Hearer> asking;
  std::unique_ptr<Hearer> bystander;
  std::unique_ptr<Hearer> upload;
};

void run(const std::vector<Play>& plays, std::string_view greeting) {
  for (const Play& play : plays) {
    const std::string_view wire = play.wire;
    Stage(greeting).play(play, {wire});
    if (wire.size() > kSmall) {
      Stage(greeting).play(play, {wire.substr(0, 5), wire.substr(5, 100), wire.substr(105)});
      continue;
    }
    for (std::size_t at = 1; at < wire.size(); ++at)
      Stage(greeting).play(play, {wire.substr(0, at), wire.substr(at)});
    std::vector<std::string_view> bytes;
    for (std::size_t at = 0; at < wire.size(); ++at) bytes.push_back(wire.substr(at, 1));
    Stage(greeting).play(play, bytes);
  }
}

TEST(Http2HostileServer, BrokenFrames) {
  const std::string many(kFrameMax + 1, 'x');
  run(
      {
          {"DATA on stream 0", frame(0, 0, 0, "x"), "[fault protocol]", "GOAWAY(0,1)"},
          {"HEADERS on stream 0", headers(0, kOk), "[fault protocol]", "GOAWAY(0,1)"},
          {"RST_STREAM on stream 0", frame(3, 0, 0, u32(0)), "[fault protocol]", "GOAWAY(0,1)"},
          {"PRIORITY on stream 0", frame(2, 0, 0, u32(1) + "\x10"), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"CONTINUATION on stream 0", frame(9, 4, 0, ""), "[fault protocol]", "GOAWAY(0,1)"},
          {"SETTINGS on a stream", frame(4, 0, 1, ""), "[fault protocol]", "GOAWAY(0,1)"},
          {"PING on a stream", frame(6, 0, 1, "12345678"), "[fault protocol]", "GOAWAY(0,1)"},
          {"GOAWAY on a stream", frame(7, 0, 1, u32(5) + u32(0)), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"PRIORITY of 4 bytes", frame(2, 0, 1, "1234"), "[fault protocol]", "GOAWAY(0,6)"},
          {"RST_STREAM of 3 bytes", frame(3, 0, 1, "123"), "[fault protocol]", "GOAWAY(0,6)"},
          {"RST_STREAM of 5 bytes", frame(3, 0, 1, "12345"), "[fault protocol]", "GOAWAY(0,6)"},
          {"SETTINGS of 5 bytes", frame(4, 0, 0, "12345"), "[fault protocol]", "GOAWAY(0,6)"},
          {"SETTINGS answer with a body", frame(4, 1, 0, setting(4, 1)), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"PING of 7 bytes", frame(6, 0, 0, "1234567"), "[fault protocol]", "GOAWAY(0,6)"},
          {"PING of 9 bytes", frame(6, 0, 0, "123456789"), "[fault protocol]", "GOAWAY(0,6)"},
          {"GOAWAY of 7 bytes", frame(7, 0, 0, "1234567"), "[fault protocol]", "GOAWAY(0,6)"},
          {"WINDOW_UPDATE of 3 bytes", frame(8, 0, 0, "123"), "[fault protocol]", "GOAWAY(0,6)"},
          {"WINDOW_UPDATE of 5 bytes on a stream", frame(8, 0, 1, "12345"), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"DATA over the frame limit", frame(0, 0, 1, many), "[fault protocol]", "GOAWAY(0,6)"},
          {"HEADERS over the frame limit", headers(1, many), "[fault protocol]", "GOAWAY(0,6)"},
          {"SETTINGS over the frame limit", frame(4, 0, 0, many), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"unknown type over the frame limit", frame(0x77, 0, 0, many), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"16 MiB announced", std::string("\xff\xff\xff\0\0\0\0\0\1", 9), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"padding longer than DATA", begun() + frame(0, 8, 1, "\x0ax"), "[200][fault protocol]",
           "GOAWAY(0,1)"},
          {"padded DATA without a length", begun() + frame(0, 8, 1, ""), "[200][fault protocol]",
           "GOAWAY(0,6)"},
          {"padding longer than HEADERS", frame(1, 12, 1, "\x0a\x88"), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"HEADERS too short for its priority", frame(1, 0x24, 1, "123"), "[fault protocol]",
           "GOAWAY(0,6)"},
          {"HEADERS that depends on itself", frame(1, 0x25, 1, u32(1) + "\x10\x88"), "[200 end]",
           ""},
          {"unknown type", frame(0x77, 0xff, 1, "what is this?"), "", ""},
          {"unknown flags", frame(1, 0xd5 & ~0x28, 1, kOk), "[200 end]", ""},
          {"reserved bit of a stream", frame(1, 5, 0x80000001U, kOk), "[200 end]", ""},
          {"ORIGIN, ALTSVC and PRIORITY_UPDATE",
           frame(12, 0, 0, "x") + frame(10, 0, 0, "xx") + frame(16, 0, 0, u32(1)), "", ""},
      },
      greeting());
}

TEST(Http2HostileServer, WrongOrder) {
  run(
      {
          {"CONTINUATION alone", frame(9, 4, 1, kOk), "[fault protocol]", "GOAWAY(0,1)"},
          {"CONTINUATION of another stream", headers(1, kOk, true, false) + frame(9, 4, 3, ""),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"DATA before CONTINUATION", headers(1, kOk, true, false) + frame(0, 0, 3, "x"),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"PING before CONTINUATION", headers(1, kOk, true, false) + frame(6, 0, 0, "12345678"),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"unknown type before CONTINUATION",
           headers(1, kOk, true, false) + frame(0x77, 0, 1, "x"), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"DATA before HEADERS", frame(0, 1, 1, "x"), "[fault protocol]", "GOAWAY(0,1)"},
          {"DATA after 100", headers(1, literal(":status", "100"), false) + frame(0, 1, 1, "x"),
           "[100][fault protocol]", "RST_STREAM(1,1)"},
          {"DATA after the end", answer(1) + frame(0, 0, 1, "x"), "[200 end]", ""},
          {"DATA after the end of an upload's answer", answer(5) + frame(0, 0, 5, "x"),
           "[fault protocol]", "GOAWAY(0,5)"},
          {"HEADERS after the end", answer(1) + answer(1), "[200 end]", "GOAWAY(0,5)"},
          {"HEADERS after RST_STREAM", frame(3, 0, 1, u32(8)) + answer(1), "[fault reset]",
           "GOAWAY(0,5)"},
          {"DATA after RST_STREAM", frame(3, 0, 1, u32(8)) + frame(0, 0, 1, "x"), "[fault reset]",
           ""},
          {"a second head", begun() + headers(1, kOk, false), "[200][fault protocol]",
           "RST_STREAM(1,1)"},
          {"a second head that ends", begun() + answer(1), "[200][fault protocol]",
           "RST_STREAM(1,1)"},
          {"HEADERS on an idle stream", headers(99, kOk), "[fault protocol]", "GOAWAY(0,1)"},
          {"HEADERS on a stream of its own", headers(2, kOk), "[fault protocol]", "GOAWAY(0,1)"},
          {"DATA on an idle stream", frame(0, 0, 99, "x"), "[fault protocol]", "GOAWAY(0,1)"},
          {"DATA on a stream of its own", frame(0, 0, 2, "x"), "[fault protocol]", "GOAWAY(0,1)"},
          {"RST_STREAM on an idle stream", frame(3, 0, 99, u32(0)), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"RST_STREAM on a stream of its own", frame(3, 0, 2, u32(0)), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"WINDOW_UPDATE on an idle stream", frame(8, 0, 99, u32(1)), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"PRIORITY on an idle stream", frame(2, 0, 99, u32(0) + "\x10"), "", ""},
          {"RST_STREAM after the end", answer(1) + frame(3, 0, 1, u32(0)), "[200 end]", ""},
          {"WINDOW_UPDATE after the end", answer(1) + frame(8, 0, 1, u32(9)), "[200 end]", ""},
          {"PUSH_PROMISE", frame(5, 4, 1, u32(2) + testing::get_block()), "[fault protocol]",
           "GOAWAY(0,1)"},
          {"PUSH_PROMISE on stream 0", frame(5, 4, 0, u32(2) + testing::get_block()),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"PUSH_PROMISE of an odd stream", frame(5, 4, 1, u32(7) + testing::get_block()),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"PING answer that nobody asked for", frame(6, 1, 0, "12345678"), "", ""},
          {"SETTINGS answer that nobody asked for", frame(4, 1, 0, ""), "[fault protocol]",
           "GOAWAY(0,1)"},
      },
      greeting());
}

TEST(Http2HostileServer, PushesBeforeItAcknowledgesThatItMustNot) {
  run({{"PUSH_PROMISE", frame(5, 4, 1, u32(2) + testing::get_block()), "[fault protocol]",
        "GOAWAY(0,1)"}},
      frame(4, 0, 0, ""));
}

TEST(Http2HostileServer, SettingsAndWindows) {
  run(
      {
          {"ENABLE_PUSH 1", settings(2, 1), "[fault protocol]", "GOAWAY(0,1)"},
          {"ENABLE_PUSH 2", settings(2, 2), "[fault protocol]", "GOAWAY(0,1)"},
          {"INITIAL_WINDOW_SIZE 2^31", settings(4, 0x80000000U), "[fault protocol]", "GOAWAY(0,3)"},
          {"MAX_FRAME_SIZE 16383", settings(5, 16383), "[fault protocol]", "GOAWAY(0,1)"},
          {"MAX_FRAME_SIZE 2^24", settings(5, 1 << 24), "[fault protocol]", "GOAWAY(0,1)"},
          {"MAX_FRAME_SIZE 2^24-1", settings(5, (1 << 24) - 1), "", "SETTINGS(ack)"},
          {"ENABLE_CONNECT_PROTOCOL 2", settings(8, 2), "[fault protocol]", "GOAWAY(0,1)"},
          {"NO_RFC7540_PRIORITIES 2", settings(9, 2), "[fault protocol]", "GOAWAY(0,1)"},
          {"HEADER_TABLE_SIZE 2^32-1", settings(1, 0xffffffffU), "", "SETTINGS(ack)"},
          {"HEADER_TABLE_SIZE 0", settings(1, 0), "", "SETTINGS(ack)"},
          {"MAX_HEADER_LIST_SIZE 0", settings(6, 0), "", "SETTINGS(ack)"},
          {"unknown settings", frame(4, 0, 0, setting(0, 1) + setting(0xffff, 7)), "",
           "SETTINGS(ack)"},
          {"the same setting 100 times",
           [] {
             std::string body;
             for (std::uint32_t i = 0; i < 100; ++i) body += setting(4, 65'535 + i);
             return frame(4, 0, 0, body);
           }(),
           "[fault flood]", "GOAWAY(0,11)"},
          {"connection window by 0", frame(8, 0, 0, u32(0)), "[fault protocol]", "GOAWAY(0,1)"},
          {"connection window over 2^31-1", frame(8, 0, 0, u32(0x7fffffff)), "[fault protocol]",
           "GOAWAY(0,3)"},
          {"stream window by 0", frame(8, 0, 1, u32(0)), "[fault protocol]", "RST_STREAM(1,1)"},
          {"stream window over 2^31-1", frame(8, 0, 1, u32(0x7fffffff)), "[fault protocol]",
           "RST_STREAM(1,3)"},
          {"all windows over 2^31-1", frame(8, 0, 1, u32(0x7fff0000)) + settings(4, 0x7fffffff),
           "[fault protocol]", "GOAWAY(0,3)"},
      },
      greeting());
  run({{"ENABLE_CONNECT_PROTOCOL taken back", settings(8, 0), "[fault protocol]", "GOAWAY(0,1)"}},
      greeting() + settings(8, 1));
}

TEST(Http2HostileServer, BrokenCompression) {
  run(
      {
          {"index 0", headers(1, "\x80"), "[fault protocol]", "GOAWAY(0,9)"},
          {"index behind the table", headers(1, "\xff\x00"), "[fault protocol]", "GOAWAY(0,9)"},
          {"integer overflow", headers(1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
           "[fault protocol]", "GOAWAY(0,9)"},
          {"endless integer", headers(1, "\xff" + std::string(200, '\x80')), "[fault protocol]",
           "GOAWAY(0,9)"},
          {"table larger than allowed", headers(1, "\x3f\xff\xff\xff\x07\x88"), "[fault protocol]",
           "GOAWAY(0,9)"},
          {"table size after a field", headers(1, "\x88\x20"), "[fault protocol]", "GOAWAY(0,9)"},
          {"Huffman padding of zeros", headers(1, std::string("\x88\x00\x81\x00\x81\x00", 6)),
           "[fault protocol]", "GOAWAY(0,9)"},
          {"Huffman end of string", headers(1, std::string("\x88\x00\x84\xff\xff\xff\xff\x00", 8)),
           "[fault protocol]", "GOAWAY(0,9)"},
          {"name cut short",
           headers(1, std::string("\x88\x00\x05"
                                  "abc",
                                  6)),
           "[fault protocol]", "GOAWAY(0,9)"},
          {"value longer than the frame",
           headers(1, std::string("\x88\x00\x01"
                                  "a\x7f\xff\xff\x03",
                                  8)),
           "[fault protocol]", "GOAWAY(0,9)"},
          {"broken trailers", begun() + headers(1, "\x80"), "[200][fault protocol]", "GOAWAY(0,9)"},
          {"broken head of a stream that is gone", frame(3, 0, 1, u32(8)) + headers(1, "\x80"),
           "[fault reset]", "GOAWAY(0,5)"},
          {"empty head", headers(1, ""), "[fault protocol]", "RST_STREAM(1,1)"},
          {"tiny table", headers(1, "\x20\x88"), "[200 end]", ""},
      },
      greeting());
}

TEST(Http2HostileServer, MalformedHeads) {
  const auto head = [](std::string_view block) { return headers(1, block); };
  const auto body = [](std::string_view length, std::string_view bytes) {
    return headers(1, with("content-length", length), false) + frame(0, 1, 1, bytes);
  };
  std::string fields(kOk);
  for (int i = 0; i < 101; ++i) fields += literal("a", "b");
  std::string hopeless = fields;
  for (int i = 0; i < 1000; ++i) hopeless += literal("a", "b");
  run(
      {
          {"no status", head(literal("a", "b")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"two statuses", head(std::string(kOk) + "\x88"), "[fault protocol]", "RST_STREAM(1,1)"},
          {"status of letters", head(literal(":status", "2xx")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"empty status", head(literal(":status", "")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"status of two digits", head(literal(":status", "20")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"status of four digits", head(literal(":status", "2000")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"status 099", head(literal(":status", "099")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"status with a sign", head(literal(":status", "+20")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"status 101", headers(1, literal(":status", "101"), false), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"status 103 that ends", head(literal(":status", "103")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"status after a field", head(literal("a", "b") + std::string(kOk)), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"request pseudo-field", head(with(":path", "/")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"unknown pseudo-field", head(with(":reason", "OK")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"upper-case name", head(with("Upper", "1")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"empty name", head(with("", "1")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"name with a space", head(with("a b", "1")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"name with a colon", head(with("a:b", "1")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"name with CR LF", head(with("a\r\nb", "1")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"value with LF", head(with("a", "1\n2")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"value with CR", head(with("a", "1\r2")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"value with NUL",
           head(with("a", std::string_view("1\0"
                                           "2",
                                           3))),
           "[fault protocol]", "RST_STREAM(1,1)"},
          {"value with a leading space", head(with("a", " 1")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"connection", head(with("connection", "close")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"keep-alive", head(with("keep-alive", "timeout=5")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"proxy-connection", head(with("proxy-connection", "close")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"transfer-encoding", head(with("transfer-encoding", "chunked")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"upgrade", head(with("upgrade", "h2c")), "[fault protocol]", "RST_STREAM(1,1)"},
          {"length 5 without a body", head(with("content-length", "5")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"length longer than the body", body("5", "1234"), "[200][fault protocol]",
           "RST_STREAM(1,1)"},
          {"length shorter than the body", body("5", "123456"), "[200][fault protocol]",
           "RST_STREAM(1,1)"},
          {"length 0 with a body", body("0", "1"), "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"two lengths", head(with("content-length", "0") + literal("content-length", "0")),
           "[fault protocol]", "RST_STREAM(1,1)"},
          {"length with a sign", head(with("content-length", "-1")), "[fault protocol]",
           "RST_STREAM(1,1)"},
          {"length of 20 digits", head(with("content-length", "99999999999999999999")),
           "[fault protocol]", "RST_STREAM(1,1)"},
          {"204 with a length", head(literal(":status", "204") + literal("content-length", "3")),
           "[fault protocol]", "RST_STREAM(1,1)"},
          {"204 with a body", headers(1, literal(":status", "204"), false) + frame(0, 1, 1, "abc"),
           "[204][fault protocol]", "RST_STREAM(1,1)"},
          {"101 fields", headers(1, fields), "[fault head too large]", "RST_STREAM(1,1)"},
          {"1,101 fields", headers(1, hopeless), "[fault head too large]", "RST_STREAM(1,11)"},
          {"62,000 bytes of a field", blocks(1, with("big", std::string(62'000, 'x'))),
           "[fault head too large]", "RST_STREAM(1,1)"},
          {"trailers without an end", begun() + headers(1, literal("a", "b"), false),
           "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"trailers with a pseudo-field", begun() + headers(1, literal(":status", "200")),
           "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"trailers in upper case", begun() + headers(1, literal("A", "b")),
           "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"trailers with connection", begun() + headers(1, literal("connection", "close")),
           "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"trailers before the length is reached",
           headers(1, with("content-length", "5"), false) + headers(1, literal("a", "b")),
           "[200][fault protocol]", "RST_STREAM(1,1)"},
          {"trailers with a length", begun() + headers(1, literal("content-length", "0")),
           "[200][trailers]", ""},
          {"17 informational heads",
           [] {
             std::string wire;
             for (int i = 0; i < 17; ++i) wire += headers(1, literal(":status", "103"), false);
             return wire;
           }(),
           "[103][103][103][103][103][103][103][103][103][103][103][103][103][103][103][103][fault "
           "protocol]",
           "RST_STREAM(1,1)"},
      },
      greeting());
}

TEST(Http2HostileServer, Resets) {
  run(
      {
          {"REFUSED_STREAM", frame(3, 0, 1, u32(7)), "[fault refused]", ""},
          {"CANCEL", frame(3, 0, 1, u32(8)), "[fault reset]", ""},
          {"NO_ERROR before any answer", frame(3, 0, 1, u32(0)), "[fault reset]", ""},
          {"HTTP_1_1_REQUIRED", frame(3, 0, 1, u32(13)), "[fault reset]", ""},
          {"a code that nobody knows", frame(3, 0, 1, u32(0xfeedbeef)), "[fault reset]", ""},
          {"in the middle of a body", begun() + frame(0, 0, 1, "abc") + frame(3, 0, 1, u32(2)),
           "[200][fault reset]", ""},
          {"REFUSED_STREAM in the middle of a body",
           begun() + frame(0, 0, 1, "abc") + frame(3, 0, 1, u32(7)), "[200][fault reset]", ""},
          {"twice", frame(3, 0, 1, u32(8)) + frame(3, 0, 1, u32(8)), "[fault reset]", ""},
      },
      greeting());
}

TEST(Http2HostileServer, NoHttpTwoAtAll) {
  run(
      {
          {"HTTP/1.1 answer", "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n",
           "[fault protocol]", "GOAWAY(0,1)"},
          {"TLS alert", std::string("\x15\x03\x01\0\2\2\x28", 7) + std::string(40, '\0'),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"TLS ServerHello",
           std::string("\x16\x03\x03\0\x7a\2\0\0\x76\3\3", 11) + std::string(120, 'r'),
           "[fault protocol]", "GOAWAY(0,1)"},
          {"SSH banner", "SSH-2.0-OpenSSH_9.2\r\n", "[fault protocol]", "GOAWAY(0,1)"},
          {"zeros", std::string(64, '\0'), "[fault protocol]", "GOAWAY(0,1)"},
          {"our own preface", testing::preface(), "[fault protocol]", "GOAWAY(0,1)"},
          {"PING first", frame(6, 0, 0, "12345678"), "[fault protocol]", "GOAWAY(0,1)"},
          {"SETTINGS answer first", frame(4, 1, 0, ""), "[fault protocol]", "GOAWAY(0,1)"},
          {"HEADERS first", headers(1, kOk), "[fault protocol]", "GOAWAY(0,1)"},
          {"GOAWAY first", frame(7, 0, 0, u32(0) + u32(0)), "[fault protocol]", "GOAWAY(0,1)"},
      },
      "");
}

}  // namespace
}  // namespace weft::http
