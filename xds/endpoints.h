#pragma once
// ClusterLoadAssignment -> EndpointSet, for EDS and for the one inside a Cluster. Internal to
// from_proto.

#include <vector>

#include "sidecar/config/cluster_config.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/reading.h"

namespace weft::xds {

[[nodiscard]] config::EndpointSet read_endpoints(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, const FieldPath& path,
    Reading& in);

// The same message where addresses are names to resolve.
[[nodiscard]] std::vector<config::ClusterConfig::DnsTarget> read_dns_targets(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& assignment, const FieldPath& path,
    Reading& in);

}  // namespace weft::xds
