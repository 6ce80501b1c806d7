#pragma once
// collect: what threads count, as samples on a MetricsPage. The only place that knows which member
// is which family and label. Thread: the main loop.

#include <string>
#include <string_view>

#include "telemetry/metrics.h"
#include "telemetry/prometheus.h"

namespace weft::telemetry {

void collect(const ProxyMetrics& metrics, MetricsPage& page);

// A destination that no thread holds any more keeps its counters until they expire, but its gauges
// mean nothing.
struct ClusterLabels {
  std::string_view destination_service;
  std::string_view backend;
  bool in_use = true;
};
void collect(const ClusterMetrics& metrics, const ClusterLabels& labels, MetricsPage& page);

// The request labels of schemas.md section 2, all of them, in its order; `kWithReason` adds
// response_flags and cause.
enum class RequestLabels : std::uint8_t { kPlain, kWithReason };
[[nodiscard]] std::string render_request_labels(const SeriesKey& key, RequestLabels which);

}  // namespace weft::telemetry
