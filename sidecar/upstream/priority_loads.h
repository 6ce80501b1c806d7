#pragma once
// PriorityLoads: which share of the requests goes to each priority, and there to its healthy or its
// degraded endpoints. Pure arithmetic in whole percents, as Envoy does it (xds-v3.md 3.6).
//
// A priority bears min(100, overprovisioning x healthy / total) percent; what the first cannot bear
// goes to the next. Degraded endpoints come after all healthy ones. While all priorities together
// bear less than 100, a priority with too few available endpoints panics and uses everybody.

#include <cstdint>
#include <span>
#include <vector>

namespace weft::upstream {

struct PriorityHealth {
  std::uint32_t total = 0;  // without those that drain
  std::uint32_t healthy = 0;
  std::uint32_t degraded = 0;
};

struct PriorityLoad {
  std::uint32_t healthy = 0;  // percent; those of all priorities together are 100, or 0
  std::uint32_t degraded = 0;
  bool panic = false;  // `healthy` is for all of its endpoints
};

// `overprovisioning_percent` is 140 for a factor of 1.4; a panic threshold of 0: never.
[[nodiscard]] std::vector<PriorityLoad> spread_over_priorities(
    std::span<const PriorityHealth> priorities, std::uint32_t overprovisioning_percent,
    double panic_percent);

}  // namespace weft::upstream
