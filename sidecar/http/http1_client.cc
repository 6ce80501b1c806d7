#include "sidecar/http/http1_client.h"

#include <utility>

#include "sidecar/core/slab.h"
#include "sidecar/http/http1_writer.h"

namespace weft::http {

class Http1Client::Handle final : public ClientStream, public SlabAllocated<Handle> {
 public:
  Handle(Http1Client& codec, bool reused) : codec_(&codec), reused_(reused) {}
  ~Handle() override {
    if (codec_ != nullptr) codec_->on_handle_dropped();
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
  [[nodiscard]] std::size_t buffered() const override {
    return codec_ != nullptr ? codec_->sender_.buffered() : 0;
  }
  [[nodiscard]] bool reused_connection() const override { return reused_; }

 private:
  friend class Http1Client;
  Http1Client* codec_;  // null once the exchange is over
  bool reused_;
};

namespace {

// Methods whose requests usually have a body say so when they have none (RFC 9110 section 8.6).
bool expects_body(Method method) {
  return method == Method::kPost || method == Method::kPut || method == Method::kPatch;
}

}  // namespace

Http1Client::Http1Client(CodecHost& host, const CodecOptions& options)
    : host_(host),
      options_(options),
      parser_(options_.limits),
      body_(options_.limits),
      gate_(host, options_.limits.body_window) {}

Http1Client::~Http1Client() { detach(); }

std::unique_ptr<ClientStream> Http1Client::open(const RequestHead& head, bool end,
                                                ResponseSink& sink) {
  WEFT_ASSERT(available() > 0);
  method_ = head.method;
  protocol_.assign(head.protocol);
  const bool tunnel = head.method == Method::kConnect || !protocol_.empty();
  Http1Framing framing;
  HeadFrame frame;
  if (tunnel) {
    framing.body = BodyKind::kTunnel;
    frame.upgrade =
        head.method == Method::kConnect && protocol_.empty() ? std::string_view{} : protocol_;
  } else if (head.content_length && (*head.content_length != 0 || !end)) {
    framing = {.body = BodyKind::kLength, .length = *head.content_length};
    frame.length = head.content_length;
  } else if (!end) {
    framing.body = BodyKind::kChunked;
  } else if (head.content_length || expects_body(head.method)) {
    frame.length = 0;
  }
  frame.body = framing.body;
  WebSocketKey key;
  accept_.reset();
  if (protocol_ == "websocket" && head.version == Version::kHttp2 &&
      !head.headers.has(HeaderId::kSecWebsocketKey)) {
    // By HTTP/2 there is none (RFC 8441 section 5).
    key = make_websocket_key();
    frame.websocket_key = view(key);
    accept_ = websocket_accept(key);
  }
  sender_.reset();
  write_request_head(head, frame, sender_.heads());
  sender_.begin(framing);
  // Nothing may follow before the other side has agreed to be a tunnel.
  sender_.hold(tunnel);
  if (end) sender_.queue(Buffer(), true);
  response_ = Http1Response();
  informational_ = 0;
  keep_alive_ = true;
  request_left_ = false;
  shut_ = peer_ended_ = false;
  input_ = Input::kHead;
  sink_ = &sink;
  auto handle = std::make_unique<Handle>(*this, opened_ > 0);
  handle_ = handle.get();
  ++opened_;
  host_.wake();
  return handle;
}

Status Http1Client::feed(Buffer& bytes) {
  while (!bytes.empty()) {
    Status status;
    switch (input_) {
      case Input::kIdle:
        close();
        return weft::fail(Fault::kProtocol, "bytes that belong to no response", Side::kUpstream);
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
      case Input::kClosed:
        bytes.clear();
        break;
    }
    if (!status) return status;
  }
  return {};
}

Status Http1Client::read_head(Buffer& bytes) {
  // An answer to a request that has not left answers some other request.
  if (!request_left_)
    return refuse({Fault::kProtocol, Side::kUpstream, "a response before its request"});
  Result<bool> read = parser_.read(bytes, {.method = method_, .protocol = protocol_}, response_);
  if (!read) return refuse(std::move(read.error()));
  if (!*read) return {};
  Http1Response response = std::move(response_);
  response_ = Http1Response();
  if (!response.head.is_informational() || response.head.status == 101) {
    return take_final_head(std::move(response), !bytes.empty());
  }
  if (++informational_ > options_.limits.informational_max) {
    return refuse({Fault::kProtocol, Side::kUpstream, "too many informational responses"});
  }
  sink_->on_informational(std::move(response.head));
  return {};
}

Status Http1Client::take_final_head(Http1Response&& response, bool more_bytes) {
  if (accept_ && response.head.status == 101) {
    // The key was ours, so its proof is ours to check.
    if (response.head.headers.find(HeaderId::kSecWebsocketAccept) != view(*accept_))
      return refuse({Fault::kProtocol, Side::kUpstream, "a wrong sec-websocket-accept"});
    response.head.headers.remove(HeaderId::kSecWebsocketAccept);
  }
  keep_alive_ = response.framing.keep_alive;
  body_.begin(response.framing);
  const bool tunnel = response.framing.body == BodyKind::kTunnel;
  const bool end = response.framing.body == BodyKind::kNone;
  if (tunnel) {
    input_ = Input::kTunnel;
    sender_.hold(false);
    if (sender_.wants_output()) host_.wake();
  } else {
    input_ = Input::kBody;
    // The origin has decided before it saw the whole request; what it makes of the rest nobody
    // knows.
    if (!sender_.done()) keep_alive_ = false;
  }
  ResponseSink* const sink = end ? end_exchange(more_bytes) : sink_;
  sink->on_response_head(std::move(response.head), end);
  return {};
}

Status Http1Client::read_body(Buffer& bytes) {
  Buffer piece;
  Result<bool> ended = body_.read(bytes, gate_.room(), piece);
  if (!ended) {
    if (!piece.empty()) sink_->on_body(std::move(piece), false);
    return refuse(std::move(ended.error()));
  }
  if (!*ended) {
    gate_.delivered(piece.size());
    if (gate_.room() == 0) gate_.pause();
    if (!piece.empty()) sink_->on_body(std::move(piece), false);
    return {};
  }
  if (!body_.has_trailers()) {
    end_exchange(!bytes.empty())->on_body(std::move(piece), true);
    return {};
  }
  if (!piece.empty()) sink_->on_body(std::move(piece), false);
  if (sink_ == nullptr) return {};  // dropped meanwhile
  Headers trailers = body_.take_trailers();
  end_exchange(!bytes.empty())->on_trailers(std::move(trailers));
  return {};
}

Status Http1Client::feed_end() {
  switch (input_) {
    case Input::kIdle:
      close();
      return {};
    case Input::kHead:
      return refuse({Fault::kReset, Side::kUpstream,
                     parser_.partial() ? "connection ended inside the response's head"
                                       : "connection ended before the response"});
    case Input::kBody:
      if (body_.kind() == BodyKind::kUntilClose) {
        end_exchange(false)->on_body(Buffer(), true);
        return {};
      }
      return refuse(
          {Fault::kReset, Side::kUpstream, "connection ended inside the response's body"});
    case Input::kTunnel: {
      // The tunnel stays open for what still goes the other way.
      peer_ended_ = true;
      body_.begin({});
      ResponseSink* const sink = sink_;
      if (shut_) {
        detach();
        close();
      }
      if (sink != nullptr) sink->on_body(Buffer(), true);
      return {};
    }
    case Input::kClosed:
      return {};
  }
  return {};
}

void Http1Client::produce(Buffer& out, std::size_t room) {
  const std::size_t before = out.size();
  while (sender_.wants_output()) {
    const std::size_t used = out.size() - before;
    if (used >= room) return;
    request_left_ = true;
    const std::size_t sent = sender_.produce(out, room - used);
    if (sent != 0 && sink_ != nullptr) sink_->on_sent(sent);
    if (input_ == Input::kTunnel && sender_.done()) {
      if (peer_ended_) {
        detach();
        close();
      } else {
        shut_ = true;
      }
    } else if (asking() && sender_.fell_short()) {
      ResponseSink* const sink = sink_;
      abandon();
      sink->on_stream_fault(
          {Fault::kInternal, Side::kLocal, "request body shorter than its content-length"});
    }
  }
}

bool Http1Client::finished() const {
  return input_ == Input::kClosed ? !sender_.wants_output() : draining_ && input_ == Input::kIdle;
}

void Http1Client::fail(const Error& error) {
  ResponseSink* const sink = sink_;
  detach();
  close();
  if (sink != nullptr) sink->on_stream_fault(error);
}

void Http1Client::send_body(Buffer&& bytes, bool end) {
  sender_.queue(std::move(bytes), end);
  if (sender_.wants_output()) host_.wake();
}

void Http1Client::send_trailers(const Headers& trailers) {
  sender_.queue_trailers(trailers);
  if (sender_.wants_output()) host_.wake();
}

void Http1Client::on_handle_dropped() {
  // A tunnel that has ended on both sides finishes by itself: what is queued still leaves.
  if (input_ == Input::kTunnel && peer_ended_ && sender_.end_queued()) {
    detach();
    return;
  }
  abandon();
}

void Http1Client::abandon() {
  // An orderly close would look like the end of what a tunnel carries; every other message shows
  // that it was cut.
  aborted_ = input_ == Input::kTunnel;
  detach();
  close();
  host_.wake();
}

ResponseSink* Http1Client::end_exchange(bool more_bytes) {
  ResponseSink* const sink = sink_;
  const bool reusable = keep_alive_ && sender_.done() && !more_bytes;
  detach();
  if (reusable) {
    input_ = Input::kIdle;
    gate_.forget();
    gate_.resume();
  } else {
    close();
  }
  return sink;
}

Status Http1Client::refuse(Error error) {
  error.side = Side::kUpstream;
  ResponseSink* const sink = sink_;
  detach();
  close();
  if (sink != nullptr) sink->on_stream_fault(error);
  return weft::fail(std::move(error));
}

void Http1Client::close() {
  input_ = Input::kClosed;
  sender_.abandon();
  sender_.heads().clear();
  gate_.forget();
  gate_.resume();
}

void Http1Client::detach() {
  if (handle_ != nullptr) handle_->codec_ = nullptr;
  handle_ = nullptr;
  sink_ = nullptr;
}

std::unique_ptr<ClientCodec> make_http1_client(CodecHost& host, const CodecOptions& options) {
  return std::make_unique<Http1Client>(host, options);
}

}  // namespace weft::http
