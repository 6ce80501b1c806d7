#include "sidecar/core/rate_limiter.h"

#include "sidecar/core/sliding_windows.h"
#include "sidecar/core/token_buckets.h"
#include "sidecar/core/xxhash.h"

namespace weft {

std::shared_ptr<RateLimiter> RateLimiter::make(const Setting& setting, std::uint64_t seed) {
  switch (setting.algorithm) {
    case Algorithm::kTokenBucket:
      return std::make_shared<TokenBuckets>(setting.requests, setting.interval, setting.burst,
                                            seed);
    case Algorithm::kSlidingWindow:
      return std::make_shared<SlidingWindows>(setting.requests, setting.interval, seed);
  }
  return nullptr;
}

std::uint64_t RateLimiter::key_of(std::string_view text) const { return xxh64(text, seed_); }

}  // namespace weft
