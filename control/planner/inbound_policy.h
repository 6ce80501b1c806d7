#pragma once
// What policies say of the requests that reach an instance: the block `inbound`, of the Service
// that its port is known by. The instance's own sidecar obeys it. Pure. Internal to the planner.

#include "control/mesh.h"

namespace weft::control {

// Weft's defaults, with the limits that hold at that port. `service`: null where there is none.
[[nodiscard]] PolicyFields inbound_policy(const Mesh& mesh, const MeshService* service,
                                          const Workload& workload, const WorkloadPort& port,
                                          bool http2);

// Whether any policy says anything of it.
[[nodiscard]] bool has_inbound_policies(const Mesh& mesh);

}  // namespace weft::control
