#include "telemetry/sampler.h"

#include "sidecar/core/assert.h"

namespace weft::telemetry {

bool PerSecond::take(TimePoint now, std::uint16_t max) {
  // From 1 on, so that the first second is not mistaken for the state's beginning.
  const auto second =
      static_cast<std::uint64_t>(now.time_since_epoch() / std::chrono::seconds(1)) + 1;
  std::uint64_t state = state_.load(std::memory_order_relaxed);
  while (true) {
    const std::uint64_t taken = (state >> 16) == second ? state & 0xffff : 0;
    // A worker whose clock is a turn behind must not reopen a second that is over.
    if ((state >> 16) > second || taken >= max) return false;
    if (state_.compare_exchange_weak(state, (second << 16) | (taken + 1),
                                     std::memory_order_relaxed))
      return true;
  }
}

Sampling Sampler::decide(const TraceContext& context, const SamplingOptions& options,
                         TimePoint now) {
  WEFT_ASSERT(context.has_ids());
  if (context.sampling != Sampling::kUndecided) return context.sampling;
  if (roots_.take(now, options.roots_per_second)) return Sampling::kYes;
  return in_ratio(context.trace_id, options.ratio) ? Sampling::kYes : Sampling::kNo;
}

bool Sampler::keep_failure(const SamplingOptions& options, TimePoint now) {
  return failures_.take(now, options.failures_per_second);
}

bool Sampler::in_ratio(const TraceId& id, double ratio) {
  // The last seven bytes are the ones that W3C Trace Context 2 asks to be random.
  std::uint64_t value = 0;
  for (std::size_t i = 9; i < id.bytes.size(); ++i) value = value << 8 | id.bytes[i];
  return static_cast<double>(value) < ratio * 0x1.0p56;
}

}  // namespace weft::telemetry
