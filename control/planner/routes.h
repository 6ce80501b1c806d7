#pragma once
// Routes: the virtual hosts of Service ports, for sidecars and for gRPC clients, out of HTTPRoutes.
// Pure. Internal to the planner.
//
// Precedence over all routes of one Service port (Gateway API): exact path, regular expression,
// longer prefix, method, more headers, more parameters, older route, first rule. Where the regular
// expression stands is ours: before prefixes, so that it can be reached beside a route for "/".

#include <memory>
#include <string>
#include <vector>

#include "control/planner/parts.h"
#include "xds/proto/route.pb.h"

namespace weft::control {

// Every HTTP port of every Service, for an explicit proxy in `client_namespace`: hosts as the
// client may write them.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_outbound_routes(
    const Mesh& mesh, const std::string& client_namespace);

// One Service port, for a gRPC client.
[[nodiscard]] envoy::config::route::v3::RouteConfiguration make_proxyless_routes(
    const Mesh& mesh, const MeshService& service, const MeshPort& port,
    const std::string& client_namespace);

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
// All matches in the order in which they are asked. `routes` come in order of precedence.
[[nodiscard]] std::vector<RouteCandidate> candidates_of(
    const std::vector<std::shared_ptr<const HttpRoute>>& routes);

// ---- for the sources of this folder ----

// Where a rule's routes are made: whose port, for whom.
struct RouteContext {
  const Mesh& mesh;
  const MeshService& service;
  const MeshPort& port;
  Audience audience;
  const std::string& client_namespace;
};

// What one match of one rule becomes: one route, or two where a prefix is cut away.
void add_routes(const RouteContext& context, const HttpRoute& route, const RouteRule& rule,
                std::size_t rule_number, const RouteMatch& match,
                google::protobuf::RepeatedPtrField<envoy::config::route::v3::Route>& out);
// Straight to the Service's own port.
void add_default_route(const RouteContext& context,
                       google::protobuf::RepeatedPtrField<envoy::config::route::v3::Route>& out);

}  // namespace weft::control
