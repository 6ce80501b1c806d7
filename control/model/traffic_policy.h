#pragma once
// TrafficPolicy: what people want of the traffic to Services, through routes, in namespaces.
// weft.dev/v1alpha1. Which policy wins where is planner/effective_policy.h's business; here is what
// one document says.
//
// What the schema has and the data plane does not obey yet is refused by name, and so is what
// belongs to a destination where a route is the target: a destination is shared by all routes to
// it.

#include <cstdint>
#include <string>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"

namespace weft::control {

struct PolicyTarget {
  // In the order of GEP-713's hierarchy, the widest first.
  enum class Kind : std::uint8_t { kNamespace, kService, kHttpRoute };
  Kind kind = Kind::kService;
  ObjectName object;    // of a Namespace: the name alone
  std::string section;  // a Service's port by name or number, a route's rule; empty: all of it

  [[nodiscard]] std::string to_string() const;  // "Service shop/cart port http"
  auto operator<=>(const PolicyTarget&) const = default;
};

struct TrafficPolicy {
  static constexpr std::size_t kTargetsMax = 16;

  Metadata metadata;
  std::vector<PolicyTarget> targets;  // of one kind, each once
  PolicyFields fields;
};

[[nodiscard]] TrafficPolicy read_traffic_policy(Reader& document);

// The fields of a policy in `spec`; MeshConfig's defaults are read by it as well.
void read_policy_fields(Reader& spec, PolicySide widest, PolicyFields& out);

}  // namespace weft::control
