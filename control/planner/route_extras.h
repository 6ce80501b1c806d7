#pragma once
// What only weft says of a route: faults, fallback, empty backends, jitter, priority and rate
// limits, in weft.config.v1.RoutePolicy. Pure. Internal to the planner.

#include "control/mesh.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

void set_header(const HeaderCondition& condition, envoy::config::route::v3::HeaderMatcher& out);
// `policy`: all fields have a value.
void set_extras(const Mesh& mesh, const PolicyFields& policy, weft::config::v1::RoutePolicy& out);
// Of an instance's own sidecar: how often it may be asked, and whom it serves first. `inbound`: as
// inbound_policy() gives it.
void set_inbound_extras(const PolicyFields& inbound,
                        envoy::config::route::v3::RouteConfiguration& out);

}  // namespace weft::control
