// The other half of http2_session.cc: what nghttp2 tells a session while it is fed or asked for
// output.
#include <algorithm>
#include <utility>

#include "sidecar/http/http2_session.h"

namespace weft::http {

namespace {

// A head so far beyond the limits that it was not read to its end weighs as much as so many resets.
constexpr double kHopelessHeadWeight = 25;
constexpr std::size_t kFrameHead = 9;

std::string_view text_of(nghttp2_rcbuf* buffer) {
  const nghttp2_vec bytes = nghttp2_rcbuf_get_buf(buffer);
  return {reinterpret_cast<const char*>(bytes.base), bytes.len};
}

bool ends_stream(const nghttp2_frame_hd& head) {
  return (head.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}
bool is_ack(const nghttp2_frame_hd& head) { return (head.flags & NGHTTP2_FLAG_ACK) != 0; }

}  // namespace

struct Http2Session::Callbacks {
  static Http2Session& self(void* user) { return *static_cast<Http2Session*>(user); }

  static int begin_frame(nghttp2_session*, const nghttp2_frame_hd* head, void* user) {
    self(user).on_begin_frame(*head);
    return 0;
  }
  static int begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return self(user).on_begin_headers(*frame);
  }
  static int header(nghttp2_session*, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                    nghttp2_rcbuf* value, std::uint8_t flags, void* user) {
    return self(user).on_field(*frame, text_of(name), text_of(value),
                               (flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
  }
  // Left alone, nghttp2 would skip a field with bytes that no field may have; such a message is
  // refused as a whole.
  static int invalid_header(nghttp2_session*, const nghttp2_frame*, nghttp2_rcbuf*, nghttp2_rcbuf*,
                            std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).on_frame(*frame);
    return 0;
  }
  static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                        std::size_t size, void* user) {
    self(user).on_data(id, Bytes(data, size));
    return 0;
  }
  static int invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    self(user).on_invalid_frame(*frame, error);
    return 0;
  }
  static int frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    self(user).on_frame_sent(*frame);
    return 0;
  }
  static int frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
    self(user).on_frame_not_sent(*frame, error);
    return 0;
  }
  static int stream_close(nghttp2_session* session, std::int32_t id, std::uint32_t code,
                          void* user) {
    if (auto* stream =
            static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id))) {
      self(user).close(*stream, code);
    }
    return 0;
  }
  static ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
    return self(user).on_data_wanted(id, room, *flags);
  }
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* head,
                       std::size_t size, nghttp2_data_source*, void* user) {
    return self(user).on_data_sent(frame->hd.stream_id, head, size);
  }

  static nghttp2_session_callbacks* make() {
    nghttp2_session_callbacks* made = nullptr;
    WEFT_ASSERT(nghttp2_session_callbacks_new(&made) == 0);
    nghttp2_session_callbacks_set_on_begin_frame_callback(made, begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(made, header);
    nghttp2_session_callbacks_set_on_invalid_header_callback2(made, invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, frame_received);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, data_chunk);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made, invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(made, frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(made, frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, stream_close);
    nghttp2_session_callbacks_set_send_data_callback(made, send_data);
    return made;
  }
};

const nghttp2_session_callbacks* Http2Session::callbacks() {
  // One table for the process, read only once made.
  static const std::unique_ptr<nghttp2_session_callbacks, void (*)(nghttp2_session_callbacks*)>
      table(Callbacks::make(), nghttp2_session_callbacks_del);
  return table.get();
}

nghttp2_data_provider Http2Session::data_provider() { return {{}, Callbacks::read_data}; }

// ---- heads ----

void Http2Session::on_begin_frame(const nghttp2_frame_hd& head) {
  if (head.type != NGHTTP2_CONTINUATION) {
    continuations_ = 0;
  } else if (++continuations_ > http2_limits_.continuations_max) {
    calm("too many CONTINUATION frames");
  }
  if (head.type == NGHTTP2_PRIORITY && head.stream_id == 0) {
    // RFC 9113 section 6.3. nghttp2 reads no PRIORITY once SETTINGS_NO_RFC7540_PRIORITIES is set.
    end_session(NGHTTP2_PROTOCOL_ERROR, "PRIORITY on stream 0");
  } else if (head.type == NGHTTP2_PUSH_PROMISE) {
    // RFC 9113 section 8.4. nghttp2 lets them pass until our SETTINGS are acknowledged; but they
    // came before any request that a push could belong to.
    end_session(NGHTTP2_PROTOCOL_ERROR, "PUSH_PROMISE");
  } else if (head.type == NGHTTP2_HEADERS && comes_too_late(head.stream_id)) {
    end_session(NGHTTP2_STREAM_CLOSED, "HEADERS for a stream that is closed");
  }
}

// RFC 9113 section 5.1: what arrives for a stream that we have reset was perhaps under way, and is
// read and thrown away; HEADERS for any other closed stream are the peer's mistake. nghttp2 forgets
// closed streams and so cannot tell. One number suffices: up to the last stream that we reset
// nobody is blamed. DATA needs no such care, the section allows to throw it away.
bool Http2Session::comes_too_late(std::int32_t id) {
  if (role_ == Role::kServer && id > last_opened_) {
    last_opened_ = id;
    return false;
  }
  return id % 2 == 1 && id <= last_opened_ && id > tolerated_ && !drained_ && !peer_leaves_ &&
         nghttp2_session_find_stream(session_, id) == nullptr;
}

int Http2Session::on_begin_headers(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  in_block_ = true;
  const Http2Stream* stream = find(frame.hd.stream_id);
  if (role_ == Role::kServer) {
    reader_.begin(frame.headers.cat == NGHTTP2_HCAT_REQUEST ? Http2Reader::Kind::kRequest
                                                            : Http2Reader::Kind::kTrailers);
  } else {
    reader_.begin(stream == nullptr || stream->head_received ? Http2Reader::Kind::kTrailers
                                                             : Http2Reader::Kind::kResponse);
  }
  return 0;
}

int Http2Session::on_field(const nghttp2_frame& frame, std::string_view name,
                           std::string_view value, bool never_index) {
  if (frame.hd.type != NGHTTP2_HEADERS || reader_.add(name, value, never_index)) return 0;
  in_block_ = false;
  Http2Stream* stream = find(frame.hd.stream_id);
  if (stream != nullptr) {
    reset_for(*stream, NGHTTP2_ENHANCE_YOUR_CALM, Fault::kHeadTooLarge,
              "header fields far beyond the limit");
    stream->counted = false;
  } else {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, frame.hd.stream_id,
                              NGHTTP2_ENHANCE_YOUR_CALM);
    if (listener_ != nullptr) {
      listener_->on_malformed_request(
          {Fault::kHeadTooLarge, Side::kDownstream, "header fields far beyond the limit"}, 431);
    }
  }
  provoked(stream, kHopelessHeadWeight);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

void Http2Session::on_headers(const nghttp2_frame& frame) {
  in_block_ = false;
  // A block of table size updates and padding says less than its bytes.
  useful_bytes_ += std::min(frame.hd.length, reader_.bytes()) + kFrameHead;
  const bool end = ends_stream(frame.hd);
  Http2Stream* stream = find(frame.hd.stream_id);
  if (role_ == Role::kServer && frame.headers.cat == NGHTTP2_HCAT_REQUEST) {
    on_request(frame.hd.stream_id, end);
  } else if (stream == nullptr) {
    return;
  } else if (role_ == Role::kClient && !stream->head_received) {
    on_response(*stream, end);
  } else {
    on_trailers(*stream);
  }
}

void Http2Session::on_request(std::int32_t id, bool end) {
  tl::expected<RequestHead, Http2Reader::Refusal> request = reader_.take_request();
  last_request_ = id;
  // A stream that was opened and reset within the bytes at hand is over for nghttp2, but not for
  // whoever works for it.
  if (live_ + unreported_ >= http2_limits_.streams_max) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
    provoked(nullptr);
    return;
  }
  if (!request) {
    refuse(id, request.error());
    return;
  }
  auto made = std::make_unique<Http2Stream>(*this, id);
  Http2Stream& stream = *made;
  stream.remote_ended = end;
  stream.extended = !request->protocol.empty();
  nghttp2_session_set_stream_user_data(session_, id, &stream);
  open_.push_back(*made.release());
  ++live_;
  ++requests_;
  fit_windows();
  if (limits_.requests_per_connection_max != 0 && requests_ >= limits_.requests_per_connection_max)
    drain_now();
  listener_->on_request_head(stream, std::move(*request), end);
}

// Answered here; a stream that nobody has seen needs no object.
void Http2Session::refuse(std::int32_t id, const Http2Reader::Refusal& refusal) {
  ResponseHead head;
  head.status = refusal.status;
  head.content_length = 0;
  const std::span<const nghttp2_nv> fields = writer_.response(head, false);
  nghttp2_submit_response(session_, id, fields.data(), fields.size(), nullptr);
  listener_->on_malformed_request(refusal.error, refusal.status);
  provoked(nullptr);
}

void Http2Session::on_response(Http2Stream& stream, bool end) {
  tl::expected<ResponseHead, Http2Reader::Refusal> response =
      reader_.take_response(stream.extended);
  if (!response) {
    const bool large = response.error().error.fault == Fault::kHeadTooLarge;
    reset_for(stream, NGHTTP2_PROTOCOL_ERROR, response.error().error.fault,
              large ? "response head over the limit" : "malformed response head");
    return;
  }
  if (response->is_informational() && response->status != 101) {
    if (++stream.informational > limits_.informational_max) {
      reset_for(stream, NGHTTP2_PROTOCOL_ERROR, Fault::kProtocol,
                "too many informational responses");
    } else if (stream.response_sink != nullptr) {
      stream.response_sink->on_informational(std::move(*response));
    }
    return;
  }
  stream.head_received = true;
  stream.remote_ended = end;
  if (stream.response_sink != nullptr)
    stream.response_sink->on_response_head(std::move(*response), end);
}

void Http2Session::on_trailers(Http2Stream& stream) {
  tl::expected<Headers, Http2Reader::Refusal> trailers = reader_.take_trailers();
  if (!trailers) {
    reset_for(stream, NGHTTP2_PROTOCOL_ERROR, Fault::kHeadTooLarge, "trailers over the limit");
    provoked(&stream);
    return;
  }
  stream.remote_ended = true;
  if (stream.sink != nullptr) stream.sink->on_trailers(std::move(*trailers));
}

// ---- bodies ----

void Http2Session::on_data(std::int32_t id, Bytes bytes) {
  // The connection's credit never waits for a reader, or a few stalled streams would stall all of
  // them.
  nghttp2_session_consume_connection(session_, bytes.size());
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->reset) return;
  if (stream->sink == nullptr) {
    // Nobody wants it. Unless the stream is to end, let the peer go on: it may wait for our answer
    // until it has sent all.
    if (!stream->reset_after_end) nghttp2_session_consume_stream(session_, id, bytes.size());
    return;
  }
  stream->unconsumed += bytes.size();
  body_stream_ = stream;
  body_.append(feeding_->share(static_cast<std::size_t>(bytes.data() - piece_), bytes.size()));
}

void Http2Session::on_data_end(const nghttp2_frame& frame) {
  Http2Stream* stream = find(frame.hd.stream_id);
  const bool end = ends_stream(frame.hd);
  const bool empty = frame.hd.length <= frame.data.padlen;
  if (!empty) useful_bytes_ += frame.hd.length + kFrameHead;
  if (stream == nullptr) return;
  if (!empty || end) {
    stream->empty_frames = 0;
  } else if (++stream->empty_frames > http2_limits_.empty_data_frames_max) {
    calm("too many empty DATA frames");
  }
  if (end) {
    stream->remote_ended = true;
    body_stream_ = stream;
  }
  deliver_body(end);
}

void Http2Session::deliver_body(bool end) {
  Http2Stream* stream = std::exchange(body_stream_, nullptr);
  if (stream == nullptr) return;
  Buffer bytes = std::move(body_);
  body_.clear();
  if (stream->sink != nullptr && !stream->reset) stream->sink->on_body(std::move(bytes), end);
}

// ---- frames ----

void Http2Session::on_frame(const nghttp2_frame& frame) {
  if (ended_) return;
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS:
      on_headers(frame);
      break;
    case NGHTTP2_DATA:
      on_data_end(frame);
      break;
    case NGHTTP2_RST_STREAM: {
      Http2Stream* stream = find(frame.hd.stream_id);
      if (stream != nullptr) stream->peer_reset = true;
      provoked(stream);
      break;
    }
    case NGHTTP2_SETTINGS:
      if (is_ack(frame.hd)) {
        return_small_credit();
      } else if (!std::exchange(preface_done_, true) && role_ == Role::kClient) {
        submit_waiting();
      }
      break;
    case NGHTTP2_PING:
      if (is_ack(frame.hd)) on_ping_answer(frame.ping);
      break;
    case NGHTTP2_GOAWAY:
      peer_leaves_ = true;
      break;
    default:
      break;
  }
}

// Credit below half a window waits for more. Once the window is smaller the peer may have none
// left, so that no more would ever come: what there is goes back now.
void Http2Session::return_small_credit() {
  if (!narrow_) return;
  open_.for_each([this](const Http2Stream& stream) {
    if (stream.id > 0 && !stream.remote_ended && !stream.reset)
      nghttp2_session_consume_stream(session_, stream.id, 0);
  });
}

// nghttp2 has queued RST_STREAM or GOAWAY for it.
void Http2Session::on_invalid_frame(const nghttp2_frame& frame, int library_error) {
  Http2Stream* stream = frame.hd.stream_id == 0 ? nullptr : find(frame.hd.stream_id);
  if (frame.hd.type == NGHTTP2_HEADERS) {
    in_block_ = false;
    if (stream == nullptr && listener_ != nullptr && library_error != NGHTTP2_ERR_REFUSED_STREAM) {
      listener_->on_malformed_request(
          ended_by_peer(NGHTTP2_PROTOCOL_ERROR, nghttp2_strerror(library_error)), 400);
    }
  }
  // Refused without ever being opened, perhaps; its body may follow before the reset is sent.
  tolerated_ = std::max(tolerated_, frame.hd.stream_id);
  if (stream != nullptr && stream->fault_detail == nullptr) {
    stream->fault = Fault::kProtocol;
    stream->fault_detail = nghttp2_strerror(library_error);
  }
  provoked(stream);
}

void Http2Session::on_frame_sent(const nghttp2_frame& frame) {
  switch (frame.hd.type) {
    case NGHTTP2_HEADERS: {
      Http2Stream* stream = find(frame.hd.stream_id);
      if (role_ == Role::kClient) last_opened_ = std::max(last_opened_, frame.hd.stream_id);
      if (stream != nullptr) stream->head_sent = true;
      if (ends_stream(frame.hd)) after_end_sent(frame.hd.stream_id, stream);
      break;
    }
    case NGHTTP2_DATA:
      floods_.allow_noise(Http2Floods::kNoisePerDataFrameSent);
      if (ends_stream(frame.hd)) after_end_sent(frame.hd.stream_id, find(frame.hd.stream_id));
      break;
    case NGHTTP2_RST_STREAM:
      tolerated_ = std::max(tolerated_, frame.hd.stream_id);
      break;
    case NGHTTP2_GOAWAY:
      if (frame.goaway.error_code != NGHTTP2_NO_ERROR) {
        goaway_code_ = frame.goaway.error_code;
        // nghttp2 puts its reason there.
        goaway_why_.assign(reinterpret_cast<const char*>(frame.goaway.opaque_data),
                           frame.goaway.opaque_data_len);
      }
      break;
    default:
      break;
  }
}

void Http2Session::after_end_sent(std::int32_t id, Http2Stream* stream) {
  if (stream != nullptr) {
    stream->end_sent = true;
    if (stream->reset_after_end && !stream->remote_ended && !stream->reset)
      queue_reset(*stream, NGHTTP2_NO_ERROR);
  } else if (role_ == Role::kServer && nghttp2_session_get_stream_remote_close(session_, id) == 0) {
    // The answer to a request that was refused before it had an object.
    floods_.allow_noise(http2_limits_.stream_window);
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
}

void Http2Session::on_frame_not_sent(const nghttp2_frame& frame, int library_error) {
  if (frame.hd.type != NGHTTP2_HEADERS || role_ == Role::kClient) return;
  Http2Stream* stream = find(frame.hd.stream_id);
  if (stream == nullptr || library_error != NGHTTP2_ERR_FRAME_SIZE_ERROR) return;
  reset_for(*stream, NGHTTP2_INTERNAL_ERROR, Fault::kInternal,
            "the response head is too large to send");
}

ssize_t Http2Session::on_data_wanted(std::int32_t id, std::size_t room, std::uint32_t& flags) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->reset) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t size = std::min(room, stream->queue.size());
  if (size == 0 && !stream->end_queued) {
    stream->deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (size == stream->queue.size() && stream->end_queued) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream->trailers.stored()) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::span<const nghttp2_nv> fields = stream->trailers.fields();
      nghttp2_submit_trailer(session_, id, fields.data(), fields.size());
    }
  }
  return static_cast<ssize_t>(size);
}

int Http2Session::on_data_sent(std::int32_t id, const std::uint8_t* frame_head, std::size_t size) {
  Http2Stream* stream = find(id);
  if (stream == nullptr || stream->queue.size() < size)
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  out_->append(Bytes(frame_head, kFrameHead));
  out_->append(stream->queue.split(size));
  stream->sent += size;
  stream->unreported += size;
  if (stream->sent - stream->sent_at_mark >= kStallBytes) {
    stream->sent_at_mark = stream->sent;
    stream->mark = host_.now();
  }
  auto& node = static_cast<ListNode<Http2Stream, Http2SentTag>&>(*stream);
  if (!node.linked()) sent_.push_back(*stream);
  return out_->size() >= room_ ? NGHTTP2_ERR_PAUSE : 0;
}

}  // namespace weft::http
