#include "sidecar/core/rate_limiter.h"

#include <algorithm>
#include <limits>

#include "sidecar/core/xxhash.h"

namespace weft {

namespace {

// A bucket that takes longer to fill than this is never full again; nothing overflows below it.
constexpr std::int64_t kDepthMax = std::numeric_limits<std::int64_t>::max() / 4;

std::int64_t depth_of(std::int64_t per_token, std::uint32_t burst) {
  return per_token > kDepthMax / burst ? kDepthMax : per_token * burst;
}

}  // namespace

RateLimiter::RateLimiter(std::uint32_t tokens, Duration interval, std::uint32_t burst,
                         std::uint64_t seed)
    : tokens_(tokens),
      interval_(interval),
      burst_(burst),
      seed_(seed),
      per_token_(std::clamp<std::int64_t>(interval.count() / tokens, 1, kDepthMax)),
      depth_(depth_of(per_token_, burst)) {}

Duration RateLimiter::take_from(Full& full, std::int64_t now) const {
  const std::int64_t then = std::max(full, now) + per_token_;
  if (then - now > depth_) return Duration(then - now - depth_);
  full = then;
  return Duration::zero();
}

Duration RateLimiter::take(TimePoint now) {
  Full seen = one_.load(std::memory_order_relaxed);
  for (;;) {
    Full full = seen;
    const Duration wait = take_from(full, now.time_since_epoch().count());
    if (wait > Duration::zero()) return wait;
    if (one_.compare_exchange_weak(seen, full, std::memory_order_relaxed)) return wait;
  }
}

Duration RateLimiter::take(std::uint64_t key, TimePoint now) {
  const std::int64_t time = now.time_since_epoch().count();
  Part& part = parts_[key % kParts];
  const std::lock_guard lock(part.mutex);
  auto found = part.buckets.find(key);
  if (found == part.buckets.end()) {
    if (part.buckets.size() >= kKeysPerPart && time >= part.next_sweep) {
      part.next_sweep = time + kSweepEvery.count();
      std::erase_if(part.buckets, [time](const auto& entry) { return entry.second <= time; });
    }
    if (part.buckets.size() >= kKeysPerPart) return take_from(part.others, time);
    found = part.buckets.emplace(key, 0).first;
  }
  return take_from(found->second, time);
}

void RateLimiter::give_back() { one_.fetch_sub(per_token_, std::memory_order_relaxed); }

void RateLimiter::give_back(std::uint64_t key) {
  Part& part = parts_[key % kParts];
  const std::lock_guard lock(part.mutex);
  const auto found = part.buckets.find(key);
  (found == part.buckets.end() ? part.others : found->second) -= per_token_;
}

std::uint64_t RateLimiter::key_of(std::string_view text) const { return xxh64(text, seed_); }

std::size_t RateLimiter::keys() const {
  std::size_t count = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    count += part.buckets.size();
  }
  return count;
}

bool RateLimiter::is(std::uint32_t tokens, Duration interval, std::uint32_t burst) const {
  return tokens == tokens_ && interval == interval_ && burst == burst_;
}

}  // namespace weft
