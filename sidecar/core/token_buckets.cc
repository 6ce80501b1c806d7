#include "sidecar/core/token_buckets.h"

#include <algorithm>
#include <limits>

namespace weft {

namespace {

// A bucket that takes longer to fill than this is never full again; nothing overflows below it.
constexpr std::int64_t kDepthMax = std::numeric_limits<std::int64_t>::max() / 4;

std::int64_t depth_of(std::int64_t per_token, std::uint32_t burst) {
  return per_token > kDepthMax / burst ? kDepthMax : per_token * burst;
}

}  // namespace

TokenBuckets::TokenBuckets(std::uint32_t tokens, Duration interval, std::uint32_t burst,
                           std::uint64_t seed)
    : RateLimiter({.algorithm = Algorithm::kTokenBucket,
                   .requests = tokens,
                   .interval = interval,
                   .burst = burst},
                  seed),
      per_token_(std::clamp<std::int64_t>(interval.count() / tokens, 1, kDepthMax)),
      depth_(depth_of(per_token_, burst)) {}

Duration TokenBuckets::take_from(Full& full, std::int64_t now) const {
  const std::int64_t then = std::max(full, now) + per_token_;
  if (then - now > depth_) return Duration(then - now - depth_);
  full = then;
  return Duration::zero();
}

Duration TokenBuckets::take(TimePoint now) {
  Full seen = one_.load(std::memory_order_relaxed);
  for (;;) {
    Full full = seen;
    const Duration wait = take_from(full, now.time_since_epoch().count());
    if (wait > Duration::zero()) return wait;
    if (one_.compare_exchange_weak(seen, full, std::memory_order_relaxed)) return wait;
  }
}

RateLimiter::Taken TokenBuckets::take(std::uint64_t key, TimePoint now) {
  const std::int64_t time = now.time_since_epoch().count();
  return keys_.with(
      key, time, [time](Full full) { return full <= time; },
      [&](Full& full, bool shared) {
        return Taken{.wait = take_from(full, time), .shared = shared};
      });
}

void TokenBuckets::give_back(TimePoint) { one_.fetch_sub(per_token_, std::memory_order_relaxed); }

void TokenBuckets::give_back(std::uint64_t key, TimePoint) {
  keys_.again(key, [this](Full& full) { full -= per_token_; });
}

}  // namespace weft
