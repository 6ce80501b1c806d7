#pragma once
// EndpointLoad: what one worker has under way at one endpoint and how long answers have taken
// there. Pure; one per endpoint.
//
// The latency is a peak EWMA after Finagle's published idea: a slower answer counts at once and in
// full, a faster one by the time since the last one, and without answers the estimate falls with
// the same decay, so that an endpoint left alone is tried again. Requests that wait for an answer
// count by their age, or a stall would be seen only when it is over. A failure counts as at least
// kFailurePenalty: fast failures would attract traffic. One alone is averaged in, or one poisoned
// request after another would empty healthy endpoints; a second in a row counts in full.

#include <cstdint>

#include "sidecar/core/clock.h"
#include "sidecar/upstream/outcome.h"

namespace weft::upstream {

class EndpointLoad final {
 public:
  static constexpr Duration kFailurePenalty = std::chrono::seconds(1);

  // A request was admitted; it waits until answered().
  void begin(TimePoint now);
  // The answer to a request that was admitted `held` ago has begun; its body may go on for long.
  void answered(TimePoint now, Duration held);
  // It has ended, answered or not.
  void end();

  void sample(TimePoint now, const Outcome& outcome, Duration decay);

  [[nodiscard]] std::uint32_t active() const { return active_; }
  [[nodiscard]] bool sampled() const { return sampled_; }
  // The estimate in nanoseconds, as it has decayed until now; 0 before the first answer.
  [[nodiscard]] double latency(TimePoint now, Duration decay) const;
  // The mean age of what waits, in nanoseconds.
  [[nodiscard]] double waiting_age(TimePoint now) const;

 private:
  std::uint32_t active_ = 0;
  std::uint32_t waiting_ = 0;
  // Nanoseconds of all their beginnings together; wraps, and the difference is right all the same.
  std::uint64_t began_ = 0;
  double latency_ = 0;
  TimePoint sampled_at_{};
  bool sampled_ = false;
  bool failed_last_ = false;
};

}  // namespace weft::upstream
