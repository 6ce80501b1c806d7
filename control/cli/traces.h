#pragma once
// Traces: the spans that sidecars remember, joined into trees. For `weft traces`, with no collector
// needed.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"

namespace weft::control::cli {

// What one sidecar answered to GET /traces (telemetry/recent_traces.h).
struct SidecarTraces {
  std::string workload;
  std::string json;
};

// The newest `traces_max` traces, newest first, each span under its parent, in order of their
// starts.
[[nodiscard]] std::string make_trace_trees(const std::vector<SidecarTraces>& sidecars,
                                           std::size_t traces_max);

}  // namespace weft::control::cli
