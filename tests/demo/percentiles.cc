#include "tests/demo/percentiles.h"

#include <algorithm>
#include <cmath>

namespace weft::demo {

Duration percentile(std::vector<Duration> times, double percent) {
  if (times.empty()) return Duration::zero();
  const double wanted = std::ceil(percent / 100 * static_cast<double>(times.size()));
  const std::size_t rank =
      std::clamp(static_cast<std::size_t>(wanted), std::size_t{1}, times.size()) - 1;
  const auto at = times.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(times.begin(), at, times.end());
  return *at;
}

double bucket_percentile(const std::vector<Bucket>& buckets, double percent) {
  if (buckets.empty() || buckets.back().count <= 0) return 0;
  const double wanted = percent / 100 * buckets.back().count;
  double le_before = 0;
  double count_before = 0;
  for (const Bucket& bucket : buckets) {
    if (bucket.count >= wanted && bucket.count > count_before) {
      if (std::isinf(bucket.le)) return le_before;
      return le_before +
             (bucket.le - le_before) * (wanted - count_before) / (bucket.count - count_before);
    }
    if (!std::isinf(bucket.le)) le_before = bucket.le;
    count_before = bucket.count;
  }
  return le_before;
}

}  // namespace weft::demo
