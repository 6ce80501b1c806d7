#pragma once
// BreakerPolicy: when a destination is given a rest, and how it is asked whether it is well again
// (behaviour.md 5; on the wire weft.config.v1.ClusterPolicy.circuit_breaker). Plain data; the
// defaults are those of the preset Standard.

#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft::config {

struct BreakerPolicy {
  // Which endings of an attempt count as failures: a set of these bits. Any other answer is a
  // success; what the caller or a sidecar ended itself is neither.
  enum Failure : std::uint8_t {
    kTimeout = 1U << 0,
    kConnect = 1U << 1,      // no connection, or no handshake
    kReset = 1U << 2,        // broken off
    kServerError = 1U << 3,  // 5xx; gRPC statuses that mean the same
    kRateLimited = 1U << 4,  // 429, RESOURCE_EXHAUSTED
  };
  static constexpr std::uint8_t kTransport = kTimeout | kConnect | kReset;

  std::uint8_t counts = kTransport;
  // Open when, of at least `requests_min` attempts judged in the last `window`, this share failed,
  // or `slow_ratio` took `slow_threshold` or longer to their response head. A ratio of 0 is off.
  Duration window = std::chrono::seconds(10);
  std::uint32_t requests_min = 20;
  double failure_ratio = 1.0;
  Duration slow_threshold{0};
  double slow_ratio = 0.0;
  std::uint32_t consecutive_failures = 0;  // or after that many in a row; 0: off
  // How long it stays open: doubling with every re-opening in a row, up to open_max, ± 10 %.
  Duration open_for = std::chrono::seconds(5);
  Duration open_max = std::chrono::seconds(60);
  std::uint32_t trials = 3;  // half-open: that many must succeed, and no more are let through

  bool operator==(const BreakerPolicy&) const = default;
};

}  // namespace weft::config
