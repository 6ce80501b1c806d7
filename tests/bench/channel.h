#pragma once
// Channel: one connected socket, with TLS on it or without, for both ends of the benchmark.
//
// Owner: a connection of meshload or meshback. Thread: one. Lifetime: the TlsContext outlives it.
// Errors: Channel::kBroken from read() and write(), Step::kFailed from handshake(); either way the
// connection is over. Certificates are sent when the context has one and never verified: what the
// link of a pair demands is checked by the runner (harness/contenders.py).

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tests/bench/socket.h"

namespace weft::bench {

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

// TLS 1.3, AES-128-GCM and P-256, as every contender is configured.
struct TlsContext {
  struct Options {
    bool accepts = false;
    std::string certificate;  // PEM; empty = none sent.
    std::string key;
    std::string alpn;      // One protocol; empty = not offered.
    bool resumes = false;  // Keeps the last session of each connection and offers it to the next.
  };
  explicit TlsContext(const Options& options);

  Options options;
  std::unique_ptr<SSL_CTX, SslDeleter> context;
};

// The session a connection got last; the next handshake in its place offers it.
using KeptSession = std::unique_ptr<SSL_SESSION, SslDeleter>;

class Channel final {
 public:
  enum class Step { kDone, kReadable, kWritable, kFailed };  // Finished, or waiting for this.
  static constexpr ssize_t kEnd = 0;
  static constexpr ssize_t kAgain = -1;
  static constexpr ssize_t kBroken = -2;

  Channel() = default;
  // `tls` may be absent; `kept` too, and is only used when the context resumes.
  Channel(Fd socket, const TlsContext* tls, KeptSession* kept = nullptr);

  [[nodiscard]] Step handshake();
  [[nodiscard]] ssize_t read(char* bytes, std::size_t size);
  [[nodiscard]] ssize_t write(std::string_view bytes);
  // Bytes the socket will not announce again.
  [[nodiscard]] bool has_pending() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }
  [[nodiscard]] bool was_resumed() const { return ssl_ && SSL_session_reused(ssl_.get()) == 1; }
  [[nodiscard]] const Fd& socket() const { return socket_; }
  [[nodiscard]] bool valid() const { return socket_.valid(); }
  void close();

 private:
  Fd socket_;
  std::unique_ptr<SSL, SslDeleter> ssl_;
};

}  // namespace weft::bench
