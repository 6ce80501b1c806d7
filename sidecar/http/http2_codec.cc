// Both codecs for HTTP/2: an Http2Session in a Codec's clothes, and the handles that its streams'
// users hold.
#include <memory>
#include <utility>

#include "sidecar/http/codec.h"
#include "sidecar/http/http2_session.h"

namespace weft::http {

namespace {

Http2Code code_of(ResetReason reason) {
  switch (reason) {
    case ResetReason::kCancel:
      return Http2Code::kCancel;
    case ResetReason::kRefused:
      return Http2Code::kRefusedStream;
    case ResetReason::kInternal:
      return Http2Code::kInternalError;
    case ResetReason::kProtocol:
      return Http2Code::kProtocolError;
    case ResetReason::kFlood:
      return Http2Code::kEnhanceYourCalm;
  }
  return Http2Code::kInternalError;
}

// What both ends share.
template <typename Base>
class Http2Codec : public Base {
 public:
  Http2Codec(Http2Session::Role role, CodecHost& host, Http2Session::Listener* listener,
             const CodecOptions& options)
      : session_(role, host, listener, options) {}

  Status feed(Buffer& bytes) override { return session_.feed(bytes); }
  Status feed_end() override { return session_.feed_end(); }
  void produce(Buffer& out, std::size_t room) override { session_.produce(out, room); }
  [[nodiscard]] bool wants_output() const override { return session_.wants_output(); }
  void drain() override { session_.drain(); }
  void drain_now() override { session_.drain_now(); }
  void fail(const Error& error) override { session_.fail(error); }
  void expire(TimePoint since) override { session_.expire(since); }
  void ping() override { session_.ping(); }
  [[nodiscard]] bool blocked() const override { return session_.blocked(); }
  [[nodiscard]] std::size_t streams() const override { return session_.streams(); }
  [[nodiscard]] bool finished() const override { return session_.finished(); }
  [[nodiscard]] const Error* failure() const override { return session_.failure(); }

 protected:
  Http2Session session_;
};

class Http2ServerCodec final : public Http2Codec<ServerCodec>, public Http2Session::Listener {
 public:
  Http2ServerCodec(CodecHost& host, Handler& handler, const CodecOptions& options)
      : Http2Codec(Http2Session::Role::kServer, host, this, options), handler_(handler) {}

  [[nodiscard]] bool reading_head() const override { return session_.reading_head(); }
  void answer_timeout() override { session_.answer_timeout(); }

  void on_request_head(Http2Stream& stream, RequestHead&& head, bool end) override {
    handler_.on_request(std::make_unique<Http2ServerStream>(stream), std::move(head), end);
  }
  void on_malformed_request(const Error& error, std::uint16_t status) override {
    handler_.on_malformed(error, status);
  }

 private:
  Handler& handler_;
};

class Http2ClientCodec final : public Http2Codec<ClientCodec> {
 public:
  Http2ClientCodec(CodecHost& host, const CodecOptions& options)
      : Http2Codec(Http2Session::Role::kClient, host, nullptr, options) {
    // The preface goes out even when no stream is opened yet.
    host.wake();
  }

  [[nodiscard]] std::size_t available() const override { return session_.available(); }
  [[nodiscard]] std::unique_ptr<ClientStream> open(const RequestHead& head, bool end,
                                                   ResponseSink& sink) override {
    Http2Stream& stream = session_.open(head, end, sink);
    return std::make_unique<Http2ClientStream>(stream, opened_++ > 0);
  }

 private:
  std::uint64_t opened_ = 0;
};

}  // namespace

// ---- handles ----

Http2ServerStream::~Http2ServerStream() {
  if (stream_ != nullptr) stream_->session.release(*stream_);
}
void Http2ServerStream::send_body(Buffer&& bytes, bool end) {
  if (stream_ != nullptr) stream_->session.send_body(*stream_, std::move(bytes), end);
}
void Http2ServerStream::send_trailers(const Headers& trailers) {
  if (stream_ != nullptr) stream_->session.send_trailers(*stream_, trailers);
}
void Http2ServerStream::consume(std::size_t body_bytes) {
  if (stream_ != nullptr) stream_->session.consume(*stream_, body_bytes);
}
void Http2ServerStream::reset(ResetReason reason) {
  if (stream_ != nullptr) stream_->session.reset(*stream_, code_of(reason));
}
void Http2ServerStream::set_sink(RequestSink* sink) {
  if (stream_ != nullptr) stream_->sink = sink;
}
void Http2ServerStream::send_informational(const ResponseHead& head) {
  if (stream_ != nullptr) stream_->session.send_informational(*stream_, head);
}
void Http2ServerStream::send_head(const ResponseHead& head, bool end) {
  if (stream_ != nullptr) stream_->session.send_head(*stream_, head, end);
}
void Http2ServerStream::close_after() {
  if (stream_ != nullptr) stream_->session.drain_now();
}

Http2ClientStream::~Http2ClientStream() {
  if (stream_ != nullptr) stream_->session.release(*stream_);
}
void Http2ClientStream::send_body(Buffer&& bytes, bool end) {
  if (stream_ != nullptr) stream_->session.send_body(*stream_, std::move(bytes), end);
}
void Http2ClientStream::send_trailers(const Headers& trailers) {
  if (stream_ != nullptr) stream_->session.send_trailers(*stream_, trailers);
}
void Http2ClientStream::consume(std::size_t body_bytes) {
  if (stream_ != nullptr) stream_->session.consume(*stream_, body_bytes);
}
void Http2ClientStream::reset(ResetReason reason) {
  if (stream_ != nullptr) stream_->session.reset(*stream_, code_of(reason));
}

// ---- factories ----

std::unique_ptr<ServerCodec> make_http2_server(CodecHost& host, ServerCodec::Handler& handler,
                                               const CodecOptions& options) {
  return std::make_unique<Http2ServerCodec>(host, handler, options);
}
std::unique_ptr<ClientCodec> make_http2_client(CodecHost& host, const CodecOptions& options) {
  return std::make_unique<Http2ClientCodec>(host, options);
}

}  // namespace weft::http
