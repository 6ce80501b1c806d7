#pragma once
// Who is left out for a while: a policy's `outlier` as Cluster.outlier_detection. Pure. Internal to
// the planner.

#include "control/model/policy_fields.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {

// All fields must have a value.
void set_ejection(envoy::config::cluster::v3::Cluster& cluster, const PolicyFields& policy);
// What gRPC knows of it, comparing instances by their rates (A50); nothing while nobody asks.
void set_proxyless_ejection(envoy::config::cluster::v3::Cluster& cluster,
                            const PolicyFields& policy);

}  // namespace weft::control
