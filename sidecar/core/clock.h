#pragma once
// Time: a monotonic point for everything that waits, wall time only for certificates, tokens, logs
// and spans.

#include <chrono>
#include <cstdint>

namespace weft {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

// Monotonic now; one call per loop turn, everything else reads Turn::now().
[[nodiscard]] inline TimePoint read_monotonic_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}
[[nodiscard]] inline WallTime read_wall_clock() {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

}  // namespace weft
