// Each flood of threats.md 3.4 against the server codec: when it ends the connection, and what it
// does not end.
#include <gtest/gtest.h>

#include <functional>
#include <tuple>

#include "tests/sidecar/http/http2_hostile.h"

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using testing::ended_after;
using testing::frame;
using testing::frames_of;
using testing::get_block;
using testing::greeted;
using testing::headers;
using testing::heap_in_use;
using testing::literal;
using testing::RawServer;
using testing::stream_of;
using testing::u32;

TEST(Http2Floods, RapidResetEndsTheConnection) {
  for (const bool mixed : {false, true}) {
    auto server = greeted();
    server->requests.answer = mixed;
    std::size_t at_once = 0;
    const std::size_t after = ended_after(*server, 100'000, true, [&](std::size_t i) {
      at_once = std::max(at_once, server->codec->streams());
      std::string wire =
          headers(stream_of(2 * i), get_block(), false) + frame(3, 0, stream_of(2 * i), u32(8));
      if (mixed) wire += headers(stream_of(2 * i + 1), get_block());
      return wire;
    });
    EXPECT_LE(after, 1500U);
    EXPECT_GT(after, 900U);
    EXPECT_LE(at_once, 100U);
    EXPECT_NE(frames_of(server->out + "").find(",11)"), std::string::npos);
    server->reply();
    EXPECT_TRUE(frames_of(server->out).ends_with(",11)"));
    EXPECT_TRUE(server->codec->finished());
  }
}

TEST(Http2Floods, StreamsResetInOneReadStillCountAsConcurrent) {
  CodecOptions options;
  options.http2.streams_max = 10;
  auto server = greeted(options);
  std::string wire;
  for (std::uint32_t i = 0; i < 50; ++i)
    wire += headers(stream_of(i), get_block(), false) + frame(3, 0, stream_of(i), u32(8));
  server->feed(wire);
  EXPECT_EQ(server->requests.all.size(), 10U) << "whoever works for them has not heard of it yet";
  server->reply();
  EXPECT_EQ(server->codec->streams(), 0U);
  EXPECT_TRUE(server->status.has_value());
  server->feed(headers(stream_of(50), get_block()));
  EXPECT_EQ(server->requests.all.size(), 11U);
}

TEST(Http2Floods, ResetsAtAModestRateAreForgiven) {
  auto server = greeted();
  const std::size_t after = ended_after(*server, 3000, true, [&](std::size_t i) {
    server->host.time += 40ms;
    return headers(stream_of(i), get_block(), false) + frame(3, 0, stream_of(i), u32(8));
  });
  EXPECT_EQ(after, 3000U);
}

TEST(Http2Floods, ABusyLinkMayCancelItsShare) {
  auto server = greeted();
  server->requests.answer = true;
  // One request in twelve is cancelled, 5,000 a second.
  const std::size_t after = ended_after(*server, 18'000, true, [&](std::size_t i) {
    server->host.time += 200us;
    server->requests.answer = i % 12 != 0;
    std::string wire = headers(stream_of(i), get_block());
    if (i % 12 == 0) wire += frame(3, 0, stream_of(i), u32(8));
    return wire;
  });
  EXPECT_EQ(after, 18'000U);
}

TEST(Http2Floods, ResetsThatWeAreMadeToSendCount) {
  CodecOptions options;
  options.http2.resets_burst = 200;
  options.http2.resets_per_second = 0;
  // The burst, a reset for each stream that may be open while none is sent, and the one too many.
  constexpr std::size_t limit = 200 + 100 + 1;
  for (const bool reads : {true, false}) {
    auto server = greeted(options);
    const std::size_t after = ended_after(*server, 1000, reads, [&](std::size_t i) {
      std::string wire = headers(stream_of(i), get_block());
      wire += frame(8, 0, stream_of(i), u32(0x7fffffff));  // a window beyond 2^31-1
      return wire;
    });
    EXPECT_LE(after, limit) << reads;
    auto malformed = greeted(options);
    EXPECT_LE(ended_after(*malformed, 1000, reads,
                          [&](std::size_t i) {
                            return headers(stream_of(i), get_block() + literal("connection", "x"));
                          }),
              limit);
    auto lengths = greeted(options);
    EXPECT_LE(ended_after(*lengths, 1000, reads,
                          [&](std::size_t i) {
                            return headers(stream_of(i),
                                           get_block() + literal("content-length", "0"), false) +
                                   frame(0, 1, stream_of(i), "x");
                          }),
              limit);
    auto refused = greeted(options);
    EXPECT_LE(
        ended_after(*refused, 1000, reads,
                    [&](std::size_t i) { return headers(stream_of(i), get_block("user@cart")); }),
        limit);
  }
}

TEST(Http2Floods, RepliesThatNobodyReadsAreBounded) {
  const std::string ping = frame(6, 0, 0, "12345678");
  const std::string settings = frame(4, 0, 0, "");
  for (const std::string& one : {ping, settings}) {
    auto server = greeted();
    const std::size_t after =
        ended_after(*server, 1'000'000, false, [&](std::size_t) { return one; });
    EXPECT_LE(after, 1001U);
    EXPECT_TRUE(server->reply().ends_with("GOAWAY(0,11)"));
  }
}

TEST(Http2Floods, FramesThatCarryNothingEndTheConnection) {
  const auto open = [](RawServer& server) { server.feed(headers(1, get_block(), false)); };
  const std::vector<std::pair<const char*, std::string>> floods = {
      {"PING", frame(6, 0, 0, "12345678")},
      {"PING answers", frame(6, 1, 0, "12345678")},
      {"SETTINGS", frame(4, 0, 0, std::string("\0\4", 2) + u32(70'000))},
      {"PRIORITY", frame(2, 0, 1, u32(0) + "\x10")},
      {"PRIORITY on itself", frame(2, 0, 1, u32(1) + "\x10")},
      {"WINDOW_UPDATE", frame(8, 0, 0, u32(1))},
      {"unknown", frame(0x77, 0, 1, "")},
      {"empty DATA", frame(0, 0, 1, "")},
      {"padding only", frame(0, 8, 1, std::string(1, '\x0a') + std::string(10, '\0'))},
      {"DATA on a closed stream", frame(0, 0, 3, "")},
      {"RST_STREAM on a closed stream", frame(3, 0, 3, u32(8))},
  };
  for (const auto& [name, one] : floods) {
    auto server = greeted();
    open(*server);
    server->feed(headers(3, get_block()) + frame(3, 0, 3, u32(8)));
    server->reply();
    std::string many;
    for (int i = 0; i < 100; ++i) many += one;
    const std::size_t after = ended_after(*server, 10'000, true, [&](std::size_t) { return many; });
    EXPECT_LE(after, 400U) << name;
    EXPECT_TRUE(frames_of(server->out).find(",11)") != std::string::npos)
        << name << frames_of(server->out).substr(0, 300);
  }
}

TEST(Http2Floods, ALongDownloadIsNoFlood) {
  // A receiver that answers every DATA frame with two small WINDOW_UPDATEs, four million bytes
  // long, in no time.
  auto server = greeted();
  server->feed(headers(1, get_block()));
  server->requests.at(0).server->send_head(ResponseHead(), false);
  server->reply();
  server->requests.at(0).server->send_body(Buffer(std::string(4'000'000, 'x')), true);
  for (int i = 0; i < 4000 && !server->requests.all.empty() && server->codec->streams() > 0; ++i) {
    server->reply();
    std::string updates;
    for (int n = 0; n < 4; ++n) updates += frame(8, 0, 0, u32(8192)) + frame(8, 0, 1, u32(8192));
    server->feed(updates);
  }
  EXPECT_TRUE(server->status.has_value());
  EXPECT_EQ(server->requests.at(0).sent, 4'000'000U);
}

TEST(Http2Floods, WhatWasUnderWayTowardsAResetStreamIsNoFlood) {
  auto server = greeted();
  std::string wire;
  for (std::uint32_t i = 0; i < 20; ++i) wire += headers(stream_of(i), get_block(), false);
  server->feed(wire);
  for (const auto& hearer : server->requests.all) hearer->server.reset();
  server->reply();
  for (std::uint32_t i = 0; i < 20; ++i) {
    for (int n = 0; n < 16; ++n) server->feed(frame(0, 0, stream_of(i), std::string(16'000, 'x')));
  }
  EXPECT_TRUE(server->status.has_value());
  server->reply();
  server->requests.answer = true;
  server->feed(headers(999, get_block()));
  EXPECT_EQ(server->requests.all.size(), 21U);
}

// HF-04: what is thrown away may be under way for a while, not for ever. The connection's credit
// comes back, so nothing else would stop it.
TEST(Http2Floods, DataWithoutEndForAStreamThatIsGoneEndsTheConnection) {
  auto server = greeted();
  server->requests.answer = true;
  server->feed(headers(1, get_block()));
  server->reply();
  int frames = 0;
  while (server->status && frames < 1000) {
    server->feed(frame(0, 0, 1, std::string(16'000, 'x')));
    server->reply();
    ++frames;
  }
  EXPECT_FALSE(server->status.has_value());
  EXPECT_LE(frames, 20) << "16 KB each: not much more than Http2Floods::kNoiseBurst";
}

// HF-02: whatever makes us end a stream after its request counts, or ends the connection at once.
TEST(Http2Floods, MadeYouResetEndsTheConnectionHoweverItIsDone) {
  const std::string window_max = u32(0x7fffffff);
  const std::vector<std::pair<const char*, std::function<std::string(std::uint32_t)>>> tricks = {
      {"WINDOW_UPDATE 0", [](std::uint32_t id) { return frame(8, 0, id, u32(0)); }},
      {"window overflow", [&](std::uint32_t id) { return frame(8, 0, id, window_max); }},
      {"PRIORITY of 4 bytes", [](std::uint32_t id) { return frame(2, 0, id, "1234"); }},
      {"PRIORITY on itself", [](std::uint32_t id) { return frame(2, 0, id, u32(id) + "\x10"); }},
      {"HEADERS after the end", [](std::uint32_t id) { return headers(id, get_block()); }},
      {"DATA after the end", [](std::uint32_t id) { return frame(0, 1, id, "x"); }},
      {"empty HEADERS after the end", [](std::uint32_t id) { return headers(id, ""); }},
  };
  CodecOptions options;
  options.http2.resets_burst = 200;
  options.http2.resets_per_second = 0;
  for (const auto& [name, trick] : tricks) {
    for (const bool reads : {true, false}) {
      auto server = greeted(options);
      std::size_t at_once = 0;
      const std::size_t after = ended_after(*server, 100'000, reads, [&](std::size_t i) {
        at_once = std::max(at_once, server->codec->streams());
        return headers(stream_of(i), get_block()) + trick(stream_of(i));
      });
      // PRIORITY makes us do nothing: the streams of a caller who gets no answer stay open, and
      // those beyond the limit are refused, which counts. What follows a goodbye that cannot be
      // written is thrown away and counted as noise.
      EXPECT_LE(after, reads ? 200U + options.http2.streams_max + 1 : 10'000U) << name;
      EXPECT_LE(at_once, options.http2.streams_max) << name;
      server->reply();
      EXPECT_NE(frames_of(server->out).find("GOAWAY("), std::string::npos) << name;
      EXPECT_TRUE(server->codec->finished()) << name;
    }
  }
}

TEST(Http2Floods, HeadsThatAreMostlyTableSizeUpdatesAreNoise) {
  auto server = greeted();
  server->requests.answer = true;
  const std::size_t after = ended_after(*server, 1000, true, [](std::size_t i) {
    return headers(stream_of(i), std::string(10'000, '\x20') + get_block());
  });
  EXPECT_LE(after, 40U);
  EXPECT_EQ(server->status.error().fault, Fault::kFlood);
}

// HF-07: what the peer allows our encoder to keep is not what it keeps.
TEST(Http2Floods, APeersHugeTableIsNotFilled) {
  constexpr std::size_t kAnswers = 20'000;
  auto server = greeted();
  server->feed(frame(4, 0, 0, std::string("\0\1", 2) + u32(0xffffffffU)));
  server->reply();
  std::size_t before = 0;
  for (std::size_t i = 0; i < kAnswers; ++i) {
    server->feed(headers(stream_of(i), get_block()));
    ResponseHead head;
    const std::string name = "x-" + std::to_string(i);
    const std::string value(100, 'v');
    head.headers.add(name, value);
    server->requests.all.back()->server->send_head(head, true);
    server->reply();
    server->out.clear();
    server->requests.all.clear();
    if (i == kAnswers / 10) before = heap_in_use();
  }
  EXPECT_TRUE(server->status.has_value());
  EXPECT_LT(heap_in_use(), before + 64 * 1024) << "two megabytes of fields went by";
}

// HF-06: a hundred stalled streams whose heads are bombs cost what arrived, not what it stands for.
TEST(Http2Floods, AHundredBombsAreNotKept) {
  constexpr std::size_t kStreams = 100;
  std::string crumbs = get_block() + "\x40" + literal("cookie", "").substr(1);
  crumbs += std::string(15'000, '\xbe');
  for (const std::uint32_t burst : {1000U, 1'000'000U}) {  // as it is, and without its limiter
    CodecOptions options;
    options.http2.resets_burst = burst;
    auto server = greeted(options);
    server->feed(frame(4, 0, 0, std::string("\0\4", 2) + u32(0)));
    server->reply();
    const std::size_t before = heap_in_use();
    std::size_t sent = 0;
    std::size_t most = 0;
    for (std::uint32_t i = 0; i < kStreams && server->status; ++i) {
      const std::string wire = headers(stream_of(i), crumbs) + frame(8, 0, stream_of(i), u32(1));
      sent += wire.size();
      server->feed(wire);
      most = std::max(most, heap_in_use());
      server->reply();
      server->out.clear();
    }
    EXPECT_TRUE(server->requests.all.empty());
    EXPECT_LT(most - std::min(most, before), sent) << "not even one for one";
  }
}

}  // namespace
}  // namespace weft::http
