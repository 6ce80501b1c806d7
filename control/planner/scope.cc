#include "control/planner/scope.h"

namespace weft::control {

namespace {

std::set<ObjectName> called_services(const Mesh& mesh, const ScopeWishes& wishes) {
  std::set<ObjectName> out;
  for (const ObjectName& name : wishes.demanded) {
    if (mesh.services.contains(name)) out.insert(name);
  }
  if (wishes.uses == nullptr) return out;
  for (const ObjectName& entry : wishes.uses->entries()) {
    if (entry.name != Uses::kAny) {
      if (mesh.services.contains(entry)) out.insert(entry);
      continue;
    }
    for (auto at = mesh.services.lower_bound({entry.name_space, ""});
         at != mesh.services.end() && at->first.name_space == entry.name_space; ++at) {
      out.insert(at->first);
    }
  }
  return out;
}

// Adds where the routes of a Service that is called lead, and nothing that those lead to: a route
// is asked once.
class Reaching final {
 public:
  Reaching(const Mesh& mesh, const std::string& clients, std::set<ObjectName>& out)
      : mesh_(mesh), clients_(clients), out_(out) {}

  void add_of(const MeshService& service) {
    for (const MeshPort& port : service.ports) {
      if (const auto* routes = mesh_.find_routes(service.name(), port.port, clients_)) {
        for (const auto& route : *routes) add_of(*route);
      }
      const auto* streams = mesh_.find_streams(service.name(), port.port, clients_);
      if (streams == nullptr) continue;
      for (const auto& route : *streams) {
        for (const StreamRule& rule : route->rules) add_all(rule.backends);
      }
    }
  }

  // Of policies of what is called; one of a route may be of any.
  void add_fallbacks(const std::set<ObjectName>& called) {
    add(mesh_.config->defaults);
    std::set<std::string> name_spaces;
    for (const ObjectName& name : called) name_spaces.insert(name.name_space);
    for (const auto& [place, policy] : mesh_.policies.all()) {
      switch (place.kind) {
        case PolicyTarget::Kind::kNamespace:
          if (name_spaces.contains(place.object.name)) add(policy->fields);
          break;
        case PolicyTarget::Kind::kService:
          if (called.contains(place.object)) add(policy->fields);
          break;
        case PolicyTarget::Kind::kHttpRoute:
          add(policy->fields);
          break;
      }
    }
  }

 private:
  void add_of(const HttpRoute& route) {
    for (const RouteRule& rule : route.rules) {
      add_all(rule.backends);
      for (const Mirror& mirror : rule.mirrors) add(mirror.backend.service);
      if (rule.policy != nullptr) add(*rule.policy);
    }
  }
  void add_all(const std::vector<BackendRef>& backends) {
    for (const BackendRef& backend : backends) add(backend.service);
  }
  void add(const PolicyFields& fields) {
    if (fields.fallback.value) add(fields.fallback.value->service);
  }
  void add(const ObjectName& service) {
    if (mesh_.services.contains(service)) out_.insert(service);
  }

  const Mesh& mesh_;
  const std::string& clients_;
  std::set<ObjectName>& out_;
};

}  // namespace

std::string ScopeWishes::key() const {
  std::string out = uses == nullptr ? std::string() : uses->to_string();
  for (const ObjectName& name : demanded) out += '\n' + name.to_string();
  out += "\n\n";
  for (const ObjectName& name : peers) out += '\n' + name.to_string();
  return out;
}

Scope::Scope(const Mesh& mesh, const ScopeWishes& wishes, const std::string& clients)
    : everything_(wishes.uses != nullptr && wishes.uses->everything()) {
  if (everything_) return;
  called_ = called_services(mesh, wishes);
  reached_ = called_;
  Reaching reaching(mesh, clients, reached_);
  for (const ObjectName& name : called_) reaching.add_of(mesh.services.at(name));
  reaching.add_fallbacks(called_);
  peers_ = wishes.peers;
}

}  // namespace weft::control
