#pragma once
// How a destination chooses its instances, as xDS says it: load_balancing_policy with Envoy's own
// types where there are such, an older field for whoever does not know ours. Pure. Internal to the
// planner.

#include "control/planner/parts.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {

// Balancing, slow start, panic. Which zone goes first is ClusterPolicy's.
void set_balancing(envoy::config::cluster::v3::Cluster& cluster, const PolicyFields& policy,
                   Audience audience);

}  // namespace weft::control
