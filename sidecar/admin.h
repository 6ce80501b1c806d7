#pragma once
// Admin: the loopback pages of a sidecar: /ready /metrics /config_dump /clusters /certs /dns
// /traces /logging /faults /drain.
//
// Answers loopback names only (no page in a browser may reach it by DNS rebinding), changes
// something only on POST, shows no secret. Owner: Sidecar. Thread: main loop; what lives on workers
// is asked of them.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/http/service.h"
#include "sidecar/net/acceptor.h"
#include "sidecar/worker.h"

namespace weft::sidecar {

class Admin final : public net::Acceptor::Owner {
 public:
  // What the pages show; the Sidecar knows.
  class Source {
   public:
    [[nodiscard]] virtual std::string state() const = 0;  // "LIVE", "INITIALIZING", "DRAINING"
    // What /ready is not 200 for yet.
    [[nodiscard]] virtual std::vector<std::string> waits_for() const = 0;
    [[nodiscard]] virtual std::string metrics() = 0;
    [[nodiscard]] virtual std::string config_dump() const = 0;
    [[nodiscard]] virtual std::string certificates() const = 0;
    [[nodiscard]] virtual std::string traces() = 0;
    // What the resolver is doing, or what it would say to a name.
    [[nodiscard]] virtual std::string dns(std::string_view name) const = 0;
    [[nodiscard]] virtual const Workers& workers() const = 0;
    // All that are configured, as if no worker had used them.
    [[nodiscard]] virtual Worker::States configured_clusters() const = 0;
    virtual void begin_drain() = 0;
    [[nodiscard]] virtual proxy::FaultSwitch& faults() = 0;

   protected:
    ~Source() = default;
  };

  static constexpr std::size_t kConnectionsMax = 64;  // further ones are closed at once

  Admin(net::Loop& loop, Source& source);
  ~Admin();

  Status listen(const SocketAddress& address);
  [[nodiscard]] SocketAddress address() const;
  // Connections that were one too many.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  void on_accept(std::unique_ptr<net::Socket> socket) override;
  void on_drained(net::Acceptor&) override {}

 private:
  class ClustersPage;
  void show_clusters(std::unique_ptr<http::ServerStream> stream, http::Method method, bool json);

  net::Loop& loop_;
  Source& source_;
  http::Service service_;
  std::unique_ptr<net::Acceptor> acceptor_;
  std::vector<std::shared_ptr<ClustersPage>> pages_;
  std::uint64_t refused_ = 0;
};

// /ready: 200 once traffic is served; before, what is waited for.
[[nodiscard]] http::Reply make_ready_page(const Admin::Source& source);

}  // namespace weft::sidecar
