#pragma once
// Clusters of a sidecar to which the kernel redirects its app's traffic, besides those of Services:
// where a connection was bound for is where it goes. Pure. Internal to the planner.
//
// Outbound, "direct": pods called by their own addresses, headless Services, and everything that is
// not of the mesh. Who has a sidecar there is called over mTLS and must have that very identity,
// everybody else in the clear; MeshConfig says whether strangers may be called at all. Inbound,
// "undeclared": ports of the app that its Workload does not name. One cluster for each protocol, as
// the bytes go on as what they came as.

#include <optional>
#include <string_view>
#include <vector>

#include "control/planner/parts.h"
#include "control/planner/scope.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {

inline constexpr std::string_view kDirectHttp1 = "direct|http1";
inline constexpr std::string_view kDirectHttp2 = "direct|http2";
inline constexpr std::string_view kDirectTcp = "direct|tcp";
inline constexpr std::string_view kPeers = "direct|peers";
inline constexpr std::string_view kUndeclaredHttp1 = "inbound|undeclared|http1";
inline constexpr std::string_view kUndeclaredHttp2 = "inbound|undeclared|http2";
inline constexpr std::string_view kUndeclaredTcp = "inbound|undeclared|tcp";

[[nodiscard]] std::vector<envoy::config::cluster::v3::Cluster> make_captured_clusters(
    const MeshConfig& config, const Workload& workload);

// Those with a sidecar whose address no Service's endpoints tell: not ready, behind none, or of the
// other family; and the other family's addresses of those that have none; in a scope those that are
// in it. Nothing is sent there by this cluster: it says who is at those addresses. Nothing where
// there are none.
[[nodiscard]] std::optional<envoy::config::cluster::v3::Cluster> make_peers_cluster(
    const Mesh& mesh, const Scope& scope);

// Makes of the cluster of a declared port one that finds the app wherever it listens: on loopback,
// which costs nothing and needs no rule to let it pass, else on the Workload's own addresses. Where
// callers' addresses are kept it is the other way round, since nobody is called on loopback from
// elsewhere; an appPort of its own is not where anybody was called, so there they are not kept.
void look_everywhere(const Workload& workload, const WorkloadPort& port,
                     envoy::config::cluster::v3::Cluster& cluster);

}  // namespace weft::control
