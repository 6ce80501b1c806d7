#pragma once
// What HTTP filters are told in a listener's list and per route: fault, cors, local_ratelimit.
// Internal to from_proto.
//
// The type decides which filter is meant, the key beside it is only a name. The most specific level
// wins whole, filter by filter: route, virtual host, route configuration, listener.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/map.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/route_extras.h"
#include "xds/reading.h"

namespace weft::xds {

// Absent: the level above decides.
struct FilterSettings {
  std::optional<std::vector<config::FaultPolicy>> faults;
  std::optional<std::vector<config::RateLimit>> rate_limits;
  std::optional<config::CorsPolicy> cors;
};

// Of one level. `scope` names it for its limits; what is of the type `read_elsewhere` is passed
// over.
[[nodiscard]] FilterSettings read_filter_settings(
    const google::protobuf::Map<std::string, google::protobuf::Any>& filters,
    const std::string& scope, const FieldPath& path, Reading& in,
    std::string_view read_elsewhere = {});
// Where `own` says nothing, `above` holds.
[[nodiscard]] FilterSettings joined(FilterSettings own, const FilterSettings& above);
void put_filters(FilterSettings settings, config::RouteExtras& out);

// Types a listener's list may name for them.
[[nodiscard]] bool is_route_filter(std::string_view type);
// One of them in a listener's list; what holds where no route says anything.
void read_listener_filter(const google::protobuf::Any& config, std::string_view type, bool disabled,
                          const FieldPath& path, Reading& in,
                          std::vector<config::FaultPolicy>& faults);

}  // namespace weft::xds
