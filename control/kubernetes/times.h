#pragma once
// Times as the API server writes them: RFC 3339 in UTC, to the second (metav1.Time) or to the
// microsecond (metav1.MicroTime). Pure.

#include <string>

#include "sidecar/core/clock.h"

namespace weft::control::kube {

[[nodiscard]] std::string time_text(WallTime time);        // "2026-01-31T08:00:00Z"
[[nodiscard]] std::string micro_time_text(WallTime time);  // "2026-01-31T08:00:00.000000Z"

}  // namespace weft::control::kube
