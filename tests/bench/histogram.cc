#include "tests/bench/histogram.h"

#include <algorithm>
#include <cmath>

namespace weft::bench {

std::size_t Histogram::index_of(std::uint64_t nanoseconds) {
  if (nanoseconds < kSteps) return nanoseconds;
  const auto top = static_cast<unsigned>(std::bit_width(nanoseconds)) - 1;
  if (top > kTopBit) return kBuckets - 1;
  const unsigned shift = top - kStepBits;
  return shift * kSteps + (nanoseconds >> shift);
}

Histogram::Bucket Histogram::bucket(std::size_t index) const {
  if (index < kSteps) return {.lowest = index, .highest = index, .count = counts_[index]};
  const std::size_t shift = index / kSteps - 1;
  const std::uint64_t lowest = (index - shift * kSteps) << shift;
  return {.lowest = lowest,
          .highest = lowest + (std::uint64_t{1} << shift) - 1,
          .count = counts_[index]};
}

void Histogram::record(Duration duration) {
  const std::int64_t value = std::max<std::int64_t>(duration.count(), 0);
  ++counts_[index_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
}

Histogram::Duration Histogram::quantile(double share) const {
  if (count_ == 0) return Duration::zero();
  const double exact = std::ceil(share * static_cast<double>(count_));
  const auto rank =
      std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max(exact, 1.0)), 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += counts_[i];
    if (seen >= rank)
      return std::min(max(), Duration{static_cast<std::int64_t>(bucket(i).highest)});
  }
  return max();
}

}  // namespace weft::bench
