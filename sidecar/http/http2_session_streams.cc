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
  fit_windows();
  const std::span<const nghttp2_nv> fields = writer_.request(head);
  if (stream.extended && !preface_done_) {
    // Whether the peer takes it is in the SETTINGS that it sends first.
    stream.request.store(fields);
  } else {
    submit(stream, fields);
  }
  host_.wake();
  return stream;
}

void Http2Session::submit(Http2Stream& stream, std::span<const nghttp2_nv> fields) {
  if (stream.extended && nghttp2_session_get_remote_settings(
                             session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1) {
    never_opened(stream, Fault::kMethodUnsupported, "the peer does not tunnel upgrades (RFC 8441)");
    return;
  }
  const bool end = stream.end_queued && stream.queue.empty() && !stream.trailers.stored();
  const nghttp2_data_provider provider = data_provider();
  stream.id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                     end ? nullptr : &provider, &stream);
  if (stream.id <= 0) never_opened(stream, Fault::kRefused, "the stream could not be opened");
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
  close(stream, NGHTTP2_REFUSED_STREAM);
  host_.wake();
}

void Http2Session::send_head(Http2Stream& stream, const ResponseHead& head, bool end) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(!stream.end_queued);
  stream.end_queued = end;
  stream.mark = host_.now();
  const std::span<const nghttp2_nv> fields = writer_.response(head, stream.extended);
  const nghttp2_data_provider provider = data_provider();
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                          end ? nullptr : &provider);
  host_.wake();
}

void Http2Session::send_informational(Http2Stream& stream, const ResponseHead& head) {
  if (stream.closed || stream.reset) return;
  const std::span<const nghttp2_nv> fields = writer_.response(head, false);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(),
                         fields.size(), nullptr);
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
  resume(stream);
}

void Http2Session::send_trailers(Http2Stream& stream, const Headers& trailers) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(!stream.end_queued);
  const std::span<const nghttp2_nv> fields = writer_.trailers(trailers);
  if (!fields.empty()) stream.trailers.store(fields);
  stream.end_queued = true;
  resume(stream);
}

void Http2Session::resume(Http2Stream& stream) {
  if (stream.deferred && (!stream.queue.empty() || stream.end_queued)) {
    stream.deferred = false;
    nghttp2_session_resume_data(session_, stream.id);
  }
  host_.wake();
}

void Http2Session::consume(Http2Stream& stream, std::size_t bytes) {
  if (stream.closed || stream.reset) return;
  WEFT_ASSERT(bytes <= stream.unconsumed);
  stream.unconsumed -= bytes;
  if (stream.remote_ended || bytes == 0) return;
  fit_windows();
  nghttp2_session_consume_stream(session_, stream.id, bytes);
  if (nghttp2_session_want_write(session_) != 0) host_.wake();
}

void Http2Session::reset(Http2Stream& stream, std::uint32_t code) {
  if (stream.handle != nullptr) *stream.handle = nullptr;
  stream.handle = nullptr;
  stream.sink = nullptr;
  stream.response_sink = nullptr;
  if (stream.closed || stream.reset) return;
  queue_reset(stream, code);
}

// Its sink hears `fault` once the stream is closed.
void Http2Session::reset_for(Http2Stream& stream, std::uint32_t code, Fault fault,
                             const char* detail) {
  if (stream.closed || stream.reset) return;
  stream.fault = fault;
  stream.fault_detail = detail;
  queue_reset(stream, code);
}

void Http2Session::queue_reset(Http2Stream& stream, std::uint32_t code) {
  stream.reset = true;
  stream.queue.clear();
  if (stream.id == 0) {
    // Its request still waits: there is nothing to reset.
    stream.request.clear();
    never_opened(stream, stream.fault, stream.fault_detail);
    return;
  }
  // What the peer has sent before it hears of this is no flood.
  if (!stream.remote_ended) floods_.allow_noise(http2_limits_.stream_window);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
  host_.wake();
}

void Http2Session::release(Http2Stream& stream) {
  stream.handle = nullptr;
  stream.sink = nullptr;
  stream.response_sink = nullptr;
  if (stream.closed || stream.reset) return;
  if (role_ == Role::kClient) {
    if (!stream.remote_ended || !stream.end_queued) queue_reset(stream, NGHTTP2_CANCEL);
  } else if (!stream.end_queued) {
    queue_reset(stream, NGHTTP2_INTERNAL_ERROR);
  } else if (!stream.remote_ended) {
    // RFC 9113 section 8.1: a whole answer to a request that is still on its way.
    stream.reset_after_end = true;
    if (stream.end_sent) queue_reset(stream, NGHTTP2_NO_ERROR);
  }
}

}  // namespace weft::http
