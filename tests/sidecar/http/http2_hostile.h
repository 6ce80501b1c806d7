#pragma once
// What tests about hostile peers share: a server that has been greeted, a client codec that is fed
// by hand, header blocks cut into frames, and feeding until the connection is ended. Thread: the
// test's.

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tests/sidecar/http/http2_pair.h"

namespace weft::http::testing {

// A server that has said hello.
inline std::unique_ptr<RawServer> greeted(const CodecOptions& options = {}) {
  auto server = std::make_unique<RawServer>(options);
  server->feed(preface());
  EXPECT_EQ(server->reply(), "SETTINGS WINDOW_UPDATE(0," +
                                 std::to_string(options.http2.connection_window - 65535) +
                                 ") SETTINGS(ack)");
  return server;
}

// HEADERS and CONTINUATIONs of at most 16 KiB.
inline std::string blocks(std::uint32_t stream, std::string_view block) {
  std::string wire;
  bool first = true;
  do {
    const std::string_view piece = block.substr(0, 16384);
    block.remove_prefix(piece.size());
    wire +=
        frame(first ? 1 : 9, static_cast<std::uint8_t>((first ? 1 : 0) | (block.empty() ? 4 : 0)),
              stream, piece);
    first = false;
  } while (!block.empty());
  return wire;
}

// Feeds `make(i)` until the connection is ended; reading what the server says only when `reads`.
inline std::size_t ended_after(RawServer& server, std::size_t limit, bool reads,
                               const std::function<std::string(std::size_t)>& make) {
  for (std::size_t i = 0; i < limit; ++i) {
    server.feed(make(i));
    if (reads) server.reply();
    if (!server.status || server.codec->failure() != nullptr) return i + 1;
  }
  return limit;
}

inline std::uint32_t stream_of(std::size_t i) { return static_cast<std::uint32_t>(2 * i + 1); }

// ---- what a server says ----

inline constexpr std::string_view kOk = "\x88";  // :status 200
inline constexpr std::size_t kFrameMax = 16 * 1024;

inline std::string setting(std::uint16_t id, std::uint32_t value) {
  return std::string{static_cast<char>(id >> 8), static_cast<char>(id)} + u32(value);
}
inline std::string settings(std::uint16_t id, std::uint32_t value) {
  return frame(4, 0, 0, setting(id, value));
}
inline std::string answer(std::uint32_t stream) { return headers(stream, kOk); }
inline std::string with(std::string_view name, std::string_view value) {
  return std::string(kOk) + literal(name, value);
}
inline std::string begun() { return headers(1, kOk, false); }
inline std::string greeting() { return frame(4, 0, 0, "") + frame(4, 1, 0, ""); }

// Bytes that malloc has given out. Under a sanitizer always 0: it counts for itself.
inline std::size_t heap_in_use() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

// A client codec that is fed by hand.
class FedClient final {
 public:
  explicit FedClient(const CodecOptions& options = {}) {
    codec = make_http2_client(host, options);
    says();
  }
  Host host;
  std::unique_ptr<ClientCodec> codec;
  Status status;

  // What the client has to say now, as frames.
  std::string says() const {
    Buffer out;
    codec->produce(out, 1 << 20);
    return frames_of(out.to_string());
  }
  FedClient& feed(std::string_view bytes) {
    Buffer buffer(bytes);
    if (status) status = codec->feed(buffer);
    return *this;
  }
  std::unique_ptr<Hearer> open(bool end = true) const {
    auto hearer = std::make_unique<Hearer>();
    hearer->client = codec->open(get(), end, *hearer);
    says();
    return hearer;
  }
};

}  // namespace weft::http::testing
