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

Planner::TypePtr Planner::part_of(const TypePtr& all, const std::string& clients,
                                  const Asker& asker, Remembered<Part>& memory) {
  if (asker.scope->everything()) return all;
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
  return part_of(all_endpoints(asker.audience(), clients), clients, asker, some_endpoints_);
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
  if (!std::exchange(all_peers_made_, true)) all_peers_ = make(whole_);
  return all_peers_;
}

Planner::TypePtr Planner::clusters(const Asker& asker) {
  const std::string clients = clients_of_clusters(asker.node.client_namespace);
  const TypePtr services =
      part_of(all_clusters(asker.audience(), clients), clients, asker, some_clusters_);
  if (asker.workload == nullptr) return services;
  const std::shared_ptr<const Own> own = own_clusters(asker);
  std::optional<xds::Resource> others;
  if ((*asker.workload)->redirected) others = peers(asker);
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
