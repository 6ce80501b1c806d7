#pragma once
// BackendTrafficPolicy: the Gateway API's XBackendTrafficPolicy
// (gateway.networking.x-k8s.io/v1alpha1, GEP-3388): how much of a Service's traffic may be retries.
// Its numbers stand in the fields of a TrafficPolicy.

#include <vector>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"

namespace weft::control {

struct BackendTrafficPolicy {
  static constexpr std::size_t kTargetsMax = 16;

  Metadata metadata;
  std::vector<ObjectName> services;  // of its own namespace, each once
  PolicyFields fields;
};

[[nodiscard]] BackendTrafficPolicy read_backend_traffic_policy(Reader& document);

}  // namespace weft::control
