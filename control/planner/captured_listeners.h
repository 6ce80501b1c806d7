#pragma once
// Listeners of a sidecar to which the kernel redirects its app's traffic: one for each direction,
// everything chosen by where a connection was bound for. Pure. Internal to the planner.
//
// Inbound (15006): mTLS from the mesh and nothing else, whatever the port. A chain for each
// declared port, to the app wherever it listens (captured_clusters.h); then chains for all other
// ports, passed on to the app's own address. What comes is told by ALPN, as the caller's sidecar
// says it: HTTP, or bytes of which nobody said what they are.
//
// Outbound (15001): GEP-1294 has a Service's routes hold for its own address and port, whatever a
// request calls its host, and never for a pod's. So HTTP ports of Services are found by address:
// one chain for each port number names the addresses of all of them (a hash look-up for the
// sidecar), and one route table, the same for a whole namespace, has a virtual host for each
// "address:port" in place of names. Envoy in Istio has a table for each port number with the hosts'
// names as domains beside their addresses, so there a Host decides; that is what must not be. TCP
// Services have a chain each, as each is a cluster of its own. Where a protocol was declared nobody
// waits for first bytes; where it was not, HTTP is recognised within kSniff and everything else,
// silence included, is carried as bytes to the same Service. All other addresses are "direct".
//
// A chain that names a port keeps that port's connections from all that name none (the choice never
// goes back), so for each port number that Services have there are direct chains too.

#include <functional>

#include "control/planner/parts.h"
#include "control/planner/scope.h"
#include "xds/proto/listener.pb.h"

namespace weft::control {

inline constexpr std::string_view kInboundName = "inbound";

// How often a port of the app may be asked, and whom it serves first: as inbound_policy() gives it.
using InboundOf = std::function<PolicyFields(const WorkloadPort&)>;

[[nodiscard]] envoy::config::listener::v3::Listener make_captured_inbound(
    const Mesh& mesh, const Workload& workload, Duration idle, const InboundOf& inbound_of);
// `on_demand`: what is not in the scope is asked for when it is first called.
[[nodiscard]] envoy::config::listener::v3::Listener make_captured_outbound(const Mesh& mesh,
                                                                           const Workload& workload,
                                                                           const Scope& scope,
                                                                           bool on_demand);

// What of the Services these listeners depend on, as text to be compared.
[[nodiscard]] std::string captured_facts(const Mesh& mesh);

}  // namespace weft::control
