#pragma once
// gRPC-Web: what a browser can send of gRPC, translated: a request that came as gRPC-Web is gRPC to
// whoever answers it, and the answer goes back as gRPC-Web.
//
// Messages are framed alike; what differs is the content type, the trailers, which become a last
// frame of the body with bit 7 of its flags set, and that the text form (application/grpc-web-text)
// is base64: of the whole body or of pieces, each padded. What we send is padded wherever bytes
// leave, so that no message waits for the next one. An answer without messages keeps its status in
// the head; one that is no gRPC passes untouched. A body that is not base64 gets 400.
//
// Source: gRPC's PROTOCOL-WEB.md. Owner of a translating stream: whoever answers. Thread: its
// loop's. Memory: what the stream inside holds.

#include <memory>
#include <optional>
#include <string_view>

#include "sidecar/core/base64.h"
#include "sidecar/core/slab.h"
#include "sidecar/http/stream.h"

namespace weft::http {

struct GrpcWebType {
  bool text = false;
  std::string_view suffix;  // "+proto", or what else follows; views what was read
};
// Of a content type: nothing when it is another one.
[[nodiscard]] std::optional<GrpcWebType> grpc_web_type(std::string_view content_type);
// One look at POST requests, none at others.
[[nodiscard]] inline std::optional<GrpcWebType> grpc_web_request(const RequestHead& head) {
  if (head.method != Method::kPost) return std::nullopt;
  const std::optional<std::string_view> type = head.headers.find(HeaderId::kContentType);
  return type ? grpc_web_type(*type) : std::nullopt;
}

// The frame that trailers become.
[[nodiscard]] Buffer grpc_web_trailers(const Headers& trailers);
// The text form of a piece, with padding.
[[nodiscard]] Buffer grpc_web_text(const Buffer& bytes);

class GrpcWebStream final : public ServerStream,
                            public RequestSink,
                            public SlabAllocated<GrpcWebStream> {
 public:
  // Makes `head` one of gRPC. `type` is what grpc_web_request(head) said.
  GrpcWebStream(std::unique_ptr<ServerStream> inner, const GrpcWebType& type, RequestHead& head);
  ~GrpcWebStream() override;

  // ServerStream
  void set_sink(RequestSink* sink) override;
  void send_informational(const ResponseHead& head) override { inner_->send_informational(head); }
  void send_head(const ResponseHead& head, bool end) override;
  void send_body(Buffer&& bytes, bool end) override;
  void send_trailers(const Headers& trailers) override;
  void consume(std::size_t body_bytes) override;
  void reset(ResetReason reason) override { inner_->reset(reason); }
  void close_after() override { inner_->close_after(); }
  [[nodiscard]] std::size_t buffered() const override { return inner_->buffered(); }
  // RequestSink, of the stream inside
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(Headers&& trailers) override;
  void on_sent(std::size_t body_bytes) override;
  void on_stream_fault(const Error& error) override;

 private:
  void send(Buffer&& bytes, std::size_t given, bool end);
  void refuse();

  // Bytes that went through a translation and have not come back as credit, on both of its sides.
  struct Owed {
    std::size_t plain = 0;
    std::size_t wire = 0;
  };

  std::unique_ptr<ServerStream> inner_;
  RequestSink* sink_ = nullptr;
  Base64Reader reader_;
  Owed received_;  // to be consumed
  Owed sent_;      // to be told of
  const bool text_request_;
  bool text_answer_;
  bool translates_ = false;  // the answer is gRPC
  bool answered_ = false;    // a head was sent
  bool refused_ = false;
};

}  // namespace weft::http
