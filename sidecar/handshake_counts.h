#pragma once
// HandshakeCounts: the workers' TLS libraries count their own handshakes; what is new since the
// last page goes into the main loop's shard.
//
// Owner: Sidecar. Thread: main loop.

#include <cstdint>
#include <vector>

#include "sidecar/worker.h"
#include "telemetry/proxy_metrics.h"

namespace weft::sidecar {

class HandshakeCounts final {
 public:
  // Both outlive it; `shard` is the main loop's.
  HandshakeCounts(const Workers& workers, telemetry::ProxyMetrics& shard)
      : workers_(workers), shard_(shard) {}

  // Before a page is made.
  void update();

 private:
  const Workers& workers_;
  telemetry::ProxyMetrics& shard_;
  std::vector<std::uint64_t> seen_;  // by worker, side and result
};

}  // namespace weft::sidecar
