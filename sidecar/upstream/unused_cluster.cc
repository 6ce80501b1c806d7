#include "sidecar/upstream/unused_cluster.h"

#include <algorithm>
#include <utility>

namespace weft::upstream {

namespace {

ClusterSet::ClusterState describe_one(const std::string& name, const config::ClusterEntry& entry) {
  ClusterSet::ClusterState state;
  state.name = name;
  state.version = entry.config->version;
  if (entry.config->breaker) {
    state.breaker = {
        .state = std::string(name_of(Breaker::State::kClosed)), .counts = {}, .open_for = {}};
  }
  if (entry.endpoints == nullptr) return state;
  for (const config::Endpoint& endpoint : entry.endpoints->endpoints) {
    ClusterSet::EndpointState one;
    one.address = endpoint.address.to_string();
    one.state = name_of(endpoint.health);
    one.weight = endpoint.weight;
    state.endpoints.push_back(std::move(one));
  }
  return state;
}

void count_endpoints(const config::EndpointSet& set, telemetry::ClusterMetrics& metrics) {
  const auto healthy = std::count_if(set.endpoints.begin(), set.endpoints.end(),
                                     [](const config::Endpoint& endpoint) {
                                       return endpoint.health == config::Endpoint::Health::kHealthy;
                                     });
  metrics.endpoints(telemetry::EndpointState::kHealthy).set(healthy);
  metrics.endpoints(telemetry::EndpointState::kUnhealthy)
      .set(static_cast<std::int64_t>(set.endpoints.size()) - healthy);
}

}  // namespace

std::string_view name_of(config::Endpoint::Health health) {
  using Health = config::Endpoint::Health;
  switch (health) {
    case Health::kHealthy:
      return "ready";
    case Health::kDegraded:
      return "degraded";
    case Health::kDraining:
      return "draining";
    case Health::kUnhealthy:
      break;
  }
  return "unhealthy";
}

std::vector<ClusterSet::ClusterState> describe_unused(const config::Snapshot& snapshot) {
  std::vector<ClusterSet::ClusterState> states;
  states.reserve(snapshot.clusters.size());
  for (const auto& [name, entry] : snapshot.clusters) states.push_back(describe_one(name, entry));
  return states;
}

const std::string& counted_service(const config::ClusterConfig& config) {
  return config.labels.service.empty() ? config.name : config.labels.service;
}

const std::string& counted_backend(const config::ClusterConfig& config) {
  return config.labels.backend.empty() ? config.name : config.labels.backend;
}

void tell_limits(const config::ClusterLimits& limits, telemetry::ClusterMetrics& metrics) {
  using telemetry::LimitKind;
  metrics.limit_max(LimitKind::kConnections).set(limits.connections_max);
  metrics.limit_max(LimitKind::kRequests).set(limits.requests_max);
  metrics.limit_max(LimitKind::kPending).set(limits.pending_max);
  metrics.limit_max(LimitKind::kRetries).set(limits.retries_max);
  metrics.limit_max(LimitKind::kTunnels).set(limits.tunnels_max.value_or(0));
}

void ConfiguredDestinations::for_each(const Tell& tell) const {
  telemetry::ClusterMetrics metrics;
  for (const auto& [name, entry] : snapshot_.clusters) {
    metrics.clear();
    tell_limits(entry.config->limits, metrics);
    // Those of an ORIGINAL_DST cluster come with the calls.
    const bool called = entry.config->discovery == config::ClusterConfig::Discovery::kOriginalDst;
    if (entry.endpoints != nullptr && !called) count_endpoints(*entry.endpoints, metrics);
    tell(counted_service(*entry.config), counted_backend(*entry.config), metrics);
  }
}

}  // namespace weft::upstream
