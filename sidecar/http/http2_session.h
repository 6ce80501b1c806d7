#pragma once
// Http2Session: one HTTP/2 connection, either end of it: its frames, its streams and their credit.
//
// It raises events while it is fed; a busy flag says so: submitting is allowed inside, feeding,
// producing and destroying are not (decisions D5). Heads are encoded where they are submitted and
// wait, with all other frames but DATA, as bytes in one queue; so the order in which HPACK saw them
// is the order on the wire. A stream stays open until the frame that ends it has been produced, so
// that whoever does not read his answers runs out of streams. Ends of streams are reported after
// feed() and produce() have done their work.
// Credit (D4): the connection's goes back on arrival, a stream's when its reader says consume().
// While the thread's BufferBudget is three quarters full, until it is half full, the peer is told a
// smaller window for each of its streams; RFC 9113 section 6.9.2 takes the difference from what
// streams under way may still send. Owner: an HTTP/2 codec. Thread: its loop's. Source: RFC 9113,
// RFC 8441.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "sidecar/core/result.h"
#include "sidecar/http/codec.h"
#include "sidecar/http/hpack.h"
#include "sidecar/http/http2_fields.h"
#include "sidecar/http/http2_floods.h"
#include "sidecar/http/http2_frames.h"
#include "sidecar/http/http2_stream.h"
#include "sidecar/http/http2_stream_table.h"

namespace weft::http {

class Http2Session final {
 public:
  enum class Role : std::uint8_t { kServer, kClient };
  class Listener {
   public:
    // Both run while bytes are read: answering is allowed, feeding and producing are not.
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
  [[nodiscard]] bool wants_output() const {
    return !closed_.empty() || (!dead_ && (!frames_.empty() || !ready_.empty()));
  }
  void drain();
  void drain_now();
  void fail(const Error& error);
  void expire(TimePoint since);
  void ping();
  [[nodiscard]] bool blocked() const { return !dead_ && live_ > 0 && send_window_ <= 0; }
  [[nodiscard]] std::size_t streams() const { return live_; }
  [[nodiscard]] bool finished() const;
  [[nodiscard]] const Error* failure() const { return failure_ ? &*failure_ : nullptr; }
  [[nodiscard]] bool reading_head() const {
    return role_ == Role::kServer && (!settled_ || in_block_);
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
  void reset(Http2Stream& stream, Http2Code code);
  void release(Http2Stream& stream);  // its handle is gone

 private:
  // What must move within the stall limit; see Connection::kStallBytes.
  static constexpr std::size_t kStallBytes = 16 * 1024;
  // Of a stream while memory is short: enough for most messages, and for all others to move.
  static constexpr std::uint32_t kNarrowWindow = 16 * 1024;
  // SETTINGS of ours that may wait to be acknowledged.
  static constexpr std::size_t kUnacknowledgedMax = 4;

  // What the next bytes are.
  enum class Reading : std::uint8_t {
    kPreface,
    kHead,    // of a frame
    kPrefix,  // of DATA or HEADERS: padding's length, priority
    kData,
    kBlock,     // header block, in HEADERS or CONTINUATION
    kSmall,     // a payload that is looked at when it is here whole
    kSettings,  // looked at entry by entry
    kSkip       // padding, and what nobody wants to know
  };

  // ---- http2_session.cc: the life of the session ----
  void configure();
  void fit_windows();
  [[nodiscard]] Error ended_by_peer(Http2Code code, std::string_view detail) const;
  void queue_goaway(std::int32_t last, Http2Code code, std::string_view why);
  void calm(const char* why) { end_session(Http2Code::kEnhanceYourCalm, why); }
  void end_session(Http2Code code, const char* why);
  void fail_streams(const Error& error);
  void close(Http2Stream& stream, Http2Code code);
  void close_if_done(Http2Stream& stream);
  void report_sent();
  void report_closed();
  void report_end(std::unique_ptr<Http2Stream> stream, const Error* error);
  [[nodiscard]] Error close_error(const Http2Stream& stream) const;
  void provoked(Http2Stream* stream, double resets = 1);

  // ---- http2_input.cc: bytes to frames ----
  [[nodiscard]] Status feed_piece(Bytes piece);
  void read(Bytes& input);
  [[nodiscard]] bool gather(Bytes& input, std::size_t wanted);
  void read_preface(Bytes& input);
  void begin_frame();
  void begin_data();
  void begin_headers();
  void begin_continuation();
  void begin_small(std::size_t wanted);
  [[nodiscard]] std::uint32_t prefix_bytes() const;
  void read_prefix();
  void read_data(Bytes& input);
  void read_block(Bytes& input);
  void end_payload();
  void expect_payload(Reading reading);
  void on_small();
  void on_reset(Http2Code code);
  void on_ping();
  void on_goaway();
  void on_window_update();
  void on_setting();
  void on_settings_end();
  void set_peer_window(std::uint32_t value);
  void return_small_credit();
  [[nodiscard]] bool is_idle(std::int32_t id) const;
  void refuse_stream(Http2Stream* stream, std::int32_t id, Http2Code code, const char* why);

  // ---- http2_messages.cc: frames to messages ----
  void begin_block();
  void on_field(const HpackField& field);
  void on_block_end();
  void on_request();
  void on_response(Http2Stream& stream);
  void on_trailers(Http2Stream& stream);
  void answer_refused(std::int32_t id, const Http2Reader::Refusal& refusal);
  void malformed(Http2Stream* stream, const Http2Reader::Refusal& refusal);
  void on_data(Bytes bytes);
  void on_data_end();
  void deliver_body(bool end);

  // ---- http2_output.cc: frames and bytes out ----
  void queue_frame(FrameType type, std::uint8_t flags, std::int32_t id, Bytes payload);
  void queue_u32(FrameType type, std::int32_t id, std::uint32_t value);
  void queue_settings(std::span<const std::pair<Setting, std::uint32_t>> settings,
                      std::uint32_t window);
  void write_block(Buffer& out, std::int32_t id, std::span<const Http2Field> fields, bool end);
  void queue_block(std::int32_t id, std::span<const Http2Field> fields, bool end);
  void queue_reset_frame(std::int32_t id, Http2Code code);
  void queue_reset(Http2Stream& stream, Http2Code code);
  void reset_for(Http2Stream& stream, Http2Code code, Fault fault, const char* detail);
  void schedule(Http2Stream& stream);
  void end_with_frames(Http2Stream& stream);
  void flush_frames(Buffer& out);
  void send_piece(Http2Stream& stream, Buffer& out);
  void after_end_sent(Http2Stream& stream);
  void give_credit(Http2Stream& stream, std::size_t bytes);
  void give_connection_credit(std::size_t bytes);

  // ---- http2_session_streams.cc: what users ask for ----
  void submit(Http2Stream& stream, std::span<const Http2Field> fields);
  void queue_head(Http2Stream& stream, std::span<const Http2Field> fields, bool end);
  void submit_waiting();
  void never_opened(Http2Stream& stream, Fault fault, const char* detail);

  CodecHost& host_;
  Listener* listener_;  // null on a client
  const Limits limits_;
  const Http2Limits http2_limits_;
  const NormalizeOptions normalize_;
  Http2Reader reader_;
  Http2Writer writer_;
  HpackDecoder decoder_;
  HpackEncoder encoder_;
  Http2Floods floods_;
  Http2StreamTable table_;
  IntrusiveList<Http2Stream> open_;
  IntrusiveList<Http2Stream> closed_;
  IntrusiveList<Http2Stream, Http2SentTag> sent_;
  IntrusiveList<Http2Stream, Http2SendTag> ready_;    // may send, in turn
  IntrusiveList<Http2Stream, Http2SendTag> blocked_;  // until the connection has credit
  IntrusiveList<Http2Stream, Http2SendTag> ending_;   // over once frames_ is produced

  // ---- what is being read ----
  const Buffer* feeding_ = nullptr;  // whose first piece is being read
  const std::uint8_t* piece_ = nullptr;
  FrameHead frame_;
  std::uint32_t left_ = 0;     // of the payload
  std::uint32_t padding_ = 0;  // at its end
  std::array<std::uint8_t, kFrameHeadBytes> small_{};
  std::uint8_t gathered_ = 0;
  Reading reading_ = Reading::kHead;
  Http2Stream* data_stream_ = nullptr;  // of the DATA frame, null: thrown away
  Buffer body_;                         // of the DATA frame, not yet delivered
  std::int32_t block_id_ = 0;
  bool block_ends_stream_ = false;
  bool block_ignored_ = false;
  Http2Reader::Kind block_kind_ = Http2Reader::Kind::kRequest;
  std::size_t block_bytes_ = 0;
  std::uint32_t continuations_ = 0;

  // ---- what waits to be written ----
  Buffer frames_;                // all but DATA and trailers
  std::uint64_t queued_at_ = 0;  // bytes that ever went into frames_ …
  std::uint64_t sent_at_ = 0;    // … and out of it
  std::size_t queued_frames_ = 0;
  std::size_t queued_replies_ = 0;

  // ---- credit and settings ----
  std::int64_t send_window_ = kDefaultWindow;
  std::int64_t peer_stream_window_ = kDefaultWindow;
  std::int64_t receive_window_ = kDefaultWindow;
  std::int64_t stream_window_ = kDefaultWindow;  // as the peer has acknowledged
  std::uint32_t credit_ = 0;
  std::array<std::uint32_t, kUnacknowledgedMax> announced_windows_{};
  std::size_t announced_ = 0;
  std::optional<std::uint32_t> peer_streams_max_;
  bool peer_takes_extended_ = false;
  std::optional<bool> peer_has_no_priorities_;

  std::optional<Error> failure_;
  const char* ended_why_ = "";
  std::size_t live_ = 0;
  std::size_t unreported_ = 0;    // in closed_: their users still work for them
  std::size_t useful_bytes_ = 0;  // of the piece being read
  std::uint64_t requests_ = 0;
  std::int32_t last_request_ = 0;
  std::int32_t last_opened_ = 0;  // of the streams that the client opens, taken or not
  std::int32_t tolerated_ = 0;    // up to here, frames for closed streams may still be under way
  std::int32_t peer_last_ = kStreamIdLimit;  // of the peer's GOAWAY
  Http2Code ended_code_ = Http2Code::kNoError;
  Role role_;
  bool busy_ = false;
  bool dead_ = false;     // nothing is read or produced any more
  bool settled_ = false;  // the peer's first SETTINGS are here
  bool in_block_ = false;
  bool draining_ = false;
  bool drained_ = false;      // the final GOAWAY is queued
  bool peer_leaves_ = false;  // GOAWAY received
  bool narrow_ = false;       // the peer was told small windows
  bool ended_ = false;        // by us, with a GOAWAY that says what the peer did
};

}  // namespace weft::http
