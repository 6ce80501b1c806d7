// Clusters and endpoints of the Planner: everybody's, the part of them that is in a scope, and what
// one sidecar has beside them.

#include <set>
#include <utility>

#include "control/planner/captured_clusters.h"
#include "control/planner/clusters.h"
#include "control/planner/planner.h"
#include "control/planner/table_builder.h"

namespace weft::control {

namespace {

// Calls `visit(port, subset, name)` for every destination of a Service: each port, and each subset
// of it, which a null stands for.
template <typename Visit>
void each_destination(const Mesh& mesh, const MeshService& service, Audience audience,
                      const std::string& clients, Visit visit) {
  const DestinationRule* rule = mesh.destinations.find(service.name(), clients);
  for (const MeshPort& port : service.ports) {
    if (audience == Audience::kProxyless && !port.is_http()) continue;
    visit(port, nullptr, outbound_cluster_name(service.host, port.port));
    if (rule == nullptr || !service.service->external_name.empty()) continue;
    for (const Subset& subset : rule->subsets) {
      visit(port, &subset, outbound_cluster_name(service.host, port.port, subset.name));
    }
  }
}

// Where so many more resources changed than a part has, looking for each costs more than to make
// the part anew.
constexpr std::size_t kPatchFactor = 4;

}  // namespace

// What a namespace says nothing about is everybody's.
std::string Planner::clients_of_endpoints(const std::string& clients) const {
  return mesh_->destinations.consumers().contains(clients) ? clients : std::string();
}

bool Planner::has_own_clusters(const std::string& clients) const {
  return mesh_->policies.consumers().contains(clients) ||
         mesh_->destinations.consumers().contains(clients);
}

std::string Planner::clients_of_clusters(const std::string& clients) const {
  return has_own_clusters(clients) ? clients : std::string();
}

const Planner::TypePtr& Planner::all_endpoints(Audience audience, const std::string& clients) {
  const auto [at, added] = endpoints_.now.try_emplace({audience, clients, ""});
  if (!added) return at->second;
  TableBuilder table(endpoints_.before[at->first],
                     clients.empty() ? nullptr : all_endpoints(audience, ""));
  for (const auto& [name, service] : mesh_->services) {
    if (!service.service->external_name.empty()) continue;  // its cluster says where it is
    const bool same = as_before(service);
    each_destination(*mesh_, service, audience, clients,
                     [&](const MeshPort& port, const Subset* subset, const std::string& cluster) {
                       if (same && table.keep(cluster)) return;
                       table.add(cluster, make_endpoints(service, port, audience, subset));
                     });
  }
  worked_out_ += table.made();
  return at->second = table.finish();
}

const Planner::TypePtr& Planner::all_clusters(Audience audience, const std::string& clients) {
  const auto [at, added] = clusters_of_services_.now.try_emplace({audience, clients, ""});
  if (!added) return at->second;
  // What a namespace says nothing about is the same object as everybody's.
  TableBuilder table(clusters_of_services_.before[at->first],
                     clients.empty() ? nullptr : all_clusters(audience, ""));
  for (const auto& [name, service] : mesh_->services) {
    const bool same = as_before(service);
    each_destination(*mesh_, service, audience, clients,
                     [&](const MeshPort& port, const Subset* subset, const std::string& cluster) {
                       if (same && table.keep(cluster)) return;
                       table.add(cluster, make_outbound_cluster(service, port, *mesh_, audience,
                                                                clients, subset));
                     });
  }
  if (audience == Audience::kSidecar && !mesh_->config->collector.host.empty()) {
    table.add(kCollectorCluster, make_collector_cluster(*mesh_->config));
  }
  worked_out_ += table.made();
  return at->second = table.finish();
}

Planner::Changes Planner::changes_between(const TypePtr& before, const TypePtr& now) {
  Changes out;
  if (before == nullptr || before->resources.size() != now->resources.size()) return out;
  auto old = before->resources.begin();
  for (const auto& [name, resource] : now->resources) {
    const ResourcePtr& held = (*old).second;
    ++old;
    if (held == resource) continue;
    if (held->name != name) return Changes{};
    out.replaced.push_back(resource);
  }
  out.of_the_same_names = true;
  return out;
}

Planner::TypePtr Planner::patched(const TypePtr& old, const Changes& changes) {
  if (old == nullptr || !changes.of_the_same_names) return nullptr;
  if (changes.replaced.size() > kPatchFactor * old->resources.size()) return nullptr;
  std::vector<ResourcePtr> mine;
  std::uint64_t digest = old->digest;
  for (const ResourcePtr& one : changes.replaced) {
    const auto held = old->resources.find(one->name);
    if (held == old->resources.end()) continue;
    mine.push_back(one);
    digest += xds::digest_of(*one) - xds::digest_of(*held->second);
  }
  if (mine.empty()) return old;
  auto made = std::make_shared<Type>();
  made->resources = old->resources.with(mine);
  made->digest = digest;
  return made;
}

Planner::TypePtr Planner::part_of(const Part& of, Remembered<Part>& whole, const Asker& asker,
                                  Remembered<Part>& memory, const TypePtr& old) {
  const TypePtr& all = whole.now.at(of);
  const std::string& clients = of.clients;
  if (asker.scope->everything()) return all;
  if (old != nullptr) {
    const auto [changes, first] = changes_.try_emplace(all.get());
    if (first) changes->second = changes_between(whole.before[of], all);
    if (TypePtr made = patched(old, changes->second)) return made;
  }
  // Where routes lead hangs on whose they are, so on the namespace as well.
  const auto [at, added] =
      memory.now.try_emplace({asker.audience(), asker.node.client_namespace, asker.scope_key});
  if (!added) return at->second;
  TableBuilder table(memory.before[at->first]);
  for (const ObjectName& name : asker.scope->reached()) {
    each_destination(*mesh_, mesh_->services.at(name), asker.audience(), clients,
                     [&](const MeshPort&, const Subset*, const std::string& cluster) {
                       table.add_from(*all, cluster);
                     });
  }
  table.add_from(*all, kCollectorCluster);
  return at->second = table.finish();
}

Planner::TypePtr Planner::endpoints(const Asker& asker) {
  const std::string clients = clients_of_endpoints(asker.node.client_namespace);
  (void)all_endpoints(asker.audience(), clients);
  return part_of({asker.audience(), clients, ""}, endpoints_, asker, some_endpoints_,
                 asker.old == nullptr ? nullptr : type_in(*asker.old->set, xds::kEndpointType));
}

const std::vector<Planner::ResourcePtr>& Planner::captured_clusters(const Workload& workload) {
  auto& made = captured_[workload.transparent ? 1 : 0];
  if (!made) {
    made.emplace();
    for (const auto& cluster : make_captured_clusters(*mesh_->config, workload)) {
      made->push_back(
          std::make_shared<const xds::Resource>(xds::make_resource(cluster.name(), cluster)));
    }
  }
  return *made;
}

std::shared_ptr<const Planner::Own> Planner::own_clusters(const Asker& asker) {
  std::shared_ptr<const Own>& made = own_.now[asker.node.workload];
  if (made != nullptr) return made;
  if (asker.old != nullptr && asker.old->own->workload == *asker.workload) {
    return made = asker.old->own;
  }
  // Which Service it is known by hangs on the Workload itself and on the Services.
  if (only_workloads_) {
    const auto before = own_.before.find(asker.node.workload);
    if (before != own_.before.end() && before->second->workload == *asker.workload) {
      return made = before->second;
    }
  }
  const Workload& workload = **asker.workload;
  auto own = std::make_shared<Own>();
  own->workload = *asker.workload;
  const auto add = [&](const ResourcePtr& cluster) {
    own->key += cluster->name + ' ' + cluster->version + '\n';
    own->clusters.push_back(cluster);
  };
  for (const WorkloadPort& port : workload.ports) {
    auto cluster = make_inbound_cluster(workload, port, service_of(workload, port), *mesh_);
    if (workload.redirected) look_everywhere(workload, port, cluster);
    add(std::make_shared<const xds::Resource>(xds::make_resource(cluster.name(), cluster)));
  }
  if (workload.redirected) {
    for (const ResourcePtr& cluster : captured_clusters(workload)) add(cluster);
  }
  return made = std::move(own);
}

std::optional<xds::Resource> Planner::peers(const Asker& asker) {
  const auto make = [&](const Scope& scope) -> std::optional<xds::Resource> {
    const auto cluster = make_peers_cluster(*mesh_, scope);
    if (!cluster) return std::nullopt;
    return xds::make_resource(cluster->name(), *cluster);
  };
  if (!asker.scope->everything()) return make(*asker.scope);
  if (!std::exchange(all_peers_made_, true)) all_peers_ = make(*whole_);
  return all_peers_;
}

Planner::TypePtr Planner::clusters(const Asker& asker, Planned& planned) {
  const std::string clients = clients_of_clusters(asker.node.client_namespace);
  (void)all_clusters(asker.audience(), clients);
  TypePtr services = part_of({asker.audience(), clients, ""}, clusters_of_services_, asker,
                             some_clusters_, asker.old == nullptr ? nullptr : asker.old->services);
  planned.services = services;
  if (asker.workload == nullptr) return services;
  const std::shared_ptr<const Own> own = own_clusters(asker);
  planned.own = own;
  std::optional<xds::Resource> others;
  if ((*asker.workload)->redirected) others = peers(asker);
  if (asker.old != nullptr && asker.old->services == services && asker.old->own == own) {
    TypePtr held = type_in(*asker.old->set, xds::kClusterType);
    const auto before = held->resources.find(kPeers);
    const bool has_peers = before != held->resources.end();
    if (others ? has_peers && before->second->version == others->version : !has_peers) return held;
  }
  std::string key = asker.scope_key.empty() ? clients : asker.node.client_namespace;
  key += '\n' + asker.scope_key + '\n' + own->key;
  if (others) key += others->name + ' ' + others->version + '\n';
  const auto [at, added] = clusters_.now.try_emplace(std::move(key));
  if (!added) return at->second.all;
  const Clusters& before = clusters_.before[at->first];
  if (before.all != nullptr && before.services == services) {
    at->second = before;
    return before.all;
  }
  TableBuilder table(before.all);
  table.add_all(*services);
  for (const ResourcePtr& cluster : own->clusters) {
    table.share(cluster);
  }
  if (others) table.add(std::move(*others));
  at->second = {.services = services, .all = table.finish()};
  return at->second.all;
}

}  // namespace weft::control
