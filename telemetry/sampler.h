#pragma once
// Sampler: which traces are exported. The caller's decision is honoured; where there is none, the
// first root of each second and then a share by trace id, so that every sidecar that must decide
// for one trace decides alike. Failed requests that were not sampled may still export this
// sidecar's own spans, a few per second (behaviour.md sections 2 and 11).
//
// One per process; its state is two words that workers share, touched with a compare-and-swap about
// once a second each.

#include <atomic>
#include <cstdint>

#include "sidecar/core/clock.h"
#include "telemetry/trace_context.h"

namespace weft::telemetry {

// MeshConfig tracing. Owner: configuration; passed with each question, since it may differ by
// listener.
struct SamplingOptions {
  double ratio = 0.01;                 // 0 … 1
  std::uint16_t roots_per_second = 1;  // sampled before the ratio is asked
  std::uint16_t failures_per_second = 1;
};

// At most n in each second of the clock, for the whole process.
class PerSecond final {
 public:
  // Thread-safe. True when this second still has room.
  [[nodiscard]] bool take(TimePoint now, std::uint16_t max);

 private:
  std::atomic<std::uint64_t> state_{0};  // second × 2^16 + taken
};

class Sampler final {
 public:
  // REQUIRES: context.has_ids(). Never kUndecided.
  [[nodiscard]] Sampling decide(const TraceContext& context, const SamplingOptions& options,
                                TimePoint now);
  // Whether a failed request that is not sampled exports its own spans.
  [[nodiscard]] bool keep_failure(const SamplingOptions& options, TimePoint now);

  // The share decided by the id alone: the same answer in every process.
  [[nodiscard]] static bool in_ratio(const TraceId& id, double ratio);

 private:
  PerSecond roots_;
  PerSecond failures_;
};

}  // namespace weft::telemetry
