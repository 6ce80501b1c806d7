#include "sidecar/http/http1_server.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "sidecar/core/slab.h"
#include "sidecar/http/http1_writer.h"
#include "sidecar/http/status.h"

namespace weft::http {

class Http1Server::Handle final : public ServerStream, public SlabAllocated<Handle> {
 public:
  explicit Handle(Http1Server& codec) : codec_(&codec) {}
  ~Handle() override {
    if (codec_ != nullptr) codec_->on_handle_dropped();
  }
  void set_sink(RequestSink* sink) override {
    if (codec_ != nullptr) codec_->sink_ = sink;
  }
  void send_informational(const ResponseHead& head) override {
    if (codec_ != nullptr) codec_->send_informational(head);
  }
  void send_head(const ResponseHead& head, bool end) override {
    if (codec_ != nullptr) codec_->send_head(head, end);
  }
  void send_body(Buffer&& bytes, bool end) override {
    if (codec_ != nullptr) codec_->send_body(std::move(bytes), end);
  }
  void send_trailers(const Headers& trailers) override {
    if (codec_ != nullptr) codec_->send_trailers(trailers);
  }
  void consume(std::size_t body_bytes) override {
    if (codec_ != nullptr) codec_->gate_.consumed(body_bytes);
  }
  void reset(ResetReason) override {
    if (codec_ != nullptr) codec_->abandon();
  }
  void close_after() override {
    if (codec_ != nullptr) codec_->close_ = true;
  }
  [[nodiscard]] std::size_t buffered() const override {
    return codec_ != nullptr ? codec_->sender_.buffered() : 0;
  }

 private:
  friend class Http1Server;
  Http1Server* codec_;  // null once the exchange is over
};

Http1Server::Http1Server(CodecHost& host, Handler& handler, const CodecOptions& options)
    : host_(host),
      handler_(handler),
      options_(options),
      parser_(options_.limits, options_.normalize, options_.secured),
      body_(options_.limits),
      gate_(host, options_.limits.body_window) {}

Http1Server::~Http1Server() { detach(); }

Status Http1Server::feed(Buffer& bytes) {
  while (!bytes.empty()) {
    Status status;
    switch (input_) {
      case Input::kHead:
        status = read_head(bytes);
        break;
      case Input::kBody:
      case Input::kTunnel:
        if (gate_.room() == 0) {
          gate_.pause();
          return {};
        }
        status = read_body(bytes);
        break;
      case Input::kDiscard:
        status = read_off(bytes);
        break;
      case Input::kWait:
        gate_.pause();
        return {};
      case Input::kClosed:
        bytes.clear();
        break;
    }
    if (!status) return status;
  }
  return {};
}

Status Http1Server::read_head(Buffer& bytes) {
  Result<bool> read = parser_.read(bytes, request_);
  if (!read) {
    Error error = std::move(read.error());
    error.side = Side::kDownstream;
    const std::uint16_t status = status_of_refusal(error.fault);
    answer_error(status, error.detail);
    close_input();
    handler_.on_malformed(error, status);
    return weft::fail(std::move(error));
  }
  if (!*read) return {};
  RequestHead head = std::move(request_.head);
  const Http1Framing framing = request_.framing;
  request_ = Http1Request();
  ++requests_;
  method_ = head.method;
  version_ = head.version;
  protocol_.assign(head.protocol);
  websocket_key_.reset();
  if (protocol_ == "websocket") note_websocket_key(head);
  wants_tunnel_ = framing.body == BodyKind::kTunnel;
  expects_continue_ = head.expects_continue;
  const std::uint64_t requests_max = options_.limits.requests_per_connection_max;
  close_ = !framing.keep_alive || (requests_max != 0 && requests_ >= requests_max);
  const bool end = framing.body == BodyKind::kNone;
  input_ = end || wants_tunnel_ ? Input::kWait : Input::kBody;
  body_.begin(framing);
  sender_.reset();
  answering_ = true;
  auto handle = std::make_unique<Handle>(*this);
  handle_ = handle.get();
  handler_.on_request(std::move(handle), std::move(head), end);
  return {};
}

void Http1Server::note_websocket_key(const RequestHead& head) {
  const std::optional<std::string_view> key = head.headers.find(HeaderId::kSecWebsocketKey);
  if (!key || key->size() != std::tuple_size_v<WebSocketKey>) return;
  websocket_key_.emplace();
  std::copy(key->begin(), key->end(), websocket_key_->begin());
}

Status Http1Server::read_body(Buffer& bytes) {
  Buffer piece;
  Result<bool> ended = body_.read(bytes, gate_.room(), piece);
  if (!ended) {
    if (!piece.empty()) deliver(std::move(piece), false);
    return refuse(std::move(ended.error()));
  }
  if (*ended) input_ = Input::kWait;
  const bool trailers_follow = *ended && body_.has_trailers();
  if (!piece.empty() || (*ended && !trailers_follow))
    deliver(std::move(piece), *ended && !trailers_follow);
  if (trailers_follow && sink_ != nullptr) sink_->on_trailers(body_.take_trailers());
  return {};
}

Status Http1Server::read_off(Buffer& bytes) {
  Buffer piece;
  Result<bool> ended = body_.read(bytes, kDiscardBytesMax + 1, piece);
  if (!ended) {
    // The answer is complete; it leaves, and then there is no telling where a next request would
    // begin.
    close_ = true;
    close_input();
    ended.error().side = Side::kDownstream;
    return weft::fail(std::move(ended.error()));
  }
  discarded_ += piece.size();
  if (discarded_ > kDiscardBytesMax) {
    close_ = true;
    close_input();
  } else if (*ended) {
    input_ = Input::kWait;
    if (!answering_) next_request();
  }
  return {};
}

void Http1Server::deliver(Buffer&& piece, bool end) {
  if (sink_ == nullptr) return;
  gate_.delivered(piece.size());
  if (gate_.room() == 0) gate_.pause();
  sink_->on_body(std::move(piece), end);
}

Status Http1Server::feed_end() {
  switch (input_) {
    case Input::kHead:
      if (parser_.partial()) {
        Error error{Fault::kClosed, Side::kDownstream, "input ended inside a head"};
        answer_error(400, error.detail);
        close_input();
        handler_.on_malformed(error, 400);
        return weft::fail(std::move(error));
      }
      close_input();
      return {};
    case Input::kBody:
      return refuse({Fault::kReset, Side::kDownstream, "input ended inside the body"});
    case Input::kWait:
      // A client that closes cannot be told from one that only half closes; taking it for gone
      // frees the origin from work that nobody waits for. An answer already complete still goes
      // out.
      close_ = true;
      if (sender_.end_queued()) return {};
      return refuse(
          {Fault::kReset, Side::kDownstream, "client closed before its answer was complete"});
    case Input::kTunnel:
      end_of_tunnel();
      return {};
    case Input::kDiscard:
      close_ = true;
      close_input();
      return {};
    case Input::kClosed:
      return {};
  }
  return {};
}

// The peer's half of a tunnel has ended; ours may go on.
void Http1Server::end_of_tunnel() {
  input_ = Input::kClosed;
  RequestSink* const sink = sink_;
  if (shut_) {
    answering_ = false;
    detach();
  }
  if (sink != nullptr) sink->on_body(Buffer(), true);
}

void Http1Server::produce(Buffer& out, std::size_t room) {
  const std::size_t before = out.size();
  while (sender_.wants_output()) {
    const std::size_t used = out.size() - before;
    if (used >= room) return;
    const std::size_t sent = sender_.produce(out, room - used);
    if (sent != 0 && sink_ != nullptr) sink_->on_sent(sent);
    if (answering_ && sender_.done()) on_answered();
  }
}

bool Http1Server::finished() const {
  if (answering_ || sender_.wants_output()) return false;
  return input_ == Input::kClosed || (draining_ && !reading_head());
}

bool Http1Server::at_rest() const {
  // Who counts requests must go on counting.
  return input_ == Input::kHead && !parser_.partial() && !answering_ && !sender_.wants_output() &&
         !close_ && !draining_ && options_.limits.requests_per_connection_max == 0;
}

void Http1Server::fail(const Error& error) {
  RequestSink* const sink = sink_;
  sender_.abandon();
  sender_.heads().clear();
  answering_ = false;
  input_ = Input::kClosed;
  detach();
  if (sink != nullptr) sink->on_stream_fault(error);
}

void Http1Server::answer_timeout() {
  answer_error(408, "the request's head took too long");
  close_input();
}

// ---- what the handle asks for ----

void Http1Server::send_informational(const ResponseHead& head) {
  // RFC 9110 section 15.2: a client of HTTP/1.0 does not know them.
  if (sender_.begun() || version_ == Version::kHttp10 || head.status == 101) return;
  if (head.status == 100) expects_continue_ = false;
  write_response_head(head, {}, sender_.heads());
  host_.wake();
}

void Http1Server::send_head(const ResponseHead& head, bool end) {
  WEFT_ASSERT(!sender_.begun());
  const Http1Framing framing = frame_answer(head, end);
  const bool tunnel = framing.body == BodyKind::kTunnel;
  HeadFrame frame;
  frame.body = framing.body;
  if (framing.body == BodyKind::kLength) {
    frame.length = framing.length;
  } else if (framing.body == BodyKind::kNone && head.status != 204 && !head.is_informational()) {
    frame.length = response_has_no_body(method_, head.status) ? head.content_length : 0;
  }
  // A client that waits for 100 (Continue) may or may not send its body now; nobody can tell where
  // the next request begins.
  const bool body_in_doubt = expects_continue_ && input_ == Input::kBody;
  close_ = close_ || draining_ || !framing.keep_alive || body_in_doubt ||
           (method_ == Method::kConnect && !tunnel);
  frame.close = close_ && !tunnel;
  frame.keep_alive = !close_ && version_ == Version::kHttp10;
  if (head.status == 101 && tunnel) frame.upgrade = protocol_;
  WebSocketAccept accept;
  if (head.status == 101 && tunnel && websocket_key_ &&
      !head.headers.has(HeaderId::kSecWebsocketAccept)) {
    accept = websocket_accept(*websocket_key_);
    frame.websocket_accept = view(accept);
  }
  write_response_head(head, frame, sender_.heads());
  sender_.begin(framing);
  if (end) sender_.queue(Buffer(), true);
  if (tunnel) {
    body_.begin(framing);
    input_ = Input::kTunnel;
    gate_.resume();
  }
  host_.wake();
}

// RFC 9112 section 6.3, from the writer's side.
Http1Framing Http1Server::frame_answer(const ResponseHead& head, bool end) const {
  const bool switches = !protocol_.empty() && head.status == 101;
  const bool connects = method_ == Method::kConnect && head.status >= 200 && head.status < 300;
  if (wants_tunnel_ && input_ == Input::kWait && (switches || connects)) {
    return {.body = BodyKind::kTunnel, .keep_alive = false};
  }
  if (response_has_no_body(method_, head.status)) return {.keep_alive = !head.is_informational()};
  if (head.content_length) return {.body = BodyKind::kLength, .length = *head.content_length};
  if (end) return {};
  if (version_ == Version::kHttp10) return {.body = BodyKind::kUntilClose, .keep_alive = false};
  return {.body = BodyKind::kChunked};
}

void Http1Server::send_body(Buffer&& bytes, bool end) {
  WEFT_ASSERT(sender_.begun());
  sender_.queue(std::move(bytes), end);
  if (sender_.wants_output()) host_.wake();
}

void Http1Server::send_trailers(const Headers& trailers) {
  WEFT_ASSERT(sender_.begun());
  sender_.queue_trailers(trailers);
  host_.wake();
}

void Http1Server::on_handle_dropped() {
  if (!sender_.end_queued()) {
    abandon();
    return;
  }
  detach();
  if (input_ == Input::kBody) {
    ignore_body();
  } else if (input_ == Input::kTunnel) {
    // Nobody reads the other half any more; what is queued of ours still leaves.
    close_input();
    if (shut_) answering_ = false;
    host_.wake();
  }
}

// The answer ends here, complete or not. What was queued of its head still leaves, so that the peer
// sees an answer cut short and not none at all.
void Http1Server::abandon() {
  if (!answering_) return;
  const bool cut = sender_.begun() && !sender_.end_queued() &&
                   (sender_.kind() == BodyKind::kUntilClose || sender_.kind() == BodyKind::kTunnel);
  aborted_ = cut || input_ == Input::kTunnel;
  sender_.abandon();
  answering_ = false;
  close_ = true;
  detach();
  close_input();
  host_.wake();
}

// ---- between requests ----

void Http1Server::on_answered() {
  if (input_ == Input::kTunnel) {
    shut_ = true;
    return;
  }
  answering_ = false;
  detach();
  if (close_ || sender_.fell_short()) {
    close_input();
  } else if (input_ == Input::kBody) {
    ignore_body();
  } else if (input_ == Input::kWait) {
    next_request();
  }
}

void Http1Server::next_request() {
  input_ = Input::kHead;
  gate_.forget();
  gate_.resume();
}

void Http1Server::ignore_body() {
  input_ = Input::kDiscard;
  discarded_ = 0;
  gate_.forget();
  gate_.resume();
}

Status Http1Server::refuse(Error error) {
  error.side = Side::kDownstream;
  RequestSink* const sink = sink_;
  const bool too_late = sender_.begun();
  abandon();
  close_input();
  if (!too_late) answer_error(status_of_refusal(error.fault), error.detail);
  if (sink != nullptr) sink->on_stream_fault(error);
  return weft::fail(std::move(error));
}

void Http1Server::answer_error(std::uint16_t status, std::string_view why) {
  ResponseHead head;
  head.status = status;
  head.headers.add(HeaderId::kContentType, "text/plain");
  sender_.reset();
  write_response_head(head, {.body = BodyKind::kLength, .length = why.size() + 1, .close = true},
                      sender_.heads());
  sender_.heads().append(why);
  sender_.heads().append(std::string_view("\n"));
  host_.wake();
}

void Http1Server::close_input() {
  input_ = Input::kClosed;
  gate_.forget();
  gate_.resume();
}

void Http1Server::detach() {
  if (handle_ != nullptr) handle_->codec_ = nullptr;
  handle_ = nullptr;
  sink_ = nullptr;
}

std::unique_ptr<ServerCodec> make_http1_server(CodecHost& host, ServerCodec::Handler& handler,
                                               const CodecOptions& options) {
  return std::make_unique<Http1Server>(host, handler, options);
}

}  // namespace weft::http
