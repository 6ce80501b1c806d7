#pragma once
// What a route says besides Envoy's own fields: weft.config.v1.RoutePolicy in its metadata, and the
// mirrors of its action. Internal to from_proto.

#include <vector>

#include "sidecar/config/route_config.h"
#include "xds/proto/route.pb.h"
#include "xds/reading.h"

namespace weft::xds {

// Fills `route.action` where it forwards, and `extras`. `scope` names the route for its limits.
void read_route_policy(const envoy::config::route::v3::Route& route, const std::string& scope,
                       const FieldPath& path, Reading& in, config::Route& out,
                       config::RouteExtras& extras);

using Mirrors =
    google::protobuf::RepeatedPtrField<envoy::config::route::v3::RouteAction::RequestMirrorPolicy>;
[[nodiscard]] std::vector<config::MirrorPolicy> read_mirrors(const Mirrors& mirrors);

// Parts of a million; an absent fraction is none.
[[nodiscard]] std::uint32_t per_million_of(
    const envoy::config::core::v3::RuntimeFractionalPercent& fraction);
[[nodiscard]] std::uint32_t per_million_of(const envoy::type::v3::FractionalPercent& fraction);

}  // namespace weft::xds
