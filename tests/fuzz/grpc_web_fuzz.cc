// gRPC-Web requests as strangers send them. The first byte says which form, how the body is cut
// and whether an answer has begun; the rest is the body.
//
// However it is cut, the same bytes arrive or the same refusal does, all credit comes back, and
// what arrived reads the same after a way back as text.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/core/base64.h"
#include "sidecar/http/grpc_web.h"

namespace {

using namespace weft;

void require(bool holds) {
  if (!holds) std::abort();
}

struct Seen {
  std::string body;
  bool ended = false;
  bool failed = false;
  std::size_t consumed = 0;
  bool operator==(const Seen&) const = default;
};

class Inner final : public http::ServerStream {
 public:
  Inner(Seen& seen, http::RequestSink*& sink) : seen_(seen), sink_(sink) {}
  void set_sink(http::RequestSink* sink) override { sink_ = sink; }
  void send_informational(const http::ResponseHead&) override {}
  void send_head(const http::ResponseHead&, bool) override {}
  void send_body(Buffer&&, bool) override {}
  void send_trailers(const http::Headers&) override {}
  void consume(std::size_t bytes) override { seen_.consumed += bytes; }
  void reset(http::ResetReason) override {}
  void close_after() override {}
  [[nodiscard]] std::size_t buffered() const override { return 0; }

 private:
  Seen& seen_;
  http::RequestSink*& sink_;
};

class Reader final : public http::RequestSink {
 public:
  Reader(Seen& seen, std::unique_ptr<http::GrpcWebStream>& stream) : seen_(seen), stream_(stream) {}
  void on_body(Buffer&& bytes, bool end) override {
    require(!seen_.ended && !seen_.failed);
    seen_.body += bytes.to_string();
    seen_.ended = end;
    stream_->consume(bytes.size());
  }
  void on_trailers(http::Headers&&) override {}
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { seen_.failed = true; }

 private:
  Seen& seen_;
  std::unique_ptr<http::GrpcWebStream>& stream_;
};

Seen run(std::string_view body, std::size_t step, bool text, bool answering) {
  Seen seen;
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.headers.add(http::HeaderId::kContentType,
                   text ? "application/grpc-web-text" : "application/grpc-web");
  const auto type = http::grpc_web_request(head);
  require(type.has_value() && type->text == text);
  http::RequestSink* codec = nullptr;
  std::unique_ptr<http::GrpcWebStream> stream;
  Reader reader(seen, stream);
  stream = std::make_unique<http::GrpcWebStream>(std::make_unique<Inner>(seen, codec), *type, head);
  stream->set_sink(&reader);
  require(head.is_grpc());
  if (answering) stream->send_head(http::ResponseHead(), false);
  for (std::size_t at = 0; at < body.size(); at += step)
    codec->on_body(Buffer(body.substr(at, step)), false);
  codec->on_body(Buffer(), true);
  require(seen.ended != seen.failed);
  require(seen.failed || seen.consumed == body.size());
  // How much of a refused body had gone on depends on the cuts.
  if (seen.failed) seen = {.body = {}, .failed = true};
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bool text = (data[0] & 1U) != 0;
  const bool answering = (data[0] & 2U) != 0;
  const std::size_t step = 1 + (data[0] >> 2U);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Seen whole = run(body, std::max<std::size_t>(body.size(), 1), text, answering);
  require(run(body, step, text, answering) == whole);
  if (!text) require(whole.body == body);
  Buffer bytes{std::string_view(whole.body)};
  const std::string again = http::grpc_web_text(bytes).to_string();
  require(decode_base64(again) == whole.body);
  return 0;
}
