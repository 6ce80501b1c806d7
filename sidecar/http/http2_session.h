#pragma once
// Http2Session: RAII over one nghttp2 session, its streams and its credit; the only nghttp2
// callbacks of the house.
//
// nghttp2 raises events while it is fed and while it is asked for output. A busy flag covers both:
// submitting is allowed inside, feeding, producing and destroying are not (decisions D5). Ends of
// streams are reported after nghttp2 has returned. Credit (D4): the connection's goes back on
// arrival, a stream's when its reader says consume(). While the thread's BufferBudget is three
// quarters full, until it is half full, the peer is told a smaller window for each of its streams;
// RFC 9113 section 6.9.2 takes the difference from what streams under way may still send. Owner: an
// HTTP/2 codec. Thread: its loop's. Source: RFC 9113, RFC 8441.

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "sidecar/core/result.h"
#include "sidecar/http/codec.h"
#include "sidecar/http/http2_fields.h"
#include "sidecar/http/http2_floods.h"
#include "sidecar/http/http2_stream.h"

namespace weft::http {

class Http2Session final {
 public:
  enum class Role : std::uint8_t { kServer, kClient };
  class Listener {
   public:
    // Both run inside nghttp2: answering is allowed, feeding and producing are not.
    virtual void on_request_head(Http2Stream& stream, RequestHead&& head, bool end) = 0;
    virtual void on_malformed_request(const Error& error, std::uint16_t status) = 0;

   protected:
    ~Listener() = default;
  };

  Http2Session(Role role, CodecHost& host, Listener* listener, const CodecOptions& options);
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;
  ~Http2Session();

  // What a Codec does; see codec.h.
  [[nodiscard]] Status feed(Buffer& bytes);
  [[nodiscard]] Status feed_end();
  void produce(Buffer& out, std::size_t room);
  [[nodiscard]] bool wants_output() const;
  void drain();
  void drain_now();
  void fail(const Error& error);
  void expire(TimePoint since);
  void ping();
  [[nodiscard]] bool blocked() const;
  [[nodiscard]] std::size_t streams() const { return live_; }
  [[nodiscard]] bool finished() const;
  [[nodiscard]] const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  [[nodiscard]] bool reading_head() const {
    return role_ == Role::kServer && (!preface_done_ || in_block_);
  }
  void answer_timeout();
  [[nodiscard]] std::size_t available() const;

  // Client: opens a stream.
  [[nodiscard]] Http2Stream& open(const RequestHead& head, bool end, ResponseSink& sink);

  // What the handles do.
  void send_head(Http2Stream& stream, const ResponseHead& head, bool end);
  void send_informational(Http2Stream& stream, const ResponseHead& head);
  void send_body(Http2Stream& stream, Buffer&& bytes, bool end);
  void send_trailers(Http2Stream& stream, const Headers& trailers);
  void consume(Http2Stream& stream, std::size_t bytes);
  void reset(Http2Stream& stream, std::uint32_t code);
  void release(Http2Stream& stream);  // its handle is gone

 private:
  // What must move within the stall limit; see Connection::kStallBytes.
  static constexpr std::size_t kStallBytes = 16 * 1024;
  // Of a stream while memory is short: enough for most messages, and for all others to move.
  static constexpr std::uint32_t kNarrowWindow = 16 * 1024;

  struct Callbacks;  // nghttp2's, as static functions
  static const nghttp2_session_callbacks* callbacks();
  static nghttp2_data_provider data_provider();

  void configure(const CodecOptions& options);
  void fit_windows();
  void return_small_credit();
  Status feed_piece(Bytes piece);
  Status end_by(int library_error);
  [[nodiscard]] Error ended_by_peer(std::uint32_t code, std::string detail) const;
  void queue_goodbye(std::uint32_t code);
  void calm(const char* why);
  void end_session(std::uint32_t code, const char* why);
  void fail_streams(const Error& error);
  void close(Http2Stream& stream, std::uint32_t code);
  void report_sent();
  void report_closed();
  void report_end(std::unique_ptr<Http2Stream> stream, const Error* error);
  void reset_for(Http2Stream& stream, std::uint32_t code, Fault fault, const char* detail);
  void queue_reset(Http2Stream& stream, std::uint32_t code);
  [[nodiscard]] Error close_error(const Http2Stream& stream) const;
  void submit(Http2Stream& stream, std::span<const nghttp2_nv> fields);
  void submit_waiting();
  void never_opened(Http2Stream& stream, Fault fault, const char* detail);
  [[nodiscard]] Http2Stream* find(std::int32_t id) const;
  void provoked(Http2Stream* stream, double resets = 1);
  void resume(Http2Stream& stream);
  void deliver_body(bool end);
  void refuse(std::int32_t id, const Http2Reader::Refusal& refusal);
  void after_end_sent(std::int32_t id, Http2Stream* stream);

  void on_ping_answer(const nghttp2_ping& ping);
  void on_begin_frame(const nghttp2_frame_hd& head);
  [[nodiscard]] bool comes_too_late(std::int32_t id);
  int on_begin_headers(const nghttp2_frame& frame);
  int on_field(const nghttp2_frame& frame, std::string_view name, std::string_view value,
               bool never_index);
  void on_frame(const nghttp2_frame& frame);
  void on_headers(const nghttp2_frame& frame);
  void on_request(std::int32_t id, bool end);
  void on_response(Http2Stream& stream, bool end);
  void on_trailers(Http2Stream& stream);
  void on_data_end(const nghttp2_frame& frame);
  void on_data(std::int32_t id, Bytes bytes);
  void on_invalid_frame(const nghttp2_frame& frame, int library_error);
  void on_frame_sent(const nghttp2_frame& frame);
  void on_frame_not_sent(const nghttp2_frame& frame, int library_error);
  ssize_t on_data_wanted(std::int32_t id, std::size_t room, std::uint32_t& flags);
  int on_data_sent(std::int32_t id, const std::uint8_t* frame_head, std::size_t size);

  CodecHost& host_;
  Listener* listener_;  // null on a client
  const Limits limits_;
  const Http2Limits http2_limits_;
  const NormalizeOptions normalize_;
  nghttp2_session* session_ = nullptr;
  Http2Reader reader_;
  Http2Writer writer_;
  Http2Floods floods_;
  IntrusiveList<Http2Stream> open_;
  IntrusiveList<Http2Stream> closed_;
  IntrusiveList<Http2Stream, Http2SentTag> sent_;

  const Buffer* feeding_ = nullptr;  // whose first piece nghttp2 is reading
  const std::uint8_t* piece_ = nullptr;
  Buffer* out_ = nullptr;  // while producing
  std::size_t room_ = 0;
  Buffer body_;  // of the DATA frame being read, not yet delivered
  Http2Stream* body_stream_ = nullptr;
  Buffer goodbye_;  // a GOAWAY written by hand when nghttp2 cannot
  std::optional<Error> failure_;
  std::optional<std::uint32_t> goaway_code_;  // sent, and not NO_ERROR
  std::string goaway_why_;

  std::size_t live_ = 0;
  std::size_t unreported_ = 0;    // in closed_: their users still work for them
  std::size_t useful_bytes_ = 0;  // of the piece being read
  std::uint64_t requests_ = 0;
  std::int32_t last_request_ = 0;
  std::int32_t last_opened_ = 0;     // of the streams that the client opens, taken or not
  std::int32_t tolerated_ = 0;       // up to here, frames for closed streams may still be under way
  std::uint32_t continuations_ = 0;  // of the header block being read
  Role role_;
  bool busy_ = false;
  bool dead_ = false;  // nghttp2 must not be asked any more
  bool preface_done_ = false;
  bool in_block_ = false;
  bool draining_ = false;
  bool drained_ = false;      // the final GOAWAY is queued
  bool peer_leaves_ = false;  // GOAWAY received
  bool narrow_ = false;       // the peer was told small windows
  bool input_ended_ = false;
  bool ended_ = false;  // by us, with a GOAWAY that says what the peer did
  std::uint32_t ended_code_ = NGHTTP2_NO_ERROR;
  const char* ended_why_ = "";
};

}  // namespace weft::http
