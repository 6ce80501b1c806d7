#pragma once
// ServerTalk and ClientTalk: one HTTP/1 codec, its host and its handler in a box: wire text in, a
// transcript of events out.
//
// Body pieces are joined, so that a transcript does not depend on how bytes arrived. Between pieces
// the box does what a connection does at the end of a turn: takes the output, and feeds again what
// a paused codec left behind.

#include <memory>
#include <string>
#include <string_view>

#include "sidecar/http/codec.h"
#include "tests/support/at_every_split.h"

namespace weft::http {

// What a transcript says about heads and trailers.
std::string print(const RequestHead& head);
std::string print(const ResponseHead& head);
std::string print(const Headers& headers);
ResponseHead response(
    std::uint16_t status,
    std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {});

class Talk : public CodecHost {
 public:
  void wake() override { woken_ = true; }
  void pause_input() override { paused_ = true; }
  void resume_input() override { paused_ = false; }
  [[nodiscard]] TimePoint now() const override { return {}; }

  // Feeds the piece as one read and ends the turn.
  void feed(std::string_view piece);
  void feed(const testing::Pieces& pieces) {
    for (const std::string_view piece : pieces) feed(piece);
  }
  void feed_end();
  // Produces output and feeds what was left until nothing moves.
  void turn();

  [[nodiscard]] std::string transcript();
  [[nodiscard]] std::string take_transcript();
  // Everything that was produced since the last call.
  [[nodiscard]] std::string take_wire() { return std::exchange(wire_, {}); }
  [[nodiscard]] bool paused() const { return paused_; }
  [[nodiscard]] bool woken() const { return woken_; }
  [[nodiscard]] std::size_t left_behind() const { return input_.size(); }

  std::size_t produce_room = 64 * 1024;
  bool consumes = true;  // body bytes are consumed as they come

 protected:
  virtual Codec& codec() = 0;
  virtual Stream* stream() = 0;
  void log(std::string_view line);
  void log_body(const Buffer& bytes, bool end);
  void log_sent(std::size_t bytes) { sent_ += bytes; }
  void flush_log();

  std::size_t sent_ = 0;

 private:
  void feed_input();

  Buffer input_;
  std::string log_;
  std::string body_;
  bool body_open_ = false;
  std::string wire_;
  bool woken_ = false;
  bool paused_ = false;
  bool broken_ = false;
};

class ServerTalk final : public Talk, public ServerCodec::Handler, public RequestSink {
 public:
  enum class Answers { kNever, kAtHead, kAtEnd };

  explicit ServerTalk(const CodecOptions& options = {})
      : server(make_http1_server(*this, *this, options)) {}
  ~ServerTalk() { request_stream.reset(); }

  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override;
  void on_malformed(const Error& error, std::uint16_t status) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(Headers&& trailers) override;
  void on_sent(std::size_t body_bytes) override { log_sent(body_bytes); }
  void on_stream_fault(const Error& error) override;

  // 200 with the number of the request as its body.
  void answer();

  std::unique_ptr<ServerCodec> server;
  std::unique_ptr<ServerStream> request_stream;
  Answers answers = Answers::kNever;
  int requests = 0;
  [[nodiscard]] std::size_t sent() const { return sent_; }

 private:
  Codec& codec() override { return *server; }
  Stream* stream() override { return request_stream.get(); }
};

class ClientTalk final : public Talk, public ResponseSink {
 public:
  explicit ClientTalk(const CodecOptions& options = {})
      : client(make_http1_client(*this, options)) {}
  ~ClientTalk() { request_stream.reset(); }

  // Opens a request and takes its wire text away.
  std::string ask(const RequestHead& head, bool end = true);
  std::string get() { return ask(head(Method::kGet)); }
  static RequestHead head(Method method, std::string_view target = "/");

  void on_informational(ResponseHead&& head) override;
  void on_response_head(ResponseHead&& head, bool end) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(Headers&& trailers) override;
  void on_sent(std::size_t body_bytes) override { log_sent(body_bytes); }
  void on_stream_fault(const Error& error) override;

  std::unique_ptr<ClientCodec> client;
  std::unique_ptr<ClientStream> request_stream;
  [[nodiscard]] std::size_t sent() const { return sent_; }

 private:
  Codec& codec() override { return *client; }
  Stream* stream() override { return request_stream.get(); }
};

}  // namespace weft::http
