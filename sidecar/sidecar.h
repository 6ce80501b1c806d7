#pragma once
// Sidecar: the composition root of the data plane: builds everything in start order, tears it down
// in reverse.
//
// main loop: publisher, admin, exporter, xDS, certificates, DNS, signals; workers: everything else.
// Owner: main(). Thread: main. Drain: SIGTERM, SIGINT or POST /drain: /ready turns 503, listeners
// close in the order that drain_order.h says, clients are told goodbye (GOAWAY in two steps,
// Connection: close), then the process ends when the last request has, or at the deadline. A second
// signal ends it at once.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/access_logs.h"
#include "sidecar/admin.h"
#include "sidecar/buffer_shares.h"
#include "sidecar/cluster_names.h"
#include "sidecar/destination_requests.h"
#include "sidecar/drain.h"
#include "sidecar/exporter.h"
#include "sidecar/handshake_counts.h"
#include "sidecar/identity.h"
#include "sidecar/memory_guard.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/signals.h"
#include "sidecar/pod_dns.h"
#include "sidecar/publisher.h"
#include "sidecar/readiness.h"
#include "sidecar/self_metrics.h"
#include "sidecar/start.h"
#include "sidecar/status_server.h"
#include "sidecar/upstream/health_checks.h"
#include "sidecar/worker.h"
#include "sidecar/xds_source.h"
#include "telemetry/registry.h"
#include "telemetry/sampler.h"

namespace weft::sidecar {

class Sidecar final : public Publisher::Owner,
                      public Worker::Owner,
                      public Admin::Source,
                      public Identity::Owner,
                      public XdsSource::Owner,
                      public ClusterNames::Owner,
                      public MemoryGuard::Owner,
                      public Drain::Owner,
                      public upstream::HealthChecks::Owner,
                      public net::Signals::Owner,
                      public TimerSink {
 public:
  explicit Sidecar(Start start);
  ~Sidecar();

  // Everything up and listening, or why not.
  Status start();
  // Until drained; returns the process's exit code.
  int run();
  // Ends run() after a drain; any thread.
  void shut_down();

  // Where a listener of that name is (tests bind port 0); none() when there is none.
  [[nodiscard]] SocketAddress listening_at(std::string_view name) const;
  [[nodiscard]] SocketAddress admin_address() const;
  [[nodiscard]] SocketAddress status_address() const;
  // Null: there is none.
  [[nodiscard]] const DnsServer* dns_server() const {
    return dns_ == nullptr ? nullptr : &dns_->server();
  }
  [[nodiscard]] net::Loop& loop() { return loop_; }
  [[nodiscard]] Publisher& publisher() { return *publisher_; }

  // Publisher::Owner
  void on_adoption(std::uint32_t worker, std::shared_ptr<Adoption> adoption) override;
  void on_published(const config::Snapshot& snapshot) override;
  // Identity::Owner, XdsSource::Owner, ClusterNames::Owner
  void on_identity(const TlsMaterial& material) override;
  void on_xds_settled() override;
  void on_names(xds::NameTable&& table) override;
  void on_names_gone(const std::string& zone) override;
  void on_destination_known(const xds::Destination& destination) override {
    requests_.on_known(destination);
  }
  void on_destination_unknown(const std::string& name) override { requests_.on_unknown(name); }
  void on_resolved_endpoints(config::EndpointSet endpoints) override;
  // Worker::Owner
  void on_worker_drained(Worker& worker) override;
  void on_adopted(Worker& worker, std::uint64_t generation) override;
  void on_destination_wanted(const std::string& destination) override;
  // Admin::Source
  [[nodiscard]] std::string state() const override;
  [[nodiscard]] std::vector<std::string> waits_for() const override;
  [[nodiscard]] std::string metrics() override;
  [[nodiscard]] std::string config_dump() const override;
  [[nodiscard]] std::string certificates() const override;
  [[nodiscard]] std::string traces() override;
  [[nodiscard]] std::string dns(std::string_view name) const override;
  [[nodiscard]] const Workers& workers() const override { return workers_; }
  [[nodiscard]] Worker::States configured_clusters() const override;
  void begin_drain() override { drain_.begin(); }
  // upstream::HealthChecks::Owner
  void on_checked(const std::string& cluster, const SocketAddress& address, bool passes) override;
  [[nodiscard]] std::shared_ptr<const tls::ClientContext> tls_for_checks(
      const config::ClusterConfig& cluster) override;
  [[nodiscard]] proxy::FaultSwitch& faults() override { return faults_; }
  // MemoryGuard::Owner
  void on_memory_full(bool full) override;
  void on_memory_read(const MemoryReading& reading) override { buffers_.apply(&reading); }
  // Drain::Owner, Signals, timers
  void on_drained() override;
  void on_signal(int number) override;
  void on_timer(Timer& timer) override;

 private:
  [[nodiscard]] Status put_start_resources();
  void make_exporter();
  void make_sources();
  void start_identity();
  void start_xds();
  void go_live_if_ready();

  Start start_;
  net::Loop loop_;
  net::TcpConnector connector_;
  telemetry::Registry registry_;
  telemetry::Shard& shard_;  // the main loop's own
  telemetry::Sampler sampler_;
  Random random_ = Random::from_system();
  upstream::SharedLimitsTable limits_;
  proxy::FaultSwitch faults_;
  AccessLogs logs_;
  Workers workers_;
  BufferShares buffers_;
  HandshakeCounts handshakes_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<ClusterNames> names_;  // from the first cluster that needs it
  std::unique_ptr<Identity> identity_;
  bool identity_waits_ = false;  // for the CA's cluster
  std::unique_ptr<ClusterDialer> ads_dialer_;
  std::unique_ptr<XdsSource> xds_;
  DestinationRequests requests_;
  std::unique_ptr<MemoryGuard> memory_guard_;  // where the process has a limit
  std::unique_ptr<upstream::HealthChecks> health_checks_;
  SelfMetrics self_metrics_;
  std::unique_ptr<Exporter> exporter_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<StatusServer> status_;
  std::unique_ptr<PodDns> dns_;
  std::unique_ptr<net::Signals> signals_;
  std::shared_ptr<tls::Library> library_;  // the main loop's
  Readiness readiness_;
  Drain drain_;
  Timer farewell_timer_;
  bool live_ = false;
  int exit_code_ = 0;
};

}  // namespace weft::sidecar
