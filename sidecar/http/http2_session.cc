// The life of a session: its beginning, its end, and the ends of its streams.
#include "sidecar/http/http2_session.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/buffer_budget.h"

namespace weft::http {

namespace {

using OpenNode = ListNode<Http2Stream>;
using SendNode = ListNode<Http2Stream, Http2SendTag>;

constexpr std::array<std::uint8_t, kPingBytes> kDrainPing{'w', 'e', 'f', 't', ' ', 'b', 'y', 'e'};
constexpr std::uint32_t kStreamsUnasked = 100;
constexpr std::array<std::uint8_t, kPingBytes> kLifePing{'w', 'e', 'f', 't', ' ', 'h', 'i', '?'};

}  // namespace

Http2Session::Http2Session(Role role, CodecHost& host, Listener* listener,
                           const CodecOptions& options)
    : host_(host),
      listener_(listener),
      limits_(options.limits),
      http2_limits_(options.http2),
      normalize_(options.normalize),
      reader_(limits_, normalize_),
      decoder_(kDefaultTableBytes),
      encoder_(http2_limits_.header_table_bytes),
      floods_(options.http2, host.now()),
      role_(role) {
  if (role == Role::kServer) {
    reading_ = Reading::kPreface;
  } else {
    frames_.append(kHttp2Preface);
    queued_at_ = frames_.size();
    // Numbers of streams that the client opens are odd; the last one it opened is this.
    last_opened_ = -1;
  }
  configure();
}

void Http2Session::configure() {
  const Http2Limits& limits = http2_limits_;
  std::array<std::pair<Setting, std::uint32_t>, 8> settings;
  std::size_t count = 0;
  const auto set = [&](Setting id, std::uint32_t value) { settings[count++] = {id, value}; };
  if (role_ == Role::kServer) {
    set(Setting::kMaxConcurrentStreams, limits.streams_max);
    set(Setting::kEnableConnectProtocol, 1);
    // The old priority scheme is a tree that a peer can make us work on (RFC 9113 section 5.3.1).
    set(Setting::kNoRfc7540Priorities, 1);
  } else {
    set(Setting::kEnablePush, 0);
  }
  set(Setting::kInitialWindowSize, limits.stream_window);
  set(Setting::kMaxHeaderListSize, static_cast<std::uint32_t>(limits_.head_bytes_max));
  if (limits.frame_bytes_max != kDefaultFrameBytes)
    set(Setting::kMaxFrameSize, limits.frame_bytes_max);
  if (limits.header_table_bytes != kDefaultTableBytes)
    set(Setting::kHeaderTableSize, limits.header_table_bytes);
  queue_settings({settings.data(), count}, limits.stream_window);
  if (limits.connection_window > kDefaultWindow) {
    queue_u32(FrameType::kWindowUpdate, 0, limits.connection_window - kDefaultWindow);
    receive_window_ = limits.connection_window;
  }
}

// Asked where credit is at stake: for a new stream, and when a reader has taken something. The peer
// of a session on which nothing of that happens holds nothing more than it did.
void Http2Session::fit_windows() {
  const BufferBudget* budget = BufferBudget::of_thread();
  if (budget == nullptr) return;
  const bool narrow = narrow_ ? budget->tight() : budget->short_of_credit();
  // A peer who acknowledges nothing is asked again later.
  if (narrow == narrow_ || dead_ || announced_ == kUnacknowledgedMax) return;
  narrow_ = narrow;
  const std::uint32_t window =
      narrow ? std::min(kNarrowWindow, http2_limits_.stream_window) : http2_limits_.stream_window;
  const std::array<std::pair<Setting, std::uint32_t>, 1> settings{
      {{Setting::kInitialWindowSize, window}}};
  queue_settings(settings, window);
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
}

// ---- the end of a session ----

Status Http2Session::feed_end() {
  dead_ = true;
  frames_.clear();
  report_closed();
  fail_streams(Error{Fault::kReset, role_ == Role::kServer ? Side::kDownstream : Side::kUpstream,
                     "the connection was closed by the peer"});
  return {};
}

// For what the peer did, with the code that it was told.
Error Http2Session::ended_by_peer(Http2Code code, std::string_view detail) const {
  return Error{code == Http2Code::kEnhanceYourCalm ? Fault::kFlood : Fault::kProtocol,
               role_ == Role::kServer ? Side::kDownstream : Side::kUpstream,
               "HTTP/2: " + std::string(detail)};
}

void Http2Session::queue_goaway(std::int32_t last, Http2Code code, std::string_view why) {
  std::array<std::uint8_t, kGoawayBytes + 128> payload;
  write_u32(payload.data(), static_cast<std::uint32_t>(last));
  write_u32(payload.data() + 4, static_cast<std::uint32_t>(code));
  const std::size_t said = std::min(why.size(), payload.size() - kGoawayBytes);
  std::copy_n(why.begin(), said, payload.begin() + kGoawayBytes);
  queue_frame(FrameType::kGoaway, 0, 0, Bytes(payload.data(), kGoawayBytes + said));
}

// Nothing is read and no stream sends any more; whoever feeds us hears of it.
void Http2Session::end_session(Http2Code code, const char* why) {
  if (ended_ || dead_) return;
  ended_ = true;
  ended_code_ = code;
  ended_why_ = why;
  queue_goaway(role_ == Role::kServer ? last_request_ : 0, code, why);
  host_.wake();
}

bool Http2Session::finished() const {
  const bool ends = dead_ || failure_ || (live_ == 0 && (drained_ || peer_leaves_));
  return ends && !wants_output();
}

void Http2Session::drain() {
  if (draining_ || dead_) return;
  draining_ = true;
  if (role_ == Role::kClient) {
    drain_now();
    return;
  }
  // What the peer sent before it reads this is still served; its PING answer says that it has.
  queue_goaway(kStreamIdLimit, Http2Code::kNoError, {});
  queue_frame(FrameType::kPing, 0, 0, Bytes(kDrainPing));
  host_.wake();
}

void Http2Session::drain_now() {
  if (drained_ || dead_) return;
  draining_ = drained_ = true;
  queue_goaway(role_ == Role::kServer ? last_request_ : 0, Http2Code::kNoError, {});
  host_.wake();
}

void Http2Session::fail(const Error& error) {
  WEFT_ASSERT(!busy_);
  dead_ = true;
  frames_.clear();
  report_closed();
  fail_streams(error);
}

void Http2Session::answer_timeout() {
  if (dead_ || failure_) return;
  ended_ = true;
  queue_goaway(last_request_, Http2Code::kNoError, {});
  in_block_ = false;
  settled_ = true;
  failure_ = Error{Fault::kTimeout, Side::kDownstream, "the request head did not arrive in time"};
  fail_streams(*failure_);
  host_.wake();
}

void Http2Session::expire(TimePoint since) {
  open_.for_each([&](Http2Stream& stream) {
    if (stream.reset || !stream.output_waits() || stream.mark > since) return;
    reset_for(stream, Http2Code::kCancel, Fault::kIdle, "the peer takes no more bytes");
    provoked(&stream);
  });
  if (wants_output()) host_.wake();
}

void Http2Session::ping() {
  if (dead_ || failure_) return;
  queue_frame(FrameType::kPing, 0, 0, Bytes(kLifePing));
  host_.wake();
}

void Http2Session::on_ping() {
  if (!frame_.has(FrameFlag::kAck)) {
    if (++queued_replies_ > http2_limits_.queued_replies_max)
      return calm("too many replies wait to be sent");
    queue_frame(FrameType::kPing, FrameFlag::kAck, 0, Bytes(small_.data(), kPingBytes));
  } else if (draining_ && std::equal(kDrainPing.begin(), kDrainPing.end(), small_.begin())) {
    drain_now();
  }
}

std::size_t Http2Session::available() const {
  if (dead_ || failure_ || ended_ || draining_ || peer_leaves_ ||
      last_opened_ >= kStreamIdLimit - 2)
    return 0;
  // Until it has said how many it takes, it is not asked for many; who says nothing takes any
  // number (RFC 9113 section 6.5.2).
  const std::size_t most = peer_streams_max_.value_or(settled_ ? kWindowLimit : kStreamsUnasked);
  return most > live_ ? most - live_ : 0;
}

// ---- ends of streams ----

void Http2Session::close_if_done(Http2Stream& stream) {
  if (stream.remote_ended && stream.end_sent && !stream.closed && !stream.reset)
    close(stream, Http2Code::kNoError);
}

void Http2Session::close(Http2Stream& stream, Http2Code code) {
  stream.closed = true;
  stream.close_code = code;
  --live_;
  if (std::exchange(stream.listed, false)) table_.erase(stream);
  if (data_stream_ == &stream) data_stream_ = nullptr;
  static_cast<SendNode&>(stream).unlink();
  static_cast<OpenNode&>(stream).unlink();
  closed_.push_back(stream);
  ++unreported_;
  if (code == Http2Code::kNoError && stream.remote_ended && stream.end_sent) {
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
  // None of them may be found, or asked to send, while their users hear of it.
  suffering.for_each([this](Http2Stream& stream) {
    stream.closed = true;
    if (std::exchange(stream.listed, false)) table_.erase(stream);
    static_cast<SendNode&>(stream).unlink();
  });
  data_stream_ = nullptr;
  while (Http2Stream* stream = suffering.pop_front()) {
    --live_;
    report_end(std::unique_ptr<Http2Stream>(stream), &error);
  }
}

Error Http2Session::close_error(const Http2Stream& stream) const {
  const Side side = role_ == Role::kServer ? Side::kDownstream : Side::kUpstream;
  if (stream.fault_detail != nullptr) return Error{stream.fault, side, stream.fault_detail};
  const std::string code(name_of(stream.close_code));
  // RFC 9113 sections 6.8 and 8.7: not processed for certain, so another try is safe.
  // Who has begun to answer is not believed.
  const bool head_sent = stream.id > 0 && stream.head_at <= sent_at_;
  const bool refused = (stream.close_code == Http2Code::kRefusedStream && !stream.head_received) ||
                       (role_ == Role::kClient && !head_sent);
  if (refused && role_ == Role::kClient)
    return Error{Fault::kRefused, side, "the peer did not process the stream"};
  if (stream.peer_reset) return Error{Fault::kReset, side, "stream reset by the peer: " + code};
  return Error{Fault::kProtocol, side, "stream ended: " + code};
}

// A stream reset that the peer sent or made us send.
void Http2Session::provoked(Http2Stream* stream, double resets) {
  if (role_ == Role::kClient || (stream != nullptr && stream->counted)) return;
  if (stream != nullptr) stream->counted = true;
  if (!floods_.count_resets(host_.now(), resets)) calm("too many stream resets");
}

}  // namespace weft::http
