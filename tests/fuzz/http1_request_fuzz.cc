// Requests of HTTP/1 as a stranger sends them.
//
// What the server codec says may not depend on how the bytes were cut; and a head that it accepts,
// written for an upstream and read again, is the same head: what goes on is canonical.

#include "sidecar/http/codec.h"
#include "tests/fuzz/http1_box.h"

namespace {

using namespace weft;

void survives_writing(const http::RequestHead& head, bool end) {
  http::HeadFrame frame;
  frame.upgrade = head.protocol;
  if (head.method == http::Method::kConnect || !head.protocol.empty()) {
    frame.body = http::BodyKind::kTunnel;
  } else if (head.content_length) {
    frame.length = head.content_length;
    frame.body = http::BodyKind::kLength;
  } else if (!end) {
    frame.body = http::BodyKind::kChunked;
  }
  Buffer wire;
  http::write_request_head(head, frame, wire);
  http::CodecOptions options;
  // A written head has fields of its own and may be larger than what came in.
  options.limits.head_bytes_max *= 2;
  options.limits.fields_max *= 2;
  http::Http1RequestParser parser(options.limits, options.normalize, false);
  http::Http1Request again;
  const Result<bool> read = parser.read(wire, again);
  // A request of HTTP/1.0 without Host has none to give.
  if (head.authority.empty()) return;
  fuzz::require(read.has_value() && *read && wire.empty());
  fuzz::require(fuzz::print(head) == fuzz::print(again.head));
}

class Server final : public fuzz::Box, public http::ServerCodec::Handler, public http::RequestSink {
 public:
  void on_request(std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head,
                  bool end) override {
    say(fuzz::print(head));
    survives_writing(head, end);
    stream->set_sink(this);
    stream_ = std::move(stream);
    const bool tunnel = head.method == http::Method::kConnect || !head.protocol.empty();
    if (end || tunnel) answer(head.method == http::Method::kConnect ? 200 : tunnel ? 101 : 204);
  }
  void on_malformed(const Error& error, std::uint16_t status) override {
    say(std::to_string(status) + to_string(error));
  }
  void on_body(Buffer&& bytes, bool end) override {
    stream_->consume(bytes.size());
    say_body(bytes, end);
    if (end) answer(204);
  }
  void on_trailers(http::Headers&& trailers) override {
    say(fuzz::print(trailers));
    answer(204);
  }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override { say(to_string(error)); }

 private:
  void answer(std::uint16_t status) {
    if (std::exchange(tunnel_, tunnel_ || status != 204)) return;
    http::ResponseHead head;
    head.status = status;
    stream_->send_head(head, status == 204);
  }

  std::unique_ptr<http::ServerStream> stream_;
  bool tunnel_ = false;
};

std::string transcript(std::string_view text, std::size_t step) {
  Server server;
  const auto codec = http::make_http1_server(server, server, {});
  return server.run(*codec, text, step);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string whole = transcript(text, size + 1);
  fuzz::require(transcript(text, 1) == whole);
  fuzz::require(transcript(text, 2 + size % 61) == whole);
  return 0;
}
