#pragma once
// Http1Server: the ServerCodec of HTTP/1.0 and 1.1: requests in, responses out, one at a time and
// in order.
//
//            head            body, end              answer has left
//   kHead ─────────► kBody ──────────────► kWait ─────────────────────► kHead (keep-alive) or
//   kClosed
//                      │  answer has left     │ 101, or 2xx to CONNECT
//                      └─────► kDiscard       └─────► kTunnel
//
// A pipelined request stays in the transport's buffer, and the transport is paused, until the one
// before it is answered. The codec owns all state of the exchange; the ServerStream it hands out is
// a handle that goes dead when the exchange is over. Errors: malformed input is answered with
// `connection: close` while that is still possible. Source: RFC 9112.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/http/codec.h"
#include "sidecar/http/http1_body.h"
#include "sidecar/http/http1_input.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_sender.h"
#include "sidecar/http/websocket.h"

namespace weft::http {

class Http1Server final : public ServerCodec {
 public:
  // Body of a request already answered that is read off to keep the connection; more than that
  // closes it.
  static constexpr std::size_t kDiscardBytesMax = 256 * 1024;

  Http1Server(CodecHost& host, Handler& handler, const CodecOptions& options);
  ~Http1Server() override;

  Status feed(Buffer& bytes) override;
  Status feed_end() override;
  void produce(Buffer& out, std::size_t room) override;
  [[nodiscard]] bool wants_output() const override { return sender_.wants_output(); }
  void drain() override { draining_ = true; }
  void drain_now() override { draining_ = true; }
  void fail(const Error& error) override;
  [[nodiscard]] std::size_t streams() const override { return answering_ ? 1 : 0; }
  [[nodiscard]] bool finished() const override;
  [[nodiscard]] bool half_closed() const override { return shut_; }
  [[nodiscard]] bool aborted() const override { return aborted_; }
  [[nodiscard]] bool reading_head() const override {
    return input_ == Input::kHead && parser_.partial();
  }
  [[nodiscard]] bool at_rest() const override;
  void answer_timeout() override;

 private:
  class Handle;
  enum class Input : std::uint8_t { kHead, kBody, kWait, kTunnel, kDiscard, kClosed };

  Status read_head(Buffer& bytes);
  void note_websocket_key(const RequestHead& head);
  Status read_body(Buffer& bytes);
  void end_of_tunnel();
  Status read_off(Buffer& bytes);
  void deliver(Buffer&& piece, bool end);

  // Called by the handle.
  void send_informational(const ResponseHead& head);
  void send_head(const ResponseHead& head, bool end);
  void send_body(Buffer&& bytes, bool end);
  void send_trailers(const Headers& trailers);
  void abandon();
  void on_handle_dropped();

  [[nodiscard]] Http1Framing frame_answer(const ResponseHead& head, bool end) const;
  void on_answered();
  void next_request();
  // Nobody wants the rest of the body.
  void ignore_body();
  // The peer broke the rules, or off, in the middle of a request: its stream hears, it hears, and
  // the connection ends.
  Status refuse(Error error);
  void answer_error(std::uint16_t status, std::string_view why);
  void close_input();
  void detach();

  CodecHost& host_;
  Handler& handler_;
  const CodecOptions options_;
  Http1RequestParser parser_;
  Http1BodyReader body_;
  Http1Sender sender_;
  Http1InputGate gate_;
  Http1Request request_;  // its head is moved out when it is delivered
  Handle* handle_ = nullptr;
  RequestSink* sink_ = nullptr;
  std::uint64_t requests_ = 0;
  std::size_t discarded_ = 0;
  Input input_ = Input::kHead;
  bool answering_ = false;
  bool draining_ = false;
  bool close_ = false;  // no request after this one
  bool aborted_ = false;
  bool shut_ = false;  // a tunnel whose answer has ended, and whose request goes on
  // Of the request being answered.
  Method method_ = Method::kGet;
  Version version_ = Version::kHttp11;
  bool wants_tunnel_ = false;
  bool expects_continue_ = false;  // and nobody has told it to go on
  std::string protocol_;           // short: no allocation for the names in use
  std::optional<WebSocketKey> websocket_key_;
};

}  // namespace weft::http
