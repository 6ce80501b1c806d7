#include "control/planner/planner.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "control/planner/captured_clusters.h"
#include "control/planner/captured_listeners.h"
#include "control/planner/clusters.h"
#include "control/planner/defaults.h"
#include "control/planner/inbound_policy.h"
#include "control/planner/listeners.h"
#include "control/planner/routes.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::control {

namespace {

using ResourcePtr = std::shared_ptr<const xds::Resource>;

// The scope of clients whose namespace has nothing of its own.
const std::string kEverybody;

std::string full_name(std::string_view type_url) {
  return std::string(xds::message_name(type_url));
}

// The TCP Service ports that find their number free on the Workload's address, and those that do
// not.
struct TcpPorts {
  std::vector<std::pair<const MeshService*, const MeshPort*>> open;
  std::vector<std::pair<const MeshService*, const MeshPort*>> shut;
};

TcpPorts tcp_ports(const Mesh& mesh, const Workload& workload) {
  std::set<std::uint16_t> taken = {Workload::kAdminPort, Workload::kOutboundPort};
  for (const WorkloadPort& port : workload.ports) taken.insert(port.port);
  TcpPorts out;
  // The own namespace first: its Services are the likelier ones.
  for (const bool own : {true, false}) {
    for (const auto& [name, service] : mesh.services) {
      if ((name.name_space == workload.metadata.name.name_space) != own) continue;
      for (const MeshPort& port : service.ports) {
        if (port.is_http()) continue;
        (taken.insert(port.port).second ? out.open : out.shut).emplace_back(&service, &port);
      }
    }
  }
  return out;
}

// How long a stream may rest at the app's sidecar: as long as the most patient policy of any caller
// allows, or ours would end what theirs lets live. Zero: for ever.
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

// Each of the labels that some route asks of who calls.
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

// Every TCP port of every Service, of which a sidecar offers those it has room for.
std::string opaque_ports(const Mesh& mesh) {
  std::string out;
  for (const auto& [name, service] : mesh.services) {
    for (const MeshPort& port : service.ports) {
      if (!port.is_http()) out += fmt::format("{}:{}\n", service.host, port.port);
    }
  }
  return out;
}

}  // namespace

// The resources of one type under construction; those equal to the old ones become the old ones.
// `also`: another table to share with, looked at first.
class Planner::Table final {
 public:
  explicit Table(TypePtr before, TypePtr also = nullptr)
      : before_({std::move(also), std::move(before)}) {}

  void add(std::string_view name, const google::protobuf::Message& message) {
    add(xds::make_resource(name, message));
  }
  void add(xds::Resource resource) {
    for (const TypePtr& before : before_) {
      if (before == nullptr) continue;
      const auto old = before->resources.find(resource.name);
      if (old != before->resources.end() && old->second->version == resource.version) {
        add(old->second);
        return;
      }
    }
    add(std::make_shared<const xds::Resource>(std::move(resource)));
  }
  void add(const ResourcePtr& resource) {
    auto& place = made_.resources[resource->name];
    if (place != nullptr) made_.digest -= xds::digest_of(*place);
    place = resource;
    made_.digest += xds::digest_of(*resource);
  }
  void add_all(const xds::ResourceSet::Type& type) {
    for (const auto& [name, resource] : type.resources) add(resource);
  }

  [[nodiscard]] TypePtr finish() {
    for (const TypePtr& before : before_) {
      if (before != nullptr && before->resources == made_.resources) return before;
    }
    return std::make_shared<const xds::ResourceSet::Type>(std::move(made_));
  }

 private:
  const std::array<TypePtr, 2> before_;
  xds::ResourceSet::Type made_;
};

Planner::Planner(std::shared_ptr<const Mesh> mesh, const Planner* previous, WallTime now)
    : mesh_(std::move(mesh)),
      now_(now),
      inbound_idle_(inbound_idle(*mesh_)),
      sources_(source_labels(*mesh_)) {
  const bool redirects = std::ranges::any_of(
      mesh_->workloads, [](const auto& workload) { return workload.second->redirected; });
  if (redirects) captured_facts_ = captured_facts(*mesh_);
  if (previous == nullptr) return;
  captured_same_ = captured_facts_ == previous->captured_facts_;
  old_mesh_ = previous->mesh_;
  listening_same_ = *old_mesh_->config == *mesh_->config &&
                    opaque_ports(*old_mesh_) == opaque_ports(*mesh_) &&
                    old_mesh_->streams.empty() && mesh_->streams.empty() &&
                    previous->inbound_idle_ == inbound_idle_ && !has_inbound_policies(*old_mesh_) &&
                    !has_inbound_policies(*mesh_);
  old_endpoints_ = previous->endpoints_;
  old_outbound_ = previous->outbound_;
  old_routes_ = previous->routes_;
  old_api_listeners_ = previous->api_listeners_;
  old_clusters_ = previous->clusters_;
  old_planned_ = previous->planned_;
}

Planner::~Planner() = default;

Planner::TypePtr Planner::old_type(const Node& node, std::string_view type_url) const {
  const auto old = old_planned_.find(node);
  if (old == old_planned_.end()) return nullptr;
  const auto type = old->second->types.find(xds::message_name(type_url));
  return type == old->second->types.end() ? nullptr : type->second;
}

namespace {

// Calls `visit(port, subset)` for every destination of a Service: each port, and each subset of it,
// which a null stands for.
template <typename Visit>
void each_destination(const Mesh& mesh, const MeshService& service, Audience audience,
                      const std::string& clients, Visit visit) {
  const DestinationRule* rule = mesh.destinations.find(service.name(), clients);
  for (const MeshPort& port : service.ports) {
    if (audience == Audience::kProxyless && !port.is_http()) continue;
    visit(port, nullptr);
    if (rule == nullptr) continue;
    for (const Subset& subset : rule->subsets) visit(port, &subset);
  }
}

}  // namespace

const Planner::TypePtr& Planner::endpoints(Audience audience, const std::string& clients) {
  const std::string& scope =
      mesh_->destinations.consumers().contains(clients) ? clients : kEverybody;
  const auto [at, added] = endpoints_.try_emplace({audience, scope});
  if (!added) return at->second;
  Table table(old_endpoints_[at->first], scope.empty() ? nullptr : endpoints(audience, kEverybody));
  for (const auto& [name, service] : mesh_->services) {
    each_destination(*mesh_, service, audience, scope,
                     [&](const MeshPort& port, const Subset* subset) {
                       const auto made = make_endpoints(service, port, audience, subset);
                       table.add(made.cluster_name(), made);
                     });
  }
  return at->second = table.finish();
}

bool Planner::has_own_clusters(const std::string& clients) const {
  return mesh_->policies.consumers().contains(clients) ||
         mesh_->destinations.consumers().contains(clients);
}

const Planner::TypePtr& Planner::outbound_clusters(Audience audience, const std::string& clients) {
  const std::string& scope = has_own_clusters(clients) ? clients : kEverybody;
  const auto [at, added] = outbound_.try_emplace({audience, scope});
  if (!added) return at->second;
  // What a namespace says nothing about is the same object as everybody's.
  Table table(old_outbound_[at->first],
              scope.empty() ? nullptr : outbound_clusters(audience, kEverybody));
  for (const auto& [name, service] : mesh_->services) {
    each_destination(
        *mesh_, service, audience, scope, [&](const MeshPort& port, const Subset* subset) {
          const auto made = make_outbound_cluster(service, port, *mesh_, audience, scope, subset);
          table.add(made.name(), made);
        });
  }
  if (audience == Audience::kSidecar && !mesh_->config->collector.host.empty()) {
    table.add(kCollectorCluster, make_collector_cluster(*mesh_->config));
  }
  return at->second = table.finish();
}

std::string Planner::source_key(const Node& node) const {
  if (sources_.empty() || node.kind == Node::Kind::kProxyless) return {};
  const Labels& labels = mesh_->workloads.at(node.workload)->metadata.labels;
  std::string out = "\n";
  for (const Labels& source : sources_) out += selects(source, labels) ? '1' : '0';
  return out;
}

Planner::TypePtr Planner::routes(const Node& node) {
  const Audience audience =
      node.kind == Node::Kind::kSidecar ? Audience::kSidecar : Audience::kProxyless;
  const bool redirected =
      audience == Audience::kSidecar && mesh_->workloads.at(node.workload)->redirected;
  const auto [at, added] = routes_.try_emplace(
      {audience, node.client_namespace + source_key(node) + (redirected ? "\nredirected" : "")});
  if (!added) return at->second;
  Table table(old_routes_[at->first]);
  RouteClient client{.name_space = node.client_namespace};
  if (audience == Audience::kSidecar) {
    client.labels = mesh_->workloads.at(node.workload)->metadata.labels;
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
  at->second = table.finish();
  return at->second;
}

Planner::TypePtr Planner::listeners(const Node& node) {
  if (node.kind == Node::Kind::kProxyless) {
    if (api_listeners_ != nullptr) return api_listeners_;
    Table table(old_api_listeners_);
    for (const auto& [name, service] : mesh_->services) {
      for (const MeshPort& port : service.ports) {
        if (!port.is_http()) continue;
        table.add(proxyless_listener_name(service.host, port.port),
                  make_api_listener(service, port));
      }
    }
    return api_listeners_ = table.finish();
  }
  if (listens_as_before(node)) {
    if (TypePtr old = old_type(node, xds::kListenerType)) return old;
  }
  const Workload& workload = *mesh_->workloads.at(node.workload);
  const MeshConfig& config = *mesh_->config;
  Table table(old_type(node, xds::kListenerType));
  const auto add = [&](const envoy::config::listener::v3::Listener& listener) {
    table.add(listener.name(), listener);
  };
  if (workload.redirected) {
    add(make_captured_inbound(*mesh_, workload, inbound_idle_, [&](const WorkloadPort& port) {
      return inbound_policy(*mesh_, service_of(workload, port), workload, port, false);
    }));
    add(make_captured_outbound(*mesh_, workload));
    return table.finish();
  }
  add(make_outbound_listener(workload, config));
  for (const WorkloadPort& port : workload.ports) {
    const PolicyFields inbound =
        inbound_policy(*mesh_, service_of(workload, port), workload, port, false);
    add(make_inbound_listener(workload, port, config, inbound_idle_, inbound));
  }
  for (const auto& [service, port] : tcp_ports(*mesh_, workload).open) {
    add(make_tcp_listener(workload, *service, *port, *mesh_));
  }
  return table.finish();
}

bool Planner::listens_as_before(const Node& node) const {
  if (!listening_same_) return false;
  const auto before = old_mesh_->workloads.find(node.workload);
  const auto& now = mesh_->workloads.at(node.workload);
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

Planner::TypePtr Planner::clusters(const Node& node) {
  if (node.kind == Node::Kind::kProxyless) {
    return outbound_clusters(Audience::kProxyless, node.client_namespace);
  }
  const TypePtr& all = outbound_clusters(Audience::kSidecar, node.client_namespace);
  const bool own_scope = has_own_clusters(node.client_namespace);
  const Workload& workload = *mesh_->workloads.at(node.workload);
  std::vector<xds::Resource> own;
  std::string key = own_scope ? node.client_namespace + '\n' : "";
  const auto add = [&](const envoy::config::cluster::v3::Cluster& cluster) {
    own.push_back(xds::make_resource(cluster.name(), cluster));
    key += own.back().name + ' ' + own.back().version + '\n';
  };
  for (const WorkloadPort& port : workload.ports) {
    auto cluster = make_inbound_cluster(workload, port, service_of(workload, port), *mesh_);
    if (workload.redirected) look_everywhere(workload, port.app_port, cluster);
    add(cluster);
  }
  if (workload.redirected) {
    for (const auto& cluster : make_captured_clusters(*mesh_->config)) add(cluster);
    if (!peers_) {
      peers_.emplace();
      if (const auto cluster = make_peers_cluster(*mesh_)) {
        peers_->push_back(xds::make_resource(cluster->name(), *cluster));
      }
    }
    for (const xds::Resource& peers : *peers_) {
      own.push_back(peers);
      key += peers.name + ' ' + peers.version + '\n';
    }
  }
  const auto [at, added] = clusters_.try_emplace(key);
  if (!added) return at->second;
  const TypePtr& old = old_clusters_[key];
  const auto before =
      old_outbound_.find({Audience::kSidecar, own_scope ? node.client_namespace : kEverybody});
  if (old != nullptr && before != old_outbound_.end() && all == before->second) {
    return at->second = old;
  }
  Table table(old);
  table.add_all(*all);
  for (xds::Resource& resource : own) table.add(std::move(resource));
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
  Table table(old_type(node, xds::kGenerationType));
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

std::shared_ptr<const xds::ResourceSet> Planner::plan(const Node& asking) {
  const std::optional<Node> node = known(asking);
  if (!node) {
    auto nothing = std::make_shared<xds::ResourceSet>();
    nothing->generation = mesh_->generation;
    return nothing;
  }
  auto& planned = planned_[*node];
  if (planned != nullptr) return planned;
  const bool sidecar = node->kind == Node::Kind::kSidecar;
  auto set = std::make_shared<xds::ResourceSet>();
  set->generation = mesh_->generation;
  set->types[full_name(xds::kClusterType)] = clusters(*node);
  set->types[full_name(xds::kEndpointType)] =
      endpoints(sidecar ? Audience::kSidecar : Audience::kProxyless, node->client_namespace);
  set->types[full_name(xds::kListenerType)] = listeners(*node);
  set->types[full_name(xds::kRouteType)] = routes(*node);
  if (sidecar) set->types[full_name(xds::kGenerationType)] = close(*set, *node);
  planned = std::move(set);
  return planned;
}

std::vector<std::string> Planner::unreachable(const Mesh& mesh, const Workload& workload) {
  std::vector<std::string> out;
  if (workload.redirected) {
    for (const auto& [name, service] : mesh.services) {
      if (service.service->headless || !service.service->cluster_addresses.empty()) continue;
      for (const MeshPort& port : service.ports) {
        out.push_back(fmt::format("{}:{}", service.host, port.port));
      }
    }
    return out;
  }
  for (const auto& [service, port] : tcp_ports(mesh, workload).shut) {
    out.push_back(fmt::format("{}:{}", service->host, port->port));
  }
  return out;
}

std::shared_ptr<const xds::ResourceSet> plan(std::shared_ptr<const Mesh> mesh, const Node& node) {
  return Planner(std::move(mesh)).plan(node);
}

}  // namespace weft::control
