// Bytes to frames: a machine that takes its input in any pieces, and the frames that carry no
// message.
#include <algorithm>
#include <utility>

#include "sidecar/http/http2_session.h"

namespace weft::http {

namespace {

// Frames that may wait besides the peer's replies: heads and window updates of the streams there
// are.
constexpr std::size_t kFramesPerStream = 4;
// Of one SETTINGS frame; the RFCs know nine.
constexpr std::uint32_t kSettingsMax = 32;

bool is_odd(std::int32_t id) { return id % 2 == 1; }

}  // namespace

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
  Bytes input = piece;
  while (!input.empty() && !ended_) read(input);
  deliver_body(false);
  busy_ = false;
  const double noise = static_cast<double>(piece.size()) - static_cast<double>(useful_bytes_);
  if (noise < 0) floods_.allow_noise(-noise);
  if (noise > 0 && !floods_.count_noise(host_.now(), noise))
    calm("too many frames that carry nothing");
  if (queued_frames_ > http2_limits_.queued_replies_max + kFramesPerStream * (live_ + 1))
    calm("too many replies wait to be sent");
  report_closed();
  if (ended_ && !failure_) {
    failure_ = ended_by_peer(ended_code_, ended_why_);
    fail_streams(*failure_);
    return weft::fail(*failure_);
  }
  return {};
}

// Collects what is wanted into small_; false while there is less.
bool Http2Session::gather(Bytes& input, std::size_t wanted) {
  const std::size_t size = std::min(wanted - gathered_, input.size());
  std::copy_n(input.begin(), size, small_.begin() + gathered_);
  gathered_ = static_cast<std::uint8_t>(gathered_ + size);
  input = input.subspan(size);
  if (gathered_ < wanted) return false;
  gathered_ = 0;
  return true;
}

void Http2Session::read(Bytes& input) {
  switch (reading_) {
    case Reading::kPreface:
      return read_preface(input);
    case Reading::kHead:
      if (input.size() >= kFrameHeadBytes && gathered_ == 0) {
        frame_ = read_frame_head(input.data());
        input = input.subspan(kFrameHeadBytes);
        return begin_frame();
      }
      if (gather(input, kFrameHeadBytes)) {
        frame_ = read_frame_head(small_.data());
        begin_frame();
      }
      return;
    case Reading::kPrefix: {
      const std::uint32_t wanted = prefix_bytes();
      if (gather(input, wanted)) {
        left_ -= wanted;
        read_prefix();
      }
      return;
    }
    case Reading::kData:
      return read_data(input);
    case Reading::kBlock:
      return read_block(input);
    case Reading::kSmall:
      if (!gather(input, frame_.type == FrameType::kGoaway ? kGoawayBytes : left_)) return;
      left_ = frame_.size - std::min<std::uint32_t>(frame_.size, kGoawayBytes);
      on_small();
      return expect_payload(Reading::kSkip);
    case Reading::kSettings:
      if (!gather(input, kSettingBytes)) return;
      left_ -= kSettingBytes;
      on_setting();
      if (left_ == 0 && !ended_) end_payload();
      return;
    case Reading::kSkip: {
      const std::size_t size = std::min<std::size_t>(left_, input.size());
      left_ -= static_cast<std::uint32_t>(size);
      input = input.subspan(size);
      if (left_ == 0) end_payload();
      return;
    }
  }
}

// RFC 9113 section 3.4.
void Http2Session::read_preface(Bytes& input) {
  const std::string_view wanted = kHttp2Preface.substr(gathered_);
  const std::size_t size = std::min(wanted.size(), input.size());
  if (as_text(input.first(size)) != wanted.substr(0, size))
    return end_session(Http2Code::kProtocolError, "the client's preface is not HTTP/2's");
  input = input.subspan(size);
  gathered_ = static_cast<std::uint8_t>(gathered_ + size);
  if (gathered_ < kHttp2Preface.size()) return;
  gathered_ = 0;
  reading_ = Reading::kHead;
}

// What of the payload comes next, or its end.
void Http2Session::expect_payload(Reading reading) {
  reading_ = reading;
  if (left_ == 0 && !ended_) end_payload();
}

void Http2Session::begin_frame() {
  left_ = frame_.size;
  padding_ = 0;
  if (in_block_ && (frame_.type != FrameType::kContinuation || frame_.id != block_id_))
    return end_session(Http2Code::kProtocolError, "a frame within a header block");
  if (!settled_ && (frame_.type != FrameType::kSettings || frame_.has(FrameFlag::kAck)))
    return end_session(Http2Code::kProtocolError, "SETTINGS are not the first frame");
  if (frame_.size > http2_limits_.frame_bytes_max)
    return end_session(Http2Code::kFrameSizeError, "a frame larger than announced");
  switch (frame_.type) {
    case FrameType::kData:
      return begin_data();
    case FrameType::kHeaders:
      return begin_headers();
    case FrameType::kContinuation:
      return begin_continuation();
    case FrameType::kPriority:
      // RFC 9113 section 6.3. What it says is not read (RFC 9218 section 2.1).
      if (frame_.id == 0) return end_session(Http2Code::kProtocolError, "PRIORITY on stream 0");
      if (frame_.size != kPriorityBytes)
        return end_session(Http2Code::kFrameSizeError, "PRIORITY of a wrong size");
      return expect_payload(Reading::kSkip);
    case FrameType::kRstStream:
      if (frame_.id == 0 || is_idle(frame_.id))
        return end_session(Http2Code::kProtocolError, "RST_STREAM for a stream that is idle");
      return begin_small(4);
    case FrameType::kSettings:
      if (frame_.id != 0) return end_session(Http2Code::kProtocolError, "SETTINGS on a stream");
      if (frame_.size % kSettingBytes != 0 || (frame_.has(FrameFlag::kAck) && frame_.size != 0))
        return end_session(Http2Code::kFrameSizeError, "SETTINGS of a wrong size");
      if (frame_.size > kSettingsMax * kSettingBytes) return calm("too many settings");
      return expect_payload(Reading::kSettings);
    case FrameType::kPushPromise:
      // RFC 9113 section 8.4: we told the peer not to, before any request that one could belong to.
      return end_session(Http2Code::kProtocolError, "PUSH_PROMISE");
    case FrameType::kPing:
      if (frame_.id != 0) return end_session(Http2Code::kProtocolError, "PING on a stream");
      return begin_small(kPingBytes);
    case FrameType::kGoaway:
      if (frame_.id != 0) return end_session(Http2Code::kProtocolError, "GOAWAY on a stream");
      if (frame_.size < kGoawayBytes)
        return end_session(Http2Code::kFrameSizeError, "GOAWAY of a wrong size");
      reading_ = Reading::kSmall;
      return;
    case FrameType::kWindowUpdate:
      if (frame_.id != 0 && is_idle(frame_.id))
        return end_session(Http2Code::kProtocolError, "WINDOW_UPDATE for a stream that is idle");
      return begin_small(4);
    default:
      // RFC 9113 section 5.5.
      return expect_payload(Reading::kSkip);
  }
}

// Padding's length, and the priority of HEADERS.
std::uint32_t Http2Session::prefix_bytes() const {
  const bool priority = frame_.type == FrameType::kHeaders && frame_.has(FrameFlag::kPriority);
  return (frame_.has(FrameFlag::kPadded) ? 1 : 0) + (priority ? kPriorityBytes : 0);
}

void Http2Session::begin_small(std::size_t wanted) {
  if (frame_.size != wanted)
    return end_session(Http2Code::kFrameSizeError, "a frame of a wrong size");
  reading_ = Reading::kSmall;
}

// Nobody has opened it yet (RFC 9113 section 5.1.1). Only clients open streams here.
bool Http2Session::is_idle(std::int32_t id) const { return !is_odd(id) || id > last_opened_; }

// ---- DATA ----

void Http2Session::begin_data() {
  if (frame_.id == 0 || is_idle(frame_.id))
    return end_session(Http2Code::kProtocolError, "DATA for a stream that is idle");
  if (frame_.has(FrameFlag::kPadded) && frame_.size == 0)
    return end_session(Http2Code::kFrameSizeError, "padded DATA without a length of padding");
  if (receive_window_ < static_cast<std::int64_t>(frame_.size))
    return end_session(Http2Code::kFlowControlError,
                       "more DATA than the connection has credit for");
  receive_window_ -= frame_.size;
  // The connection's credit never waits for a reader, or a few stalled streams would stall all of
  // them.
  give_connection_credit(frame_.size);
  Http2Stream* stream = table_.find(frame_.id);
  if (stream != nullptr && stream->reset) stream = nullptr;
  if (stream != nullptr) {
    if (stream->remote_ended)
      return end_session(Http2Code::kStreamClosed, "DATA behind the end of a stream");
    if (role_ == Role::kClient && !stream->answered)
      return end_session(Http2Code::kProtocolError, "DATA in front of a response");
    if (stream->receive_window < static_cast<std::int64_t>(frame_.size)) {
      refuse_stream(stream, frame_.id, Http2Code::kFlowControlError,
                    "more DATA than the stream has credit for");
      stream = nullptr;
    } else {
      stream->receive_window -= frame_.size;
    }
  }
  // Of a closed one it was perhaps under way; RFC 9113 section 5.1 allows to throw it away.
  data_stream_ = stream;
  if (frame_.has(FrameFlag::kPadded)) {
    reading_ = Reading::kPrefix;
  } else {
    expect_payload(Reading::kData);
  }
}

void Http2Session::read_prefix() {
  const bool padded = frame_.has(FrameFlag::kPadded);
  padding_ = padded ? small_[0] : 0;
  if (padding_ > left_) return end_session(Http2Code::kProtocolError, "more padding than payload");
  left_ -= padding_;
  if (frame_.type == FrameType::kData) {
    if (data_stream_ != nullptr) give_credit(*data_stream_, padding_ + 1);
    return expect_payload(Reading::kData);
  }
  if (role_ == Role::kServer && frame_.has(FrameFlag::kPriority)) {
    const std::uint32_t on = read_u32(small_.data() + (padded ? 1 : 0)) & kWindowLimit;
    if (static_cast<std::int32_t>(on) == frame_.id)
      return end_session(Http2Code::kProtocolError, "a stream that depends on itself");
  }
  expect_payload(Reading::kBlock);
}

void Http2Session::read_data(Bytes& input) {
  const std::size_t size = std::min<std::size_t>(left_, input.size());
  left_ -= static_cast<std::uint32_t>(size);
  const Bytes bytes = input.first(size);
  input = input.subspan(size);
  on_data(bytes);
  if (left_ == 0 && !ended_) end_payload();
}

// ---- header blocks ----

void Http2Session::begin_headers() {
  const std::uint32_t prefix = prefix_bytes();
  if (frame_.id == 0) return end_session(Http2Code::kProtocolError, "HEADERS on stream 0");
  if (frame_.size < prefix) return end_session(Http2Code::kFrameSizeError, "HEADERS cut short");
  continuations_ = 0;
  begin_block();
  if (ended_) return;
  if (prefix != 0) {
    reading_ = Reading::kPrefix;
  } else {
    expect_payload(Reading::kBlock);
  }
}

void Http2Session::begin_continuation() {
  if (!in_block_) return end_session(Http2Code::kProtocolError, "CONTINUATION of nothing");
  if (++continuations_ > http2_limits_.continuations_max)
    return calm("too many CONTINUATION frames");
  expect_payload(Reading::kBlock);
}

void Http2Session::read_block(Bytes& input) {
  const std::size_t size = std::min<std::size_t>(left_, input.size());
  left_ -= static_cast<std::uint32_t>(size);
  Bytes fragment = input.first(size);
  input = input.subspan(size);
  block_bytes_ += size;
  HpackField field;
  for (;;) {
    switch (decoder_.next(fragment, field)) {
      case HpackDecoder::Next::kField:
        if (!block_ignored_) on_field(field);
        continue;
      case HpackDecoder::Next::kMore:
        break;
      case HpackDecoder::Next::kError:
        return end_session(Http2Code::kCompressionError, "a header block that HPACK cannot read");
    }
    break;
  }
  if (left_ == 0 && !ended_) end_payload();
}

// The payload has been read, but for padding.
void Http2Session::end_payload() {
  if (padding_ != 0) {
    left_ = std::exchange(padding_, 0);
    reading_ = Reading::kSkip;
    return;
  }
  reading_ = Reading::kHead;
  switch (frame_.type) {
    case FrameType::kData:
      return on_data_end();
    case FrameType::kHeaders:
    case FrameType::kContinuation:
      if (!frame_.has(FrameFlag::kEndHeaders)) return;
      if (!decoder_.end_block())
        return end_session(Http2Code::kCompressionError, "a header block cut short");
      return on_block_end();
    case FrameType::kSettings:
      return on_settings_end();
    default:
      return;
  }
}

// ---- frames that are numbers ----

void Http2Session::on_small() {
  switch (frame_.type) {
    case FrameType::kRstStream:
      return on_reset(static_cast<Http2Code>(read_u32(small_.data())));
    case FrameType::kPing:
      return on_ping();
    case FrameType::kGoaway:
      return on_goaway();
    case FrameType::kWindowUpdate:
      return on_window_update();
    default:
      return;
  }
}

void Http2Session::on_reset(Http2Code code) {
  Http2Stream* stream = table_.find(frame_.id);
  if (stream == nullptr) return provoked(nullptr);
  stream->peer_reset = true;
  provoked(stream);
  close(*stream, code);
}

void Http2Session::on_goaway() {
  const auto last = static_cast<std::int32_t>(read_u32(small_.data()) & kWindowLimit);
  // RFC 9113 section 6.8: of streams that we open, and never more than it said before.
  if ((last > 0 && is_odd(last) != (role_ == Role::kClient)) || last > peer_last_)
    return end_session(Http2Code::kProtocolError, "GOAWAY with a wrong last stream");
  peer_last_ = last;
  peer_leaves_ = true;
  if (role_ == Role::kServer) return;
  open_.for_each([&](Http2Stream& stream) {
    if (stream.id == 0) {
      stream.request.clear();
      never_opened(stream, Fault::kRefused, "the peer takes no more requests");
    } else if (stream.id > last) {
      stream.counted = true;
      close(stream, Http2Code::kRefusedStream);
    }
  });
}

void Http2Session::on_window_update() {
  const std::uint32_t by = read_u32(small_.data()) & kWindowLimit;
  if (frame_.id == 0) {
    if (by == 0) return end_session(Http2Code::kProtocolError, "WINDOW_UPDATE by nothing");
    send_window_ += by;
    if (send_window_ > kWindowLimit)
      return end_session(Http2Code::kFlowControlError, "more credit than a connection may have");
    if (send_window_ > 0) ready_.splice(blocked_);
    return;
  }
  Http2Stream* stream = table_.find(frame_.id);
  if (stream == nullptr || stream->reset) return;
  if (by == 0)
    return refuse_stream(stream, frame_.id, Http2Code::kProtocolError, "WINDOW_UPDATE by nothing");
  stream->send_window += by;
  if (stream->send_window > kWindowLimit) {
    return refuse_stream(stream, frame_.id, Http2Code::kFlowControlError,
                         "more credit than a stream may have");
  }
  schedule(*stream);
}

// ---- SETTINGS ----

void Http2Session::on_setting() {
  const auto id = static_cast<Setting>(std::uint16_t{small_[0]} << 8U | small_[1]);
  const std::uint32_t value = read_u32(small_.data() + 2);
  const auto broken = [this](const char* why) { end_session(Http2Code::kProtocolError, why); };
  switch (id) {
    case Setting::kHeaderTableSize:
      return encoder_.set_table_max(value);
    case Setting::kEnablePush:
      if (value > 1 || (value == 1 && role_ == Role::kClient)) broken("ENABLE_PUSH");
      return;
    case Setting::kMaxConcurrentStreams:
      peer_streams_max_ = value;
      return;
    case Setting::kInitialWindowSize:
      return set_peer_window(value);
    case Setting::kMaxFrameSize:
      // What we send is never larger than anybody takes.
      if (value < kDefaultFrameBytes || value > kFrameBytesLimit) broken("MAX_FRAME_SIZE");
      return;
    case Setting::kEnableConnectProtocol:
      // RFC 8441 section 3: not taken back.
      if (value > 1 || (value == 0 && peer_takes_extended_))
        return broken("ENABLE_CONNECT_PROTOCOL");
      peer_takes_extended_ = value == 1;
      return;
    case Setting::kNoRfc7540Priorities:
      // RFC 9218 section 2.1: said in the first SETTINGS or never.
      if (value > 1 || (settled_ && peer_has_no_priorities_.value_or(false) != (value == 1)))
        return broken("NO_RFC7540_PRIORITIES");
      peer_has_no_priorities_ = value == 1;
      return;
    default:
      return;
  }
}

void Http2Session::set_peer_window(std::uint32_t value) {
  if (value > kWindowLimit) return end_session(Http2Code::kFlowControlError, "INITIAL_WINDOW_SIZE");
  const std::int64_t more = std::int64_t{value} - peer_stream_window_;
  peer_stream_window_ = value;
  open_.for_each([&](Http2Stream& stream) {
    if (stream.id <= 0) return;
    stream.send_window += more;
    if (stream.send_window > kWindowLimit)
      return end_session(Http2Code::kFlowControlError, "INITIAL_WINDOW_SIZE");
    schedule(stream);
  });
}

void Http2Session::on_settings_end() {
  if (!frame_.has(FrameFlag::kAck)) {
    if (++queued_replies_ > http2_limits_.queued_replies_max)
      return calm("too many replies wait to be sent");
    queue_frame(FrameType::kSettings, FrameFlag::kAck, 0, {});
    if (!std::exchange(settled_, true) && role_ == Role::kClient) submit_waiting();
    return;
  }
  if (announced_ == 0)
    return end_session(Http2Code::kProtocolError, "an acknowledgement of no SETTINGS");
  const std::int64_t window = announced_windows_[0];
  std::copy(announced_windows_.begin() + 1, announced_windows_.end(), announced_windows_.begin());
  --announced_;
  decoder_.set_table_max(http2_limits_.header_table_bytes);
  const std::int64_t more = window - std::exchange(stream_window_, window);
  open_.for_each([&](Http2Stream& stream) {
    if (stream.id > 0) stream.receive_window += more;
  });
  return_small_credit();
}

// Credit below half a window waits for more. Once the window is smaller the peer may have none
// left, so that no more would ever come: what there is goes back now.
void Http2Session::return_small_credit() {
  if (!narrow_) return;
  open_.for_each([this](Http2Stream& stream) { give_credit(stream, 0); });
}

// ---- what a stream's peer did wrong ----

// RFC 9113 section 5.4.2.
void Http2Session::refuse_stream(Http2Stream* stream, std::int32_t id, Http2Code code,
                                 const char* why) {
  if (stream != nullptr) {
    reset_for(*stream, code, Fault::kProtocol, why);
  } else {
    queue_reset_frame(id, code);
  }
  provoked(stream);
}

}  // namespace weft::http
