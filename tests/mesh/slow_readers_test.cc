// Callers that read slowly on purpose, or begin and do not go on (threats.md 3.3, SL-03 to SL-05),
// through a whole proxy: they are given up and counted, and others are served meanwhile.

#include <gtest/gtest.h>

#include <optional>

#include "tests/mesh/pair.h"
#include "tests/sidecar/http/http2_pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using http::testing::frame;
using http::testing::get_block;
using http::testing::headers;
using http::testing::u32;

constexpr Duration kSoon = 300ms;
constexpr std::size_t kHeadOfFrame = 9;
constexpr std::uint8_t kData = 0;
constexpr std::uint8_t kResetStream = 3;

// Answers with as much as anybody takes.
Origin::Serve pours() {
  return [](Origin& self, Wire& wire) {
    while (!wire.read_message(false).empty()) {
      self.note({});
      if (!wire.send("HTTP/1.1 200 X\r\ncontent-length: 1000000000\r\n\r\n")) return;
      (void)wire.send_until_stuck(1'000'000'000, kPatience);
    }
  };
}

bool nobody_is_left(Proxy& proxy) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (proxy.metric("weft_downstream_connections") +
             proxy.metric("weft_limit_in_use", {"limit=\"requests\""}) !=
         0) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

double too_slow(Proxy& proxy) {
  return proxy.metric("weft_downstream_connections_ended_total", {"reason=\"too_slow\""});
}

TEST(SlowReaders, SL_03_OneThatTakesNothingIsGivenUp) {
  Origin much(pours());
  Origin good;
  config::ListenerConfig listener =
      http_listener("in", routes({to("/much", "much"), to("/", "good")}));
  http_of(listener).timeouts.stream_idle = kSoon;
  Proxy proxy({listener}, {cluster("much", {much.address()}), cluster("good", {good.address()})});
  Wire wire = proxy.dial();
  wire.narrow(4096);
  ASSERT_TRUE(wire.send("GET /much HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(much.wait_for(1));
  EXPECT_EQ(ask(proxy, "/").status(), 200) << "while it is waited for";
  EXPECT_TRUE(nobody_is_left(proxy));
  EXPECT_GE(too_slow(proxy), 1);
}

// The head of the next frame, its payload read off; nothing at the end.
struct Head {
  std::uint8_t type = 0;
  std::uint32_t stream = 0;
  std::size_t size = 0;
};
std::optional<Head> next_frame(Wire& wire) {
  const std::string head = wire.read_bytes(kHeadOfFrame);
  if (head.size() < kHeadOfFrame) return std::nullopt;
  const auto byte = [&](std::size_t at) {
    return std::uint32_t{static_cast<std::uint8_t>(head[at])};
  };
  const std::size_t size = byte(0) << 16 | byte(1) << 8 | byte(2);
  if (wire.read_bytes(size).size() < size) return std::nullopt;
  return Head{.type = static_cast<std::uint8_t>(byte(3)),
              .stream = byte(5) << 24 | byte(6) << 16 | byte(7) << 8 | byte(8),
              .size = size};
}

// Each window update is one frame, and each frame brings one byte: progress is counted in bytes.
TEST(SlowReaders, SL_04_AWindowThatOpensByOneByteDoesNotKeepAStream) {
  Origin much(pours());
  config::ListenerConfig listener = http_listener("in", routes({to("/", "much")}));
  http_of(listener).timeouts.stream_idle = kSoon;
  Proxy proxy({listener}, {cluster("much", {much.address()})});
  Wire wire = proxy.dial();
  const std::string no_window = frame(4, 0, 0, std::string("\0\4", 2) + u32(0));
  ASSERT_TRUE(wire.send(std::string(http::testing::kMagic) + no_window + headers(1, get_block())));
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::size_t bytes = 0;
  bool was_reset = false;
  // The first byte is asked for before anything came, every other one when the last has come; a
  // question in between keeps it slow.
  ASSERT_TRUE(wire.send(frame(8, 0, 1, u32(1))));
  while (!was_reset) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << bytes;
    const std::optional<Head> head = next_frame(wire);
    ASSERT_TRUE(head) << "the connection is over";
    was_reset = head->type == kResetStream && head->stream == 1;
    if (head->type != kData) continue;
    bytes += head->size;
    EXPECT_EQ(proxy.metric("weft_downstream_connections"), 1);
    ASSERT_TRUE(wire.send(frame(8, 0, 1, u32(1))));
  }
  EXPECT_GT(bytes, 1U) << "it did move";
  wire = {};
  EXPECT_TRUE(nobody_is_left(proxy));
}

TEST(SlowReaders, SL_05_WhoeverBeginsAndDoesNotGoOnIsNotWaitedForLong) {
  constexpr std::size_t kCallers = 20;
  const Authority authority("cluster.local");
  Origin origin;
  config::ListenerConfig clear = http_listener("clear", routes({to("/", "app")}));
  clear.chains.front().accept_timeout = kSoon;
  http_of(clear).timeouts.head = kSoon;
  config::ListenerConfig secured = inbound(authority.material("server"));
  secured.chains.front().tls->handshake_timeout = kSoon;
  Proxy proxy({clear, secured}, {cluster("app", {origin.address()})});
  struct Begun {
    const char* listener;
    std::string bytes;
  };
  // Records of TLS say how long they are: 512 bytes, of which a few come.
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  const std::vector<Begun> table = {{"clear", ""},
                                    {"clear", "PRI * HTTP/2.0\r\n"},
                                    {"clear", "GET / HT"},
                                    {"clear", "GET / HTTP/1.1\r\nhost: sh"},
                                    {"in", ""},
                                    {"in", hello.substr(0, 3)},
                                    {"in", hello}};
  for (const Begun& begun : table) {
    SCOPED_TRACE(std::string(begun.listener) + " " + begun.bytes);
    std::vector<Wire> callers;
    for (std::size_t i = 0; i < kCallers; ++i) {
      callers.push_back(proxy.dial(begun.listener));
      ASSERT_TRUE(callers.back().send(begun.bytes));
    }
    Wire bystander = proxy.dial("clear");
    EXPECT_EQ(ask(bystander, "/").status(), 200);
    bystander = {};
    // An answer (408) or none, and the end.
    for (Wire& caller : callers) (void)caller.read_all();
    EXPECT_TRUE(nobody_is_left(proxy));
  }
}

}  // namespace
}  // namespace weft::mesh_test
