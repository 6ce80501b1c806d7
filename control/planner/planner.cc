#include "control/planner/planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/planner/captured_listeners.h"
#include "control/planner/clusters.h"
#include "control/planner/inbound_policy.h"
#include "control/planner/listeners.h"
#include "control/planner/mesh_facts.h"
#include "control/planner/names.h"
#include "control/planner/routes.h"
#include "control/planner/table_builder.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace {

std::string full_name(std::string_view type_url) {
  return std::string(xds::message_name(type_url));
}

std::string join(const Planner::Wanted& wanted) {
  std::string out;
  for (const std::string& name : wanted) out += name + '\n';
  return out;
}

}  // namespace

Planner::Planner(std::shared_ptr<const Mesh> mesh, const Planner* previous, WallTime now,
                 Names names)
    : mesh_(std::move(mesh)),
      now_(now),
      names_told_(names),
      inbound_idle_(inbound_idle(*mesh_)),
      sources_(source_labels(*mesh_)) {
  const bool redirects = std::ranges::any_of(
      mesh_->workloads, [](const auto& workload) { return workload.second->redirected; });
  if (redirects) captured_facts_ = captured_facts(*mesh_);
  if (previous == nullptr) return;
  captured_same_ = captured_facts_ == previous->captured_facts_;
  old_mesh_ = previous->mesh_;
  only_workloads_ = old_mesh_->joined == mesh_->joined;
  if (only_workloads_) {
    for (const auto& [name, service] : mesh_->services) {
      if (!as_before(service)) moved_.insert(name);
    }
  }
  routes_same_ = only_workloads_ && meshed_alike(*old_mesh_, *mesh_);
  listening_same_ =
      only_workloads_ ||
      (*old_mesh_->config == *mesh_->config && opaque_ports(*old_mesh_) == opaque_ports(*mesh_) &&
       old_mesh_->streams.empty() && mesh_->streams.empty() &&
       previous->inbound_idle_ == inbound_idle_ && !has_inbound_policies(*old_mesh_) &&
       !has_inbound_policies(*mesh_));
  endpoints_.before = previous->endpoints_.now;
  clusters_of_services_.before = previous->clusters_of_services_.now;
  some_endpoints_.before = previous->some_endpoints_.now;
  some_clusters_.before = previous->some_clusters_.now;
  routes_.before = previous->routes_.now;
  clusters_.before = previous->clusters_.now;
  own_.before = previous->own_.now;
  planned_.before = previous->planned_.now;
  old_api_listeners_ = previous->api_listeners_;
  names_.before = previous->names_.now;
}

Planner::~Planner() = default;

// What was planned last, for this Mesh or the one before.
Planner::TypePtr Planner::old_type(const Node& node, std::string_view type_url) const {
  for (const auto* memory : {&planned_.now, &planned_.before}) {
    const auto old = memory->find(node);
    if (old == memory->end() || old->second.set == nullptr) continue;
    return type_in(*old->second.set, type_url);
  }
  return nullptr;
}

Planner::TypePtr Planner::type_in(const xds::ResourceSet& set, std::string_view type_url) {
  const auto type = set.types.find(xds::message_name(type_url));
  return type == set.types.end() ? nullptr : type->second;
}

bool Planner::as_before(const MeshService& service) const {
  if (!only_workloads_) return false;
  const MeshService* before = old_mesh_->find_service(service.name());
  return before != nullptr && before->ports.is(service.ports);
}

// ---- who asks ----

Planner::Asker Planner::ask(const Node& node, const Wanted& wanted) {
  Asker asker{.node = node, .scope = whole_};
  if (node.kind == Node::Kind::kProxyless) return asker;
  asker.workload = &mesh_->workloads.at(node.workload);
  const Workload& workload = **asker.workload;
  ScopeWishes wishes{.uses = workload.uses ? &*workload.uses : nullptr};
  const bool everything = wishes.uses != nullptr && wishes.uses->everything();
  asker.on_demand = workload.redirected && mesh_->config->on_demand && !everything;
  if (!wanted.empty() && !destination_index_) destination_index_.emplace(*mesh_);
  for (const std::string& name : wanted) {
    if (asker.found.size() == kWantedMax) break;
    DestinationIndex::Found found = destination_index_->find(name);
    if (!found.any()) continue;
    wishes.demanded.insert(found.services.begin(), found.services.end());
    if (found.pod) wishes.peers.insert(*found.pod);
    asker.found.emplace(name, std::move(found));
  }
  if (everything || (wishes.uses == nullptr && !asker.on_demand)) return asker;
  if (!asker.on_demand) {
    wishes.demanded.clear();
    wishes.peers.clear();
  }
  asker.scope_key = wishes.key();
  const auto planned = planned_.before.find(node);
  if (only_workloads_ && planned != planned_.before.end() &&
      planned->second.scope_key == asker.scope_key) {
    asker.old = &planned->second;
    asker.scope = planned->second.scope;
  } else {
    std::shared_ptr<const Scope>& scope = scopes_[{node.client_namespace, asker.scope_key}];
    if (scope == nullptr) {
      scope = std::make_shared<const Scope>(*mesh_, wishes, node.client_namespace);
    }
    asker.scope = scope;
  }
  std::erase_if(asker.found, [&](const auto& one) {
    const DestinationIndex::Found& found = one.second;
    return std::ranges::none_of(found.services,
                                [&](const ObjectName& name) { return asker.scope->calls(name); }) &&
           !(found.pod && asker.scope->peers().contains(*found.pod));
  });
  return asker;
}

std::string Planner::source_key(const Asker& asker) const {
  if (sources_.empty() || asker.workload == nullptr) return {};
  const Labels& labels = (*asker.workload)->metadata.labels;
  std::string out = "\n";
  for (const Labels& source : sources_) out += selects(source, labels) ? '1' : '0';
  return out;
}

// ---- routes and listeners ----

Planner::TypePtr Planner::routes(const Asker& asker) {
  if (asker.old != nullptr && routes_same_ && asker.old->own->workload == *asker.workload) {
    return type_in(*asker.old->set, xds::kRouteType);
  }
  const bool redirected = asker.workload != nullptr && (*asker.workload)->redirected;
  const auto [at, added] = routes_.now.try_emplace(
      {asker.audience(),
       asker.node.client_namespace + source_key(asker) + (redirected ? "\nredirected" : ""),
       asker.scope_key});
  if (!added) return at->second;
  const TypePtr& before = routes_.before[at->first];
  // A gRPC client's hang on the time as well.
  if (routes_same_ && before != nullptr && asker.workload != nullptr) return at->second = before;
  TableBuilder table(before);
  RouteClient client{.name_space = asker.node.client_namespace, .scope = asker.scope.get()};
  if (asker.workload != nullptr) {
    client.labels = (*asker.workload)->metadata.labels;
    if (redirected) {
      table.add(kDestinationsName, make_destination_routes(*mesh_, client));
    } else {
      table.add(kOutboundName, make_outbound_routes(*mesh_, client));
    }
  } else {
    for (const auto& [name, service] : mesh_->services) {
      for (const MeshPort& port : service.ports) {
        if (!port.is_http()) continue;
        table.add(outbound_cluster_name(service.host, port.port),
                  make_proxyless_routes(*mesh_, service, port, client, now_));
      }
    }
  }
  return at->second = table.finish();
}

Planner::TypePtr Planner::api_listeners() {
  if (api_listeners_ != nullptr) return api_listeners_;
  TableBuilder table(old_api_listeners_);
  for (const auto& [name, service] : mesh_->services) {
    for (const MeshPort& port : service.ports) {
      if (!port.is_http()) continue;
      table.add(proxyless_listener_name(service.host, port.port), make_api_listener(service, port));
    }
  }
  return api_listeners_ = table.finish();
}

Planner::TypePtr Planner::listeners(const Asker& asker) {
  if (asker.workload == nullptr) return api_listeners();
  TypePtr old = old_type(asker.node, xds::kListenerType);
  if (old != nullptr && listens_as_before(asker)) return old;
  const Workload& workload = **asker.workload;
  const MeshConfig& config = *mesh_->config;
  TableBuilder table(std::move(old));
  const auto add = [&](const envoy::config::listener::v3::Listener& listener) {
    table.add(listener.name(), listener);
  };
  const auto inbound_of = [&](const WorkloadPort& port) {
    return inbound_policy(*mesh_, service_of(workload, port), workload, port, false);
  };
  if (workload.redirected) {
    add(make_captured_inbound(*mesh_, workload, inbound_idle_, inbound_of));
    add(make_captured_outbound(*mesh_, workload, *asker.scope, asker.on_demand));
    return table.finish();
  }
  add(make_outbound_listener(workload, config));
  for (const WorkloadPort& port : workload.ports) {
    add(make_inbound_listener(workload, port, config, inbound_idle_, inbound_of(port)));
  }
  for (const auto& [service, port] : tcp_ports(*mesh_, workload, *asker.scope).open) {
    add(make_tcp_listener(workload, *service, *port, *mesh_));
  }
  return table.finish();
}

bool Planner::listens_as_before(const Asker& asker) const {
  // Planned for this Mesh already, with other wishes: they differ in what they listen for.
  if (!listening_same_ || planned_.now.contains(asker.node)) return false;
  const auto planned = planned_.before.find(asker.node);
  if (planned == planned_.before.end() || planned->second.scope_key != asker.scope_key ||
      planned->second.on_demand != asker.on_demand) {
    return false;
  }
  const auto before = old_mesh_->workloads.find(asker.node.workload);
  const auto& now = *asker.workload;
  return before != old_mesh_->workloads.end() && before->second == now &&
         (!now->redirected || captured_same_);
}

// Where there are several, the one named as the app is, else the first: a request does not say by
// which of them it came.
const MeshService* Planner::service_of(const Workload& workload, const WorkloadPort& port) {
  if (!services_) {
    services_.emplace();
    for (const auto& [name, service] : mesh_->services) {
      for (const MeshPort& candidate : service.ports) {
        for (const Instance& instance : candidate.instances) {
          const Workload& behind = *instance.workload;
          if (behind.metadata.name.name_space != name.name_space) continue;
          const auto [at, first] = services_->try_emplace({&behind, instance.port}, &service);
          if (!first && name.name == behind.canonical_service()) at->second = &service;
        }
      }
    }
  }
  const auto found = services_->find({&workload, port.port});
  return found == services_->end() ? nullptr : found->second;
}

// ---- the whole of it ----

Planner::TypePtr Planner::destinations(const Asker& asker) {
  TableBuilder table(old_type(asker.node, xds::kDestinationType));
  for (const auto& [name, found] : asker.found) {
    weft::config::v1::Destination destination;
    destination.set_name(name);
    for (const ObjectName& service : found.services) {
      const MeshService& at = mesh_->services.at(service);
      for (const MeshPort& port : at.ports) {
        destination.add_clusters(outbound_cluster_name(at.host, port.port));
      }
    }
    table.add(name, destination);
  }
  return table.finish();
}

bool Planner::names_as_before(const Scope& scope) const {
  if (!only_workloads_) return false;
  const auto same = [this](const MeshService& service) {
    return !names_hang_on_instances(service) || as_before(service);
  };
  if (!scope.everything()) {
    return std::ranges::all_of(
        scope.called(), [&](const ObjectName& name) { return same(mesh_->services.at(name)); });
  }
  return std::ranges::all_of(mesh_->services, [&](const auto& one) { return same(one.second); });
}

// Of what is called, as an app has no other names to ask for; where routes lead is told by address.
Planner::TypePtr Planner::names(const Asker& asker) {
  const Scope& scope = names_told_ == Names::kAll ? *whole_ : *asker.scope;
  const std::string key = scope.everything() ? std::string() : asker.scope_key;
  const auto [at, added] = names_.now.try_emplace(key);
  if (!added) return at->second;
  const auto before = names_.before.find(key);
  TypePtr old = before != names_.before.end() ? before->second
                : asker.old != nullptr && !scope.everything()
                    ? type_in(*asker.old->set, xds::kNameTableType)
                    : nullptr;
  if (old != nullptr && names_as_before(scope)) return at->second = std::move(old);
  TableBuilder table(std::move(old));
  for (const auto& made : make_name_tables(*mesh_, scope)) table.add(made.zone(), made);
  return at->second = table.finish();
}

Planner::TypePtr Planner::close(const xds::ResourceSet& set, const Node& node) {
  weft::config::v1::Generation generation;
  generation.set_number(mesh_->generation);
  for (const auto& [type, table] : set.types) {
    auto& held = *generation.add_held();
    held.set_type_url(std::string(xds::kTypeUrlPrefix) + type);
    held.set_resources(static_cast<std::uint32_t>(table->resources.size()));
    held.set_digest(table->digest);
  }
  TableBuilder table(old_type(node, xds::kGenerationType));
  table.add(kGenerationName, generation);
  return table.finish();
}

// The node as far as it matters, so that what strangers call themselves is not remembered; nothing
// when it is unknown.
std::optional<Node> Planner::known(const Node& node) const {
  if (node.kind == Node::Kind::kSidecar) {
    const auto workload = mesh_->workloads.find(node.workload);
    if (workload == mesh_->workloads.end() || !workload->second->sidecar) return std::nullopt;
    return Node{
        .kind = node.kind, .workload = node.workload, .client_namespace = node.workload.name_space};
  }
  const bool matters = has_own_clusters(node.client_namespace) ||
                       std::ranges::any_of(mesh_->routes, [&](const auto& scope) {
                         return scope.first.client_namespace == node.client_namespace;
                       });
  return Node{.kind = node.kind, .client_namespace = matters ? node.client_namespace : ""};
}

std::shared_ptr<const xds::ResourceSet> Planner::plan(const Node& asking, const Wanted& wanted) {
  const std::optional<Node> node = known(asking);
  if (!node) {
    auto nothing = std::make_shared<xds::ResourceSet>();
    nothing->generation = mesh_->generation;
    return nothing;
  }
  std::string wish = join(wanted);
  if (const auto planned = planned_.now.find(*node);
      planned != planned_.now.end() && planned->second.wanted == wish) {
    return planned->second.set;
  }
  if (auto set = renumbered(*node, wish)) return set;
  const Asker asker = ask(*node, wanted);
  auto set = std::make_shared<xds::ResourceSet>();
  set->generation = mesh_->generation;
  Planned planned{.wanted = std::move(wish),
                  .scope = asker.scope,
                  .scope_key = asker.scope_key,
                  .on_demand = asker.on_demand,
                  .services_count = asker.scope->called().size(),
                  .wanted_count = wanted.size(),
                  .found_count = asker.found.size()};
  set->types[full_name(xds::kClusterType)] = clusters(asker, planned);
  set->types[full_name(xds::kEndpointType)] = endpoints(asker);
  set->types[full_name(xds::kListenerType)] = listeners(asker);
  set->types[full_name(xds::kRouteType)] = routes(asker);
  if (!wanted.empty()) set->types[full_name(xds::kDestinationType)] = destinations(asker);
  if (asker.workload != nullptr) {
    if ((*asker.workload)->redirected) set->types[full_name(xds::kNameTableType)] = names(asker);
    set->types[full_name(xds::kGenerationType)] = close(*set, *node);
  }
  planned.set = set;
  planned_.now.insert_or_assign(*node, std::move(planned));
  return set;
}

bool Planner::is_touched(const Scope& scope) const {
  const std::set<ObjectName>& reached = scope.reached();
  const bool few = moved_.size() < reached.size();
  return std::ranges::any_of(few ? moved_ : reached, [&](const ObjectName& name) {
    return (few ? reached : moved_).contains(name);
  });
}

std::shared_ptr<const xds::ResourceSet> Planner::renumbered(const Node& node,
                                                            const std::string& wish) {
  if (!only_workloads_ || !routes_same_ || !listening_same_ || !wish.empty()) return nullptr;
  if (node.kind != Node::Kind::kSidecar || planned_.now.contains(node)) return nullptr;
  const auto found = planned_.before.find(node);
  if (found == planned_.before.end()) return nullptr;
  const Planned& before = found->second;
  if (before.scope_key.empty() || !before.wanted.empty() || is_touched(*before.scope)) {
    return nullptr;
  }
  const std::shared_ptr<const Workload>& workload = mesh_->workloads.at(node.workload);
  if (before.own->workload != workload) return nullptr;
  // Peers stand by themselves, before no Service.
  if (workload->redirected && (!captured_same_ || !before.scope->peers().empty())) return nullptr;
  // Whoever is planned for next compares with these.
  (void)all_endpoints(Audience::kSidecar, clients_of_endpoints(node.client_namespace));
  (void)all_clusters(Audience::kSidecar, clients_of_clusters(node.client_namespace));
  auto set = std::make_shared<xds::ResourceSet>(*before.set);
  set->generation = mesh_->generation;
  set->types.erase(full_name(xds::kGenerationType));
  set->types[full_name(xds::kGenerationType)] = close(*set, node);
  Planned planned = before;
  planned.set = set;
  planned_.now.emplace(node, std::move(planned));
  return set;
}

Planner::ScopeCounts Planner::scopes() const {
  ScopeCounts out;
  for (const auto& [node, planned] : planned_.now) {
    if (node.kind == Node::Kind::kProxyless) continue;
    const bool whole = planned.scope_key.empty();
    ++(whole ? out.whole : planned.on_demand ? out.on_demand : out.declared);
    out.services_max = std::max(out.services_max, planned.services_count);
    out.wanted += planned.wanted_count;
    out.wanted_unknown += planned.wanted_count - planned.found_count;
  }
  return out;
}

std::vector<std::string> Planner::unreachable(const Mesh& mesh, const Workload& workload) {
  std::vector<std::string> out;
  if (workload.redirected) {
    for (const auto& [name, service] : mesh.services) {
      // An ExternalName is called by the addresses that its name has.
      if (service.service->headless || !service.service->external_name.empty() ||
          !service.service->cluster_addresses.empty()) {
        continue;
      }
      for (const MeshPort& port : service.ports) {
        out.push_back(fmt::format("{}:{}", service.host, port.port));
      }
    }
    return out;
  }
  for (const auto& [service, port] : tcp_ports(mesh, workload, Scope()).shut) {
    out.push_back(fmt::format("{}:{}", service->host, port->port));
  }
  return out;
}

std::shared_ptr<const xds::ResourceSet> plan(std::shared_ptr<const Mesh> mesh, const Node& node) {
  return Planner(std::move(mesh)).plan(node);
}

}  // namespace weft::control
