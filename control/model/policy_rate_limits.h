#pragma once
// PolicyRateLimit: how often a Service's instances may be asked: the list `inbound.rateLimits` of a
// TrafficPolicy, replaced whole when policies merge. Each sidecar counts for itself. Plain data.
// Source: schemas.md 1, behaviour.md 9.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/reader.h"
#include "sidecar/core/clock.h"

namespace weft::control {

struct PolicyRateLimit {
  static constexpr std::size_t kMax = 16;

  enum class Key : std::uint8_t { kRoute, kIdentity, kHeader, kPath };
  std::string name;
  Key key = Key::kRoute;  // a bucket for all, for each caller, header value or path
  std::string header;
  std::uint32_t requests = 0;
  Duration interval{0};
  bool sliding = false;     // else tokens that come evenly
  std::uint32_t burst = 0;  // of tokens, at once; 0: as many as `requests`
  bool operator==(const PolicyRateLimit&) const = default;
};
using PolicyRateLimits = std::vector<PolicyRateLimit>;

[[nodiscard]] PolicyRateLimits read_rate_limits(Reader& inbound);  // of inbound.rateLimits
[[nodiscard]] std::string describe(const PolicyRateLimits& value);

// "100/1s".
struct Rate {
  std::uint64_t count = 0;
  Duration per{0};
};
[[nodiscard]] std::optional<Rate> parse_rate(std::string_view text);

}  // namespace weft::control
