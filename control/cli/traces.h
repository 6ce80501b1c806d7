#pragma once
// Traces: the spans that sidecars remember, joined into trees. For `weft traces`, with no collector
// needed.

#include <string>
#include <vector>

#include "control/cli/sidecar_pages.h"

namespace weft::control::cli {

// From what sidecars answer to GET /traces (telemetry/recent_traces.h): the newest `traces_max`
// traces, newest first, each span under its parent, in order of their starts.
[[nodiscard]] std::string make_trace_trees(const std::vector<SidecarPage>& sidecars,
                                           std::size_t traces_max);

}  // namespace weft::control::cli
