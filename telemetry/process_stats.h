#pragma once
// ProcessStats: the process_* metrics that every Prometheus client tells, read from /proc/self.
// What cannot be read is zero and not shown. Thread: the main loop.

#include <cstdint>

#include "telemetry/prometheus.h"

namespace weft::telemetry {

struct ProcessStats {
  double cpu_seconds = 0;
  double start_time_seconds = 0;  // since the epoch
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t threads = 0;
  std::uint64_t descriptors_open = 0;
  std::uint64_t descriptors_max = 0;
};

[[nodiscard]] ProcessStats read_process_stats();
void collect(const ProcessStats& stats, MetricsPage& page);

}  // namespace weft::telemetry
