#pragma once
// Backoff: exponential delays with full jitter: uniform in [0, min(max, base × 2^k)]. No overflow
// at any k.

#include <algorithm>
#include <cstdint>

#include "sidecar/core/clock.h"
#include "sidecar/core/random.h"

namespace weft {

class Backoff final {
 public:
  Backoff(Duration base, Duration max) : base_(base), max_(std::max(base, max)) {}

  [[nodiscard]] Duration next(Random& random) {
    const Duration ceiling = ceiling_for(tries_);
    if (tries_ < 63) ++tries_;
    return Duration(
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(ceiling.count()) + 1)));
  }
  void reset() { tries_ = 0; }
  void set_max(Duration max) { max_ = std::max(base_, max); }
  [[nodiscard]] Duration ceiling_for(std::uint32_t tries) const {
    Duration delay = base_;
    for (std::uint32_t i = 0; i < tries && delay < max_; ++i) {
      delay = delay > max_ / 2 ? max_ : delay * 2;
    }
    return std::min(delay, max_);
  }

 private:
  Duration base_;
  Duration max_;
  std::uint32_t tries_ = 0;
};

}  // namespace weft
