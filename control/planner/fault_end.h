#pragma once
// When a fault of the Mesh ends, for whoever has to plan again then: gRPC clients without a sidecar
// know no end of one (client_faults.h). Pure.

#include <optional>

#include "control/mesh.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// The first end after `now` of any fault of a policy; nothing where there is none.
[[nodiscard]] std::optional<WallTime> next_fault_end(const Mesh& mesh, WallTime now);

}  // namespace weft::control
