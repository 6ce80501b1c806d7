#pragma once
// Http1Client: the ClientCodec of HTTP/1.1: one request at a time on a connection, responses in.
//
//            open            final head            end
//   kIdle ─────────► kHead ──────────────► kBody ───────► kIdle (reusable) or kClosed
//                      │ 101, or 2xx to CONNECT
//                      └─────────────────► kTunnel
//
// A connection is used again only when both messages ended where they said they would and the peer
// sent nothing else: bytes behind a response, or before a request, end it. The ClientStream handed
// out goes dead when the exchange is over. Errors have side kUpstream. Source: RFC 9112; threats.md
// H1-13, H1-17, H1-21.

#include <memory>
#include <optional>
#include <string>

#include "sidecar/http/codec.h"
#include "sidecar/http/http1_body.h"
#include "sidecar/http/http1_input.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_sender.h"
#include "sidecar/http/websocket.h"

namespace weft::http {

class Http1Client final : public ClientCodec {
 public:
  Http1Client(CodecHost& host, const CodecOptions& options);
  ~Http1Client() override;

  Status feed(Buffer& bytes) override;
  Status feed_end() override;
  void produce(Buffer& out, std::size_t room) override;
  [[nodiscard]] bool wants_output() const override { return sender_.wants_output(); }
  void drain() override { draining_ = true; }
  void drain_now() override { draining_ = true; }
  void fail(const Error& error) override;
  [[nodiscard]] std::size_t streams() const override { return asking() ? 1 : 0; }
  [[nodiscard]] bool finished() const override;
  [[nodiscard]] bool half_closed() const override { return shut_; }
  [[nodiscard]] bool aborted() const override { return aborted_; }

  [[nodiscard]] std::size_t available() const override {
    return input_ == Input::kIdle && !draining_ ? 1 : 0;
  }
  [[nodiscard]] std::unique_ptr<ClientStream> open(const RequestHead& head, bool end,
                                                   ResponseSink& sink) override;

 private:
  class Handle;
  enum class Input : std::uint8_t { kIdle, kHead, kBody, kTunnel, kClosed };

  [[nodiscard]] bool asking() const { return input_ != Input::kIdle && input_ != Input::kClosed; }
  Status read_head(Buffer& bytes);
  Status take_final_head(Http1Response&& response, bool more_bytes);
  Status read_body(Buffer& bytes);
  // Called by the handle.
  void send_body(Buffer&& bytes, bool end);
  void send_trailers(const Headers& trailers);
  void abandon();
  void on_handle_dropped();

  // The response has ended; the next event is the last that its sink hears. Returns the sink.
  ResponseSink* end_exchange(bool more_bytes);
  Status refuse(Error error);
  void close();
  void detach();

  CodecHost& host_;
  const CodecOptions options_;
  Http1ResponseParser parser_;
  Http1BodyReader body_;
  Http1Sender sender_;
  Http1InputGate gate_;
  Http1Response response_;
  Handle* handle_ = nullptr;
  ResponseSink* sink_ = nullptr;
  std::uint64_t opened_ = 0;
  std::uint32_t informational_ = 0;
  Input input_ = Input::kIdle;
  bool draining_ = false;
  bool aborted_ = false;
  bool keep_alive_ = true;
  bool request_left_ = false;  // its first byte was produced
  bool shut_ = false;          // a tunnel whose request has ended, and whose answer goes on
  bool peer_ended_ = false;    // a tunnel whose answer has ended
  Method method_ = Method::kGet;
  std::string protocol_;
  std::optional<WebSocketAccept> accept_;  // what the peer must answer to a key of ours
};

}  // namespace weft::http
