// Frames to messages: heads, bodies, trailers, and what is wrong with them.
#include <algorithm>
#include <utility>

#include "sidecar/http/http2_session.h"

namespace weft::http {

namespace {

// A head so far beyond the limits that it was not read to its end weighs as much as so many resets.
constexpr double kHopelessHeadWeight = 25;

}  // namespace

// ---- heads ----

// What the block that begins is, and whether anybody reads it. Ignored or not, HPACK has to see it.
void Http2Session::begin_block() {
  const std::int32_t id = frame_.id;
  in_block_ = true;
  block_id_ = id;
  block_bytes_ = 0;
  block_ends_stream_ = frame_.has(FrameFlag::kEndStream);
  block_ignored_ = false;
  Http2Stream* const stream = table_.find(id);
  if (stream != nullptr) {
    block_ignored_ = stream->reset;
    if (stream->remote_ended && !stream->reset)
      return end_session(Http2Code::kStreamClosed, "HEADERS behind the end of a stream");
    block_kind_ = role_ == Role::kClient && !stream->head_received ? Http2Reader::Kind::kResponse
                                                                   : Http2Reader::Kind::kTrailers;
  } else if (role_ == Role::kServer && id > last_opened_ && id % 2 == 1) {
    last_opened_ = id;
    block_kind_ = Http2Reader::Kind::kRequest;
    // RFC 9113 section 6.8: the peer has not read our GOAWAY yet.
    block_ignored_ = drained_;
  } else if (is_idle(id)) {
    return end_session(Http2Code::kProtocolError, "HEADERS for a stream that is idle");
  } else if (id > tolerated_ && !drained_ && !peer_leaves_) {
    // RFC 9113 section 5.1: what arrives for a stream that we have reset was perhaps under way, and
    // is read and thrown away; HEADERS for any other closed stream are the peer's mistake. One
    // number suffices to tell: up to the last stream that we reset nobody is blamed.
    return end_session(Http2Code::kStreamClosed, "HEADERS for a stream that is closed");
  } else {
    block_ignored_ = true;
  }
  if (!block_ignored_) reader_.begin(block_kind_);
}

void Http2Session::on_field(const HpackField& field) {
  if (reader_.add(field)) return;
  block_ignored_ = true;
  constexpr const char* kWhy = "header fields far beyond the limit";
  Http2Stream* stream = table_.find(block_id_);
  if (stream != nullptr) {
    reset_for(*stream, Http2Code::kEnhanceYourCalm, Fault::kHeadTooLarge, kWhy);
    stream->counted = false;
  } else {
    queue_reset_frame(block_id_, Http2Code::kEnhanceYourCalm);
    if (listener_ != nullptr)
      listener_->on_malformed_request({Fault::kHeadTooLarge, Side::kDownstream, kWhy}, 431);
  }
  provoked(stream, kHopelessHeadWeight);
}

void Http2Session::on_block_end() {
  in_block_ = false;
  if (block_ignored_) return;
  // A block of table size updates and padding says less than its bytes.
  useful_bytes_ += std::min(block_bytes_, reader_.bytes()) + kFrameHeadBytes;
  if (block_kind_ == Http2Reader::Kind::kRequest) return on_request();
  Http2Stream* stream = table_.find(block_id_);
  if (stream == nullptr || stream->reset) return;
  if (block_kind_ == Http2Reader::Kind::kResponse) {
    on_response(*stream);
  } else {
    on_trailers(*stream);
  }
}

void Http2Session::on_request() {
  const std::int32_t id = block_id_;
  tl::expected<RequestHead, Http2Reader::Refusal> request =
      reader_.take_request(block_ends_stream_);
  last_request_ = id;
  // A stream that was opened and reset within the bytes at hand is over for its peer, but not for
  // whoever works for it.
  if (live_ + unreported_ >= http2_limits_.streams_max)
    return refuse_stream(nullptr, id, Http2Code::kRefusedStream, "");
  if (!request && request.error().malformed) return malformed(nullptr, request.error());
  if (!request) return answer_refused(id, request.error());
  auto made = std::make_unique<Http2Stream>(*this, id);
  Http2Stream& stream = *made;
  stream.remote_ended = block_ends_stream_;
  stream.extended = !request->protocol.empty();
  stream.send_window = peer_stream_window_;
  stream.receive_window = stream_window_;
  const bool connect = request->method == Method::kConnect || stream.extended;
  if (!connect) stream.body_expected = request->content_length;
  stream.listed = true;
  table_.insert(stream);
  open_.push_back(*made.release());
  ++live_;
  ++requests_;
  fit_windows();
  if (limits_.requests_per_connection_max != 0 && requests_ >= limits_.requests_per_connection_max)
    drain_now();
  listener_->on_request_head(stream, std::move(*request), block_ends_stream_);
}

// Answered here; a stream that nobody has seen needs no object.
void Http2Session::answer_refused(std::int32_t id, const Http2Reader::Refusal& refusal) {
  ResponseHead head;
  head.status = refusal.status;
  head.content_length = 0;
  queue_block(id, writer_.response(head, false), true);
  if (!block_ends_stream_) {
    // RFC 9113 section 8.1. What the peer has sent before it hears of this is no flood.
    floods_.allow_noise(http2_limits_.stream_window);
    queue_reset_frame(id, Http2Code::kNoError);
  }
  listener_->on_malformed_request(refusal.error, refusal.status);
  provoked(nullptr);
}

// RFC 9113 section 8.1.1. `stream` null: a request that never became one.
void Http2Session::malformed(Http2Stream* stream, const Http2Reader::Refusal& refusal) {
  if (stream != nullptr) {
    reset_for(*stream, Http2Code::kProtocolError, Fault::kProtocol, "a malformed message");
  } else {
    floods_.allow_noise(http2_limits_.stream_window);
    queue_reset_frame(block_id_, Http2Code::kProtocolError);
    listener_->on_malformed_request(ended_by_peer(Http2Code::kProtocolError, refusal.error.detail),
                                    refusal.status);
  }
  provoked(stream);
}

void Http2Session::on_response(Http2Stream& stream) {
  stream.answered = true;
  tl::expected<ResponseHead, Http2Reader::Refusal> response =
      reader_.take_response(stream.extended, stream.tunnel);
  if (!response) {
    const Http2Reader::Refusal& refusal = response.error();
    const bool large = refusal.error.fault == Fault::kHeadTooLarge;
    reset_for(stream, Http2Code::kProtocolError, refusal.error.fault,
              large ? "response head over the limit" : "malformed response head");
    return;
  }
  if (response->is_informational() && response->status != 101) {
    if (block_ends_stream_) {
      reset_for(stream, Http2Code::kProtocolError, Fault::kProtocol,
                "an informational response that ends its stream");
    } else if (++stream.informational > limits_.informational_max) {
      reset_for(stream, Http2Code::kProtocolError, Fault::kProtocol,
                "too many informational responses");
    } else if (stream.response_sink != nullptr) {
      stream.response_sink->on_informational(std::move(*response));
    }
    return;
  }
  if (stream.bodiless || response->status == 304 || response->status == 204) {
    stream.body_expected = 0;
  } else if (!stream.tunnel || response->status >= 300) {
    stream.body_expected = response->content_length;
  }
  if (block_ends_stream_ && stream.body_expected.value_or(0) != 0) {
    reset_for(stream, Http2Code::kProtocolError, Fault::kProtocol, "content-length and no content");
    return;
  }
  stream.head_received = true;
  stream.remote_ended = block_ends_stream_;
  if (stream.response_sink != nullptr)
    stream.response_sink->on_response_head(std::move(*response), block_ends_stream_);
  close_if_done(stream);
}

void Http2Session::on_trailers(Http2Stream& stream) {
  const bool whole = !stream.body_expected || *stream.body_expected == stream.body_received;
  tl::expected<Headers, Http2Reader::Refusal> trailers = reader_.take_trailers();
  if (!trailers && !trailers.error().malformed) {
    reset_for(stream, Http2Code::kProtocolError, Fault::kHeadTooLarge, "trailers over the limit");
    return provoked(&stream);
  }
  if (!trailers || !block_ends_stream_ || !whole) {
    const char* why = "malformed trailers";
    if (trailers)
      why = block_ends_stream_ ? "less content than content-length" : "trailers and no end";
    return refuse_stream(&stream, stream.id, Http2Code::kProtocolError, why);
  }
  stream.remote_ended = true;
  if (stream.sink != nullptr) stream.sink->on_trailers(std::move(*trailers));
  close_if_done(stream);
}

// ---- bodies ----

void Http2Session::on_data(Bytes bytes) {
  Http2Stream* const stream = data_stream_;
  if (stream == nullptr || bytes.empty()) return;
  stream->body_received += bytes.size();
  const bool interim = role_ == Role::kClient && !stream->head_received;
  if (interim || (stream->body_expected && stream->body_received > *stream->body_expected)) {
    body_.clear();
    refuse_stream(
        stream, stream->id, Http2Code::kProtocolError,
        interim ? "content behind an informational response" : "more content than content-length");
    return;
  }
  if (stream->sink == nullptr) {
    // Nobody wants it. Unless the stream is to end, let the peer go on: it may wait for our answer
    // until it has sent all.
    if (!stream->reset_after_end) give_credit(*stream, bytes.size());
    return;
  }
  stream->unconsumed += bytes.size();
  body_.append(feeding_->share(static_cast<std::size_t>(bytes.data() - piece_), bytes.size()));
}

void Http2Session::on_data_end() {
  Http2Stream* const stream = data_stream_;
  const bool end = frame_.has(FrameFlag::kEndStream);
  const bool empty = frame_.size == 0 || (frame_.has(FrameFlag::kPadded) &&
                                          frame_.size <= std::uint32_t{small_[0]} + 1);
  // What is thrown away is noise, however long it is.
  if (stream == nullptr) return;
  if (!empty) useful_bytes_ += frame_.size + kFrameHeadBytes;
  if (!empty || end) {
    stream->empty_frames = 0;
  } else if (++stream->empty_frames > http2_limits_.empty_data_frames_max) {
    calm("too many empty DATA frames");
  }
  if (end && ((stream->body_expected && stream->body_received != *stream->body_expected) ||
              (role_ == Role::kClient && !stream->head_received))) {
    body_.clear();
    return refuse_stream(stream, stream->id, Http2Code::kProtocolError,
                         "less content than content-length");
  }
  if (end) stream->remote_ended = true;
  deliver_body(end);
  if (end) close_if_done(*stream);
  data_stream_ = nullptr;
}

// What has come of the frame that is being read, or has been.
void Http2Session::deliver_body(bool end) {
  Http2Stream* const stream = data_stream_;
  if (body_.empty() && !end) return;
  Buffer bytes = std::move(body_);
  body_.clear();
  if (stream != nullptr && stream->sink != nullptr && !stream->reset && !stream->closed)
    stream->sink->on_body(std::move(bytes), end);
}

}  // namespace weft::http
