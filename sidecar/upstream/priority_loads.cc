#include "sidecar/upstream/priority_loads.h"

#include <algorithm>
#include <utility>

namespace weft::upstream {

namespace {

std::uint32_t availability(std::uint32_t count, std::uint32_t total, std::uint32_t percent) {
  if (total == 0) return 0;
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(100, std::uint64_t{percent} * count / total));
}

bool panics(const PriorityHealth& health, double threshold) {
  return health.total != 0 && 100.0 * (health.healthy + health.degraded) / health.total < threshold;
}

// Nobody is available where: then the endpoints are shared by their number.
void spread_by_count(std::span<const PriorityHealth> priorities, std::vector<PriorityLoad>& out) {
  std::uint64_t all = 0;
  for (const PriorityHealth& health : priorities) all += health.total;
  if (all == 0) return;
  std::uint32_t left = 100;
  std::size_t first = priorities.size();
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    out[i].healthy = static_cast<std::uint32_t>(100ULL * priorities[i].total / all);
    left -= out[i].healthy;
    if (first == priorities.size() && priorities[i].total != 0) first = i;
  }
  out[first].healthy += left;
}

}  // namespace

std::vector<PriorityLoad> spread_over_priorities(std::span<const PriorityHealth> priorities,
                                                 std::uint32_t overprovisioning_percent,
                                                 double panic_percent) {
  std::vector<PriorityLoad> out(priorities.size());
  std::vector<std::uint32_t> healthy;
  std::vector<std::uint32_t> degraded;
  std::uint32_t together = 0;
  for (const PriorityHealth& health : priorities) {
    healthy.push_back(availability(health.healthy, health.total, overprovisioning_percent));
    degraded.push_back(availability(health.degraded, health.total, overprovisioning_percent));
    together += healthy.back() + degraded.back();
  }
  const std::uint32_t normal = std::min(together, 100U);
  bool all_panic = !priorities.empty() && normal < 100;
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    out[i].panic = normal < 100 && panics(priorities[i], panic_percent);
    all_panic = all_panic && (out[i].panic || priorities[i].total == 0);
  }
  if (all_panic) {
    spread_by_count(priorities, out);
    return out;
  }
  if (normal == 0) return out;
  std::uint32_t left = 100;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].healthy = std::min(left, healthy[i] * 100 / normal);
    left -= out[i].healthy;
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].degraded = std::min(left, degraded[i] * 100 / normal);
    left -= out[i].degraded;
  }
  // What rounding left over.
  for (std::size_t i = 0; i < out.size() && left != 0; ++i) {
    if (healthy[i] != 0) {
      out[i].healthy += std::exchange(left, 0);
    } else if (degraded[i] != 0) {
      out[i].degraded += std::exchange(left, 0);
    }
  }
  return out;
}

}  // namespace weft::upstream
