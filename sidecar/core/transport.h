#pragma once
// Transport and Sink: a byte pipe and whoever listens to it. TCP sockets, TLS streams and the
// tests' memory pipes are Transports; connections, tunnels and TLS streams are Sinks.
//
// Rules (house 3.6): calls go down and never call back before they return; events come up and may
// destroy the receiver, so raising one is the last thing a Transport does with itself. Destroying a
// Transport closes it silently. Thread: its loop's.

#include <optional>
#include <string>

#include "sidecar/core/address.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/error.h"
#include "sidecar/core/spiffe_id.h"

namespace weft {

class Sink {
 public:
  // Bytes arrived. Take what you can; what stays in `bytes` is offered again with the next bytes,
  // or after resume().
  virtual void on_bytes(Buffer& bytes) = 0;
  // buffered() fell below the low mark after it had been above the high mark.
  virtual void on_writable() = 0;
  // The peer will send no more; writing may go on. At most once, after the last on_bytes.
  virtual void on_end() = 0;
  // The pipe is broken: the last event. Nothing written since is known to have arrived.
  virtual void on_fault(const Error& error) = 0;

 protected:
  ~Sink() = default;
};

// What TLS proved about a connection; all empty on a plain one.
struct TlsInfo {
  bool secured = false;
  SpiffeId peer;            // from the peer's verified certificate; empty when it showed none
  std::string alpn;         // negotiated application protocol
  std::string server_name;  // SNI asked for
  std::string version;      // "TLSv1.3"
  std::string cipher;
};

class Transport {
 public:
  // Above the high mark a writer should stop until on_writable, which comes below the low mark.
  static constexpr std::size_t kHighMark = 256 * 1024;
  static constexpr std::size_t kLowMark = 64 * 1024;

  virtual ~Transport() = default;

  // Who hears events; null silences. Events that happened before the first sink are delivered after
  // it is set, in a later event, never from inside set_sink.
  virtual void set_sink(Sink* sink) = 0;

  // Queues; nothing leaves before flush(). The top object of the pipe enlists itself with Turn and
  // flushes once a turn.
  virtual void write(Buffer&& bytes) = 0;
  virtual void flush() = 0;
  // End of our side after everything written has left (FIN, close_notify).
  virtual void shutdown_write() = 0;
  // Drop the pipe now (RST); no event follows.
  virtual void abort() = 0;

  // Stop and go on reading. Allowed inside on_bytes: what was read stays in the Buffer.
  virtual void pause() = 0;
  virtual void resume() = 0;

  // Bytes written and not yet taken by the kernel.
  [[nodiscard]] virtual std::size_t buffered() const = 0;

  [[nodiscard]] virtual const SocketAddress& peer_address() const = 0;
  [[nodiscard]] virtual const SocketAddress& local_address() const = 0;
  [[nodiscard]] virtual const TlsInfo& tls() const = 0;
};

}  // namespace weft
