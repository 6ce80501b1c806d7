// Frames and bytes out. Everything but DATA and trailers waits as bytes in one queue and goes
// first; then streams take turns, a frame each, as far as credit reaches.
#include <algorithm>
#include <utility>

#include "sidecar/http/http2_session.h"

namespace weft::http {

namespace {

using SentNode = ListNode<Http2Stream, Http2SentTag>;
using SendNode = ListNode<Http2Stream, Http2SendTag>;

// Larger ones would let one stream hold up the others.
constexpr std::size_t kDataMax = 16 * 1024;

// A frame with its payload; or only its head, for a payload that follows.
void append_frame(Buffer& out, const FrameHead& head, Bytes payload = {}) {
  const std::size_t size = kFrameHeadBytes + payload.size();
  std::uint8_t* const at = out.reserve(size).data();
  write_frame_head(at, head);
  std::copy(payload.begin(), payload.end(), at + kFrameHeadBytes);
  out.commit(size);
}

// A block of fields on its way into frames; one for all sessions of a thread.
std::string& block_text() {
  thread_local std::string text;
  text.clear();
  return text;
}

}  // namespace

// ---- frames that wait ----

void Http2Session::queue_frame(FrameType type, std::uint8_t flags, std::int32_t id, Bytes payload) {
  append_frame(
      frames_,
      {.size = static_cast<std::uint32_t>(payload.size()), .type = type, .flags = flags, .id = id},
      payload);
  queued_at_ += kFrameHeadBytes + payload.size();
  ++queued_frames_;
}

void Http2Session::queue_u32(FrameType type, std::int32_t id, std::uint32_t value) {
  std::array<std::uint8_t, 4> payload;
  write_u32(payload.data(), value);
  queue_frame(type, 0, id, Bytes(payload));
}

// `window`: what they announce for each stream.
void Http2Session::queue_settings(std::span<const std::pair<Setting, std::uint32_t>> settings,
                                  std::uint32_t window) {
  WEFT_ASSERT(announced_ < announced_windows_.size());
  announced_windows_[announced_++] = window;
  std::array<std::uint8_t, 8 * kSettingBytes> payload;
  std::uint8_t* at = payload.data();
  for (const auto& [id, value] : settings) {
    at[0] = static_cast<std::uint8_t>(static_cast<std::uint16_t>(id) >> 8U);
    at[1] = static_cast<std::uint8_t>(id);
    write_u32(at + 2, value);
    at += kSettingBytes;
  }
  queue_frame(FrameType::kSettings, 0, 0, Bytes(payload.data(), settings.size() * kSettingBytes));
}

// HEADERS, and CONTINUATION where it is too long.
void Http2Session::write_block(Buffer& out, std::int32_t id, std::span<const Http2Field> fields,
                               bool end) {
  std::string& text = block_text();
  encoder_.begin_block(text);
  for (const Http2Field& field : fields) {
    if (field.pseudo != Pseudo::kNone) {
      encoder_.encode(field.pseudo, field.value, field.indexing, text);
    } else {
      encoder_.encode(field.name, field.value, field.id, field.indexing, text);
    }
  }
  Bytes rest = as_bytes(text);
  FrameHead head{.type = FrameType::kHeaders, .id = id};
  head.flags = end ? FrameFlag::kEndStream : 0;
  do {
    const std::size_t size = std::min<std::size_t>(rest.size(), kDefaultFrameBytes);
    head.size = static_cast<std::uint32_t>(size);
    if (size == rest.size()) head.flags |= FrameFlag::kEndHeaders;
    append_frame(out, head, rest.first(size));
    rest = rest.subspan(size);
    head.type = FrameType::kContinuation;
    head.flags = 0;
  } while (!rest.empty());
}

void Http2Session::queue_block(std::int32_t id, std::span<const Http2Field> fields, bool end) {
  const std::size_t before = frames_.size();
  write_block(frames_, id, fields, end);
  queued_at_ += frames_.size() - before;
  ++queued_frames_;
}

void Http2Session::queue_reset_frame(std::int32_t id, Http2Code code) {
  tolerated_ = std::max(tolerated_, id);
  queue_u32(FrameType::kRstStream, id, static_cast<std::uint32_t>(code));
}

void Http2Session::queue_reset(Http2Stream& stream, Http2Code code) {
  stream.reset = true;
  stream.close_code = code;
  stream.queue.clear();
  if (stream.id == 0) {
    // Its request still waits: there is nothing to reset.
    stream.request.clear();
    never_opened(stream, stream.fault, stream.fault_detail);
    return;
  }
  // What the peer has sent before it hears of this is no flood.
  if (!stream.remote_ended) floods_.allow_noise(http2_limits_.stream_window);
  if (data_stream_ == &stream) data_stream_ = nullptr;
  queue_reset_frame(stream.id, code);
  end_with_frames(stream);
  host_.wake();
}

// Its sink hears `fault` once the stream is closed.
void Http2Session::reset_for(Http2Stream& stream, Http2Code code, Fault fault, const char* detail) {
  if (stream.closed || stream.reset) return;
  stream.fault = fault;
  stream.fault_detail = detail;
  queue_reset(stream, code);
}

// ---- taking turns ----

// Puts a stream where it belongs: it may send, it waits for the connection's credit, or for nothing
// here.
void Http2Session::schedule(Http2Stream& stream) {
  auto& node = static_cast<SendNode&>(stream);
  if (node.linked() || stream.reset || stream.closed || stream.id <= 0) return;
  if (stream.queue.empty()) {
    if (stream.end_queued && !stream.end_sent) ready_.push_back(stream);
  } else if (stream.send_window > 0) {
    (send_window_ > 0 ? ready_ : blocked_).push_back(stream);
  }
}

// The frame that ends it waits among others.
void Http2Session::end_with_frames(Http2Stream& stream) {
  static_cast<SendNode&>(stream).unlink();
  ending_.push_back(stream);
}

void Http2Session::flush_frames(Buffer& out) {
  if (frames_.empty()) return;
  out.append(std::move(frames_));
  frames_.clear();
  sent_at_ = queued_at_;
  queued_frames_ = 0;
  queued_replies_ = 0;
  IntrusiveList<Http2Stream, Http2SendTag> ending;
  ending.splice(ending_);
  while (Http2Stream* stream = ending.pop_front()) {
    if (stream->reset) {
      close(*stream, stream->close_code);
    } else {
      after_end_sent(*stream);
    }
  }
}

void Http2Session::produce(Buffer& out, std::size_t room) {
  WEFT_ASSERT(!busy_);
  if (!dead_) {
    busy_ = true;
    const std::size_t full = out.size() + room;
    do {
      flush_frames(out);
      if (ended_) break;
      while (out.size() < full) {
        Http2Stream* const stream = ready_.pop_front();
        if (stream == nullptr) break;
        send_piece(*stream, out);
        schedule(*stream);
      }
    } while (!frames_.empty() && out.size() < full);
    busy_ = false;
    report_sent();
  }
  report_closed();
  if (ended_ && !failure_ && !dead_) {
    failure_ = ended_by_peer(ended_code_, ended_why_);
    fail_streams(*failure_);
  }
}

// One frame of DATA, or the trailers behind the last.
void Http2Session::send_piece(Http2Stream& stream, Buffer& out) {
  if (!stream.queue.empty()) {
    const std::int64_t credit = std::min(send_window_, stream.send_window);
    if (credit <= 0) return;
    const std::size_t size =
        std::min({stream.queue.size(), static_cast<std::size_t>(credit), kDataMax});
    const bool last = size == stream.queue.size() && stream.end_queued;
    const bool end = last && !stream.trailers.stored();
    append_frame(out, {.size = static_cast<std::uint32_t>(size),
                       .type = FrameType::kData,
                       .flags = end ? FrameFlag::kEndStream : std::uint8_t{0},
                       .id = stream.id});
    if (size == stream.queue.size()) {
      out.append(std::move(stream.queue));
    } else {
      out.append(stream.queue.split(size));
    }
    send_window_ -= static_cast<std::int64_t>(size);
    stream.send_window -= static_cast<std::int64_t>(size);
    stream.sent += size;
    stream.unreported += size;
    if (stream.sent - stream.sent_at_mark >= kStallBytes) {
      stream.sent_at_mark = stream.sent;
      stream.mark = host_.now();
    }
    auto& node = static_cast<SentNode&>(stream);
    if (!node.linked()) sent_.push_back(stream);
    floods_.allow_noise(Http2Floods::kNoisePerDataFrameSent);
    if (end) after_end_sent(stream);
    if (!last || end) return;
  }
  if (stream.trailers.stored()) {
    write_block(out, stream.id, stream.trailers.fields(), true);
    stream.trailers.clear();
  } else {
    append_frame(
        out,
        {.size = 0, .type = FrameType::kData, .flags = FrameFlag::kEndStream, .id = stream.id});
    floods_.allow_noise(Http2Floods::kNoisePerDataFrameSent);
  }
  after_end_sent(stream);
}

void Http2Session::after_end_sent(Http2Stream& stream) {
  stream.end_sent = true;
  if (stream.reset_after_end && !stream.remote_ended && !stream.reset) {
    queue_reset(stream, Http2Code::kNoError);
    return;
  }
  close_if_done(stream);
}

// ---- credit for the peer ----

void Http2Session::give_connection_credit(std::size_t bytes) {
  credit_ += static_cast<std::uint32_t>(bytes);
  if (credit_ < std::max(http2_limits_.connection_window, kDefaultWindow) / 2) return;
  receive_window_ += credit_;
  queue_u32(FrameType::kWindowUpdate, 0, std::exchange(credit_, 0));
}

// Small amounts wait for more: half a window at once.
void Http2Session::give_credit(Http2Stream& stream, std::size_t bytes) {
  stream.credit += static_cast<std::uint32_t>(bytes);
  if (stream.credit == 0 || stream.credit < stream_window_ / 2 || stream.remote_ended ||
      stream.reset || stream.closed || stream.id <= 0 || ended_)
    return;
  stream.receive_window += stream.credit;
  queue_u32(FrameType::kWindowUpdate, stream.id, std::exchange(stream.credit, 0));
}

}  // namespace weft::http
