// A full buffer budget (decisions D4): callers whose bodies nobody takes fill what a worker may
// hold, and bystanders go on, large bodies included; when the bodies are taken, everybody gets
// everything and the memory comes back.

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "tests/mesh/http2_caller.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

constexpr std::size_t kMebi = 1024 * 1024;
constexpr std::uint64_t kBudget = 8 * kMebi;
constexpr std::size_t kHeldUp = 100;
constexpr std::size_t kFree = kHeldUp;  // numbers from here on are served at once
constexpr std::size_t kUpload = 2 * kMebi;
// What comes on top: everybody's least, and the block a connection is reading into.
constexpr double kOnTop = kHeldUp * 3 * 4096 + 256 * 1024;

// POST /number: 200 when all of its letters came; one that is held up is not read before release().
// GET /number: so many letters of its own.
Origin::Serve holds_some_up() {
  return [](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message request;
      request.head = wire.read_to("\r\n\r\n");
      if (request.empty()) return;
      const std::size_t number = std::stoul(request.target().substr(1));
      if (number < kHeldUp) {
        self.note(request);
        self.wait_for_release();
      }
      if (request.head.starts_with("GET")) {
        if (!wire.send("HTTP/1.1 200 X\r\ncontent-length: " + std::to_string(kUpload) + "\r\n\r\n"))
          return;
        for (std::size_t at = 0; at < kUpload; at += kLettersMax) {
          if (!wire.send(letters(number, at, kLettersMax))) return;
        }
        continue;
      }
      bool right = request.field("content-length") == std::to_string(kUpload);
      for (std::size_t at = 0; at < kUpload;) {
        const std::string piece = wire.read_bytes(std::min(kLettersMax, kUpload - at));
        if (piece.empty()) return;
        right = right && piece == letters(number, at, piece.size());
        at += piece.size();
      }
      if (!wire.send(std::string("HTTP/1.1 ") + (right ? "200" : "500") +
                     " X\r\ncontent-length: 0\r\n\r\n"))
        return;
    }
  };
}

double blocks(Proxy& proxy) {
  return proxy.metric("weft_self_limit_in_use", {"limit=\"block_bytes\""});
}
double shrinks(Proxy& proxy) {
  return proxy.metric("weft_overload_active", {"action=\"shrink_buffers\""});
}
bool gives_back(Proxy& proxy) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (blocks(proxy) > static_cast<double>(kMebi) || shrinks(proxy) != 0) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

sidecar::Start with_budget(std::vector<config::ListenerConfig> listeners,
                           std::vector<config::ClusterConfig> clusters) {
  sidecar::Start start = start_of(std::move(listeners), std::move(clusters));
  start.buffer_bytes = kBudget;
  return start;
}

// An upload on a connection of its own, as far as it is taken.
struct Uploader {
  std::size_t number;
  Wire wire;
  std::size_t sent = 0;

  explicit Uploader(Proxy& proxy, std::size_t number_in) : number(number_in), wire(proxy.dial()) {
    EXPECT_TRUE(wire.send("POST /" + std::to_string(number) +
                          " HTTP/1.1\r\nhost: shop\r\ncontent-length: " + std::to_string(kUpload) +
                          "\r\n\r\n"));
  }
  // False when nothing was taken.
  bool push() {
    if (sent == kUpload) return false;
    const std::string_view piece = letters(number, sent, std::min(kLettersMax, kUpload - sent));
    const ssize_t taken =
        ::send(wire.fd(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken <= 0) return false;
    sent += static_cast<std::size_t>(taken);
    return true;
  }
  bool send_rest() {
    while (sent < kUpload) {
      const std::string_view piece = letters(number, sent, std::min(kLettersMax, kUpload - sent));
      if (!wire.send(piece)) return false;
      sent += piece.size();
    }
    return true;
  }
};

TEST(BufferBudget, BystandersGoOnWhileItIsFullAndNothingIsLost) {
  Origin origin(holds_some_up());
  origin.narrow();
  Proxy proxy(with_budget({http_listener("in", routes({to("/", "app")}))},
                          {cluster("app", {origin.address()})}));
  std::vector<Uploader> crowd;
  crowd.reserve(kHeldUp);
  for (std::size_t n = 0; n < kHeldUp; ++n) crowd.emplace_back(proxy, n);
  ASSERT_TRUE(origin.wait_for(kHeldUp));
  // Until for a while nobody could send anything more.
  for (int idle = 0; idle < 50;) {
    bool moved = false;
    for (Uploader& one : crowd) moved = one.push() || moved;
    const double before = blocks(proxy);
    idle = moved || blocks(proxy) != before ? 0 : idle + 1;
  }
  const double full = blocks(proxy);
  EXPECT_GT(full, static_cast<double>(kBudget) / 2);
  EXPECT_LT(full, static_cast<double>(kBudget) + kOnTop);
  EXPECT_EQ(shrinks(proxy), 1);
  EXPECT_EQ(proxy.metric("weft_self_limit_max", {"limit=\"block_bytes\""}),
            static_cast<double>(kBudget));

  Uploader bystander(proxy, kFree);
  EXPECT_TRUE(bystander.send_rest());
  EXPECT_EQ(bystander.wire.read_message(true).status(), 200);
  EXPECT_EQ(ask(bystander.wire, "/" + std::to_string(kFree)).body.size(), kUpload);
  EXPECT_EQ(ask(proxy, "/" + std::to_string(kFree)).body.size(), kUpload) << "a new connection";

  origin.release();
  for (Uploader& one : crowd) ASSERT_TRUE(one.send_rest()) << one.number;
  for (Uploader& one : crowd) EXPECT_EQ(one.wire.read_message(true).status(), 200) << one.number;
  EXPECT_TRUE(gives_back(proxy)) << blocks(proxy);
}

TEST(BufferBudget, StreamsOfOneConnectionThroughThePairAllEndWell) {
  Origin origin(holds_some_up());
  origin.narrow();
  const Authority authority("cluster.local");
  const auto wide = [](config::ListenerConfig listener) {
    http_of(listener).http2.streams_max = kHeldUp + 8;
    return listener;
  };
  Proxy server(with_budget({wide(inbound(authority.material("server")))},
                           {cluster("app", {origin.address()})}));
  Proxy client(
      with_budget({wide(outbound())}, {to_server(authority.material("client"), server.address())}));
  Http2Caller caller(client.dial());
  ASSERT_TRUE(caller.run_until([&] { return caller.available() == kHeldUp + 8; }));
  std::vector<Http2Caller::Request*> crowd;
  for (std::size_t n = 0; n < kHeldUp; ++n)
    crowd.push_back(&caller.post(n, "/" + std::to_string(n), kUpload));
  TimePoint since{};
  std::size_t before = 0;
  ASSERT_TRUE(caller.run_until([&] {
    std::size_t sent = 0;
    for (const auto* one : crowd) sent += one->sent;
    if (std::exchange(before, sent) != sent) since = caller.now();
    return origin.requests() == kHeldUp && caller.now() - since > std::chrono::milliseconds(300);
  }));
  EXPECT_EQ(shrinks(server) + shrinks(client), 2);

  Http2Caller::Request& upload = caller.post(kFree, "/" + std::to_string(kFree), kUpload);
  upload.read();
  EXPECT_TRUE(caller.run_until([&] { return upload.ended; })) << upload.fault;
  EXPECT_EQ(upload.status, 200);
  Http2Caller::Request& download = caller.get(kFree, "/" + std::to_string(kFree));
  download.read();
  EXPECT_TRUE(caller.run_until([&] { return download.ended; })) << download.fault;
  EXPECT_TRUE(download.whole(kUpload));

  origin.release();
  for (auto* one : crowd) one->read();
  EXPECT_TRUE(caller.run_until([&] {
    return std::all_of(crowd.begin(), crowd.end(), [](const auto* one) { return one->ended; });
  }));
  for (const auto* one : crowd) EXPECT_TRUE(one->whole(0)) << one->number << ": " << one->fault;
  EXPECT_TRUE(gives_back(server)) << blocks(server);
  EXPECT_TRUE(gives_back(client)) << blocks(client);
}

}  // namespace
}  // namespace weft::mesh_test
