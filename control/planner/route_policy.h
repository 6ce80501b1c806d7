#pragma once
// What policies say of the requests that one route takes, written into that route. Pure. Internal
// to the planner.

#include "control/planner/routes.h"

namespace weft::control {

// `rule` is one of `route`; both null: the Service's own port, where no route says anything.
// REQUIRES an action that forwards.
void set_route_policy(const RouteContext& context, const HttpRoute* route, const RouteRule* rule,
                      envoy::config::route::v3::Route& out);

}  // namespace weft::control
