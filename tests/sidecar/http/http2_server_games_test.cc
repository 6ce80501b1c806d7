// Goodbyes, limits, windows and floods of a hostile server, and what they cost our client side
// (threats.md 3.4 HF-08 and HF-10); single bad frames are in http2_hostile_server_test.cc.
#include <gtest/gtest.h>

#include <chrono>
#include <utility>
#include <vector>

#include "tests/sidecar/http/http2_hostile.h"

namespace weft::http {
namespace {

using testing::answer;
using testing::begun;
using testing::FedClient;
using testing::frame;
using testing::greeting;
using testing::headers;
using testing::heap_in_use;
using testing::Hearer;
using testing::kFrameMax;
using testing::kOk;
using testing::literal;
using testing::settings;
using testing::u32;

// ---- goodbyes ----

struct Goodbye {
  const char* name;
  std::string wire;
  const char* hears;  // streams 1, 3, 5
  bool closes;        // at once
};

TEST(Http2HostileServer, Goodbyes) {
  const auto goaway = [](std::uint32_t last, std::uint32_t code, std::string_view why = "") {
    return frame(7, 0, 0, u32(last) + u32(code) + std::string(why));
  };
  const std::vector<Goodbye> plays = {
      {"nothing was processed", goaway(0, 0), "[fault refused] [fault refused] [fault refused]",
       true},
      {"in anger", goaway(0, 11, "too_many_pings"),
       "[fault refused] [fault refused] [fault refused]", true},
      {"the first was processed", goaway(1, 0), "- [fault refused] [fault refused]", false},
      {"all were processed", goaway(0x7fffffff, 0), "- - -", false},
      {"in two steps", goaway(0x7fffffff, 0) + goaway(3, 0), "- - [fault refused]", false},
      {"twice the same", goaway(3, 0) + goaway(3, 0), "- - [fault refused]", false},
      {"more the second time", goaway(1, 0) + goaway(5, 0),
       "[fault protocol] [fault refused] [fault refused]", true},
      {"last stream of its own", goaway(2, 0), "[fault protocol] [fault protocol] [fault protocol]",
       true},
      {"with 16 KiB of reasons", goaway(5, 0, std::string(kFrameMax - 8, 'w')), "- - -", false},
      {"answer before, none after", answer(1) + goaway(1, 0),
       "[200 end] [fault refused] [fault refused]", true},
      {"RST_STREAM and GOAWAY(0)", frame(3, 0, 1, u32(2)) + goaway(0, 0),
       "[fault reset] [fault refused] [fault refused]", true},
      {"GOAWAY(0) and RST_STREAM", goaway(0, 0) + frame(3, 0, 1, u32(2)),
       "[fault refused] [fault refused] [fault refused]", true},
      {"GOAWAY and an answer beyond it", goaway(1, 0) + answer(3) + answer(1),
       "[200 end] [fault refused] [fault refused]", true},
      {"GOAWAY and a new GOAWAY in each stream",
       goaway(5, 0) + answer(1) + goaway(3, 0) + answer(3) + goaway(3, 0),
       "[200 end] [200 end] [fault refused]", true},
  };
  for (const Goodbye& play : plays) {
    for (const std::size_t piece : {std::size_t{1}, play.wire.size()}) {
      FedClient client;
      client.feed(greeting());
      client.says();
      auto one = client.open();
      auto two = client.open();
      auto three = client.open(false);
      for (std::size_t at = 0; at < play.wire.size(); at += piece) {
        client.feed(std::string_view(play.wire).substr(at, piece));
        client.says();
      }
      std::string heard;
      for (const Hearer* hearer : {one.get(), two.get(), three.get()})
        heard += (heard.empty() ? "" : " ") + (hearer->text.empty() ? "-" : hearer->text);
      EXPECT_EQ(heard, play.hears) << play.name << " by " << piece;
      EXPECT_EQ(client.codec->finished(), play.closes) << play.name;
      EXPECT_EQ(client.codec->available(), 0U) << play.name << ": never again";
    }
  }
}

// CVE-2023-35945: the reset stream was kept for the goodbye, for ever.
TEST(Http2HostileServer, ResetThenGoawayAHundredThousandTimesKeepsNothing) {
  constexpr int kTimes = 100'000;
  const std::string wire = greeting() + frame(3, 0, 1, u32(2)) + frame(7, 0, 0, u32(0) + u32(0));
  const auto once = [&] {
    FedClient client;
    auto one = client.open();
    auto two = client.open(false);
    client.feed(wire);
    client.says();
    return one->text == "[fault reset]" && two->text == "[fault refused]" &&
           client.codec->finished() && client.codec->streams() == 0;
  };
  for (int i = 0; i < kTimes / 100; ++i) ASSERT_TRUE(once());
  const std::size_t warm = heap_in_use();
  for (int i = 0; i < kTimes; ++i) ASSERT_TRUE(once());
  EXPECT_LT(heap_in_use(), warm + kTimes) << "less than a byte for each";
}

// ---- limits ----

TEST(Http2HostileServer, ForbidsNewStreamsWithALimitOfZero) {
  FedClient client;
  client.feed(settings(3, 0));
  EXPECT_EQ(client.codec->available(), 0U);
  client.feed(settings(3, 7));
  EXPECT_EQ(client.codec->available(), 7U);
  auto asking = client.open();
  client.feed(settings(3, 0));
  EXPECT_EQ(client.codec->available(), 0U);
  client.feed(answer(1));
  EXPECT_EQ(asking->text, "[200 end]") << "what is open goes on";
}

TEST(Http2HostileServer, NeverAcknowledgesOurSettings) {
  FedClient client;
  client.feed(frame(4, 0, 0, ""));
  for (std::uint32_t id = 1; id < 200; id += 2) {
    auto asking = client.open();
    client.feed(answer(id));
    ASSERT_EQ(asking->text, "[200 end]");
  }
  // Our windows are in force for the connection's, but the streams' not before it says so.
  auto asking = client.open();
  asking->hold = true;
  client.feed(headers(201, kOk, false));
  for (int i = 0; i < 3; ++i) client.feed(frame(0, 0, 201, std::string(kFrameMax, 'x')));
  EXPECT_EQ(asking->body.size(), 3 * kFrameMax);
  EXPECT_TRUE(client.status.has_value());
}

TEST(Http2HostileServer, SendsMoreThanTheWindow) {
  FedClient client;
  client.feed(greeting());
  client.says();
  auto asking = client.open();
  auto bystander = client.open();
  asking->hold = true;
  client.feed(begun());
  const std::size_t frames = Http2Limits{}.stream_window / kFrameMax;
  for (std::size_t i = 0; i < frames; ++i) client.feed(frame(0, 0, 1, std::string(kFrameMax, 'x')));
  EXPECT_EQ(asking->held, Http2Limits{}.stream_window);
  client.feed(frame(0, 0, 1, "x"));
  EXPECT_EQ(client.says(), "RST_STREAM(1,3)");
  EXPECT_TRUE(asking->text.ends_with("[fault protocol]"));
  EXPECT_LE(asking->body.size(), Http2Limits{}.stream_window + kFrameMax);
  client.feed(answer(3));
  EXPECT_EQ(bystander->text, "[200 end]");
}

TEST(Http2HostileServer, ShrinksTheWindowsBelowZeroAndBack) {
  FedClient client;
  client.feed(greeting());
  client.says();
  auto upload = client.open(false);
  upload->client->send_body(Buffer(std::string(100'000, 'x')), true);
  client.says();
  EXPECT_EQ(upload->sent, 65'535U);
  for (int i = 0; i < 50; ++i) client.feed(settings(4, 0) + settings(4, 65'535));
  client.says();
  EXPECT_EQ(upload->sent, 65'535U) << "back where it was";
  client.feed(frame(8, 0, 0, u32(1'000'000)) + settings(4, 0) + frame(8, 0, 1, u32(65'535)));
  client.says();
  EXPECT_EQ(upload->sent, 65'535U);
  client.feed(frame(8, 0, 1, u32(50'000)));
  client.says();
  EXPECT_EQ(upload->sent, 100'000U);
}

TEST(Http2HostileServer, EarlyAnswersStopAnUpload) {
  // RFC 9113 section 8.1: a whole answer, then RST_STREAM with NO_ERROR: the answer stands.
  FedClient client;
  client.feed(greeting());
  client.says();
  auto upload = client.open(false);
  auto bystander = client.open();
  upload->client->send_body(Buffer("some"), false);
  EXPECT_EQ(client.says(), "DATA(1,4)");
  client.feed(headers(1, literal(":status", "413")) + frame(3, 0, 1, u32(0)));
  EXPECT_EQ(upload->text, "[413 end]");
  upload->client->send_body(Buffer("more"), true);
  EXPECT_EQ(client.says(), "") << "nothing goes to a closed stream";
  client.feed(answer(3));
  EXPECT_EQ(bystander->text, "[200 end]");
}

TEST(Http2HostileServer, AnswersToNobodyAreIgnored) {
  FedClient client;
  auto asking = client.open();
  asking->client.reset();
  client.says();
  client.feed(frame(4, 0, 0, "") + headers(1, kOk, false) + frame(0, 1, 1, "late"));
  EXPECT_TRUE(client.status.has_value());
  EXPECT_EQ(asking->text, "");
}

// ---- floods ----

TEST(Http2HostileServer, FloodsEndTheConnection) {
  constexpr std::size_t kFrames = 1'000'000;
  constexpr std::size_t kSeconds = 1;  // what a million frames may cost us: they never arrive
  const std::string ping = frame(6, 0, 0, "12345678");
  const std::vector<std::pair<const char*, std::string>> floods = {
      {"PING", ping},
      {"PING answers", frame(6, 1, 0, "12345678")},
      {"SETTINGS", settings(4, 70'000)},
      {"PRIORITY", frame(2, 0, 1, u32(0) + "\x10")},
      {"WINDOW_UPDATE", frame(8, 0, 0, u32(1))},
      {"WINDOW_UPDATE of a stream", frame(8, 0, 5, u32(1))},
      {"GOAWAY", frame(7, 0, 0, u32(5) + u32(0))},
      {"RST_STREAM after the end", frame(3, 0, 1, u32(0))},
      {"unknown", frame(0x77, 0, 1, "")},
      {"unknown with a body", frame(0x77, 0, 0, std::string(100, 'x'))},
      {"ALTSVC", frame(10, 0, 0, std::string("\0\1", 2) + "ax")},
      {"empty DATA", frame(0, 0, 3, "")},
      {"padding only", frame(0, 8, 3, std::string(1, '\x0a') + std::string(10, '\0'))},
      {"DATA after the end", frame(0, 0, 1, "")},
      {"CONTINUATION without an end", frame(9, 0, 3, literal("a", "b"))},
      {"empty CONTINUATION", frame(9, 0, 3, "")},
  };
  for (const auto& [name, one] : floods) {
    for (const bool reads : {true, false}) {
      FedClient client;
      client.feed(greeting());
      auto first = client.open();
      auto second = client.open();
      auto upload = client.open(false);
      client.feed(answer(1));
      client.feed(headers(3, kOk, false));
      if (one[3] == 9) client.feed(headers(3, literal("a", "b"), true, false));
      const auto began = std::chrono::steady_clock::now();
      std::string many;
      for (int i = 0; i < 100; ++i) many += one;
      std::string said;
      std::size_t fed = 0;
      for (; fed < kFrames && client.status && client.codec->failure() == nullptr; fed += 100) {
        client.feed(many);
        if (reads) said = client.says();
      }
      if (!reads) said = client.says();
      EXPECT_LT(fed, 40'000U) << name;
      EXPECT_TRUE(said.ends_with("GOAWAY(0,11)")) << name << ": " << said.substr(0, 200);
      ASSERT_NE(client.codec->failure(), nullptr) << name;
      EXPECT_EQ(client.codec->failure()->fault, Fault::kFlood) << name;
      EXPECT_EQ(client.codec->streams(), 0U) << name;
      EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(kSeconds)) << name;
    }
  }
}

}  // namespace
}  // namespace weft::http
