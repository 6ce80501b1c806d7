#pragma once
// Sidecar: the composition root of the data plane: builds everything in start order, tears it down
// in reverse.
//
// main loop: publisher, admin, exporter, xDS, certificates, DNS, signals; workers: everything else.
// Owner: main(). Thread: main. Drain: SIGTERM, SIGINT or POST /drain: /ready turns 503, listeners
// close in the order that drain_order.h says, clients are told goodbye (GOAWAY in two steps,
// Connection: close), then the process ends when the last request has, or at the deadline. A second
// signal ends it at once.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/access_logs.h"
#include "sidecar/admin.h"
#include "sidecar/cluster_names.h"
#include "sidecar/dns_metrics.h"
#include "sidecar/dns_server.h"
#include "sidecar/drain_order.h"
#include "sidecar/exporter.h"
#include "sidecar/identity.h"
#include "sidecar/memory_guard.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/signals.h"
#include "sidecar/on_demand.h"
#include "sidecar/publisher.h"
#include "sidecar/self_metrics.h"
#include "sidecar/status_server.h"
#include "sidecar/upstream/health_checks.h"
#include "sidecar/worker.h"
#include "sidecar/xds_source.h"
#include "telemetry/registry.h"
#include "telemetry/sampler.h"
#include "xds/bootstrap.h"

namespace weft::sidecar {

// What the process was started with; immutable afterwards.
struct Start {
  std::uint32_t workers = 1;
  // For the buffers of all workers; 0: what the memory group leaves, or BufferBudget::kDefault
  // each.
  std::uint64_t buffer_bytes = 0;
  bool faults = true;  // failures on purpose may be injected
  DrainOrder::Options drain;
  SocketAddress admin;  // none(): no admin pages
  std::string node_id;
  std::string node_cluster;
  std::string node_zone;
  std::string workload;
  std::string name_space;
  std::string service_name;
  std::vector<config::ListenerConfig> listeners;
  std::vector<config::ClusterConfig> clusters;
  struct Secret {
    std::string name;
    TlsMaterial material;
    std::vector<SanMatcher> peer_names;
  };
  std::vector<Secret> secrets;
  std::string trace_collector;  // cluster that takes OTLP over HTTP; empty: none
  // Where everything else comes from, and who we are; both may be absent.
  std::shared_ptr<const envoy::config::core::v3::Node> node;
  std::optional<xds::Bootstrap::Ads> ads;
  std::optional<xds::Bootstrap::Mesh> mesh;
  std::optional<StatusServer::Options> status;  // in a pod: what the cluster may ask in the clear
  std::optional<DnsServer::Options> dns;        // the pod's resolver
  net::Resolver::Options resolver;              // of clusters that name their endpoints
  Duration identity_look_every = std::chrono::seconds(5);  // at files that somebody else renews
};

class Sidecar final : public Publisher::Owner,
                      public Worker::Owner,
                      public Admin::Source,
                      public Identity::Owner,
                      public XdsSource::Owner,
                      public OnDemand::Owner,
                      public ClusterNames::Owner,
                      public MemoryGuard::Owner,
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
  [[nodiscard]] const DnsServer* dns_server() const { return dns_.get(); }  // null: there is none
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
  void on_destination_known(const xds::Destination& destination) override;
  void on_destination_unknown(const std::string& name) override;
  // OnDemand::Owner
  void on_destinations_wanted(const OnDemand::Names& names) override;
  void on_destination_answered(const std::string& name, bool known) override;
  void on_destination_forgotten(const std::string& name) override;
  void on_use_asked() override;
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
  [[nodiscard]] const std::vector<std::unique_ptr<Worker>>& workers() const override {
    return workers_;
  }
  [[nodiscard]] Worker::States configured_clusters() const override;
  void begin_drain() override;
  // upstream::HealthChecks::Owner
  void on_checked(const std::string& cluster, const SocketAddress& address, bool passes) override;
  [[nodiscard]] std::shared_ptr<const tls::ClientContext> tls_for_checks(
      const config::ClusterConfig& cluster) override;
  [[nodiscard]] proxy::FaultSwitch& faults() override { return faults_; }
  // MemoryGuard::Owner
  void on_memory_full(bool full) override;
  void on_memory_read(const MemoryReading& reading) override;
  // Signals, timers
  void on_signal(int number) override;
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kStarting, kLive, kDraining, kOver };

  [[nodiscard]] Status put_start_resources();
  void make_exporter();
  void choose_collector(const config::Snapshot& snapshot);
  void make_sources();
  [[nodiscard]] Status start_dns();
  void publish_names();
  void start_xds();
  // A cluster as it is now; without a TLS context.
  [[nodiscard]] ClusterDialer::Target find_cluster(const std::string& name) const;
  [[nodiscard]] ClusterDialer::Target find_cluster_with_tls(const std::string& name) const;
  void go_live_if_ready();
  void obey(DrainOrder::Act act);
  void look_at_drain();
  void on_connections_counted(const DrainOrder::Facts& facts);
  void count_handshakes();
  [[nodiscard]] std::uint64_t in_buffers() const;
  void size_buffers(const MemoryReading* reading);
  void count_buffers();
  void end();

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
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<ClusterNames> names_;  // from the first cluster that needs it
  std::unique_ptr<Identity> identity_;
  std::unique_ptr<ClusterDialer> ads_dialer_;
  std::unique_ptr<XdsSource> xds_;
  OnDemand on_demand_;
  std::unique_ptr<MemoryGuard> memory_guard_;  // where the process has a limit
  std::unique_ptr<upstream::HealthChecks> health_checks_;
  SelfMetrics self_metrics_;
  std::unique_ptr<Exporter> exporter_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<StatusServer> status_;
  std::unique_ptr<DnsServer> dns_;
  std::unique_ptr<DnsMetrics> dns_metrics_;
  // Told, and not in force before the snapshot they came with; nothing: the zone is gone.
  std::map<std::string, std::optional<xds::NameTable>> names_told_;
  std::unique_ptr<net::Signals> signals_;
  std::shared_ptr<tls::Library> library_;  // the main loop's
  DrainOrder drain_order_;
  Timer drain_timer_;
  State state_ = State::kStarting;
  std::vector<std::uint64_t> adopted_;  // by each worker; generations begin at 1
  std::size_t workers_drained_ = 0;
  std::vector<std::uint64_t> handshakes_seen_;
  int exit_code_ = 0;
};

}  // namespace weft::sidecar
