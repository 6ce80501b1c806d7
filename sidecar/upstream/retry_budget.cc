#include "sidecar/upstream/retry_budget.h"

#include <algorithm>

namespace weft::upstream {

void RetryBudget::roll(TimePoint now) {
  const Duration width =
      std::max<Duration>(settings_.interval / kBuckets, std::chrono::milliseconds(1));
  if (now - bucket_start_ >= width * kBuckets) {
    buckets_.fill({});
    bucket_start_ = now;
    return;
  }
  while (now - bucket_start_ >= width) {
    current_ = (current_ + 1) % kBuckets;
    buckets_[current_] = {};
    bucket_start_ += width;
  }
}

void RetryBudget::count_request(TimePoint now) {
  roll(now);
  ++buckets_[current_].requests;
}

bool RetryBudget::admit(TimePoint now) {
  roll(now);
  std::uint64_t requests = 0;
  std::uint64_t retries = 0;
  for (const Bucket& bucket : buckets_) {
    requests += bucket.requests;
    retries += bucket.retries;
  }
  const double seconds = std::chrono::duration<double>(settings_.interval).count();
  const double share = static_cast<double>(requests) * settings_.percent / 100.0;
  const double minimum = static_cast<double>(settings_.min_per_second) * seconds;
  if (static_cast<double>(retries) + 1.0 > std::max(share, minimum)) return false;
  ++buckets_[current_].retries;
  return true;
}

}  // namespace weft::upstream
