#pragma once
// Destinations: what sidecars know of where they call: circuit breakers and endpoints, live. For
// `weft breakers` and `weft endpoints`.

#include <string>
#include <string_view>
#include <vector>

#include "control/cli/sidecar_pages.h"

namespace weft::control::cli {

// From what sidecars answer to GET /clusters?format=json; `about` picks the destinations whose name
// contains it, empty all of them. Empty when nothing is left.

// A line for each sidecar and destination with a breaker. `rests`: one of them is not closed.
[[nodiscard]] std::string make_breaker_table(const std::vector<SidecarPage>& sidecars,
                                             std::string_view about, bool& rests);
// A line for each sidecar, destination and endpoint.
[[nodiscard]] std::string make_endpoint_table(const std::vector<SidecarPage>& sidecars,
                                              std::string_view about);

}  // namespace weft::control::cli
