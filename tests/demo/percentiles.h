#pragma once
// Percentiles: of measured times, exactly; and of a Prometheus histogram, as good as its buckets
// are. Pure.

#include <cstdint>
#include <vector>

#include "sidecar/core/clock.h"

namespace weft::demo {

// The smallest value that is not less than `percent` of all; zero of none.
[[nodiscard]] Duration percentile(std::vector<Duration> times, double percent);

// One bucket: how many took at most `le` seconds, the buckets before included.
struct Bucket {
  double le = 0;  // infinity for the last
  double count = 0;
};
// Seconds, as histogram_quantile() of Prometheus has them: linear inside a bucket, the last finite
// edge for what lies beyond it. Zero when nothing was counted. `buckets` in order of `le`.
[[nodiscard]] double bucket_percentile(const std::vector<Bucket>& buckets, double percent);

}  // namespace weft::demo
