#pragma once
// DestinationRule: networking.istio.io v1, v1beta1 and v1alpha3: subsets of a Service by labels,
// and a policy for it, for one of its ports and for a subset, read into the fields a TrafficPolicy
// has. What cannot be expressed is a mistake that names the field.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/istio_parts.h"
#include "control/model/policy_fields.h"

namespace weft::control {

// What a trafficPolicy says: for all ports, and for some of them instead.
struct DestinationPolicy {
  PolicyFields fields;
  std::map<std::uint16_t, PolicyFields> ports;
  bool plain_text = false;  // tls.mode DISABLE
  bool mutual = false;      // tls.mode ISTIO_MUTUAL

  [[nodiscard]] const PolicyFields& of(std::uint16_t port) const;
};

struct Subset {
  std::string name;
  Labels labels;
  DestinationPolicy policy;
  std::uint32_t line = 0;
};

struct DestinationRule {
  static constexpr std::size_t kSubsetsMax = 64;
  static constexpr std::size_t kPortsMax = 64;

  Metadata metadata;
  ObjectName service;
  Exports exports;
  DestinationPolicy policy;
  std::vector<Subset> subsets;

  [[nodiscard]] const Subset* find_subset(std::string_view name) const;
};

[[nodiscard]] DestinationRule read_destination_rule(Reader& document);

// For the sources of this folder.
void read_destination_policy(Reader& owner, DestinationPolicy& out);

}  // namespace weft::control
