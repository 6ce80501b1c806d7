#pragma once
// MeshConfig: what holds for the whole mesh: trust domain, mTLS, certificates, traces, access log.
// weft.dev/v1alpha1, one object named "default". Defaults here are what holds without one. What
// cannot be had yet is refused by text.

#include <cstdint>
#include <set>
#include <string>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"
#include "sidecar/core/clock.h"

namespace weft::control {

struct MeshConfig {
  static constexpr Duration kLeafLifetimeMax = std::chrono::hours(24 * 7);
  static constexpr Duration kLeafLifetimeMin = std::chrono::seconds(10);

  struct Collector {
    std::string host;  // a name or an address; empty: traces are kept in the sidecars only
    std::uint16_t port = 0;
    std::string path = "/v1/traces";
    bool operator==(const Collector&) const = default;
  };
  enum class AccessLog : std::uint8_t { kOff, kErrors, kAll };

  Metadata metadata;
  std::string trust_domain = "cluster.local";
  std::set<std::uint16_t> opaque_ports = {25, 587, 3306, 4444, 5432, 6379, 9300, 11211};
  // Whether a redirected app may call what is not of the mesh; without redirect there is no way.
  bool deny_unknown = false;
  // A redirected sidecar is told of a Service when its app first calls it; and from the start of
  // what its Workload `uses`.
  bool on_demand = false;
  Duration leaf_lifetime = std::chrono::hours(24);
  double sampling_percent = 1.0;       // of traces that begin here
  std::uint16_t roots_per_second = 1;  // sampled before the percentage is asked
  bool keep_errors = true;
  Collector collector;
  AccessLog access_log = AccessLog::kErrors;
  bool access_log_json = true;
  PolicyFields defaults;  // of every destination, where no TrafficPolicy says otherwise

  bool operator==(const MeshConfig&) const = default;
};

[[nodiscard]] MeshConfig read_mesh_config(Reader& document);

}  // namespace weft::control
