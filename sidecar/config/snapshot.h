#pragma once
// Snapshot: everything a worker needs, validated, joined, versioned, immutable. Swapped whole by
// posting a pointer.
//
// Made by the main loop's Publisher; what did not change between two Snapshots is the same object,
// so that workers can keep what belongs to it. Dies on the main loop (decisions D12).

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/config/listener_config.h"
#include "sidecar/config/route_table.h"
#include "sidecar/core/strings.h"

namespace weft::config {

// A cluster with its addresses: two resources that change at different rates.
struct ClusterEntry {
  std::shared_ptr<const ClusterConfig> config;
  std::shared_ptr<const EndpointSet> endpoints;  // empty set: nothing to send to
};

struct Snapshot {
  std::uint64_t generation = 0;
  std::vector<std::shared_ptr<const ListenerConfig>> listeners;
  std::unordered_map<std::string, std::shared_ptr<const RouteTable>, TextHash, std::equal_to<>>
      routes;
  std::unordered_map<std::string, ClusterEntry, TextHash, std::equal_to<>> clusters;
  // Which of them a worker brings to life before it is asked for them (is_eager).
  std::vector<std::string> eager;
  // Route tables whose clusters have not all arrived answer 503 NC for those routes; names for
  // /config_dump.
  std::vector<std::string> warming;
};

// Where Snapshot::routes keeps the table of a listener's chain: the RDS name, or a name of its own
// for inline routes.
[[nodiscard]] inline std::string route_key(const ListenerConfig& listener, const FilterChain& chain,
                                           const HttpSettings& http) {
  if (http.inline_routes == nullptr) return http.route_config_name;
  return "inline:" + listener.name + "/" + chain.name + "/" + http.inline_routes->name;
}

}  // namespace weft::config
