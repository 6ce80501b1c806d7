#pragma once
// sweep_outliers(): who failed so often within an interval, compared with the others or with a
// fixed share, that it is to be left out (xds-v3.md 3.1). Pure.
//
// Success rate: below mean - factor x standard deviation of all who had enough requests. Failure
// percent: at or above a share. Both want a minimum of endpoints to compare: one request that every
// endpoint fails says nothing about any of them.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "telemetry/proxy_metrics.h"

namespace weft::upstream {

// What one endpoint that is in service was asked since the last sweep.
struct IntervalCount {
  std::uint64_t requests = 0;
  std::uint64_t successes = 0;
};

// The reason for each that is to go.
[[nodiscard]] std::vector<std::optional<telemetry::EjectionReason>> sweep_outliers(
    const config::OutlierDetection& settings, std::span<const IntervalCount> counts);

}  // namespace weft::upstream
