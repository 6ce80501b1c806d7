#pragma once
// RetryBudget: retries may be a share of the requests of the last seconds, and a small number more
// (behaviour.md 3). Pure.
//
// A window of ten buckets over the interval. Owner: a cluster on one worker. A budget keeps a
// failing destination from being drowned in retries; the minimum lets a quiet one retry at all.

#include <array>
#include <cstdint>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/clock.h"

namespace weft::upstream {

class RetryBudget final {
 public:
  RetryBudget(const config::RetryBudget& settings, TimePoint now)
      : settings_(settings), bucket_start_(now) {}

  void set(const config::RetryBudget& settings) { settings_ = settings; }
  void count_request(TimePoint now);
  // Counts the retry when it may be made.
  [[nodiscard]] bool admit(TimePoint now);

 private:
  static constexpr std::size_t kBuckets = 10;
  struct Bucket {
    std::uint64_t requests = 0;
    std::uint64_t retries = 0;
  };
  void roll(TimePoint now);

  config::RetryBudget settings_;
  std::array<Bucket, kBuckets> buckets_{};
  std::size_t current_ = 0;
  TimePoint bucket_start_;
};

}  // namespace weft::upstream
