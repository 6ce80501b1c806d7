#pragma once
// slow_start_share(): how much of its weight an endpoint gets so soon after it came or came back
// (xds-v3.md 3.8). Pure.

#include "sidecar/config/balancing.h"

namespace weft::upstream {

// In (0, 1]; 1 once the window has passed, or when there is none.
[[nodiscard]] double slow_start_share(const config::SlowStart& settings, Duration since);

}  // namespace weft::upstream
