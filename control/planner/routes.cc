#include "control/planner/routes.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "control/planner/defaults.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace rt = envoy::config::route::v3;

namespace {

int rank_of(PathMatch::How how) {
  switch (how) {
    case PathMatch::How::kExact:
      return 2;
    case PathMatch::How::kRegex:
      return 1;
    case PathMatch::How::kPrefix:
    case PathMatch::How::kBytes:
      return 0;
  }
  return 0;
}

// Larger is more specific.
auto weight_of(const RouteMatch& match) {
  const std::size_t prefix_bytes = rank_of(match.path.how) == 0 ? match.path.value.size() : 0;
  return std::make_tuple(rank_of(match.path.how), prefix_bytes, !match.method.empty(),
                         match.headers.size(), match.query.size());
}

// Of a GRPCRoute's.
auto grpc_weight_of(const RouteMatch& match) {
  return std::make_tuple(match.grpc_service, match.grpc_method, match.headers.size());
}

bool is_for(const RouteMatch& match, std::uint16_t port, const RouteClient* client) {
  if (match.port && *match.port != port) return false;
  if (client == nullptr) return true;
  return (match.source_namespace.empty() || match.source_namespace == client->name_space) &&
         (match.source_labels.empty() || selects(match.source_labels, client->labels));
}

void fill(const RouteContext& context, rt::VirtualHost& host) {
  const auto* routes = context.mesh.find_routes(context.service.name(), context.port.port,
                                                context.client.name_space);
  if (routes == nullptr) {
    add_default_route(context, *host.mutable_routes());
    return;
  }
  // GEP-1294: what no rule of the Service's routes matches is rejected, not passed.
  for (const RouteCandidate& one : candidates_of(*routes, context.port.port, &context.client)) {
    add_routes(context, *one.route, *one.rule, one.rule_number, *one.match, *host.mutable_routes());
  }
}

// "cart", "cart.shop", … with the port, and without it for port 80, which a URL leaves out.
void add_domains(const MeshService& service, const MeshPort& port,
                 const std::string& client_namespace, rt::VirtualHost& host) {
  const ObjectName& name = service.name();
  std::vector<std::string> hosts = {service.host, name.name + "." + name.name_space + ".svc",
                                    name.name + "." + name.name_space};
  if (name.name_space == client_namespace) hosts.push_back(name.name);
  for (const std::string& one : hosts) {
    host.add_domains(one + ":" + std::to_string(port.port));
    if (port.port == 80) host.add_domains(one);
  }
}

}  // namespace

std::vector<RouteCandidate> candidates_of(
    const std::vector<std::shared_ptr<const HttpRoute>>& routes, std::uint16_t port,
    const RouteClient* client) {
  std::vector<RouteCandidate> out;
  for (const auto& route : routes) {
    for (std::size_t number = 0; number < route->rules.size(); ++number) {
      const RouteRule& rule = route->rules[number];
      for (const RouteMatch& match : rule.matches) {
        if (!is_for(match, port, client)) continue;
        out.push_back(
            {.route = route.get(), .rule = &rule, .rule_number = number, .match = &match});
      }
    }
  }
  // The routes come in order of precedence: a stable sort leaves ties to them.
  const Kind kind = routes.empty() ? Kind::kVirtualService : routes.front()->kind;
  if (kind == Kind::kGrpcRoute) {
    std::ranges::stable_sort(out, [](const RouteCandidate& a, const RouteCandidate& b) {
      return grpc_weight_of(*a.match) > grpc_weight_of(*b.match);
    });
  } else if (kind == Kind::kHttpRoute) {
    std::ranges::stable_sort(out, [](const RouteCandidate& a, const RouteCandidate& b) {
      return weight_of(*a.match) > weight_of(*b.match);
    });
  }
  return out;
}

rt::RouteConfiguration make_outbound_routes(const Mesh& mesh, const RouteClient& client) {
  rt::RouteConfiguration out;
  out.set_name(std::string(kOutboundName));
  for (const auto& [name, service] : mesh.services) {
    if (!client.calls(name)) continue;
    for (const MeshPort& port : service.ports) {
      if (!port.is_http()) continue;
      auto& host = *out.add_virtual_hosts();
      host.set_name(service.host + ":" + std::to_string(port.port));
      add_domains(service, port, client.name_space, host);
      fill({mesh, service, port, Audience::kSidecar, client}, host);
    }
  }
  return out;
}

rt::RouteConfiguration make_proxyless_routes(const Mesh& mesh, const MeshService& service,
                                             const MeshPort& port, const RouteClient& client,
                                             WallTime now) {
  rt::RouteConfiguration out;
  out.set_name(outbound_cluster_name(service.host, port.port));
  auto& host = *out.add_virtual_hosts();
  host.set_name(proxyless_listener_name(service.host, port.port));
  host.add_domains("*");
  fill({mesh, service, port, Audience::kProxyless, client, now}, host);
  return out;
}

std::set<IpAddress> free_addresses(const MeshService& service, std::uint16_t port,
                                   TakenAddresses& taken) {
  std::set<IpAddress> out;
  for (const IpAddress& address : service.service->cluster_addresses) {
    if (taken.emplace(address, port).second) out.insert(address);
  }
  return out;
}

rt::RouteConfiguration make_destination_routes(const Mesh& mesh, const RouteClient& client) {
  rt::RouteConfiguration out;
  out.set_name(std::string(kDestinationsName));
  TakenAddresses taken;
  for (const auto& [name, service] : mesh.services) {
    if (service.service->headless) continue;
    for (const MeshPort& port : service.ports) {
      const std::set<IpAddress> addresses = free_addresses(service, port.port, taken);
      if (addresses.empty() || !port.is_http() || !client.calls(name)) continue;
      auto& host = *out.add_virtual_hosts();
      host.set_name(service.host + ":" + std::to_string(port.port));
      for (const IpAddress& address : addresses) {
        host.add_domains(SocketAddress(address, port.port).to_string());
      }
      fill({mesh, service, port, Audience::kSidecar, client}, host);
    }
  }
  return out;
}

rt::RouteConfiguration make_inbound_routes(const WorkloadPort& port, Duration idle) {
  return make_routes_to(inbound_cluster_name(port.port), idle);
}

rt::RouteConfiguration make_routes_to(std::string_view cluster, Duration idle) {
  rt::RouteConfiguration out;
  out.set_name(std::string(cluster));
  auto& host = *out.add_virtual_hosts();
  host.set_name(out.name());
  host.add_domains("*");
  auto& route = *host.add_routes();
  route.set_name("default");
  route.mutable_match()->set_prefix("/");
  auto& action = *route.mutable_route();
  action.set_cluster(out.name());
  // The caller's sidecar has the timeouts; a deadline that comes along is honoured.
  set(*action.mutable_timeout(), Duration::zero());
  if (idle != defaults::kStreamIdle) set(*action.mutable_idle_timeout(), idle);
  set(*action.mutable_max_stream_duration()->mutable_grpc_timeout_header_max(), Duration::zero());
  // Trying again is the caller's sidecar's as well, which knows of other instances. Here only what
  // a kept connection lost is sent again, so that an app that ends is not taken for one that
  // failed; no body is kept for it.
  auto& retry = *action.mutable_retry_policy();
  retry.set_retry_on(defaults::kRetryOn);
  retry.mutable_num_retries()->set_value(0);
  route.mutable_per_request_buffer_limit_bytes()->set_value(0);
  return out;
}

}  // namespace weft::control
