#pragma once
// Balancing: how a cluster chooses among its usable endpoints. Plain data; fields follow
// Cluster.lb_policy, the envoy.extensions.load_balancing_policies.*.v3 messages and weft.lb.v1.
// Defaults are Envoy's.

#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft::config {

enum class BalancerKind : std::uint8_t {
  kRoundRobin,
  kLeastRequest,
  kRandom,
  kPeakEwma,  // weft's: latency that remembers its peaks
  kRingHash,
  kMaglev
};

// Points on a ring, whatever ring_size_max says: 16 bytes each, and one very light endpoint asks
// for a ring as large as may be.
inline constexpr std::uint64_t kRingPointsMax = std::uint64_t{1} << 20;

enum class HashFunction : std::uint8_t { kXxHash64, kMurmurHash2 };

// A new or returned endpoint gets a growing share of its weight.
struct SlowStart {
  Duration window{0};  // 0: none
  double aggression = 1.0;
  double min_weight_percent = 10.0;
  bool operator==(const SlowStart&) const = default;
};

enum class LocalityPreference : std::uint8_t {
  kNone,
  kWeighted,  // by LocalityLbEndpoints.load_balancing_weight
  kOwnZone    // our own zone first, others as if they were one priority lower
};

struct Balancing {
  BalancerKind kind = BalancerKind::kRoundRobin;
  std::uint32_t least_request_choices = 2;
  Duration ewma_decay = std::chrono::seconds(10);  // in which a peak falls to 1/e
  std::uint64_t ring_size_min = 1024;
  std::uint64_t ring_size_max = 8'388'608;
  HashFunction ring_hash = HashFunction::kXxHash64;
  std::uint32_t maglev_table_size = 65'537;  // a prime
  // Ring hash and Maglev: no endpoint takes more than this share of the average; 0: no bound.
  std::uint32_t bounded_load_percent = 0;
  bool hash_by_host_name = false;  // instead of by address
  SlowStart slow_start;            // not for ring hash and Maglev
  LocalityPreference localities = LocalityPreference::kNone;
  bool operator==(const Balancing&) const = default;
};

}  // namespace weft::config
