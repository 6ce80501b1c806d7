#pragma once
// How a cluster balances: Cluster.lb_policy with its settings, or the list in
// load_balancing_policy, of which the first policy known here counts. Internal to from_proto.

#include "sidecar/config/cluster_config.h"
#include "xds/proto/cluster.pb.h"
#include "xds/reading.h"

namespace weft::xds {

// REQUIRES out.discovery.
void read_balancing(const envoy::config::cluster::v3::Cluster& cluster, const FieldPath& path,
                    Reading& in, config::ClusterConfig& out);

}  // namespace weft::xds
