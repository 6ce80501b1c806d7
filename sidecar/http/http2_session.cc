#include "sidecar/http/http2_session.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "sidecar/core/buffer_budget.h"
#include "sidecar/core/slab.h"

namespace weft::http {

namespace {

using OpenNode = ListNode<Http2Stream>;

// What nghttp2 counts itself is left to us, with our numbers, or turned so high that ours come
// first.
constexpr std::uint64_t kLibraryResets = 1U << 20;
// A head of ours is bounded where it was read; this only has to be larger than any of those.
constexpr std::size_t kSentHeadMax = 1024 * 1024;
constexpr std::size_t kDefaultFrameBytes = 16 * 1024;
constexpr std::size_t kFrameHead = 9;
constexpr std::uint32_t kDefaultTableBytes = 4096;
// Frames that may wait besides the peer's replies: heads and window updates of the streams there
// are.
constexpr std::size_t kFramesPerStream = 4;
using PingBytes = std::array<std::uint8_t, 8>;
constexpr PingBytes kDrainPing{'w', 'e', 'f', 't', ' ', 'b', 'y', 'e'};
constexpr PingBytes kLifePing{'w', 'e', 'f', 't', ' ', 'h', 'i', '?'};

nghttp2_mem slab_memory() {
  return {nullptr, [](std::size_t size, void*) { return slab_malloc(size); },
          [](void* memory, void*) { slab_release(memory); },
          [](std::size_t count, std::size_t size, void*) { return slab_calloc(count, size); },
          [](void* memory, std::size_t size, void*) { return slab_realloc(memory, size); }};
}

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
using Option = std::unique_ptr<nghttp2_option, OptionDeleter>;

Option make_option(const Http2Limits& limits) {
  nghttp2_option* made = nullptr;
  WEFT_ASSERT(nghttp2_option_new(&made) == 0);
  nghttp2_option_set_no_auto_window_update(made, 1);
  nghttp2_option_set_no_closed_streams(made, 1);
  // nghttp2 counts how often it waits for one, up to nine times while its head drips in; frames are
  // counted here.
  nghttp2_option_set_max_continuations(made, kFrameHead * (limits.continuations_max + 1));
  nghttp2_option_set_max_outbound_ack(made, limits.queued_replies_max);
  nghttp2_option_set_stream_reset_rate_limit(made, kLibraryResets, kLibraryResets);
  nghttp2_option_set_max_send_header_block_length(made, kSentHeadMax);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, limits.header_table_bytes);
  return Option(made);
}

std::uint32_t goaway_code(int library_error) {
  switch (library_error) {
    case NGHTTP2_ERR_FLOODED:
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS:
      return NGHTTP2_ENHANCE_YOUR_CALM;
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC:
      return NGHTTP2_PROTOCOL_ERROR;
    default:
      return NGHTTP2_INTERNAL_ERROR;
  }
}

}  // namespace

Http2Session::Http2Session(Role role, CodecHost& host, Listener* listener,
                           const CodecOptions& options)
    : host_(host),
      listener_(listener),
      limits_(options.limits),
      http2_limits_(options.http2),
      normalize_(options.normalize),
      reader_(limits_, normalize_),
      floods_(options.http2, host.now()),
      role_(role) {
  const Option option = make_option(http2_limits_);
  nghttp2_mem memory = slab_memory();
  const int made =
      role == Role::kServer
          ? nghttp2_session_server_new3(&session_, callbacks(), this, option.get(), &memory)
          : nghttp2_session_client_new3(&session_, callbacks(), this, option.get(), &memory);
  WEFT_ASSERT(made == 0);
  configure(options);
}

void Http2Session::configure(const CodecOptions& options) {
  const Http2Limits& limits = options.http2;
  std::array<nghttp2_settings_entry, 8> settings{};
  std::size_t count = 0;
  const auto set = [&](std::int32_t id, std::uint32_t value) { settings[count++] = {id, value}; };
  if (role_ == Role::kServer) {
    set(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.streams_max);
    set(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1);
    // The old priority scheme is a tree that a peer can make us work on (RFC 9113 section 5.3.1).
    set(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1);
  } else {
    set(NGHTTP2_SETTINGS_ENABLE_PUSH, 0);
  }
  set(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window);
  set(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
      static_cast<std::uint32_t>(options.limits.head_bytes_max));
  if (limits.frame_bytes_max != kDefaultFrameBytes)
    set(NGHTTP2_SETTINGS_MAX_FRAME_SIZE, limits.frame_bytes_max);
  if (limits.header_table_bytes != kDefaultTableBytes)
    set(NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, limits.header_table_bytes);
  int done = nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), count);
  WEFT_ASSERT(done == 0);
  done = nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                               static_cast<std::int32_t>(limits.connection_window));
  WEFT_ASSERT(done == 0);
}

// Asked where credit is at stake: for a new stream, and when a reader has taken something. The peer
// of a session on which nothing of that happens holds nothing more than it did.
void Http2Session::fit_windows() {
  const BufferBudget* budget = BufferBudget::of_thread();
  if (budget == nullptr) return;
  const bool narrow = narrow_ ? budget->tight() : budget->short_of_credit();
  if (narrow == narrow_ || dead_) return;
  narrow_ = narrow;
  const nghttp2_settings_entry window{
      NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
      narrow ? std::min(kNarrowWindow, http2_limits_.stream_window) : http2_limits_.stream_window};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &window, 1);
  host_.wake();
}

Http2Session::~Http2Session() {
  WEFT_ASSERT(!busy_);
  // Streams die with their connection in silence; whoever still holds a handle holds an empty one.
  for (IntrusiveList<Http2Stream>* list : {&open_, &closed_}) {
    while (Http2Stream* stream = list->pop_front()) {
      const std::unique_ptr<Http2Stream> grave(stream);
      if (stream->handle != nullptr) *stream->handle = nullptr;
    }
  }
  nghttp2_session_del(session_);
}

// ---- bytes in ----

Status Http2Session::feed(Buffer& bytes) {
  while (!bytes.empty() && !dead_) {
    const Bytes piece = bytes.front();
    feeding_ = &bytes;
    piece_ = piece.data();
    const Status fed = feed_piece(piece);
    feeding_ = nullptr;
    if (!fed) return fed;
    bytes.drain(piece.size());
  }
  bytes.clear();
  if (wants_output()) host_.wake();
  return {};
}

Status Http2Session::feed_piece(Bytes piece) {
  WEFT_ASSERT(!busy_);
  busy_ = true;
  useful_bytes_ = 0;
  const ssize_t read = nghttp2_session_mem_recv(session_, piece.data(), piece.size());
  deliver_body(false);
  busy_ = false;
  if (read < 0) return end_by(static_cast<int>(read));
  const double noise = static_cast<double>(piece.size()) - static_cast<double>(useful_bytes_);
  if (noise < 0) floods_.allow_noise(-noise);
  if (noise > 0 && !floods_.count_noise(host_.now(), noise))
    calm("too many frames that carry nothing");
  const std::size_t queued = nghttp2_session_get_outbound_queue_size(session_);
  if (queued > http2_limits_.queued_replies_max + kFramesPerStream * (live_ + 1))
    calm("too many replies wait to be sent");
  if (ended_ && !failure_) {
    failure_ = ended_by_peer(ended_code_, ended_why_);
    report_closed();
    fail_streams(*failure_);
    return weft::fail(*failure_);
  }
  report_closed();
  return {};
}

// nghttp2 gave up: it must not be asked again, so the GOAWAY is written by hand.
Status Http2Session::end_by(int library_error) {
  const std::uint32_t code = goaway_code(library_error);
  if (!dead_) queue_goodbye(code);
  dead_ = true;
  failure_ = ended_by_peer(code, nghttp2_strerror(library_error));
  report_closed();
  fail_streams(*failure_);
  return weft::fail(*failure_);
}

Status Http2Session::feed_end() {
  input_ended_ = true;
  dead_ = true;
  goodbye_.clear();
  report_closed();
  fail_streams(Error{Fault::kReset, role_ == Role::kServer ? Side::kDownstream : Side::kUpstream,
                     "the connection was closed by the peer"});
  return {};
}

// For what the peer did, with the code that it was told.
Error Http2Session::ended_by_peer(std::uint32_t code, std::string detail) const {
  return Error{code == NGHTTP2_ENHANCE_YOUR_CALM ? Fault::kFlood : Fault::kProtocol,
               role_ == Role::kServer ? Side::kDownstream : Side::kUpstream,
               "HTTP/2: " + std::move(detail)};
}

void Http2Session::queue_goodbye(std::uint32_t code) {
  const auto last = static_cast<std::uint32_t>(last_request_);
  const auto byte = [](std::uint32_t value, int shift) {
    return static_cast<std::uint8_t>(value >> shift);
  };
  const std::array<std::uint8_t, 17> frame{0,
                                           0,
                                           8,
                                           NGHTTP2_GOAWAY,
                                           0,
                                           0,
                                           0,
                                           0,
                                           0,
                                           byte(last, 24),
                                           byte(last, 16),
                                           byte(last, 8),
                                           byte(last, 0),
                                           byte(code, 24),
                                           byte(code, 16),
                                           byte(code, 8),
                                           byte(code, 0)};
  goodbye_.append(Bytes(frame));
}

void Http2Session::calm(const char* why) { end_session(NGHTTP2_ENHANCE_YOUR_CALM, why); }

void Http2Session::end_session(std::uint32_t code, const char* why) {
  if (ended_) return;
  ended_ = true;
  ended_code_ = code;
  ended_why_ = why;
  nghttp2_session_terminate_session2(session_, last_request_, code);
}

// ---- bytes out ----

bool Http2Session::wants_output() const {
  if (!goodbye_.empty() || !closed_.empty()) return true;
  return !dead_ && nghttp2_session_want_write(session_) != 0;
}

void Http2Session::produce(Buffer& out, std::size_t room) {
  WEFT_ASSERT(!busy_);
  if (!dead_) {
    busy_ = true;
    out_ = &out;
    room_ = out.size() + room;
    ssize_t written = 0;
    while (out.size() < room_) {
      const std::uint8_t* data = nullptr;
      written = nghttp2_session_mem_send(session_, &data);
      if (written <= 0) break;
      out.append(Bytes(data, static_cast<std::size_t>(written)));
    }
    busy_ = false;
    out_ = nullptr;
    report_sent();
    if (written < 0) static_cast<void>(end_by(static_cast<int>(written)));
  }
  report_closed();
  if (goaway_code_ && !failure_) {
    const std::string code = nghttp2_http2_strerror(*goaway_code_);
    failure_ = ended_by_peer(*goaway_code_, goaway_why_.empty() ? code : code + ", " + goaway_why_);
    fail_streams(*failure_);
  }
  if (!goodbye_.empty()) out.append(std::move(goodbye_));
}

// What is cheap to know comes first: this is asked after every event.
bool Http2Session::finished() const {
  const bool ends =
      dead_ || failure_ ||
      (live_ == 0 && (drained_ || peer_leaves_ || nghttp2_session_want_read(session_) == 0));
  return ends && !wants_output();
}

// ---- the end of a session ----

void Http2Session::drain() {
  if (draining_ || dead_) return;
  draining_ = true;
  if (role_ == Role::kClient) {
    drain_now();
    return;
  }
  // What the peer sent before it reads this is still served; its PING answer says that it has.
  nghttp2_submit_shutdown_notice(session_);
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kDrainPing.data());
  host_.wake();
}

void Http2Session::drain_now() {
  if (drained_ || dead_) return;
  draining_ = drained_ = true;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
  host_.wake();
}

void Http2Session::fail(const Error& error) {
  WEFT_ASSERT(!busy_);
  dead_ = true;
  goodbye_.clear();
  report_closed();
  fail_streams(error);
}

void Http2Session::answer_timeout() {
  if (dead_ || failure_) return;
  nghttp2_session_terminate_session(session_, NGHTTP2_NO_ERROR);
  in_block_ = false;
  preface_done_ = true;
  failure_ = Error{Fault::kTimeout, Side::kDownstream, "the request head did not arrive in time"};
  fail_streams(*failure_);
  host_.wake();
}

void Http2Session::expire(TimePoint since) {
  open_.for_each([&](Http2Stream& stream) {
    if (stream.reset || !stream.output_waits() || stream.mark > since) return;
    reset_for(stream, NGHTTP2_CANCEL, Fault::kIdle, "the peer takes no more bytes");
    provoked(&stream);
  });
  if (wants_output()) host_.wake();
}

void Http2Session::ping() {
  if (dead_ || failure_) return;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, kLifePing.data());
  host_.wake();
}

void Http2Session::on_ping_answer(const nghttp2_ping& ping) {
  if (draining_ && std::equal(kDrainPing.begin(), kDrainPing.end(), ping.opaque_data)) drain_now();
}

bool Http2Session::blocked() const {
  return !dead_ && live_ > 0 && nghttp2_session_get_remote_window_size(session_) <= 0;
}

std::size_t Http2Session::available() const {
  if (dead_ || failure_ || draining_ || peer_leaves_ ||
      nghttp2_session_check_request_allowed(session_) == 0)
    return 0;
  const std::size_t limit =
      nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
  return limit > live_ ? limit - live_ : 0;
}

// ---- ends of streams ----

void Http2Session::close(Http2Stream& stream, std::uint32_t code) {
  stream.closed = true;
  stream.close_code = code;
  --live_;
  static_cast<OpenNode&>(stream).unlink();
  closed_.push_back(stream);
  ++unreported_;
  if (code == NGHTTP2_NO_ERROR && stream.remote_ended && stream.end_sent) {
    floods_.stream_ended_well();
  } else if (!stream.peer_reset && !stream.reset && !drained_) {
    provoked(&stream);
  }
}

void Http2Session::report_sent() {
  while (Http2Stream* stream = sent_.pop_front()) {
    const std::size_t bytes = std::exchange(stream->unreported, 0);
    if (stream->sink != nullptr && bytes > 0) stream->sink->on_sent(bytes);
  }
}

void Http2Session::report_closed() {
  while (Http2Stream* stream = closed_.pop_front()) {
    --unreported_;
    report_end(std::unique_ptr<Http2Stream>(stream), nullptr);
  }
}

// `error` null: what its close code says.
void Http2Session::report_end(std::unique_ptr<Http2Stream> stream, const Error* error) {
  if (stream->handle != nullptr) *stream->handle = nullptr;
  // Whatever of an answer was not read yet has no reader any more; a whole answer needs no bad news
  // behind it.
  const bool both = role_ == Role::kServer || stream->tunnel;
  const bool complete = stream->remote_ended && (!both || stream->end_sent);
  if (!complete && stream->sink != nullptr)
    stream->sink->on_stream_fault(error != nullptr ? *error : close_error(*stream));
}

void Http2Session::fail_streams(const Error& error) {
  IntrusiveList<Http2Stream> suffering;
  suffering.splice(open_);
  while (Http2Stream* stream = suffering.pop_front()) {
    stream->closed = true;
    --live_;
    nghttp2_session_set_stream_user_data(session_, stream->id, nullptr);
    report_end(std::unique_ptr<Http2Stream>(stream), &error);
  }
}

Error Http2Session::close_error(const Http2Stream& stream) const {
  const Side side = role_ == Role::kServer ? Side::kDownstream : Side::kUpstream;
  if (stream.fault_detail != nullptr) return Error{stream.fault, side, stream.fault_detail};
  const std::string code = nghttp2_http2_strerror(stream.close_code);
  // RFC 9113 sections 6.8 and 8.7: not processed for certain, so another try is safe.
  // Who has begun to answer is not believed.
  const bool refused = (stream.close_code == NGHTTP2_REFUSED_STREAM && !stream.head_received) ||
                       (role_ == Role::kClient && !stream.head_sent);
  if (refused && role_ == Role::kClient)
    return Error{Fault::kRefused, side, "the peer did not process the stream"};
  if (stream.peer_reset) return Error{Fault::kReset, side, "stream reset by the peer: " + code};
  return Error{Fault::kProtocol, side, "stream ended: " + code};
}

Http2Stream* Http2Session::find(std::int32_t id) const {
  return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
}

// A stream reset that the peer sent or made us send.
void Http2Session::provoked(Http2Stream* stream, double resets) {
  if (role_ == Role::kClient || (stream != nullptr && stream->counted)) return;
  if (stream != nullptr) stream->counted = true;
  if (!floods_.count_resets(host_.now(), resets)) calm("too many stream resets");
}

}  // namespace weft::http
