#pragma once
// PolicyFault: a failure on purpose, for some requests, until some time. The list `faults` of a
// TrafficPolicy, replaced whole when policies merge. Plain data. Source: schemas.md 1,
// behaviour.md 9.
//
// A sidecar ends a fault at its time by its own clock; what has ended does nothing more, and may
// stay in its file. New text with a time that is past or too far away is refused, which needs a
// clock and so is not the reader's business: see objection_to_times().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/model/reader.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// A condition on a header, as routes have them.
struct HeaderCondition {
  std::string name;
  std::string value;
  bool regex = false;
  bool operator==(const HeaderCondition&) const = default;
};

struct PolicyFault {
  static constexpr std::size_t kMax = 16;
  static constexpr std::size_t kHeadersMax = 16;
  static constexpr Duration kAheadMax = std::chrono::hours(24 * 30);

  std::string name;
  double percent = 100;
  WallTime until{};
  std::vector<HeaderCondition> headers;  // all must hold; none: any request
  Duration delay{0};                     // 0: none
  Duration jitter{0};
  // At most one of these.
  std::uint16_t http_status = 0;
  std::optional<std::uint32_t> grpc_status;
  bool reset = false;
  std::uint64_t bytes_per_second = 0;  // of the response's body

  // Nobody gets an answer of the app.
  [[nodiscard]] bool ends_everything() const;
  bool operator==(const PolicyFault&) const = default;
};
using PolicyFaults = std::vector<PolicyFault>;

[[nodiscard]] PolicyFaults read_faults(Reader& spec);  // of spec.faults
[[nodiscard]] std::string describe(const PolicyFaults& value);

// What is wrong with their times if somebody writes them now; empty when nothing is.
[[nodiscard]] std::string objection_to_times(const PolicyFaults& faults, WallTime now);

}  // namespace weft::control
