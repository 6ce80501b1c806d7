#pragma once
// LiveCluster: what a Cluster is inside this room: the endpoints that exist now, which of them may
// be used, and the counts.
//
// Owner: ClusterSet. Thread: its worker. Which endpoints may be used is EndpointGroups' to say; it
// is told anew when something changed, never per request.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/cluster_set.h"
#include "sidecar/upstream/endpoint_groups.h"
#include "sidecar/upstream/live_endpoint.h"
#include "sidecar/upstream/original_destinations.h"
#include "sidecar/upstream/retry_budget.h"
#include "sidecar/upstream/shared_limits.h"
#include "sidecar/upstream/shared_places.h"
#include "telemetry/metrics.h"

namespace weft::upstream {

class LiveCluster final : public Cluster, public TimerSink {
 public:
  // Told when nothing refers to a removed cluster any more.
  class Owner {
   public:
    virtual void on_cluster_gone(LiveCluster& cluster) = 0;
    // Who of any cluster is at that address; null when nobody is known. Good until the next apply.
    [[nodiscard]] virtual const config::Endpoint* find_known(const IpAddress& address) = 0;

   protected:
    ~Owner() = default;
  };

  LiveCluster(const ClusterSet::Services& services, Owner& owner, std::string name);
  ~LiveCluster() override;

  // Whether apply() would change nothing.
  [[nodiscard]] bool is_as(const config::ClusterEntry& entry,
                           const std::shared_ptr<const tls::ClientContext>& tls) const;
  // A new configuration or new addresses; pools of endpoints that stay are kept unless their
  // connections no longer fit.
  void apply(const config::ClusterEntry& entry, std::shared_ptr<const tls::ClientContext> tls);
  void remove();
  [[nodiscard]] bool gone() const;
  void drain();
  // An endpoint passes or fails its health checks from now on.
  void note_check(const SocketAddress& address, bool passes);

  // Cluster
  [[nodiscard]] const config::ClusterConfig& config() const override { return *config_; }
  [[nodiscard]] Endpoint* pick(const PickContext& context) override;
  [[nodiscard]] Error why_none(const PickContext& context) const override;
  [[nodiscard]] Endpoint* find_session(std::uint64_t session) override;
  [[nodiscard]] bool has_ready_endpoint() const override;
  [[nodiscard]] Result<Permit> admit(Endpoint& endpoint) override;
  [[nodiscard]] Acquired acquire(Endpoint& endpoint, TicketHolder& holder,
                                 config::Priority priority) override;
  [[nodiscard]] Result<std::unique_ptr<Dial>> dial(Endpoint& endpoint, const Caller& caller,
                                                   DialHolder& holder) override;
  [[nodiscard]] bool circuit_open() const override;
  [[nodiscard]] Duration circuit_open_for() const override;
  void heard(Endpoint& endpoint, Duration held) override;
  [[nodiscard]] bool admit_retry() override;
  void retry_done() override;
  [[nodiscard]] Status admit_tunnel() override;
  void tunnel_done() override;
  void count_request() override;
  [[nodiscard]] const Labels& labels() const override { return labels_; }
  [[nodiscard]] telemetry::ClusterMetrics& metrics() override { return *metrics_; }

  // For LiveEndpoint.
  [[nodiscard]] const std::shared_ptr<const tls::ClientContext>& tls() const { return tls_; }
  [[nodiscard]] SharedLimits& limits() { return *limits_; }
  [[nodiscard]] bool take_connection(bool needed);
  void give_connection();
  [[nodiscard]] bool gives_place_away() const;
  [[nodiscard]] bool take_pending(config::Priority priority);
  void give_pending(Duration waited, Pool::Left why);
  [[nodiscard]] Random& random() { return services_.random; }
  void on_endpoint_idle(LiveEndpoint& endpoint);
  void update_gauges();

  // From the same cluster on another worker.
  void on_note(Mailbox::Note note);

  void on_timer(Timer& timer) override;
  [[nodiscard]] ClusterSet::ClusterState describe() const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t size() const { return endpoints_.size(); }

 private:
  void reference() override { ++references_; }
  void unreference() override;
  void release(Endpoint& endpoint, Breaker::Pass& pass) override;
  void note(Endpoint& endpoint, const Outcome& outcome, Breaker::Pass& pass) override;
  void note_overdue(Breaker::Pass& pass) override;

  void apply_config(std::shared_ptr<const config::ClusterConfig> config, bool connections_fit);
  void apply_endpoints(const std::shared_ptr<const config::EndpointSet>& set);
  void rebuild();
  [[nodiscard]] EndpointGroups::State state_of(const LiveEndpoint& endpoint) const;
  [[nodiscard]] bool check_fails(const LiveEndpoint& endpoint) const;
  [[nodiscard]] std::string_view name_of_state(const LiveEndpoint& endpoint) const;
  [[nodiscard]] Breaker::Ending ending_of(const Outcome& outcome) const;
  void note_transition(Breaker::Edge edge);
  void watch_breaker();
  [[nodiscard]] bool may_eject() const;
  void eject(LiveEndpoint& endpoint, telemetry::EjectionReason reason);
  void sweep();
  void return_the_ejected();
  // ORIGINAL_DST (live_cluster_original.cc)
  [[nodiscard]] bool passes_on() const;
  void set_passes_on(bool on);
  [[nodiscard]] LiveEndpoint* original_destination(const SocketAddress& address,
                                                   const SocketAddress* source);
  [[nodiscard]] LiveEndpoint* add_original(const OriginalDestinations::Key& key,
                                           const config::Endpoint* known);
  void forget_original(LiveEndpoint& endpoint);
  void sweep_originals();
  void bury_gone();
  void count_endpoints();
  [[nodiscard]] bool make_room(config::Priority newcomer);
  void count_waiting(int change);
  void close_an_idle_one();
  void offer_place();
  void pass_place_on();
  void be_content();

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
  std::unique_ptr<OriginalDestinations> originals_;  // null for all other types
  RetryBudget budget_;
  Timer change_timer_;   // the next ejected endpoint's return, the next step of slow start
  Timer breaker_timer_;  // while the breaker is not closed
  Timer sweep_timer_;    // ejection by rates, each interval
  std::uint32_t ejected_ = 0;
  std::uint32_t active_ = 0;
  std::uint32_t waiting_ = 0;
  std::uint32_t tunnels_ = 0;
  std::uint64_t references_ = 0;
  bool removed_ = false;
  bool making_room_ = false;
  bool wants_place_ = false;  // as the others are told
  TimePoint place_given_{};   // to another worker
};

}  // namespace weft::upstream
