#pragma once
// What is to be said of clusters that no worker has brought to life: what the configuration says,
// with nothing under way. Pure. Thread: the main loop, for its pages.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/upstream/cluster_set.h"
#include "telemetry/registry.h"

namespace weft::upstream {

// ready, degraded, draining, unhealthy: as an endpoint of that health is called in
// ClusterSet::EndpointState while nothing else is known of it.
[[nodiscard]] std::string_view name_of(config::Endpoint::Health health);

// All clusters of a Snapshot, as if none of them had been used.
[[nodiscard]] std::vector<ClusterSet::ClusterState> describe_unused(
    const config::Snapshot& snapshot);

// The same for /metrics, which leaves out those that some thread counts for. `snapshot` outlives
// it.
class ConfiguredDestinations final : public telemetry::Destinations {
 public:
  explicit ConfiguredDestinations(const config::Snapshot& snapshot) : snapshot_(snapshot) {}
  void for_each(const Tell& tell) const override;

 private:
  const config::Snapshot& snapshot_;
};

// By which names a cluster is counted.
[[nodiscard]] const std::string& counted_service(const config::ClusterConfig& config);
[[nodiscard]] const std::string& counted_backend(const config::ClusterConfig& config);
// The limits as configured: of what they are the most that may be in use.
void tell_limits(const config::ClusterLimits& limits, telemetry::ClusterMetrics& metrics);

}  // namespace weft::upstream
