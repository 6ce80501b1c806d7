#include "control/planner/mesh_facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/planner/defaults.h"

namespace weft::control {

TcpPorts tcp_ports(const Mesh& mesh, const Workload& workload, const Scope& scope) {
  std::set<std::uint16_t> taken = {Workload::kAdminPort, Workload::kOutboundPort};
  for (const WorkloadPort& port : workload.ports) taken.insert(port.port);
  TcpPorts out;
  // The own namespace first: its Services are the likelier ones.
  for (const bool own : {true, false}) {
    for (const auto& [name, service] : mesh.services) {
      if ((name.name_space == workload.metadata.name.name_space) != own) continue;
      if (!scope.calls(name)) continue;
      for (const MeshPort& port : service.ports) {
        if (port.is_http()) continue;
        (taken.insert(port.port).second ? out.open : out.shut).emplace_back(&service, &port);
      }
    }
  }
  return out;
}

Duration inbound_idle(const Mesh& mesh) {
  Duration longest = defaults::kStreamIdle;
  const auto look = [&](const PolicyFields& fields) {
    if (!fields.idle.value || longest == Duration::zero()) return;
    longest = *fields.idle.value == Duration::zero() ? Duration::zero()
                                                     : std::max(longest, *fields.idle.value);
  };
  look(mesh.config->defaults);
  for (const auto& [place, policy] : mesh.policies.all()) look(policy->fields);
  return longest;
}

std::vector<Labels> source_labels(const Mesh& mesh) {
  std::set<Labels> out;
  for (const auto& route : mesh.route_objects) {
    for (const RouteRule& rule : route->rules) {
      for (const RouteMatch& match : rule.matches) {
        if (!match.source_labels.empty()) out.insert(match.source_labels);
      }
    }
  }
  return {out.begin(), out.end()};
}

std::string opaque_ports(const Mesh& mesh) {
  std::string out;
  for (const auto& [name, service] : mesh.services) {
    for (const MeshPort& port : service.ports) {
      if (!port.is_http()) out += fmt::format("{}:{}\n", service.host, port.port);
    }
  }
  return out;
}

bool meshed_alike(const Mesh& before, const Mesh& now) {
  return std::ranges::equal(before.services, now.services, [](const auto& a, const auto& b) {
    return a.second.ports.is(b.second.ports) ||
           std::ranges::equal(a.second.ports, b.second.ports, {}, &MeshPort::meshed,
                              &MeshPort::meshed);
  });
}

}  // namespace weft::control
