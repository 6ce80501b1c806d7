#pragma once
// Clusters and their endpoints, as the planner makes them: one per Service port, one per port of
// the Workload itself, and the collector of traces. Pure. Internal to the planner.

#include "control/planner/parts.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"

namespace weft::control {

// As clients of that namespace are to use it.
[[nodiscard]] envoy::config::cluster::v3::Cluster make_outbound_cluster(
    const MeshService& service, const MeshPort& port, const Mesh& mesh, Audience audience,
    std::string_view client_namespace, const Subset* subset = nullptr);
[[nodiscard]] envoy::config::endpoint::v3::ClusterLoadAssignment make_endpoints(
    const MeshService& service, const MeshPort& port, Audience audience,
    const Subset* subset = nullptr);

// To the app on 127.0.0.1. `service`: the one that the port is known by; null where there is none.
[[nodiscard]] envoy::config::cluster::v3::Cluster make_inbound_cluster(const Workload& workload,
                                                                       const WorkloadPort& port,
                                                                       const MeshService* service,
                                                                       const Mesh& mesh);

// REQUIRES a collector in `config`.
[[nodiscard]] envoy::config::cluster::v3::Cluster make_collector_cluster(const MeshConfig& config);

}  // namespace weft::control
