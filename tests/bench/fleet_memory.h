#pragma once
// The resident memory of one real weft-sidecar once it has been told everything.

#include <string>
#include <vector>

#include "sidecar/core/result.h"
#include "tests/bench/fleet_control.h"

namespace weft::bench {

// That of s1-0 in the mesh of `directory` (fleet_mesh.h); megabytes, a moment after it was ready.
// `more`: flags of the sidecar.
[[nodiscard]] Result<double> resident_mb_of_sidecar(const std::string& program,
                                                    const std::string& directory,
                                                    const FleetControl& control,
                                                    const std::vector<std::string>& more);

}  // namespace weft::bench
