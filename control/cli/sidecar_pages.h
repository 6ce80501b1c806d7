#pragma once
// SidecarPages: the same admin page of every sidecar that weft-control knows. For the command line.

#include <string>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::control::cli {

struct SidecarPage {
  std::string workload;
  std::string body;
};

// The pages of those that answer, in weft-control's order; the others are named on stderr. Fails
// when weft-control does. `control`: its admin address, as written by a person.
[[nodiscard]] Result<std::vector<SidecarPage>> ask_sidecars(const std::string& control,
                                                            const std::string& path);

}  // namespace weft::control::cli
