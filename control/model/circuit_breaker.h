#pragma once
// CircuitBreaker: the block `circuitBreaker` of a TrafficPolicy: a preset, and what is written
// besides it. One field of the policy, replaced whole when policies merge. Source: behaviour.md 5,
// schemas.md 1.

#include <string>
#include <string_view>

#include "control/model/reader.h"
#include "sidecar/config/breaker_policy.h"

namespace weft::control {

struct CircuitBreaker {
  std::string preset =
      "Standard";        // Off, Standard, Fast, Slow, Critical; Custom when none is named
  bool changed = false;  // something is written besides the preset
  bool on = true;
  config::BreakerPolicy policy;  // without meaning when it is off
  bool operator==(const CircuitBreaker&) const = default;
};

[[nodiscard]] CircuitBreaker read_circuit_breaker(Reader& block);

// As one writes it when it is a preset; else "Fast: 3 failures in a row, open for 5s up to 1m, …".
[[nodiscard]] std::string describe(const CircuitBreaker& value);

}  // namespace weft::control
