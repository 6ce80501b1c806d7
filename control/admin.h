#pragma once
// Admin: the loopback pages of weft-control: /ready /metrics /mesh /config /logging.
//
// Answers loopback names only (no page in a browser may reach it by DNS rebinding), changes the
// log level at most, shows no secret. Owner: Control. Thread: its loop's.

#include <memory>
#include <string>

#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"

namespace weft::control {

class Admin final : public net::Acceptor::Owner {
 public:
  // What the pages show; Control knows.
  class Source {
   public:
    [[nodiscard]] virtual std::string state() const = 0;  // "LIVE", "INITIALIZING", "DRAINING"
    [[nodiscard]] virtual std::string metrics() = 0;
    [[nodiscard]] virtual std::string mesh_page() const = 0;
    [[nodiscard]] virtual std::string config_page() const = 0;

   protected:
    ~Source() = default;
  };

  Admin(Turn& turn, Source& source);
  Admin(const Admin&) = delete;
  Admin& operator=(const Admin&) = delete;
  ~Admin();

  Status listen(net::Loop& loop, const SocketAddress& address);
  [[nodiscard]] SocketAddress address() const;  // none() when it does not listen
  void adopt(std::unique_ptr<Transport> transport) { service_.adopt(std::move(transport)); }

  void on_accept(std::unique_ptr<net::Socket> socket) override { adopt(std::move(socket)); }
  void on_drained(net::Acceptor&) override {}

 private:
  Source& source_;
  http::Service service_;
  std::unique_ptr<net::Acceptor> acceptor_;
};

}  // namespace weft::control
