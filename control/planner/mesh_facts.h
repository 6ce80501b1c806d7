#pragma once
// Facts of a Mesh that more than one sidecar's plan hangs on. Pure. Internal to the planner.

#include <string>
#include <utility>
#include <vector>

#include "control/mesh.h"
#include "control/planner/scope.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// The TCP Service ports that find their number free on the Workload's address, and those that do
// not.
struct TcpPorts {
  std::vector<std::pair<const MeshService*, const MeshPort*>> open;
  std::vector<std::pair<const MeshService*, const MeshPort*>> shut;
};
[[nodiscard]] TcpPorts tcp_ports(const Mesh& mesh, const Workload& workload, const Scope& scope);

// How long a stream may rest at the app's sidecar: as long as the most patient policy of any caller
// allows, or ours would end what theirs lets live. Zero: for ever.
[[nodiscard]] Duration inbound_idle(const Mesh& mesh);

// Each of the labels that some route asks of who calls.
[[nodiscard]] std::vector<Labels> source_labels(const Mesh& mesh);

// Every TCP port of every Service, of which a sidecar offers those it has room for.
[[nodiscard]] std::string opaque_ports(const Mesh& mesh);

// Whether the same Service ports have instances with sidecars. REQUIRES Meshes that share `joined`.
[[nodiscard]] bool meshed_alike(const Mesh& before, const Mesh& now);

}  // namespace weft::control
