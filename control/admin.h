#pragma once
// Admin: the loopback pages of weft-control: /ready /metrics /mesh /config /replica /logging; and,
// where it is wanted, a door for a scraper elsewhere, with /metrics alone.
//
// The pages answer loopback names only (no page in a browser may reach them by DNS rebinding),
// change the log level at most, show no secret. The scraper's door answers whatever it is called,
// since there is nothing but figures. Owner: Control. Thread: its loop's.

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
    // For other replicas (replica_view.h).
    [[nodiscard]] virtual std::string replica_page() const = 0;

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

  Status listen_metrics(net::Loop& loop, const SocketAddress& address);
  [[nodiscard]] SocketAddress metrics_address() const;
  void adopt_scraper(std::unique_ptr<Transport> transport) {
    metrics_service_.adopt(std::move(transport));
  }

  void on_accept(std::unique_ptr<net::Socket> socket) override { adopt(std::move(socket)); }
  void on_drained(net::Acceptor&) override {}

 private:
  // Hands what comes to the scraper's door to the other service.
  struct MetricsDoor final : net::Acceptor::Owner {
    explicit MetricsDoor(Admin& door_of) : admin(door_of) {}
    void on_accept(std::unique_ptr<net::Socket> socket) override {
      admin.adopt_scraper(std::move(socket));
    }
    void on_drained(net::Acceptor&) override {}
    Admin& admin;
  };
  [[nodiscard]] http::Reply metrics_page();

  Source& source_;
  http::Service service_;
  http::Service metrics_service_;
  MetricsDoor metrics_door_{*this};
  std::unique_ptr<net::Acceptor> acceptor_;
  std::unique_ptr<net::Acceptor> metrics_acceptor_;
};

}  // namespace weft::control
