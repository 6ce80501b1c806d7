#pragma once
// PolicyHealth: whether callers ask each instance how it is, and how: the block `health` of a
// TrafficPolicy, replaced whole when policies merge. Plain data. Source: schemas.md 1, behaviour.md
// 8.

#include <cstdint>
#include <string>

#include "control/model/reader.h"
#include "sidecar/core/clock.h"

namespace weft::control {

struct PolicyHealth {
  enum class How : std::uint8_t { kNone, kHttp, kGrpc, kTcp };
  How how = How::kNone;
  std::string path = "/";  // HTTP
  std::string host;        // HTTP; empty: the Service's
  std::string service;     // gRPC; empty: the server as a whole
  Duration interval = std::chrono::seconds(10);
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t healthy = 2;    // good answers in a row that make it well
  std::uint32_t unhealthy = 3;  // bad ones that do not
  bool operator==(const PolicyHealth&) const = default;
};

[[nodiscard]] PolicyHealth read_health(Reader& block);
[[nodiscard]] std::string describe(const PolicyHealth& value);

}  // namespace weft::control
