#pragma once
// Figure: a row in a room's table of its own metrics: the family, the labels, and where the value
// lives.

#include <variant>
#include <vector>

#include "sidecar/core/counters.h"
#include "telemetry/family.h"
#include "telemetry/prometheus.h"

namespace weft::telemetry {

// Where one metric lives, which outlives this.
class MetricRef final {
 public:
  template <typename Metric>
  // NOLINTNEXTLINE(google-explicit-constructor): a row names the metric itself
  MetricRef(const Metric& metric) : at_(&metric) {}

  [[nodiscard]] bool is(MetricType type) const {
    return at_.index() == static_cast<std::size_t>(type);
  }
  template <typename Look>
  void visit(Look look) const {
    std::visit([&](const auto* metric) { look(*metric); }, at_);
  }

 private:
  // In the order of MetricType.
  std::variant<const Counter*, const Gauge*, const Histogram*> at_;
};

struct Figure {
  const Family& family;  // stays
  std::vector<LabelPair> labels;
  MetricRef metric;
};

}  // namespace weft::telemetry
