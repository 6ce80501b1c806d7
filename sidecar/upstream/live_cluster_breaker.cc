// A cluster's circuit breaker: what each ending means to it, and how its transitions are told.

#include "sidecar/core/log.h"
#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

// How often a worker looks whether another one has closed the breaker.
constexpr Duration kBreakerLook = std::chrono::seconds(1);

}  // namespace

Breaker::Ending LiveCluster::ending_of(const Outcome& outcome) const {
  using config::BreakerPolicy;
  const auto kind = [&]() -> std::uint8_t {
    switch (outcome.verdict) {
      case Verdict::kTimeout:
        return BreakerPolicy::kTimeout;
      case Verdict::kConnectFailure:
        return BreakerPolicy::kConnect;
      case Verdict::kReset:
        return BreakerPolicy::kReset;
      case Verdict::kServerError:
      case Verdict::kGatewayError:
        return BreakerPolicy::kServerError;
      case Verdict::kRateLimited:
        return BreakerPolicy::kRateLimited;
      case Verdict::kSuccess:
      case Verdict::kNeutral:
        break;
    }
    return 0;
  }();
  if (outcome.verdict == Verdict::kNeutral) return Breaker::Ending::kNeutral;
  if ((kind & config_->breaker->counts) != 0) return Breaker::Ending::kFailure;
  const bool slow =
      config_->breaker->slow_ratio > 0 && outcome.latency >= config_->breaker->slow_threshold;
  return slow ? Breaker::Ending::kSlow : Breaker::Ending::kSuccess;
}

void LiveCluster::note_overdue(Breaker::Pass& pass) {
  if (!config_->breaker) return;
  note_transition(limits_->breaker.note(*config_->breaker, pass, Breaker::Ending::kFailure,
                                        services_.turn.now(), services_.random));
}

bool LiveCluster::circuit_open() const {
  return config_->breaker && limits_->breaker.refuses(*config_->breaker, services_.turn.now());
}

Duration LiveCluster::circuit_open_for() const {
  return config_->breaker ? limits_->breaker.time_left(services_.turn.now()) : Duration::zero();
}

void LiveCluster::note_transition(Breaker::Edge edge) {
  if (!edge) return;
  metrics_->breaker_transitions(*edge).add();
  // A destination that flaps, or many that do, must not fill the log.
  WEFT_LOG_LIMITED(kWarn, "cluster {}: circuit breaker: {} to {}", name_,
                   telemetry::from_state_of(*edge), telemetry::to_state_of(*edge));
  watch_breaker();
}

// The gauge tells the state as it is, also when nobody asks: the end of the time to be open comes
// by a timer, and what another worker did is looked for while the breaker is not closed.
void LiveCluster::watch_breaker() {
  if (!config_->breaker) {
    breaker_timer_.cancel();
    metrics_->breaker_state.set(telemetry::kBreakerClosed);
    return;
  }
  const Breaker::State state = limits_->breaker.state();
  metrics_->breaker_state.set(static_cast<std::int64_t>(state));
  if (state == Breaker::State::kClosed) {
    breaker_timer_.cancel();
  } else {
    const Duration left = limits_->breaker.time_left(services_.turn.now());
    breaker_timer_.arm(left > Duration::zero() ? left : kBreakerLook);
  }
}

}  // namespace weft::upstream
