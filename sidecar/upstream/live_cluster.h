#pragma once
// LiveCluster: what a Cluster is inside this room: the endpoints that exist now, which of them may
// be used, and the counts.
//
// Owner: ClusterSet. Thread: its worker. Which endpoints may be used is EndpointGroups' to say; it
// is told anew when something changed, never per request.

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/cluster_set.h"
#include "sidecar/upstream/endpoint_groups.h"
#include "sidecar/upstream/live_endpoint.h"
#include "sidecar/upstream/retry_budget.h"
#include "sidecar/upstream/shared_limits.h"
#include "telemetry/metrics.h"

namespace weft::upstream {

class LiveCluster final : public Cluster, public TimerSink {
 public:
  // Told when nothing refers to a removed cluster any more.
  class Owner {
   public:
    virtual void on_cluster_gone(LiveCluster& cluster) = 0;

   protected:
    ~Owner() = default;
  };

  LiveCluster(const ClusterSet::Services& services, Owner& owner, std::string name);
  ~LiveCluster() override;

  // A new configuration or new addresses; pools of endpoints that stay are kept unless their
  // connections no longer fit.
  void apply(const config::ClusterEntry& entry, std::shared_ptr<const tls::ClientContext> tls);
  void remove();
  [[nodiscard]] bool gone() const;
  void drain();

  // Cluster
  [[nodiscard]] const config::ClusterConfig& config() const override { return *config_; }
  [[nodiscard]] Endpoint* pick(const PickContext& context) override;
  [[nodiscard]] Result<Permit> admit(Endpoint& endpoint) override;
  [[nodiscard]] Acquired acquire(Endpoint& endpoint, TicketHolder& holder) override;
  [[nodiscard]] Result<std::unique_ptr<Dial>> dial(Endpoint& endpoint, const Caller& caller,
                                                   DialHolder& holder) override;
  [[nodiscard]] bool circuit_open() const override;
  [[nodiscard]] Duration circuit_open_for() const override;
  void heard(Endpoint& endpoint, Duration held) override;
  [[nodiscard]] bool admit_retry() override;
  void retry_done() override;
  void count_request() override;
  [[nodiscard]] const Labels& labels() const override { return labels_; }
  [[nodiscard]] telemetry::ClusterMetrics& metrics() override { return *metrics_; }

  // For LiveEndpoint.
  [[nodiscard]] const std::shared_ptr<const tls::ClientContext>& tls() const { return tls_; }
  [[nodiscard]] SharedLimits& limits() { return *limits_; }
  void connection_limit_reached();
  void connection_given();
  void count_waiting(int change);
  void on_endpoint_idle(LiveEndpoint& endpoint);
  void update_gauges();

  void on_timer(Timer& timer) override;
  [[nodiscard]] ClusterSet::ClusterState describe() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  void reference() override { ++references_; }
  void unreference() override;
  void release(Endpoint& endpoint, Breaker::Pass& pass) override;
  void note(Endpoint& endpoint, const Outcome& outcome, Breaker::Pass& pass) override;
  void note_overdue(Breaker::Pass& pass) override;

  void apply_config(std::shared_ptr<const config::ClusterConfig> config, bool connections_fit);
  void apply_endpoints(const config::EndpointSet& set);
  void rebuild();
  [[nodiscard]] Breaker::Ending ending_of(const Outcome& outcome) const;
  void note_transition(Breaker::Edge edge);
  void watch_breaker();
  [[nodiscard]] bool may_eject() const;
  void eject(LiveEndpoint& endpoint, telemetry::EjectionReason reason);
  void sweep();
  void return_the_ejected();
  [[nodiscard]] LiveEndpoint* original_destination(const SocketAddress& address);
  void bury_gone();

  ClusterSet::Services services_;
  Owner& owner_;
  std::string name_;
  std::shared_ptr<const config::ClusterConfig> config_;
  std::shared_ptr<const config::EndpointSet> endpoint_set_;
  std::shared_ptr<const tls::ClientContext> tls_;
  std::shared_ptr<SharedLimits> limits_;
  telemetry::Shard::ClusterRef metrics_;
  Labels labels_;
  std::vector<std::unique_ptr<LiveEndpoint>> endpoints_;
  std::vector<std::unique_ptr<LiveEndpoint>> leaving_;
  std::unique_ptr<EndpointGroups> groups_;
  RetryBudget budget_;
  Timer change_timer_;   // the next ejected endpoint's return, the next step of slow start
  Timer breaker_timer_;  // while the breaker is not closed
  Timer sweep_timer_;    // ejection by rates, each interval
  std::uint32_t ejected_ = 0;
  std::uint32_t active_ = 0;
  std::uint32_t waiting_ = 0;
  std::uint64_t references_ = 0;
  bool removed_ = false;
  bool making_room_ = false;
};

}  // namespace weft::upstream
