#pragma once
// RecentTraces: the last spans this sidecar exported, for the admin page /traces: a trace can be
// looked at without a collector. Bounded; the oldest span goes first. Thread: the main loop.

#include <cstdint>
#include <deque>
#include <string>

#include "telemetry/span.h"

namespace weft::telemetry {

class RecentTraces final {
 public:
  static constexpr std::size_t kSpansMax = 512;

  void add(const Span& span);
  [[nodiscard]] std::size_t spans() const { return spans_.size(); }

  // {"traces":[{"trace_id":…,"spans":[…]},…]}, the trace with the newest span first, its spans by
  // start.
  [[nodiscard]] std::string to_json(std::size_t traces_max = 50) const;

 private:
  std::deque<Span> spans_;
};

}  // namespace weft::telemetry
