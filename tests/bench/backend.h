#pragma once
// Backends: what stands behind the proxy under test. Each serves one listening socket until a stop
// signal or `lifetime`.
//
// Owner: meshback's main. Thread: one. Errors: a connection that misbehaves is closed and the rest
// go on. Limits: output waiting for a slow reader stops reading at kOutputMax; connections are
// bounded by the descriptor limit.

#include <chrono>
#include <cstdint>
#include <string>

#include "tests/bench/channel.h"
#include "tests/bench/socket.h"

namespace weft::bench {

constexpr std::size_t kOutputMax = 4 * 1024 * 1024;

struct HttpBackendOptions {
  std::size_t body_bytes = 2;
  bool chunked = false;
  std::chrono::microseconds delay{};
  std::chrono::seconds lifetime{3600};
};

// Answers every request with 200, eight header fields and the body; bytes are made once. Returns
// the requests answered.
[[nodiscard]] std::uint64_t serve_http(const Fd& listener, const HttpBackendOptions& options);

struct Http2BackendOptions {
  std::size_t body_bytes = 100;
  bool is_grpc = false;  // The body is one message, and trailers follow it.
  // > 0: a call is answered with messages that never end, one for each interval, each stamped with
  // when it was due.
  std::chrono::microseconds message_interval{};
  std::chrono::seconds lifetime{3600};
  const TlsContext* tls = nullptr;
};

// HTTP/2 from the first byte, or after ALPN. Returns the requests answered, or the messages sent.
[[nodiscard]] std::uint64_t serve_http2(const Fd& listener, const Http2BackendOptions& options);

enum class TcpMode { kEcho, kDiscard, kSource };

// Echoes, swallows or produces bytes. Returns the bytes it received and sent together.
[[nodiscard]] std::uint64_t serve_tcp(const Fd& listener, TcpMode mode,
                                      std::chrono::seconds lifetime);

}  // namespace weft::bench
