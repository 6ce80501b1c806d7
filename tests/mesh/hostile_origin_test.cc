// HTTP/2 origins that break the rules, behind a whole proxy (threats.md 3.4 HF-10, DG-10): the
// caller is answered at once, a new connection is made, and nothing stays behind.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"
#include "tests/sidecar/http/http2_pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using http::testing::frame;
using http::testing::headers;
using http::testing::kMagic;
using http::testing::literal;
using http::testing::u32;

constexpr std::string_view kOk = "\x88";  // :status 200
constexpr std::size_t kFrameHead = 9;
constexpr std::uint8_t kHeadersType = 1;
const std::string kSettings = frame(4, 0, 0, "");

// The stream of the next HEADERS that arrives; 0 at the end.
std::uint32_t next_request(Wire& wire) {
  for (;;) {
    const std::string head = wire.read_bytes(kFrameHead);
    if (head.size() < kFrameHead) return 0;
    const auto byte = [&](std::size_t at) {
      return std::uint32_t{static_cast<std::uint8_t>(head[at])};
    };
    (void)wire.read_bytes(byte(0) << 16 | byte(1) << 8 | byte(2));
    if (byte(3) == kHeadersType) return byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8);
  }
}

// Greets with `greeting`, and does `answer(stream)` to each request.
using Answer = std::function<std::string(std::uint32_t stream)>;
Origin::Serve speaks(std::string greeting, Answer answer) {
  return [greeting = std::move(greeting), answer = std::move(answer)](Origin& self, Wire& wire) {
    if (wire.read_bytes(kMagic.size()) != kMagic || !wire.send(greeting)) return;
    while (const std::uint32_t stream = next_request(wire)) {
      self.note({});
      if (!wire.send(answer(stream))) return;
    }
  };
}

config::ClusterConfig http2_cluster(std::string name, const Origin& origin) {
  config::ClusterConfig made = cluster(std::move(name), {origin.address()});
  made.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  return made;
}

struct Hostile {
  const char* name;
  std::string greeting;
  Answer answer;
  int status;
  bool keeps_connection;  // the fault is the stream's alone
};

std::vector<Hostile> hostiles() {
  const auto goaway = [](std::uint32_t last) { return frame(7, 0, 0, u32(last) + u32(0)); };
  const auto head = [](std::string block) {
    return [block = std::move(block)](std::uint32_t id) { return headers(id, block); };
  };
  return {
      {"RST_STREAM and GOAWAY(0)", kSettings,
       [goaway](std::uint32_t id) { return frame(3, 0, id, u32(2)) + goaway(0); }, 503, false},
      {"GOAWAY(0)", kSettings, [goaway](std::uint32_t) { return goaway(0); }, 503, false},
      {"RST_STREAM", kSettings, [](std::uint32_t id) { return frame(3, 0, id, u32(2)); }, 503,
       true},
      {"REFUSED_STREAM", kSettings, [](std::uint32_t id) { return frame(3, 0, id, u32(7)); }, 503,
       true},
      {"PUSH_PROMISE", kSettings,
       [](std::uint32_t id) { return frame(5, 4, id, u32(2) + std::string(kOk)); }, 502, false},
      {"HTTP/1.1", "HTTP/1.1 400 Bad Request\r\n\r\n",
       [](std::uint32_t) { return std::string("x"); }, 502, false},
      {"a frame too large", kSettings,
       [](std::uint32_t id) { return frame(1, 5, id, std::string(20'000, 'x')); }, 502, false},
      {"an endless head", kSettings,
       [](std::uint32_t id) {
         std::string wire = headers(id, kOk, true, false);
         for (int i = 0; i < 1000; ++i) wire += frame(9, 0, id, literal("a", "b"));
         return wire;
       },
       502, false},
      {"a broken head", kSettings, head("\x80"), 502, false},
      {"no status", kSettings, head(literal("a", "b")), 502, true},
      {"status of letters", kSettings, head(literal(":status", "abc")), 502, true},
      {"upper-case name", kSettings, head(std::string(kOk) + literal("A", "b")), 502, true},
      {"connection", kSettings, head(std::string(kOk) + literal("connection", "close")), 502, true},
      {"a length without a body", kSettings,
       head(std::string(kOk) + literal("content-length", "5")), 502, true},
      {"101 fields", kSettings,
       [](std::uint32_t id) {
         std::string block(kOk);
         for (int i = 0; i < 101; ++i) block += literal("a", "b");
         return headers(id, block);
       },
       502, true},
      {"1xx without end", kSettings,
       [](std::uint32_t id) {
         std::string wire;
         for (int i = 0; i < 1000; ++i) wire += headers(id, literal(":status", "103"), false);
         return wire;
       },
       502, true},
      {"PING without end", kSettings,
       [](std::uint32_t) {
         std::string wire;
         for (int i = 0; i < 50'000; ++i) wire += frame(6, 0, 0, "12345678");
         return wire;
       },
       502, false},
      {"SETTINGS never acknowledged", kSettings, head(std::string(kOk)), 200, true},
      {"an early answer and NO_ERROR", kSettings,
       [](std::uint32_t id) { return headers(id, kOk) + frame(3, 0, id, u32(0)); }, 200, true},
  };
}

bool settles(Proxy& proxy, const std::vector<std::string>& connections = {"state=\"busy\""}) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (proxy.metric("weft_limit_in_use", {"limit=\"requests\""}) +
             proxy.metric("weft_pool_connections", connections) !=
         0) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

TEST(HostileOrigin, CostsItsRequestAtMostItsConnection) {
  constexpr std::size_t kTimes = 10;
  Origin good;
  for (const Hostile& hostile : hostiles()) {
    SCOPED_TRACE(hostile.name);
    Origin bad(speaks(hostile.greeting, hostile.answer));
    Proxy proxy({http_listener("in", routes({to("/bad", "bad"), to("/", "good")}))},
                {http2_cluster("bad", bad), cluster("good", {good.address()})});
    Wire caller = proxy.dial();
    for (std::size_t i = 0; i < kTimes; ++i) {
      EXPECT_EQ(ask(caller, "/bad").status(), hostile.status);
      EXPECT_EQ(ask(caller, "/good").status(), 200) << "the caller's connection goes on";
    }
    EXPECT_EQ(bad.connections(), hostile.keeps_connection ? 1 : kTimes);
    EXPECT_TRUE(settles(proxy));
  }
}

TEST(HostileOrigin, SaysResetAndGoawayAThousandTimes) {
  // A hundred thousand times: Http2HostileServer.ResetThenGoawayAHundredThousandTimesKeepsNothing.
  constexpr std::size_t kTimes = 1000;
  const Hostile hostile = hostiles().front();
  Origin bad(speaks(hostile.greeting, hostile.answer));
  Proxy proxy({http_listener("in", routes({to("/", "bad")}))}, {http2_cluster("bad", bad)});
  Wire caller = proxy.dial();
  for (std::size_t i = 0; i < kTimes; ++i) ASSERT_EQ(ask(caller, "/").status(), 503);
  EXPECT_EQ(bad.connections(), kTimes);
  EXPECT_TRUE(settles(proxy, {})) << "a connection is kept";
}

TEST(HostileOrigin, ThatAllowsNoStreamsIsNotDialledWithoutEnd) {
  constexpr std::size_t kTimes = 20;
  const std::string none = frame(4, 0, 0, std::string("\0\3", 2) + u32(0));
  Origin bad(speaks(none, [](std::uint32_t id) { return frame(3, 0, id, u32(7)); }));
  config::ClusterConfig to_bad = http2_cluster("bad", bad);
  to_bad.connect_timeout = 500ms;
  Proxy proxy({http_listener("in", routes({to("/", "bad")}))}, {to_bad});
  Wire caller = proxy.dial();
  for (std::size_t i = 0; i < kTimes; ++i) EXPECT_EQ(ask(caller, "/").status(), 503);
  EXPECT_LE(bad.connections(), kTimes + 1) << "one for each request at most";
  EXPECT_TRUE(settles(proxy));
}

// MB-01: what is compressed, or says that it is large, is the application's business.
TEST(HostileOrigin, MayCompressWhatItLikes) {
  std::string bomb("\x1f\x8b\x08\0\0\0\0\0\2\3", 10);  // gzip, and no valid block in it
  bomb += std::string(50'000, '\0');
  const std::string message("\0\xff\xff\xff\xff", 5);  // gRPC: four gigabytes follow
  for (const std::string& body : {bomb, message}) {
    Origin origin(Origin::replies(200, body,
                                  "content-encoding: gzip\r\ngrpc-encoding: unheard-of\r\n"
                                  "content-type: application/octet-stream\r\n"));
    Proxy proxy({http_listener("in", routes({to("/", "app")}))},
                {cluster("app", {origin.address()})});
    const Wire::Message answer = ask(proxy, "/");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(answer.field("content-encoding"), "gzip");
  }
}

}  // namespace
}  // namespace weft::mesh_test
