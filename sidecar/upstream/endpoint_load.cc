#include "sidecar/upstream/endpoint_load.h"

#include <algorithm>
#include <cmath>

#include "sidecar/core/assert.h"

namespace weft::upstream {

namespace {

std::uint64_t nanoseconds(TimePoint time) {
  return static_cast<std::uint64_t>(time.time_since_epoch().count());
}

// How much of an estimate is left after `passed`.
double kept(Duration passed, Duration decay) {
  if (passed <= Duration::zero()) return 1.0;
  if (decay <= Duration::zero()) return 0.0;
  return std::exp(-static_cast<double>(passed.count()) / static_cast<double>(decay.count()));
}

}  // namespace

void EndpointLoad::begin(TimePoint now) {
  ++active_;
  ++waiting_;
  began_ += nanoseconds(now);
}

void EndpointLoad::answered(TimePoint now, Duration held) {
  if (waiting_ == 0) return;
  --waiting_;
  began_ = waiting_ == 0 ? 0 : began_ - nanoseconds(now - held);
}

void EndpointLoad::end() {
  WEFT_ASSERT(active_ > 0);
  --active_;
  if (waiting_ <= active_) return;
  // Ended without a verdict: which one it was is not known, so it takes the mean with it.
  began_ -= began_ / waiting_;
  --waiting_;
}

void EndpointLoad::sample(TimePoint now, const Outcome& outcome, Duration decay) {
  if (outcome.verdict == Verdict::kNeutral) return;
  const bool failed =
      outcome.verdict != Verdict::kSuccess && outcome.verdict != Verdict::kRateLimited;
  const auto measured = static_cast<double>(outcome.latency.count());
  const double counted =
      failed ? std::max(measured, static_cast<double>(kFailurePenalty.count())) : measured;
  const double share = sampled_ ? kept(now - sampled_at_, decay) : 0.0;
  const double average = latency_ * share + counted * (1.0 - share);
  // What a rise may jump to: all that was really waited, and all of a penalty earned twice.
  const double peak = failed && !failed_last_ ? measured : counted;
  latency_ = peak > latency_ ? std::max(peak, average) : average;
  sampled_at_ = now;
  sampled_ = true;
  failed_last_ = failed;
}

double EndpointLoad::latency(TimePoint now, Duration decay) const {
  return sampled_ ? latency_ * kept(now - sampled_at_, decay) : 0.0;
}

double EndpointLoad::waiting_age(TimePoint now) const {
  if (waiting_ == 0) return 0.0;
  const std::uint64_t together = std::uint64_t{waiting_} * nanoseconds(now) - began_;
  return static_cast<double>(together) / static_cast<double>(waiting_);
}

}  // namespace weft::upstream
