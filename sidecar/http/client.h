#pragma once
// Client: whole requests and whole answers over a Dialer, for everything that is not traffic of the
// mesh itself: OTLP export, certificate requests, health checks, JWKS, the command line.
//
// send() gives a Call; its holder hears exactly one on_response or on_failure, later. Dropping the
// Call cancels it silently. A connection is kept between calls if asked; a call that fails on a
// kept connection before any byte of an answer is sent once more on a new one when that is safe.
// Answers larger than the limit and calls past the deadline fail. Owner: whoever asks; it outlives
// no Call. Thread: its loop's.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/core/dialer.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/http/connection.h"

namespace weft::http {

struct ClientRequest {
  std::string method = "GET";
  std::string authority;     // "collector:4318"
  std::string target = "/";  // "/v1/traces"
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
};

struct ClientResponse {
  ResponseHead head;
  std::string body;
  Headers trailers;
};

class Call;

class CallHolder {
 public:
  // Both may destroy the Call.
  virtual void on_response(Call& call, ClientResponse&& response) = 0;
  virtual void on_failure(Call& call, const Error& error) = 0;

 protected:
  ~CallHolder() = default;
};

class Client final {
 public:
  enum class Speaks : std::uint8_t {
    kHttp1,
    kHttp2,
    kAlpn
  };  // kAlpn: HTTP/2 when TLS agreed on h2, else HTTP/1
  struct Options {
    Speaks speaks = Speaks::kHttp1;
    bool keep = true;  // one connection waits for the next call
    Duration timeout =
        std::chrono::seconds(10);              // from send() to the end of the answer; zero: none
    Duration idle = std::chrono::seconds(60);  // how long a kept connection waits
    std::size_t body_bytes_max = 4 * 1024 * 1024;
    Limits limits;
    Http2Limits http2;
  };

  Client(Turn& turn, Dialer& dialer, const Options& options);
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  // REQUIRES: every Call is dropped before the Client is.
  [[nodiscard]] std::unique_ptr<Call> send(ClientRequest&& request, CallHolder& holder);
  // Lets the kept connection go.
  void close_idle();

 private:
  friend class Call;
  class Link;  // one connection

  // An open connection with room for a stream, or nothing.
  [[nodiscard]] Link* find_link();
  [[nodiscard]] Link& adopt(std::unique_ptr<Transport> transport);
  [[nodiscard]] bool has_other_idle(const Link& self) const;
  void release(Link& link);

  Turn& turn_;
  Dialer& dialer_;
  Options options_;
  std::vector<std::unique_ptr<Link>> links_;
};

// One request under way.
class Call final : public DialHolder, public ResponseSink, public TimerSink {
 public:
  Call(Client& client, ClientRequest&& request, CallHolder& holder);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  void on_dialed(std::unique_ptr<Transport> transport) override;
  void on_dial_failed(const Error& error) override;
  void on_informational(ResponseHead&&) override {}
  void on_response_head(ResponseHead&& head, bool end) override;
  void on_body(Buffer&& bytes, bool end) override;
  void on_trailers(Headers&& trailers) override;
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  friend class Client;
  void begin();
  void begin_on(Client::Link& link);
  void fail(const Error& error);
  void succeed();

  Client& client_;
  CallHolder& holder_;
  ClientRequest request_;
  ClientResponse response_;
  std::unique_ptr<Dial> dial_;
  std::unique_ptr<ClientStream> stream_;
  Timer deadline_;
  bool answered_ = false;  // a byte of an answer came
  bool repeated_ = false;
};

}  // namespace weft::http
