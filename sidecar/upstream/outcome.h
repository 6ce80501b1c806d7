#pragma once
// Outcome: how one attempt against one endpoint ended, as balancing, ejection and budgets judge it.

#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft::upstream {

enum class Verdict : std::uint8_t {
  kSuccess,         // any answer below 500 but the next
  kRateLimited,     // 429, RESOURCE_EXHAUSTED: the endpoint is well, and has enough
  kServerError,     // 5xx other than the gateway's, or a failing gRPC status
  kGatewayError,    // 502, 503, 504
  kConnectFailure,  // could not connect or handshake
  kReset,           // ended in the middle
  kTimeout,         // no head in time
  kNeutral,         // the caller left, or a sidecar's own refusal: says nothing about the endpoint
};

struct Outcome {
  Verdict verdict = Verdict::kNeutral;
  Duration latency{0};  // to the response head
};

}  // namespace weft::upstream
