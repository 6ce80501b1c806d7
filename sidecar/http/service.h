#pragma once
// Service: paths to handlers on ServerConnections: admin pages, the webhook, the control plane, the
// demo shop.
//
// A buffered handler gets the whole request and returns the whole Reply. A stream handler is given
// the ServerStream itself (gRPC); it sets the stream's sink before it returns, or drops it. HTTP/1
// or HTTP/2 is known by ALPN, or by the first bytes of a plain connection. Tables are filled before
// the first adopt(). Owner: a composition root; it outlives the connections. Thread: its loop's.
// Cold path throughout: not for mesh traffic.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/http/connection.h"

namespace weft::http {

struct ServiceRequest {
  const RequestHead& head;
  std::string_view body;
  Transport& transport;  // whose peer_address() and tls() say who asks
};

struct Reply {
  std::uint16_t status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

class Service final : public ServerConnection::Owner {
 public:
  struct Options {
    ConnectionOptions connection;
    std::size_t body_bytes_max = 1024 * 1024;             // 413
    std::size_t connections_max = 1024;                   // further ones are closed at once
    Duration request_timeout = std::chrono::seconds(30);  // for a request's body: 408
    // 421 unless Host is a loopback name or address, and 403 when a page of another origin asks: a
    // browser must not carry somebody else's page to an admin port.
    bool loopback_hosts_only = false;
    std::vector<std::string> hosts;  // further names accepted with loopback_hosts_only
  };
  using Handler = std::function<Reply(const ServiceRequest& request)>;  // cold path
  // cold path: `transport` lives at least until the handler returns.
  using StreamHandler = std::function<void(std::unique_ptr<ServerStream> stream, RequestHead&& head,
                                           bool end, Transport& transport)>;  // cold path

  Service(Turn& turn, const Options& options);
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  ~Service();

  // `methods`: "GET", "GET,POST"; GET includes HEAD. Another method is 405, another path 404. The
  // longest prefix wins over a shorter one, an exact path over both.
  void handle(std::string_view methods, std::string path, Handler handler);
  void handle_prefix(std::string_view methods, std::string prefix, Handler handler);
  // `methods` as above; gRPC is POST.
  void handle_stream(std::string path, StreamHandler handler, std::string methods = "POST");
  // Instead of 404.
  void handle_rest(Handler handler);

  void adopt(std::unique_ptr<Transport> transport);
  // No new connections; those there finish.
  void drain();
  [[nodiscard]] std::size_t connections() const { return guests_.size(); }

  void on_request(ServerConnection& connection, std::unique_ptr<ServerStream> stream,
                  RequestHead&& head, bool end) override;
  void on_malformed(ServerConnection&, const Error&, std::uint16_t) override {}
  void on_connection_done(ServerConnection& connection, const Error& reason) override;

 private:
  struct Entry {
    std::string methods;
    std::string path;
    bool prefix = false;
    Handler handler;
    StreamHandler stream_handler;
  };
  class Guest;     // a connection, first while its protocol is not known
  class Exchange;  // a request whose body is being collected

  [[nodiscard]] const Entry* find(std::string_view path) const;
  [[nodiscard]] bool host_allowed(std::string_view host) const;
  // What can be said before the body: wrong host, path, method or size.
  [[nodiscard]] std::optional<Reply> refuse(const Entry* entry, const RequestHead& head) const;
  [[nodiscard]] Reply answer(const Entry* entry, const ServiceRequest& request) const;
  void remove(Guest& guest);
  void remove(Exchange& exchange);

  Turn& turn_;
  Options options_;
  std::vector<Entry> entries_;
  Handler rest_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  bool draining_ = false;
};

// Sends a whole answer; the stream may be dropped afterwards.
void send_reply(ServerStream& stream, Method method, const Reply& reply);

}  // namespace weft::http
