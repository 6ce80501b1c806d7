#pragma once
// RouteConfiguration -> RouteConfig, for RDS and for the one inside a HttpConnectionManager.
// Internal to from_proto.

#include "sidecar/config/route_config.h"
#include "xds/proto/route.pb.h"
#include "xds/reading.h"

namespace weft::xds {

[[nodiscard]] config::RouteConfig read_routes(
    const envoy::config::route::v3::RouteConfiguration& routes, const FieldPath& path, Reading& in);

}  // namespace weft::xds
