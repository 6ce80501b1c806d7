#pragma once
// Listeners: where a sidecar listens without redirect (decisions B1), and what a gRPC client asks
// for under the name of a Service port. Pure. Internal to the planner.

#include <optional>
#include <vector>

#include "control/planner/parts.h"
#include "xds/proto/listener.pb.h"

namespace weft::control {

// The explicit proxy on port 15001: HTTP by Host or absolute-form.
[[nodiscard]] envoy::config::listener::v3::Listener make_outbound_listener(
    const Workload& workload, const MeshConfig& config);

// Plain TCP to one Service port, on that port number of the Workload's own address: straight there,
// or as the port's routes for connections say, by server name where they ask for it.
[[nodiscard]] envoy::config::listener::v3::Listener make_tcp_listener(const Workload& workload,
                                                                      const MeshService& service,
                                                                      const MeshPort& port,
                                                                      const Mesh& mesh);

// mTLS from the mesh to the app. Strict: nothing else gets in. `idle`: how long a stream may rest.
// `inbound`: how often it may be asked, and whom it serves first.
[[nodiscard]] envoy::config::listener::v3::Listener make_inbound_listener(
    const Workload& workload, const WorkloadPort& port, const MeshConfig& config, Duration idle,
    const PolicyFields& inbound);

// Named "cart.shop.svc.cluster.local:80"; gRFC A27.
[[nodiscard]] envoy::config::listener::v3::Listener make_api_listener(const MeshService& service,
                                                                      const MeshPort& port);

}  // namespace weft::control
