#pragma once
// Faults of policies for gRPC clients without a sidecar: what they know of them is one delay and
// one abort for each route (HTTPFault, A33), and no end. So a fault that is over is not told,
// whoever plans has to plan again when the next one ends, and a fault for requests with certain
// headers is a route of its own before the one for all. Left out: jitter, resets, slow bodies, and,
// where several faults hold for one request, all but the first delay and the first abort. Pure.
// Internal to the planner.

#include <google/protobuf/repeated_field.h>

#include "control/planner/routes.h"

namespace weft::control {

// Adds `made`, the route of that rule (both null: the way to the Service itself), and in front of
// it those for the headers that faults ask for. To a sidecar's table `made` alone, whose policy
// says all of it.
void add_with_faults(const RouteContext& context, const HttpRoute* route, const RouteRule* rule,
                     envoy::config::route::v3::Route made,
                     google::protobuf::RepeatedPtrField<envoy::config::route::v3::Route>& out);

}  // namespace weft::control
