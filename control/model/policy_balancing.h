#pragma once
// How a policy wants an instance chosen: the kinds of balancing, by what a request is hashed, and
// who is ejected by comparison with the others. Plain data; the blocks `loadBalancer` and
// `outlier` of a TrafficPolicy. Source: schemas.md 1, behaviour.md 6 and 8.

#include <cstdint>
#include <string>

namespace weft::control {

enum class Balancing : std::uint8_t {
  kPeakEwma,
  kRoundRobin,
  kRandom,
  kLeastRequest,
  kRingHash,
  kMaglev
};
[[nodiscard]] std::string describe(Balancing value);
// The ones that send equal requests to the same instance.
[[nodiscard]] bool hashes(Balancing value);
// A new instance can be spared at first.
[[nodiscard]] bool starts_slowly(Balancing value);

enum class LocalityChoice : std::uint8_t {
  kAuto,     // as the Service's trafficDistribution says
  kOwnZone,  // the caller's own zone as far as it can take it
  kAny
};
[[nodiscard]] std::string describe(LocalityChoice value);

// What of a request is hashed; replaced whole when policies merge.
struct RequestHash {
  enum class Of : std::uint8_t { kNothing, kHeader, kCookie, kQuery, kPath, kSource };
  Of of = Of::kNothing;
  std::string name;                // of the header, cookie or parameter
  std::uint32_t bounded_load = 0;  // percent of the average that one instance takes; 0: any
  bool operator==(const RequestHash&) const = default;
};
[[nodiscard]] std::string describe(const RequestHash& value);

// Ejects who succeeds less often than the others: below mean - factor x standard deviation.
struct SuccessRate {
  bool on = false;
  double factor = 1.9;
  std::uint32_t instances_min = 5;
  std::uint32_t requests_min = 100;
  bool operator==(const SuccessRate&) const = default;
};
[[nodiscard]] std::string describe(const SuccessRate& value);

// Ejects who fails this share of its requests.
struct FailurePercent {
  bool on = false;
  std::uint32_t threshold = 85;
  std::uint32_t instances_min = 5;
  std::uint32_t requests_min = 50;
  bool operator==(const FailurePercent&) const = default;
};
[[nodiscard]] std::string describe(const FailurePercent& value);

}  // namespace weft::control
