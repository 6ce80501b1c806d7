#pragma once
// Active checks of a destination's instances: a policy's `health` as Cluster.health_checks. Pure.
// Internal to the planner.

#include "control/mesh.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {

void set_health_checks(const PolicyHealth& health, const MeshService& service, bool http2,
                       envoy::config::cluster::v3::Cluster& out);

}  // namespace weft::control
