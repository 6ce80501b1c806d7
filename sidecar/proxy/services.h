#pragma once
// Services: what everything in this room shares on one worker. Plain references; the Worker owns
// all of it and outlives it.

#include <cstdint>
#include <string_view>

#include "sidecar/core/random.h"
#include "sidecar/core/turn.h"
#include "sidecar/proxy/demands.h"
#include "sidecar/proxy/fault.h"
#include "sidecar/proxy/mirror.h"
#include "sidecar/proxy/view.h"
#include "sidecar/upstream/cluster_set.h"
#include "telemetry/access_record.h"
#include "telemetry/metrics.h"
#include "telemetry/sampler.h"
#include "telemetry/span_ring.h"

namespace weft::proxy {

// Where access-log lines go. Never blocks; drops and counts instead.
class Journal {
 public:
  // One finished line for the log file of that path.
  virtual void write_log(std::string_view path, std::string_view line) = 0;

 protected:
  ~Journal() = default;
};

// Wall time from monotonic time: the difference is read anew at most once a second, so that a turn
// reads one clock.
class WallClock final {
 public:
  [[nodiscard]] WallTime at(TimePoint point, TimePoint now) {
    if (now >= refresh_) {
      offset_ = read_wall_clock().time_since_epoch() - now.time_since_epoch();
      refresh_ = now + std::chrono::seconds(1);
    }
    return WallTime(point.time_since_epoch() + offset_);
  }

 private:
  Duration offset_{0};
  TimePoint refresh_{};
};

struct Services {
  Turn& turn;
  Random& random;
  upstream::ClusterSet& clusters;
  telemetry::Shard& shard;
  telemetry::Sampler& sampler;
  telemetry::SpanRing& spans;
  Journal& journal;
  MirrorSet& mirrors;
  FaultSwitch& faults;                // of the whole sidecar
  const std::unique_ptr<View>& view;  // the newest; replaced between events
  const bool& draining;
  const bool& shedding;  // memory is nearly used up: no new work
  WallClock& wall_clock;
  Demands* demands = nullptr;  // null: nobody is asked for what is not known

  [[nodiscard]] WallTime wall(TimePoint at) const { return wall_clock.at(at, turn.now()); }
};

}  // namespace weft::proxy
