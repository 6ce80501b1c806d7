#include "control/planner/inbound_policy.h"

#include <algorithm>

#include "control/planner/effective_policy.h"

namespace weft::control {

namespace {

bool says_inbound(const PolicyFields& fields) {
  return fields.inbound_connections.value || fields.inbound_requests.value ||
         fields.inbound_pending.value || fields.inbound_pending_timeout.value ||
         fields.inbound_when_full.value || fields.inbound_priority.value ||
         fields.inbound_priority_max.value || fields.priority_trust.value ||
         fields.rate_limits.value;
}

}  // namespace

PolicyFields inbound_policy(const Mesh& mesh, const MeshService* service, const Workload& workload,
                            const WorkloadPort& port, bool http2) {
  PolicyFields out = built_in_policy(http2);
  if (service == nullptr || !has_inbound_policies(mesh)) return out;
  const auto leads_here = [&](const MeshPort& candidate) {
    return std::ranges::any_of(candidate.instances, [&](const Instance& instance) {
      return instance.workload.get() == &workload && instance.port == port.port;
    });
  };
  const auto known_by = std::ranges::find_if(service->ports, leads_here);
  if (known_by == service->ports.end()) return out;
  const EffectivePolicy effective(mesh, {*service, *known_by, ""});
  const PolicyFields& fields = effective.fields();
  out.connections = fields.inbound_connections;
  out.requests = fields.inbound_requests;
  out.pending = fields.inbound_pending;
  out.pending_timeout = fields.inbound_pending_timeout;
  out.when_full = fields.inbound_when_full;
  out.inbound_priority = fields.inbound_priority;
  out.inbound_priority_max = fields.inbound_priority_max;
  out.priority_trust = fields.priority_trust;
  out.rate_limits = fields.rate_limits;
  return out;
}

bool has_inbound_policies(const Mesh& mesh) {
  return says_inbound(mesh.config->defaults) ||
         std::ranges::any_of(mesh.policies.all(),
                             [](const auto& held) { return says_inbound(held.second->fields); });
}

}  // namespace weft::control
