// Responses of HTTP/1 as a broken or hostile origin sends them.
//
// The first byte says what was asked. What the client codec says may not depend on how the bytes
// were cut; and the connection is never offered again while bytes came that belong to no response.

#include "sidecar/http/codec.h"
#include "tests/fuzz/http1_box.h"

namespace {

using namespace weft;

class Client final : public fuzz::Box, public http::ResponseSink {
 public:
  void ask(http::ClientCodec& codec, std::uint8_t what) {
    http::RequestHead head;
    head.authority = "cart";
    head.target = "/";
    if (what % 4 == 1) head.method = http::Method::kHead;
    if (what % 4 == 2) head.method = http::Method::kConnect;
    if (what % 4 == 3) head.protocol = "websocket";
    head.method_name = http::name_of(head.method);
    stream_ = codec.open(head, what % 4 < 2, *this);
    Buffer out;
    codec.produce(out, SIZE_MAX);
  }
  void on_informational(http::ResponseHead&& head) override {
    say("informational " + fuzz::print(head));
  }
  void on_response_head(http::ResponseHead&& head, bool end) override {
    say(fuzz::print(head) + (end ? " end" : ""));
  }
  void on_body(Buffer&& bytes, bool end) override {
    stream_->consume(bytes.size());
    say_body(bytes, end);
  }
  void on_trailers(http::Headers&& trailers) override { say(fuzz::print(trailers)); }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override { say(to_string(error)); }

 private:
  std::unique_ptr<http::ClientStream> stream_;
};

std::string transcript(std::string_view text, std::size_t step, std::uint8_t what) {
  Client client;
  const auto codec = http::make_http1_client(client, {});
  client.ask(*codec, what);
  std::string said = client.run(*codec, text, step);
  fuzz::require(codec->available() == 0);  // its input has ended
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = transcript(text, size, data[0]);
  fuzz::require(transcript(text, 1, data[0]) == whole);
  fuzz::require(transcript(text, 2 + size % 61, data[0]) == whole);
  return 0;
}
