#include "sidecar/upstream/check_state.h"

namespace weft::upstream {

std::optional<bool> CheckState::note(const config::HealthCheck& settings, Result result) {
  const bool pass = result == Result::kPass;
  if (known_ && pass == passes_) {
    row_ = 0;
    return std::nullopt;
  }
  ++row_;
  const bool decides = !known_ || result == Result::kNo ||
                       row_ >= (pass ? settings.passes_min : settings.failures_max);
  if (!decides) return std::nullopt;
  known_ = true;
  passes_ = pass;
  row_ = 0;
  return pass;
}

Duration CheckState::next_in(const config::HealthCheck& settings, bool used, Random& random) const {
  Duration base = passes_ ? settings.interval : settings.interval_failing;
  if (!used) {
    base = passes_ ? settings.interval_unused_passing : settings.interval_unused;
  } else if (row_ != 0) {
    base = passes_ ? settings.interval_passing_edge : settings.interval_failing_edge;
  }
  const auto up_to = [&](Duration most) {
    return Duration(
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most.count()))));
  };
  Duration wait = base;
  if (settings.jitter_percent != 0) wait += up_to(base * settings.jitter_percent / 100);
  if (settings.jitter > Duration::zero()) wait += up_to(settings.jitter);
  return wait;
}

}  // namespace weft::upstream
