#pragma once
// TokenBucket: `rate` tokens per second up to `burst`; pure arithmetic on the time it is told.

#include <algorithm>

#include "sidecar/core/clock.h"

namespace weft {

class TokenBucket final {
 public:
  TokenBucket(double rate_per_second, double burst, TimePoint now)
      : rate_(rate_per_second), burst_(burst), tokens_(burst), updated_(now) {}

  [[nodiscard]] bool take(TimePoint now, double tokens = 1.0) {
    refill(now);
    if (tokens_ < tokens) return false;
    tokens_ -= tokens;
    return true;
  }
  // How long until `tokens` will be there; zero when they are.
  [[nodiscard]] Duration wait_for(TimePoint now, double tokens = 1.0) {
    refill(now);
    if (tokens_ >= tokens) return Duration::zero();
    if (rate_ <= 0) return Duration::max();
    return std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>((tokens - tokens_) / rate_));
  }

 private:
  void refill(TimePoint now) {
    if (now <= updated_) return;
    const double seconds = std::chrono::duration<double>(now - updated_).count();
    tokens_ = std::min(burst_, tokens_ + seconds * rate_);
    updated_ = now;
  }

  double rate_;
  double burst_;
  double tokens_;
  TimePoint updated_;
};

}  // namespace weft
