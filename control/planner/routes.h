#pragma once
// Routes: the virtual hosts of Service ports, for sidecars and for gRPC clients, out of HTTPRoutes,
// GRPCRoutes and VirtualServices.
// Pure. Internal to the planner.
//
// Precedence over all routes of one Service port (Gateway API): exact path, regular expression,
// longer prefix, method, more headers, more parameters, older route, first rule. Where the regular
// expression stands is ours: before prefixes, so that it can be reached beside a route for "/". Of
// GRPCRoutes: more of the service, of the method, more headers. The rules of a VirtualService are
// asked as they stand.

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/planner/parts.h"
#include "control/planner/scope.h"
#include "xds/proto/route.pb.h"

namespace weft::control {

// Who calls.
struct RouteClient {
  std::string name_space;  // empty: anybody without routes of his own
  Labels labels;
  const Scope* scope = nullptr;  // null: calls whom he likes

  [[nodiscard]] bool calls(const ObjectName& service) const {
    return scope == nullptr || scope->calls(service);
  }
};

// Every HTTP port of every Service, for an explicit proxy: hosts as the client may write them.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_outbound_routes(
    const Mesh& mesh, const RouteClient& client);

// Addresses and ports that Services have, each one's once: a second Service that claims them has
// them not.
using TakenAddresses = std::set<std::pair<IpAddress, std::uint16_t>>;
// Those of the Service at which nobody was found before; they are taken then.
[[nodiscard]] std::set<IpAddress> free_addresses(const MeshService& service, std::uint16_t port,
                                                 TakenAddresses& taken);

// Every HTTP port of every Service that has an address, found by it: "10.96.0.10:80".
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_destination_routes(
    const Mesh& mesh, const RouteClient& client);

// One Service port, for a gRPC client. Faults that are over by `now` are left out.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_proxyless_routes(
    const Mesh& mesh, const MeshService& service, const MeshPort& port, const RouteClient& client,
    WallTime now);

// Everything to that cluster, whose callers' sidecars have the policies. Named as the cluster is.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_routes_to(std::string_view cluster,
                                                                          Duration idle);
// Everything to the app. `idle`: how long a stream may rest before it ends.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_inbound_routes(
    const WorkloadPort& port, Duration idle);

// One match of one rule, as a Service port asks it.
struct RouteCandidate {
  const HttpRoute* route = nullptr;
  const RouteRule* rule = nullptr;
  std::size_t rule_number = 0;
  const RouteMatch* match = nullptr;
};
// All matches in the order in which they are asked by that port. `routes` come in order of
// precedence. `client`: leaves out what is not for it; null: nothing.
[[nodiscard]] std::vector<RouteCandidate> candidates_of(
    const std::vector<std::shared_ptr<const HttpRoute>>& routes, std::uint16_t port,
    const RouteClient* client = nullptr);

// ---- for the sources of this folder ----

// Where a rule's routes are made: whose port, for whom.
struct RouteContext {
  const Mesh& mesh;
  const MeshService& service;
  const MeshPort& port;
  Audience audience;
  const RouteClient& client;
  WallTime now{};  // for what ends by itself and cannot be told so
};

// What one match of one rule becomes: one route, or two where a prefix is cut away.
void add_routes(const RouteContext& context, const HttpRoute& route, const RouteRule& rule,
                std::size_t rule_number, const RouteMatch& match,
                google::protobuf::RepeatedPtrField<envoy::config::route::v3::Route>& out);
// Straight to the Service's own port.
void add_default_route(const RouteContext& context,
                       google::protobuf::RepeatedPtrField<envoy::config::route::v3::Route>& out);

}  // namespace weft::control
