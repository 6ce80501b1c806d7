#pragma once
// What a rule asks of filters, in a route's typed_per_filter_config: sessions, CORS, faults that
// name no end. Pure. Internal to the planner.

#include "control/planner/routes.h"

namespace weft::control {

// `name`: the route's own, which a session without a name is told apart by.
void set_route_filters(const RouteRule& rule, const std::string& name,
                       envoy::config::route::v3::Route& out);
// What of it a gRPC client knows (A33): the faults.
void set_client_filters(const RouteRule& rule, envoy::config::route::v3::Route& out);

}  // namespace weft::control
