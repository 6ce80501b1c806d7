#pragma once
// RawStream: a TCP connection in the place of a stream: what a CONNECT that ends at this proxy has
// upstream. Bodies are the connection's bytes, the end of a body is a half-close, a reset is one.
//
// There is no head; its owner answers the CONNECT. Destroying it cuts off what has not left and
// resets the connection unless both directions have ended, so its owner keeps it until buffered()
// is zero, which behind the end an on_sent says. Memory: what the other side's window lets in, and
// two Transport::kHighMark (shares of them while the BufferBudget is tight). Owner: Attempt.
// Thread: its worker.

#include <memory>

#include "sidecar/core/slab.h"
#include "sidecar/core/timers.h"
#include "sidecar/core/transport.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/stream.h"

namespace weft::proxy {

class RawStream final : public http::ClientStream,
                        public Sink,
                        public Flushable,
                        public TimerSink,
                        public SlabAllocated<RawStream> {
 public:
  RawStream(Turn& turn, std::unique_ptr<Transport> transport, http::ResponseSink& sink);
  ~RawStream() override;

  // http::ClientStream
  void send_body(Buffer&& bytes, bool end) override;
  void send_trailers(const http::Headers& trailers) override;
  void consume(std::size_t body_bytes) override;
  void reset(http::ResetReason reason) override;
  [[nodiscard]] std::size_t buffered() const override;
  [[nodiscard]] bool reused_connection() const override { return false; }
  // Sink
  void on_bytes(Buffer& bytes) override;
  void on_writable() override { turn_.enlist(*this); }
  void on_end() override;
  void on_fault(const Error& error) override;

  void flush() override;
  void on_timer(Timer& timer) override;

 private:
  Turn& turn_;
  std::unique_ptr<Transport> transport_;
  http::ResponseSink* sink_;  // null after a reset
  Timer look_;
  Buffer queue_;  // not given to the transport yet
  std::size_t unconsumed_ = 0;
  bool end_queued_ = false;
  bool shut_ = false;
  bool end_told_ = false;
  bool paused_ = false;
  bool peer_ended_ = false;
};

}  // namespace weft::proxy
