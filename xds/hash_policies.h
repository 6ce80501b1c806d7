#pragma once
// RouteAction.hash_policy: of what a request's place on a hash ring is made. Internal to
// from_proto.

#include <vector>

#include "sidecar/config/hash_policy.h"
#include "xds/proto/route.pb.h"
#include "xds/reading.h"

namespace weft::xds {

[[nodiscard]] std::vector<config::HashPolicy> read_hash_policies(
    const envoy::config::route::v3::RouteAction& action, const FieldPath& path, Reading& in);

}  // namespace weft::xds
