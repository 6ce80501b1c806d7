#pragma once
// PolicyFallback: who answers where the destination cannot: another Service, or a fixed response.
// The block `fallback` of a TrafficPolicy, replaced whole when policies merge. Plain data. Source:
// schemas.md 1, behaviour.md 5.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "control/model/names.h"
#include "control/model/reader.h"

namespace weft::control {

struct PolicyFallback {
  static constexpr std::size_t kHeadersMax = 64;
  static constexpr std::size_t kBodyMax = 16 * 1024;

  bool on = false;
  bool circuit_open = true;
  bool overloaded = true;
  bool retries_exhausted = true;
  // Another Service; without a name the response.
  ObjectName service;  // without a namespace: the policy's own
  std::uint16_t port = 0;
  std::uint16_t status = 503;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool operator==(const PolicyFallback&) const = default;
};

[[nodiscard]] PolicyFallback read_fallback(Reader& block);
[[nodiscard]] std::string describe(const PolicyFallback& value);

}  // namespace weft::control
