#include "control/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace weft::control {

namespace {

struct ProtocolName {
  std::string_view name;
  AppProtocol protocol;
};

// What Kubernetes, Istio and people call them. An unknown word says that it is not HTTP.
constexpr std::array<ProtocolName, 11> kProtocols = {{
    {"http", AppProtocol::kHttp1},
    {"http1", AppProtocol::kHttp1},
    {"grpc-web", AppProtocol::kHttp1},
    {"kubernetes.io/ws", AppProtocol::kHttp1},
    {"http2", AppProtocol::kHttp2},
    {"h2c", AppProtocol::kHttp2},
    {"kubernetes.io/h2c", AppProtocol::kHttp2},
    {"grpc", AppProtocol::kHttp2},
    {"tcp", AppProtocol::kTcp},
    {"tls", AppProtocol::kTcp},
    {"https", AppProtocol::kTcp},
}};

const ProtocolName* find_protocol(std::string_view name) {
  const auto found = std::ranges::find(kProtocols, name, &ProtocolName::name);
  return found == kProtocols.end() ? nullptr : &*found;
}

// The joining of one set of objects.
class Joining final {
 public:
  Joining(const Objects& objects, Mesh& mesh) : objects_(objects), mesh_(mesh) {}

  void run() {
    take_objects();
    drop_shared_addresses();
    for (auto& [name, service] : mesh_.services) resolve(service);
    attach_routes();
    for (const auto& route : routes_) check_backends(*route);
    mesh_.policies = PolicyTable(mesh_, policies_, mesh_.conditions);
  }

 private:
  void take_objects() {
    for (const auto& [key, object] : objects_) {
      std::visit([&](const auto& held) { take(held); }, object);
    }
    const auto older = [](const auto& a, const auto& b) { return age_of(*a) < age_of(*b); };
    std::ranges::sort(routes_, older);
    std::ranges::sort(policies_, older);
  }
  void take(const std::shared_ptr<const MeshConfig>& config) { mesh_.config = config; }
  void take(const std::shared_ptr<const Workload>& workload) {
    mesh_.workloads.emplace(workload->metadata.name, workload);
  }
  void take(const std::shared_ptr<const HttpRoute>& route) {
    routes_.push_back(route);
    mesh_.http_routes.emplace(route->metadata.name, route);
  }
  void take(const std::shared_ptr<const TrafficPolicy>& policy) { policies_.push_back(policy); }
  void take(const std::shared_ptr<const Service>& service) {
    const ObjectName& name = service->metadata.name;
    mesh_.services.emplace(name,
                           MeshService{.service = service,
                                       .host = fmt::format("{}.{}.{}", name.name, name.name_space,
                                                           Mesh::kClusterDomain)});
  }

  // Unknown age is younger than any known one (GEP-713: the older wins, then the name).
  template <typename Document>
  static std::tuple<bool, const std::string&, const ObjectName&> age_of(const Document& document) {
    const Metadata& metadata = document.metadata;
    return {metadata.created.empty(), metadata.created, metadata.name};
  }

  void say(Kind kind, const ObjectName& name, std::string type, std::string reason,
           std::string message) {
    mesh_.conditions.push_back({.about = {kind, name},
                                .type = std::move(type),
                                .reason = std::move(reason),
                                .message = std::move(message)});
  }

  // Two sidecars cannot listen on one address.
  void drop_shared_addresses() {
    std::map<IpAddress, ObjectName> taken;
    for (auto at = mesh_.workloads.begin(); at != mesh_.workloads.end();) {
      const auto [owner, added] = at->second->sidecar
                                      ? taken.emplace(at->second->address, at->first)
                                      : std::make_pair(taken.end(), true);
      if (added) {
        ++at;
        continue;
      }
      say(Kind::kWorkload, at->first, "Accepted", "Conflicted",
          fmt::format("address {} is {}'s", at->second->address.to_string(),
                      owner->second.to_string()));
      at = mesh_.workloads.erase(at);
    }
  }

  static std::uint16_t target_of(const ServicePort& port, const Workload& workload) {
    for (const WorkloadPort& candidate : workload.ports) {
      const bool same = port.target_name.empty() ? candidate.port == port.target_port
                                                 : candidate.name == port.target_name;
      if (same) return candidate.port;
    }
    // Without a sidecar nobody has to know the port beforehand.
    return workload.sidecar ? std::uint16_t{0} : port.target_port;
  }

  void resolve(MeshService& service) {
    for (const ServicePort& port : service.service->ports) {
      MeshPort out{.name = port.name, .port = port.port};
      out.protocol = protocol_of(port.app_protocol, port.name, port.port, *mesh_.config);
      std::vector<Instance> plain;
      std::set<std::string> identities;
      const std::string& name_space = service.name().name_space;
      for (auto at = mesh_.workloads.lower_bound({name_space, ""});
           at != mesh_.workloads.end() && at->first.name_space == name_space; ++at) {
        const auto& [name, workload] = *at;
        if (!selects(service.service->selector, workload->metadata.labels)) continue;
        const std::uint16_t target = target_of(port, *workload);
        if (target == 0) {
          say(Kind::kService, service.name(), "EndpointsResolved", "PortNotFound",
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
      service.ports.push_back(std::move(out));
    }
  }

  // All meshed or none: one destination either speaks mTLS or does not. It does also while the
  // meshed ones are not ready, or a failure would lead to plain text.
  void settle(const MeshService& service, MeshPort& port, std::vector<Instance> plain) {
    if (!port.meshed) {
      port.instances = std::move(plain);
    } else if (!plain.empty()) {
      say(Kind::kService, service.name(), "EndpointsResolved", "NotMeshed",
          fmt::format("port {}: {} of {} ready Workloads have no sidecar and are left out",
                      port.port, plain.size(), plain.size() + port.instances.size()));
    }
    drop_shared_places(service, port);
  }

  // One address and port is one endpoint, whoever else claims to be there: gRPC refuses a
  // destination that names one twice.
  void drop_shared_places(const MeshService& service, MeshPort& port) {
    std::map<std::pair<IpAddress, std::uint16_t>, std::shared_ptr<const Workload>> taken;
    std::erase_if(port.instances, [&](const Instance& instance) {
      const auto [owner, added] = taken.emplace(
          std::make_pair(instance.workload->address, instance.port), instance.workload);
      if (added) return false;
      say(Kind::kService, service.name(), "EndpointsResolved", "Conflicted",
          fmt::format("port {}: Workloads {} and {} are both at {}:{}", port.port,
                      owner->second->metadata.name.to_string(),
                      instance.workload->metadata.name.to_string(),
                      instance.workload->address.to_string(), instance.port));
      return true;
    });
  }

  void attach_routes() {
    for (const auto& route : routes_) {
      for (const ParentRef& parent : route->parents) attach(route, parent);
    }
  }

  void attach(const std::shared_ptr<const HttpRoute>& route, const ParentRef& parent) {
    const ObjectName& name = route->metadata.name;
    const MeshService* service = mesh_.find_service(parent.service);
    if (service == nullptr) {
      say(Kind::kHttpRoute, name, "Accepted", "NoMatchingParent",
          fmt::format("there is no Service {}", parent.service.to_string()));
      return;
    }
    // GEP-1294: a route beside its Service holds for all clients, one elsewhere for clients of its
    // own namespace.
    const bool producer = name.name_space == parent.service.name_space;
    bool matched = false;
    for (const MeshPort& port : service->ports) {
      if (parent.port && *parent.port != port.port) continue;
      if (!parent.section.empty() && parent.section != port.name) continue;
      if (!port.is_http()) {
        if (parent.port || !parent.section.empty()) {
          say(Kind::kHttpRoute, name, "Accepted", "NotAllowedByParent",
              fmt::format("port {} of Service {} is not HTTP", port.port,
                          parent.service.to_string()));
        }
        matched = true;
        continue;
      }
      matched = true;
      auto& routes = mesh_.routes[{parent.service, port.port, producer ? "" : name.name_space}];
      if (std::ranges::find(routes, route) == routes.end()) routes.push_back(route);
    }
    if (!matched) {
      say(Kind::kHttpRoute, name, "Accepted", "NoMatchingParent",
          fmt::format("Service {} has no port {}", parent.service.to_string(),
                      parent.port ? std::to_string(*parent.port) : parent.section));
    }
  }

  void check_backends(const HttpRoute& route) {
    for (std::size_t rule = 0; rule < route.rules.size(); ++rule) {
      const auto& backends = route.rules[rule].backends;
      for (std::size_t at = 0; at < backends.size(); ++at) {
        const BackendRef& backend = backends[at];
        const MeshService* service = mesh_.find_service(backend.service);
        std::string reason = "BackendNotFound";
        std::string message;
        if (!backend.unusable.empty()) {
          reason = "InvalidKind";
          message = backend.unusable;
        } else if (service == nullptr) {
          message = fmt::format("there is no Service {}", backend.service.to_string());
        } else if (service->find_port(backend.port) == nullptr) {
          message =
              fmt::format("Service {} has no port {}", backend.service.to_string(), backend.port);
        } else if (!service->find_port(backend.port)->is_http()) {
          reason = "UnsupportedProtocol";
          message = fmt::format("port {} of Service {} is not HTTP", backend.port,
                                backend.service.to_string());
        } else {
          continue;
        }
        say(Kind::kHttpRoute, route.metadata.name, "ResolvedRefs", reason,
            fmt::format("rules[{}].backendRefs[{}]: {}", rule, at, message));
      }
    }
  }

  const Objects& objects_;
  Mesh& mesh_;
  std::vector<std::shared_ptr<const HttpRoute>> routes_;
  std::vector<std::shared_ptr<const TrafficPolicy>> policies_;
};

}  // namespace

const MeshPort* MeshService::find_port(std::uint16_t port) const {
  const auto found = std::ranges::find(ports, port, &MeshPort::port);
  return found == ports.end() ? nullptr : &*found;
}

const MeshService* Mesh::find_service(const ObjectName& name) const {
  const auto found = services.find(name);
  return found == services.end() ? nullptr : &found->second;
}

const std::vector<std::shared_ptr<const HttpRoute>>* Mesh::find_routes(
    const ObjectName& service, std::uint16_t port, const std::string& client_namespace) const {
  auto found = routes.end();
  if (!client_namespace.empty()) found = routes.find({service, port, client_namespace});
  if (found == routes.end()) found = routes.find({service, port, ""});
  return found == routes.end() ? nullptr : &found->second;
}

const MeshPort* Mesh::find_backend(const BackendRef& backend) const {
  if (!backend.unusable.empty()) return nullptr;
  const MeshService* service = find_service(backend.service);
  const MeshPort* port = service == nullptr ? nullptr : service->find_port(backend.port);
  return port != nullptr && port->is_http() ? port : nullptr;
}

SpiffeId Mesh::identity_of(const Workload& workload) const {
  const Result<SpiffeId> id = SpiffeId::make(
      config->trust_domain, workload.metadata.name.name_space, workload.service_account);
  return id ? *id : SpiffeId();
}

AppProtocol protocol_of(const std::string& app_protocol, const std::string& name,
                        std::uint16_t port, const MeshConfig& config) {
  if (!app_protocol.empty()) {
    const ProtocolName* known = find_protocol(app_protocol);
    return known == nullptr ? AppProtocol::kTcp : known->protocol;
  }
  for (const std::string& word : {name, name.substr(0, name.find('-'))}) {
    if (const ProtocolName* known = find_protocol(word)) return known->protocol;
  }
  return config.opaque_ports.contains(port) ? AppProtocol::kTcp : AppProtocol::kHttp1;
}

std::shared_ptr<const Mesh> make_mesh(const Objects& objects, std::uint64_t generation,
                                      const std::string& trust_domain) {
  auto mesh = std::make_shared<Mesh>();
  if (!trust_domain.empty()) {
    MeshConfig config;
    config.trust_domain = trust_domain;
    mesh->config = std::make_shared<const MeshConfig>(std::move(config));
  }
  mesh->generation = generation;
  Joining(objects, *mesh).run();
  return mesh;
}

}  // namespace weft::control
