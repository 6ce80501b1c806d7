#pragma once
// HealthChecks: asks the endpoints of all clusters that want it whether they are well, once for the
// whole sidecar, and tells what changed.
//
// Made on the main loop and not on a worker: four workers that each check would ask four times, and
// one of them checking for all would make that one slower. Limits: one check at a time of an
// endpoint, kUnderWayMax of all together (the others wait in line), kKeptMax endpoints may keep
// their connection. What the workers make of it: LiveCluster::note_check. Owner: Sidecar. Thread:
// main loop.

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/shared_limits.h"
#include "telemetry/metrics.h"
#include "tls/context.h"

namespace weft::upstream {

class HealthChecks final {
 public:
  static constexpr std::size_t kUnderWayMax = 64;
  static constexpr std::size_t kKeptMax = 256;

  class Owner {
   public:
    // The first result of an endpoint, and every one after it that changes its state.
    virtual void on_checked(const std::string& cluster, const SocketAddress& address,
                            bool passes) = 0;
    // For a cluster with TLS; null while its certificate is not here, which fails its checks.
    [[nodiscard]] virtual std::shared_ptr<const tls::ClientContext> tls_for_checks(
        const config::ClusterConfig& cluster) = 0;

   protected:
    ~Owner() = default;
  };

  struct Services {  // all outlive it
    Turn& turn;
    Connector& connector;
    Random& random;
    telemetry::Shard& shard;
    SharedLimitsTable& limits;
  };

  HealthChecks(const Services& services, Owner& owner);
  ~HealthChecks();

  // Checks what is configured now; what stays keeps its state. After the workers were handed the
  // Snapshot, so that they know what they are told of.
  void apply(const config::Snapshot& snapshot);

 private:
  class Group;   // one cluster
  class Target;  // one endpoint

  // Begins now, or when its turn comes.
  void ask_for_turn(Target& target);
  void give_turn_back();
  [[nodiscard]] bool may_keep() const { return targets_ <= kKeptMax; }

  const Services services_;
  Owner& owner_;
  IntrusiveList<Target> waiting_;
  std::size_t under_way_ = 0;
  std::size_t targets_ = 0;
  bool over_ = false;
  std::map<std::string, std::unique_ptr<Group>, std::less<>> groups_;
};

}  // namespace weft::upstream
