#pragma once
// Http2Stream: what a session keeps for one stream, and Http2Handle: what its user holds.
//
// The session owns the Http2Stream from its head to its close; the handle points to it until then,
// and the other way round. Dropping a handle whose last byte is queued lets the stream finish by
// itself; dropping it earlier resets the stream. Thread: the session's.

#include <cstdint>
#include <memory>
#include <optional>

#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/slab.h"
#include "sidecar/http/http2_fields.h"
#include "sidecar/http/http2_frames.h"
#include "sidecar/http/stream.h"

namespace weft::http {

class Http2Session;

struct Http2SentTag {};
struct Http2SendTag {};

struct Http2Stream final
    : public SlabAllocated<Http2Stream>,
      public ListNode<Http2Stream>,                // open, or closed and not yet reported
      public ListNode<Http2Stream, Http2SentTag>,  // has bytes to report with on_sent
      public ListNode<Http2Stream,
                      Http2SendTag> {  // may send, waits for credit, or ends with frames that wait
  Http2Stream(Http2Session& session_in, std::int32_t id_in) : session(session_in), id(id_in) {}

  Http2Session& session;
  std::int32_t id;
  Http2Stream** handle = nullptr;         // the handle's pointer to us
  StreamSink* sink = nullptr;             // null: nobody listens
  ResponseSink* response_sink = nullptr;  // client: the same object

  Buffer queue;
  // Credit (RFC 9113 section 5.2). A window may go below zero when SETTINGS make it smaller.
  std::int64_t send_window = 0;
  std::int64_t receive_window = 0;  // what the peer may still send
  std::uint32_t credit = 0;         // consumed, and not yet given back to the peer
  std::optional<std::uint64_t>
      body_expected;  // content-length; nothing follows it and nothing lacks
  std::uint64_t body_received = 0;
  std::uint64_t head_at = 0;  // client: where its head ends in all that the session ever queued
  Http2StoredFields trailers;
  Http2StoredFields request;  // waits for the peer's SETTINGS; the stream has no id yet
  std::uint64_t sent = 0;
  std::uint64_t sent_at_mark = 0;
  TimePoint mark{};  // since when output has been waiting without much moving
  std::size_t unreported = 0;
  std::size_t unconsumed = 0;
  Http2Code close_code = Http2Code::kNoError;
  std::uint32_t informational = 0;
  std::uint32_t empty_frames = 0;
  Fault fault = Fault::kReset;  // once we know better than the close code
  const char* fault_detail = nullptr;

  bool extended = false;       // RFC 8441
  bool tunnel = false;         // that, or CONNECT: the two directions end on their own
  bool bodiless = false;       // client: the answer has no body whatever its fields say
  bool answered = false;       // client: a head came, perhaps an informational one
  bool head_received = false;  // client: the final one
  bool remote_ended = false;
  bool end_queued = false;
  bool end_sent = false;
  bool reset_after_end = false;  // the rest of the request is not wanted
  bool reset = false;            // RST_STREAM is queued by us, and its code is close_code
  bool peer_reset = false;
  bool counted = false;  // against the reset limit
  bool listed = false;   // in the session's table
  bool closed = false;

  [[nodiscard]] bool output_waits() const {
    return !closed && (!queue.empty() || (end_queued && !end_sent));
  }
};

class Http2ServerStream final : public ServerStream, public SlabAllocated<Http2ServerStream> {
 public:
  explicit Http2ServerStream(Http2Stream& stream) : stream_(&stream) { stream.handle = &stream_; }
  ~Http2ServerStream() override;

  void send_body(Buffer&& bytes, bool end) override;
  void send_trailers(const Headers& trailers) override;
  void consume(std::size_t body_bytes) override;
  void reset(ResetReason reason) override;
  [[nodiscard]] std::size_t buffered() const override {
    return stream_ == nullptr ? 0 : stream_->queue.size();
  }
  void set_sink(RequestSink* sink) override;
  void send_informational(const ResponseHead& head) override;
  void send_head(const ResponseHead& head, bool end) override;
  void close_after() override;

 private:
  Http2Stream* stream_;
};

class Http2ClientStream final : public ClientStream, public SlabAllocated<Http2ClientStream> {
 public:
  Http2ClientStream(Http2Stream& stream, bool reused) : stream_(&stream), reused_(reused) {
    stream.handle = &stream_;
  }
  ~Http2ClientStream() override;

  void send_body(Buffer&& bytes, bool end) override;
  void send_trailers(const Headers& trailers) override;
  void consume(std::size_t body_bytes) override;
  void reset(ResetReason reason) override;
  [[nodiscard]] std::size_t buffered() const override {
    return stream_ == nullptr ? 0 : stream_->queue.size();
  }
  [[nodiscard]] bool reused_connection() const override { return reused_; }

 private:
  Http2Stream* stream_;
  bool reused_;
};

}  // namespace weft::http
