#include "sidecar/upstream/outlier_sweep.h"

#include <cmath>

namespace weft::upstream {

namespace {

using telemetry::EjectionReason;

double rate_of(const IntervalCount& count) {
  return 100.0 * static_cast<double>(count.successes) / static_cast<double>(count.requests);
}

// Those with enough requests, if they are enough.
template <typename Settings>
std::vector<std::size_t> comparable(const Settings& settings,
                                    std::span<const IntervalCount> counts) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i].requests != 0 && counts[i].requests >= settings.requests_min) out.push_back(i);
  }
  if (out.size() < settings.endpoints_min) out.clear();
  return out;
}

}  // namespace

std::vector<std::optional<EjectionReason>> sweep_outliers(const config::OutlierDetection& settings,
                                                          std::span<const IntervalCount> counts) {
  std::vector<std::optional<EjectionReason>> out(counts.size());
  if (settings.success_rate) {
    const std::vector<std::size_t> judged = comparable(*settings.success_rate, counts);
    double sum = 0;
    for (const std::size_t i : judged) sum += rate_of(counts[i]);
    const double mean = judged.empty() ? 0 : sum / static_cast<double>(judged.size());
    double squares = 0;
    for (const std::size_t i : judged) squares += std::pow(rate_of(counts[i]) - mean, 2);
    const double deviation =
        judged.empty() ? 0 : std::sqrt(squares / static_cast<double>(judged.size()));
    const double threshold = mean - settings.success_rate->stdev_factor * deviation;
    for (const std::size_t i : judged) {
      if (rate_of(counts[i]) < threshold) out[i] = EjectionReason::kSuccessRate;
    }
  }
  if (settings.failure_percent) {
    for (const std::size_t i : comparable(*settings.failure_percent, counts)) {
      if (!out[i] && 100.0 - rate_of(counts[i]) >= settings.failure_percent->percent)
        out[i] = EjectionReason::kFailurePercent;
    }
  }
  return out;
}

}  // namespace weft::upstream
