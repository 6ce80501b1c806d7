#include "control/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "control/route_attachment.h"
#include "control/service_instances.h"

namespace weft::control {

namespace {

// The joining of one set of objects.
class Joining final {
 public:
  Joining(const Objects& objects, Mesh& mesh) : objects_(objects), mesh_(mesh) {}

  void run() {
    take_objects();
    drop_shared_addresses();
    ServiceInstances(mesh_).find_all();
    mesh_.destinations = DestinationTable(mesh_, destinations_, mesh_.conditions);
    attach_routes(routes_, mesh_);
    for (const auto& policy : budgets_) attach(policy);
    mesh_.policies = PolicyTable(mesh_, policies_, mesh_.conditions);
    mesh_.backend_tls = BackendTlsTable(mesh_, backend_tls_, config_maps_, mesh_.conditions);
  }

  // The Mesh is a copy of one that was joined. False: it has to be joined anew.
  [[nodiscard]] bool change(const WorkloadChanges& changes) {
    const auto is_about = [](Kind kind) {
      return [kind](const Condition& condition) { return condition.about.kind == kind; };
    };
    if (std::ranges::any_of(mesh_.conditions, is_about(Kind::kWorkload))) return false;
    const bool subsets = !mesh_.destinations.empty() ||
                         std::ranges::any_of(mesh_.conditions, is_about(Kind::kDestinationRule));
    std::set<ObjectName> touched;
    std::map<IpAddress, ObjectName> moved;
    for (const auto& [name, now] : changes) {
      const auto at = mesh_.workloads.find(name);
      const std::shared_ptr<const Workload> before =
          at == mesh_.workloads.end() ? nullptr : at->second;
      if (subsets && !same_to_subsets(before.get(), now.get())) return false;
      if ((before == nullptr) != (now == nullptr) && is_alone(name)) return false;
      for (const Workload* one : {before.get(), now.get()}) {
        if (one != nullptr) note_services_of(*one, touched);
      }
      if (now != nullptr && now->sidecar) moved.emplace(now->address, name);
      if (now == nullptr) {
        if (before != nullptr) mesh_.workloads.erase(at);
      } else {
        mesh_.workloads.insert_or_assign(name, now);
      }
    }
    if (shares_address(moved)) return false;
    for (const ObjectName& name : touched) resolve_again(mesh_.services.at(name));
    return true;
  }

 private:
  // Whether a DestinationRule sees no difference.
  static bool same_to_subsets(const Workload* before, const Workload* now) {
    if (before == nullptr || now == nullptr) return before == now;
    return before->sidecar == now->sidecar && before->metadata.labels == now->metadata.labels;
  }

  // Its namespace is there for policies because of it alone.
  [[nodiscard]] bool is_alone(const ObjectName& name) const {
    const auto in_namespace = [&](auto at, auto end) {
      for (; at != end && at->first.name_space == name.name_space; ++at) {
        if (at->first != name) return true;
      }
      return false;
    };
    const auto service = mesh_.services.lower_bound({name.name_space, ""});
    if (service != mesh_.services.end() && service->first.name_space == name.name_space) {
      return false;
    }
    return !in_namespace(mesh_.workloads.lower_bound({name.name_space, ""}), mesh_.workloads.end());
  }

  void note_services_of(const Workload& workload, std::set<ObjectName>& touched) const {
    const std::string& name_space = workload.metadata.name.name_space;
    for (auto at = mesh_.services.lower_bound({name_space, ""});
         at != mesh_.services.end() && at->first.name_space == name_space; ++at) {
      if (selects(at->second.service->selector, workload.metadata.labels)) {
        touched.insert(at->first);
      }
    }
  }

  // Each of those is at its own address, or somebody else is there as well.
  [[nodiscard]] bool shares_address(const std::map<IpAddress, ObjectName>& moved) const {
    if (moved.empty()) return false;
    return std::ranges::any_of(mesh_.workloads, [&](const auto& one) {
      if (!one.second->sidecar) return false;
      const auto found = moved.find(one.second->address);
      return found != moved.end() && found->second != one.first;
    });
  }

  // Its conditions take the place in which they would stand: those of Services come first, by name.
  void resolve_again(MeshService& service) {
    const auto before = [](const Condition& condition) {
      return condition.about.kind == Kind::kService && condition.type == "EndpointsResolved";
    };
    std::vector<Condition> all = std::exchange(mesh_.conditions, {});
    std::erase_if(all, [&](const Condition& condition) {
      return before(condition) && condition.about.name == service.name();
    });
    ServiceInstances(mesh_).find(service);
    const auto place = std::ranges::find_if_not(all, [&](const Condition& condition) {
      return before(condition) && condition.about.name < service.name();
    });
    all.insert(place, mesh_.conditions.begin(), mesh_.conditions.end());
    mesh_.conditions = std::move(all);
  }

  void take_objects() {
    for (const auto& [key, object] : objects_) {
      std::visit([&](const auto& held) { take(held); }, object);
    }
    const auto older = [](const auto& a, const auto& b) { return age_of(*a) < age_of(*b); };
    std::ranges::sort(routes_.http, older);
    std::ranges::sort(routes_.streams, older);
    std::ranges::sort(routes_.virtual_services, older);
    std::ranges::sort(destinations_, older);
    std::ranges::sort(policies_, older);
    std::ranges::sort(budgets_, older);
    std::ranges::sort(backend_tls_, older);
  }
  void take(const std::shared_ptr<const MeshConfig>& config) { mesh_.config = config; }
  void take(const std::shared_ptr<const Workload>& workload) {
    mesh_.workloads.emplace(workload->metadata.name, workload);
  }
  void take(const std::shared_ptr<const HttpRoute>& route) {
    routes_.http.push_back(route);
    if (route->kind == Kind::kHttpRoute) mesh_.http_routes.emplace(route->metadata.name, route);
  }
  void take(const std::shared_ptr<const StreamRoute>& route) { routes_.streams.push_back(route); }
  void take(const std::shared_ptr<const ReferenceGrant>&) {}
  void take(const std::shared_ptr<const VirtualService>& service) {
    routes_.virtual_services.push_back(service);
  }
  void take(const std::shared_ptr<const DestinationRule>& rule) { destinations_.push_back(rule); }
  void take(const std::shared_ptr<const BackendTrafficPolicy>& policy) {
    budgets_.push_back(policy);
  }
  void take(const std::shared_ptr<const BackendTlsPolicy>& policy) {
    backend_tls_.push_back(policy);
  }
  void take(const std::shared_ptr<const ConfigMap>& map) {
    config_maps_.emplace(map->metadata.name, map);
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

  void attach(const std::shared_ptr<const BackendTrafficPolicy>& policy) {
    const ObjectName& name = policy->metadata.name;
    for (const ObjectName& service : policy->services) {
      if (mesh_.find_service(service) == nullptr) {
        say(Kind::kBackendTrafficPolicy, name, "Accepted", "TargetNotFound",
            fmt::format("there is no Service {}", service.to_string()));
        continue;
      }
      const auto [at, added] = mesh_.budgets.emplace(service, policy);
      if (added) continue;
      say(Kind::kBackendTrafficPolicy, name, "Accepted", "Conflicted",
          fmt::format("Service {}: {} of XBackendTrafficPolicy {} holds instead",
                      service.to_string(), at->second->metadata.place,
                      at->second->metadata.name.to_string()));
    }
  }

  const Objects& objects_;
  Mesh& mesh_;
  RouteObjects routes_;
  std::vector<std::shared_ptr<const DestinationRule>> destinations_;
  std::vector<std::shared_ptr<const TrafficPolicy>> policies_;
  std::vector<std::shared_ptr<const BackendTrafficPolicy>> budgets_;
  std::vector<std::shared_ptr<const BackendTlsPolicy>> backend_tls_;
  BackendTlsTable::ConfigMaps config_maps_;
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

namespace {

template <typename Map>
const typename Map::mapped_type* find_scope(const Map& map, const ObjectName& service,
                                            std::uint16_t port,
                                            const std::string& client_namespace) {
  auto found = map.end();
  if (!client_namespace.empty()) found = map.find({service, port, client_namespace});
  if (found == map.end()) found = map.find({service, port, ""});
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

const std::vector<std::shared_ptr<const HttpRoute>>* Mesh::find_routes(
    const ObjectName& service, std::uint16_t port, const std::string& client_namespace) const {
  return find_scope(routes, service, port, client_namespace);
}

const std::vector<std::shared_ptr<const StreamRoute>>* Mesh::find_streams(
    const ObjectName& service, std::uint16_t port, const std::string& client_namespace) const {
  return find_scope(streams, service, port, client_namespace);
}

SpiffeId Mesh::identity_of(const Workload& workload) const {
  const Result<SpiffeId> id = SpiffeId::make(
      config->trust_domain, workload.metadata.name.name_space, workload.service_account);
  return id ? *id : SpiffeId();
}

std::shared_ptr<const Mesh> change_workloads(const Mesh& before, const WorkloadChanges& changes,
                                             std::uint64_t generation) {
  static const Objects kNone;
  auto mesh = std::make_shared<Mesh>(before);
  mesh->generation = generation;
  if (!Joining(kNone, *mesh).change(changes)) return nullptr;
  return mesh;
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
