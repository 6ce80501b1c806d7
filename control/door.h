#pragma once
// Door: one address at which the control plane is called: accepts, shakes hands where there is a
// TLS context, and hands the connection to its http::Service.
//
// Bounded: connections_max counts those that shake hands as well; whoever comes on top is cut off
// and comes back later. A TLS client must speak h2 (gRPC), unless HTTP/1.1 is allowed as well.
// Owner: Server, which fills the service's table before the first connection. Thread: its loop's.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/core/counters.h"
#include "sidecar/core/transport.h"
#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"
#include "tls/context.h"

namespace weft::control {

class Door final : public net::Acceptor::Owner {
 public:
  // A client has one stream of ADS, or one request for a certificate, and a few more while it
  // changes over.
  static constexpr std::uint32_t kStreamsMax = 16;
  // A connection without a stream is of no use to anybody but one who wants to fill the door.
  static constexpr Duration kIdle = std::chrono::seconds(30);

  struct Options {
    std::string name;  // for logs
    std::size_t connections_max = 10'000;
    Duration handshake_timeout = std::chrono::seconds(5);
    bool http1 = false;                        // over TLS as well
    std::size_t body_bytes_max = 1024 * 1024;  // of a request that is no stream
  };
  struct Stats {
    Counter accepted;
    Counter refused_limit;     // beyond connections_max
    Counter refused_protocol;  // TLS, but no protocol of this door
    Counter failed_handshakes;
  };

  Door(Turn& turn, Options options);
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;
  ~Door();

  [[nodiscard]] http::Service& service() { return service_; }
  // For connections from now on; without one the door is plain.
  void set_context(std::shared_ptr<const tls::ServerContext> context) {
    context_ = std::move(context);
  }

  Status listen(net::Loop& loop, const SocketAddress& address);
  // none() when it does not listen; port 0 resolved.
  [[nodiscard]] SocketAddress address() const;
  void adopt(std::unique_ptr<Transport> transport);

  // No new connections; those there finish.
  void drain();
  [[nodiscard]] std::size_t connections() const {
    return entering_.size() + service_.connections();
  }
  [[nodiscard]] const Stats& stats() const { return stats_; }

  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor&) override {}

 private:
  class Entering;  // a connection whose handshake is under way

  void remove(Entering& entering);
  void end_handshakes();

  Turn& turn_;
  const Options options_;
  http::Service service_;
  std::shared_ptr<const tls::ServerContext> context_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::vector<std::unique_ptr<Entering>> entering_;
  Stats stats_;
  bool draining_ = false;
};

}  // namespace weft::control
