#pragma once
// ClusterSet: all clusters of one worker. apply() takes a Snapshot and keeps what did not change:
// pools, health, ejections.
//
// A cluster lives from the first time somebody asks for it, or from the start when it has work
// before that (config::is_eager); until then it is its part of the Snapshot and costs a worker
// nothing, however many there are. Owner: Worker. Thread: its worker.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/breaker.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/shared_limits.h"
#include "sidecar/upstream/tls_contexts.h"
#include "telemetry/metrics.h"

namespace weft::upstream {

class ClusterSet {
 public:
  struct Services {  // all outlive the set
    Turn& turn;
    Connector& connector;
    Random& random;
    telemetry::Shard& shard;
    SharedLimitsTable&
        limits;             // one per process: limits hold for the whole sidecar (decisions D10)
    std::string zone = {};  // our own, Node.locality; empty: not known
    Mailbox* mailbox = nullptr;  // null: this is the only worker
  };
  static std::unique_ptr<ClusterSet> make(const Services& services);
  virtual ~ClusterSet() = default;

  // So much of what lives is brought up to date in one turn: its endpoints, and as much as
  // kClusterShare of them for each cluster; a cluster at a time. About half a millisecond.
  static constexpr std::size_t kStepMax = 128;
  static constexpr std::size_t kClusterShare = 4;

  // In force for whoever calls find() from now on. What lives and is not asked for follows in steps
  // of kStepMax, so that no push holds up the requests of this worker, whatever it changes.
  virtual void apply(std::shared_ptr<const config::Snapshot> snapshot,
                     std::shared_ptr<const TlsContexts> contexts) = 0;
  // How many clusters wait for their step.
  [[nodiscard]] virtual std::size_t behind() const = 0;
  // Empty when there is no such cluster.
  [[nodiscard]] virtual ClusterRef find(std::string_view name) = 0;
  // An endpoint passes or fails its health checks from now on.
  virtual void note_check(std::string_view cluster, const SocketAddress& endpoint, bool passes) = 0;
  // What another worker posted.
  virtual void on_note(std::string_view cluster, Mailbox::Note note) = 0;
  // Close idle connections and take no new requests (process drain).
  virtual void drain() = 0;

  // For /clusters: one line of state per endpoint; called on the worker's thread.
  struct EndpointState {
    std::string address;
    std::string state;  // ready, degraded, ejected, failing_check, unchecked, unhealthy, draining
    std::uint32_t active_requests = 0;
    std::uint32_t connections = 0;
    std::uint64_t successes = 0;
    std::uint64_t failures = 0;
    std::uint32_t weight = 1;
    Duration latency{0};  // as the balancer takes it; of the slowest worker
  };
  struct BreakerState {  // of the whole sidecar
    std::string state;   // closed, half_open, open
    Breaker::Counts counts;
    Duration open_for{0};  // from now; zero unless open
  };
  struct ClusterState {
    std::string name;
    std::string version;
    std::uint32_t active_requests = 0;
    std::uint32_t pending = 0;
    std::uint32_t connections = 0;
    std::optional<BreakerState> breaker;
    std::vector<EndpointState> endpoints;
  };
  // Those that live here; unused_cluster.h knows what to say of the others.
  [[nodiscard]] virtual std::vector<ClusterState> describe() const = 0;
};

}  // namespace weft::upstream
