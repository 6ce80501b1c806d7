#pragma once
// Engine: one TLS connection over Buffers instead of a socket: ciphertext in, plaintext out and the
// other way round.
//
// It does no I/O, knows no time and raises no events. Its BIO serves OpenSSL's reads straight from
// the Buffer that the caller lends for the call, and appends what OpenSSL writes to output()
// (decisions D7). Owner: Stream. Thread: its worker's.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "sidecar/core/buffer.h"
#include "sidecar/core/transport.h"
#include "tls/context.h"
#include "tls/handshake_result.h"
#include "tls/openssl_handles.h"

namespace weft::tls {

class Engine final {
 public:
  // What a handshake may make us read; a chain of kPeerChainBytesMax fits.
  static constexpr std::size_t kHandshakeBytesMax = 128 * 1024;
  // Messages other than data that a peer may send: this many, and one more per kBytesPerMessage of
  // data.
  static constexpr std::uint64_t kMessagesMax = 32;
  static constexpr std::uint64_t kBytesPerMessage = 64 * 1024;

  enum class Outcome : std::uint8_t {
    kDone,       // handshake finished; read: bytes were decrypted; write: everything was encrypted
    kNeedInput,  // everything lent was used and more must come
    kClosed,     // the peer said close_notify
    kFailed,     // see failure(); nothing but output() may be used any more
  };
  struct Failure {
    HandshakeResult result = HandshakeResult::kBroken;  // for failures during the handshake
    Error error;
  };

  // `server_name` is sent by a client unless it is empty or an IP address; so is the context's ALPN
  // unless it `offers_alpn` not.
  Engine(const Context& context, std::string_view server_name, bool offers_alpn = true);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  [[nodiscard]] Outcome handshake(Buffer& input);
  // Decrypts at most one record into `target`, which has room for Library::kRecordMax.
  [[nodiscard]] Outcome read(Buffer& input, std::span<std::uint8_t> target, std::size_t& size);
  // Encrypts all of `plain` as one record. REQUIRES plain.size() <= Library::kRecordMax, not empty.
  [[nodiscard]] Outcome write(Bytes plain);
  void close_notify();

  [[nodiscard]] Buffer& output() { return output_; }
  [[nodiscard]] const Buffer& output() const { return output_; }
  [[nodiscard]] const Failure& failure() const { return failure_; }
  // After the handshake.
  [[nodiscard]] TlsInfo info() const;

 private:
  struct Bio;
  Outcome fail_with(HandshakeResult result, Fault fault, std::string detail);
  Outcome outcome_of(int returned);
  [[nodiscard]] bool floods() const;

  const Context& context_;
  ConnectionNotes notes_;
  Buffer output_;
  Buffer* input_ = nullptr;  // lent for the length of a call
  std::size_t handshake_bytes_ = 0;
  std::uint64_t data_bytes_ = 0;
  bool handshake_too_long_ = false;
  Failure failure_;
  Handle<ssl_st> ssl_;  // last: it refers to the rest
};

}  // namespace weft::tls
