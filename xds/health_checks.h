#pragma once
// Cluster.health_checks: how endpoints are asked whether they are well. Internal to from_proto.

#include <memory>

#include "sidecar/config/health_check.h"
#include "xds/proto/cluster.pb.h"
#include "xds/reading.h"

namespace weft::xds {

// Null when there is none.
[[nodiscard]] std::shared_ptr<const config::HealthCheck> read_health_check(
    const envoy::config::cluster::v3::Cluster& cluster, const FieldPath& path, Reading& in);

}  // namespace weft::xds
