#include "control/service_instances.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace weft::control {

namespace {

// Where a Workload serves that port of a Service; 0: nowhere.
std::uint16_t target_of(const ServicePort& port, const Workload& workload) {
  for (const WorkloadPort& candidate : workload.ports) {
    const bool same = port.target_name.empty() ? candidate.port == port.target_port
                                               : candidate.name == port.target_name;
    if (same) return candidate.port;
  }
  // Without a sidecar, or one that takes what comes for any port, nobody has to know it
  // beforehand.
  const bool must = workload.sidecar && !workload.redirected;
  return must ? std::uint16_t{0} : port.target_port;
}

}  // namespace

void ServiceInstances::find_all() {
  index_workloads();
  for (auto& [name, service] : mesh_.services) resolve(service, standing_behind(service));
}

void ServiceInstances::find(MeshService& service) {
  resolve(service, standing_in(service.name().name_space));
}

void ServiceInstances::index_workloads() {
  for (const auto& [name, service] : mesh_.services) {
    const Labels& selector = service.service->selector;
    if (selector.empty()) continue;
    standing_[{name.name_space, selector.begin()->first, selector.begin()->second}];
  }
  for (const auto& [name, workload] : mesh_.workloads) {
    for (const auto& [key, value] : workload->metadata.labels) {
      const auto found = standing_.find({name.name_space, key, value});
      if (found != standing_.end()) found->second.push_back(&workload);
    }
  }
}

const ServiceInstances::Standing& ServiceInstances::standing_behind(
    const MeshService& service) const {
  static const Standing kNobody;
  const Labels& selector = service.service->selector;
  if (selector.empty()) return kNobody;
  return standing_.at(
      {service.name().name_space, selector.begin()->first, selector.begin()->second});
}

ServiceInstances::Standing ServiceInstances::standing_in(const std::string& name_space) const {
  Standing out;
  for (auto at = mesh_.workloads.lower_bound({name_space, ""});
       at != mesh_.workloads.end() && at->first.name_space == name_space; ++at) {
    out.push_back(&at->second);
  }
  return out;
}

void ServiceInstances::resolve(MeshService& service, const Standing& standing) {
  std::vector<MeshPort> ports;
  for (const ServicePort& port : service.service->ports) {
    MeshPort out{.name = port.name, .port = port.port};
    out.protocol = protocol_of(port.app_protocol, port.name, port.port, *mesh_.config);
    out.declared = is_declared(port.app_protocol, port.name, port.port, *mesh_.config);
    std::vector<Instance> plain;
    std::set<std::string> identities;
    for (const std::shared_ptr<const Workload>* held : standing) {
      const std::shared_ptr<const Workload>& workload = *held;
      const ObjectName& name = workload->metadata.name;
      if (!selects(service.service->selector, workload->metadata.labels)) continue;
      const std::uint16_t target = target_of(port, *workload);
      if (target == 0) {
        say(service, "PortNotFound",
            fmt::format(
                "port {}: Workload {} has no port {}", port.port, name.to_string(),
                port.target_name.empty() ? std::to_string(port.target_port) : port.target_name));
        continue;
      }
      SpiffeId identity;
      if (workload->sidecar) {
        out.meshed = true;
        identity = mesh_.identity_of(*workload);
        identities.insert(identity.uri());
      }
      if (workload->weight == 0 || !(workload->ready || service.service->publish_not_ready)) {
        continue;
      }
      (workload->sidecar ? out.instances : plain)
          .push_back({.workload = workload, .port = target, .identity = std::move(identity)});
    }
    out.identities.assign(identities.begin(), identities.end());
    settle(service, out, std::move(plain));
    ports.push_back(std::move(out));
  }
  service.ports.set(std::move(ports));
}

// All meshed or none: one destination either speaks mTLS or does not. It does also while the
// meshed ones are not ready, or a failure would lead to plain text.
void ServiceInstances::settle(const MeshService& service, MeshPort& port,
                              std::vector<Instance> plain) {
  if (!port.meshed) {
    port.instances = std::move(plain);
  } else if (!plain.empty()) {
    say(service, "NotMeshed",
        fmt::format("port {}: {} of {} ready Workloads have no sidecar and are left out", port.port,
                    plain.size(), plain.size() + port.instances.size()));
  }
  drop_shared_places(service, port);
}

// One address and port is one endpoint, whoever else claims to be there: gRPC refuses a
// destination that names one twice.
void ServiceInstances::drop_shared_places(const MeshService& service, MeshPort& port) {
  std::map<std::pair<IpAddress, std::uint16_t>, std::shared_ptr<const Workload>> taken;
  std::erase_if(port.instances, [&](const Instance& instance) {
    const auto [owner, added] =
        taken.emplace(std::make_pair(instance.workload->address, instance.port), instance.workload);
    if (added) return false;
    say(service, "Conflicted",
        fmt::format("port {}: Workloads {} and {} are both at {}:{}", port.port,
                    owner->second->metadata.name.to_string(),
                    instance.workload->metadata.name.to_string(),
                    instance.workload->address.to_string(), instance.port));
    return true;
  });
}

void ServiceInstances::say(const MeshService& service, std::string reason, std::string message) {
  mesh_.conditions.push_back({.about = {Kind::kService, service.name()},
                              .type = "EndpointsResolved",
                              .reason = std::move(reason),
                              .message = std::move(message)});
}

}  // namespace weft::control
