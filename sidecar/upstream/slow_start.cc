#include "sidecar/upstream/slow_start.h"

#include <algorithm>
#include <cmath>

namespace weft::upstream {

double slow_start_share(const config::SlowStart& settings, Duration since) {
  if (since >= settings.window) return 1.0;
  const Duration passed = std::max<Duration>(since, std::chrono::milliseconds(1));
  const double part =
      static_cast<double>(passed.count()) / static_cast<double>(settings.window.count());
  const double share = std::pow(part, 1.0 / settings.aggression);
  return std::clamp(share, settings.min_weight_percent / 100.0, 1.0);
}

}  // namespace weft::upstream
