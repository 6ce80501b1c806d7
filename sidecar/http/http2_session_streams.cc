// What the handles of an HTTP/2 session's streams ask for: opening one, its head, body and
// trailers, credit, resets.

#include <utility>

#include "sidecar/http/http2_session.h"

namespace weft::http {

Http2Stream& Http2Session::open(const RequestHead& head, bool end, ResponseSink& sink) {
  auto made = std::make_unique<Http2Stream>(*this, 0);
  Http2Stream& stream = *made;
  stream.sink = &sink;
  stream.response_sink = &sink;
  stream.end_queued = end;
  stream.extended = !head.protocol.empty();
  stream.tunnel = stream.extended || head.method == Method::kConnect;
  stream.mark = host_.now();
  open_.push_back(*made.release());
  ++live_;
  stream.bodiless = head.method == Method::kHead;
  fit_windows();
  const std::span<const Http2Field> fields = writer_.request(head);
  if (stream.extended && !settled_) {
    // Whether the peer takes it is in the SETTINGS that it sends first.
    stream.request.store(fields);
  } else {
    submit(stream, fields);
  }
  host_.wake();
  return stream;
}

void Http2Session::submit(Http2Stream& stream, std::span<const Http2Field> fields) {
  if (stream.extended && !peer_takes_extended_) {
    never_opened(stream, Fault::kMethodUnsupported, "the peer does not tunnel upgrades (RFC 8441)");
    return;
  }
  if (last_opened_ >= kStreamIdLimit - 1 || peer_leaves_ || ended_) {
    never_opened(stream, Fault::kRefused, "the stream could not be opened");
    return;
  }
  last_opened_ += 2;
  stream.id = last_opened_;
  stream.send_window = peer_stream_window_;
  stream.receive_window = stream_window_;
  stream.listed = true;
  table_.insert(stream);
  const bool end = stream.end_queued && stream.queue.empty() && !stream.trailers.stored();
  queue_head(stream, fields, end);
  if (end) {
    end_with_frames(stream);
  } else {
    schedule(stream);
  }
}

void Http2Session::queue_head(Http2Stream& stream, std::span<const Http2Field> fields, bool end) {
  queue_block(stream.id, fields, end);
  stream.head_at = queued_at_;
}

void Http2Session::submit_waiting() {
  open_.for_each([this](Http2Stream& stream) {
    if (!stream.request.stored()) return;
    submit(stream, stream.request.fields());
    stream.request.clear();
  });
}

// Its sink hears `fault` after this turn.
void Http2Session::never_opened(Http2Stream& stream, Fault fault, const char* detail) {
  stream.id = 0;
  stream.fault = fault;
  stream.fault_detail = detail;
  stream.counted = true;
  close(stream, Http2Code::kRefusedStream);
  host_.wake();
}

void Http2Session::send_head(Http2Stream& stream, const ResponseHead& head, bool end) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(!stream.end_queued);
  stream.end_queued = end;
  stream.mark = host_.now();
  queue_head(stream, writer_.response(head, stream.extended), end);
  if (end) end_with_frames(stream);
  host_.wake();
}

void Http2Session::send_informational(Http2Stream& stream, const ResponseHead& head) {
  if (stream.closed || stream.reset) return;
  queue_head(stream, writer_.response(head, false), false);
  host_.wake();
}

void Http2Session::send_body(Http2Stream& stream, Buffer&& bytes, bool end) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(!stream.end_queued);
  if (stream.queue.empty()) {
    stream.mark = host_.now();
    stream.sent_at_mark = stream.sent;
  }
  stream.queue.append(std::move(bytes));
  stream.end_queued = end;
  schedule(stream);
  host_.wake();
}

void Http2Session::send_trailers(Http2Stream& stream, const Headers& trailers) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(!stream.end_queued);
  const std::span<const Http2Field> fields = writer_.trailers(trailers);
  if (!fields.empty()) stream.trailers.store(fields);
  stream.end_queued = true;
  schedule(stream);
  host_.wake();
}

void Http2Session::consume(Http2Stream& stream, std::size_t bytes) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(bytes <= stream.unconsumed);
  stream.unconsumed -= bytes;
  if (stream.remote_ended || bytes == 0) return;
  fit_windows();
  give_credit(stream, bytes);
  if (wants_output()) host_.wake();
}

void Http2Session::reset(Http2Stream& stream, Http2Code code) {
  if (stream.handle != nullptr) *stream.handle = nullptr;
  stream.handle = nullptr;
  stream.sink = nullptr;
  stream.response_sink = nullptr;
  if (stream.closed || stream.reset) return;
  queue_reset(stream, code);
}

void Http2Session::release(Http2Stream& stream) {
  stream.handle = nullptr;
  stream.sink = nullptr;
  stream.response_sink = nullptr;
  if (stream.closed || stream.reset) return;
  if (role_ == Role::kClient) {
    if (!stream.remote_ended || !stream.end_queued) queue_reset(stream, Http2Code::kCancel);
  } else if (!stream.end_queued) {
    queue_reset(stream, Http2Code::kInternalError);
  } else if (!stream.remote_ended) {
    // RFC 9113 section 8.1: a whole answer to a request that is still on its way.
    stream.reset_after_end = true;
    if (stream.end_sent) queue_reset(stream, Http2Code::kNoError);
  }
}

}  // namespace weft::http
