#include "sidecar/upstream/outlier_detector.h"

#include <algorithm>

namespace weft::upstream {

std::optional<telemetry::EjectionReason> OutlierState::note(
    const config::OutlierDetection& settings, Verdict verdict) {
  const bool local = verdict == Verdict::kConnectFailure || verdict == Verdict::kReset ||
                     verdict == Verdict::kTimeout;
  if (verdict == Verdict::kNeutral) return std::nullopt;
  const bool good = verdict == Verdict::kSuccess || verdict == Verdict::kRateLimited;
  if (!local || !settings.split_local) {
    ++interval_.requests;
    interval_.successes += good ? 1 : 0;
  }
  if (good) {
    failures_5xx_ = failures_gateway_ = failures_local_ = 0;
    return std::nullopt;
  }
  const auto reached = [](std::uint32_t& count, std::uint32_t threshold) {
    if (threshold == 0 || ++count < threshold) return false;
    count = 0;
    return true;
  };
  if (local && settings.split_local) {
    return reached(failures_local_, settings.consecutive_local_failure)
               ? std::optional(telemetry::EjectionReason::kLocalFailures)
               : std::nullopt;
  }
  // An answer came over a working connection: nothing local failed.
  if (!local) failures_local_ = 0;
  const bool gateway = local || verdict == Verdict::kGatewayError;
  if (gateway) {
    if (reached(failures_gateway_, settings.consecutive_gateway_failure)) {
      return telemetry::EjectionReason::kGatewayErrors;
    }
  } else {
    failures_gateway_ = 0;
  }
  if (reached(failures_5xx_, settings.consecutive_5xx)) return telemetry::EjectionReason::k5xx;
  return std::nullopt;
}

void OutlierState::eject(const config::OutlierDetection& settings, TimePoint now, Random& random) {
  if (times_ != 0 && settings.interval > Duration::zero()) {
    const auto healthy = static_cast<std::uint64_t>((now - returned_) / settings.interval);
    times_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(healthy, times_));
  }
  // The count stops growing once the product has reached the maximum, so it can neither overflow
  // nor take ages to decay.
  if (settings.base_ejection * times_ < settings.max_ejection) ++times_;
  Duration time = std::min(settings.base_ejection * times_,
                           std::max(settings.max_ejection, settings.base_ejection));
  if (settings.ejection_jitter > Duration::zero()) {
    time += Duration(static_cast<std::int64_t>(
        random.below(static_cast<std::uint64_t>(settings.ejection_jitter.count()) + 1)));
  }
  ejected_ = true;
  until_ = now + time;
}

void OutlierState::return_to_service(TimePoint now) {
  ejected_ = false;
  returned_ = now;
  failures_5xx_ = failures_gateway_ = failures_local_ = 0;
}

}  // namespace weft::upstream
