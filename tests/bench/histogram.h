#pragma once
// Histogram: counts of durations in log-linear buckets, 64 to each power of two, so a bucket is at
// most 1.6 % wide.
//
// Owner: a load run. Thread: one. Unit: nanoseconds. Errors: a duration past the range (36 minutes)
// counts in the last bucket; max() stays exact. Runs are merged by adding bucket to bucket, never
// by averaging quantiles.

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace weft::bench {

class Histogram final {
 public:
  using Duration = std::chrono::nanoseconds;
  static constexpr unsigned kStepBits = 6;
  static constexpr std::uint64_t kSteps = 1U << kStepBits;
  static constexpr unsigned kTopBit = 40;
  static constexpr std::size_t kBuckets = (kTopBit - kStepBits + 2) * kSteps;

  struct Bucket {
    std::uint64_t lowest = 0;   // ns, included
    std::uint64_t highest = 0;  // ns, included
    std::uint64_t count = 0;
  };

  void record(Duration duration);
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Duration max() const { return Duration{max_}; }
  // The highest value of the bucket that holds the sample of this rank, never more than max(). Zero
  // when empty.
  [[nodiscard]] Duration quantile(double share) const;
  [[nodiscard]] Bucket bucket(std::size_t index) const;

  [[nodiscard]] static std::size_t index_of(std::uint64_t nanoseconds);

 private:
  std::array<std::uint64_t, kBuckets> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace weft::bench
