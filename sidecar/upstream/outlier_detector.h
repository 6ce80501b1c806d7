#pragma once
// OutlierState: when an endpoint has failed often enough in a row to be left out for a while, and
// what outlier_sweep.h judges each interval. Pure; one state per endpoint.
//
// After xds-v3.md 3.1 and behaviour.md 6: counters of consecutive failures; ejection for base ×
// times ejected up to a maximum, jittered; for each interval spent healthy the count of times falls
// by one. Whether the ejection may happen (share of endpoints, the last one) is the cluster's
// decision.

#include <cstdint>
#include <optional>
#include <utility>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/random.h"
#include "sidecar/upstream/outcome.h"
#include "sidecar/upstream/outlier_sweep.h"
#include "telemetry/proxy_metrics.h"

namespace weft::upstream {

class OutlierState final {
 public:
  // The reason when this outcome completes a row of failures; the counters start again.
  [[nodiscard]] std::optional<telemetry::EjectionReason> note(
      const config::OutlierDetection& settings, Verdict verdict);

  void eject(const config::OutlierDetection& settings, TimePoint now, Random& random);
  [[nodiscard]] bool ejected() const { return ejected_; }
  [[nodiscard]] TimePoint until() const { return until_; }
  void return_to_service(TimePoint now);
  // What was asked since the last call.
  [[nodiscard]] IntervalCount take_interval() { return std::exchange(interval_, {}); }

 private:
  std::uint32_t failures_5xx_ = 0;
  std::uint32_t failures_gateway_ = 0;
  std::uint32_t failures_local_ = 0;
  std::uint32_t times_ = 0;
  IntervalCount interval_;
  bool ejected_ = false;
  TimePoint until_{};
  TimePoint returned_{};
};

}  // namespace weft::upstream
