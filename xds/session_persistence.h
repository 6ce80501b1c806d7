#pragma once
// StatefulSessionPerRoute -> SessionPersistence. Internal to from_proto.

#include <google/protobuf/any.pb.h>

#include <memory>
#include <string_view>

#include "sidecar/config/session_persistence.h"
#include "xds/reading.h"

namespace weft::xds {

// Its key in typed_per_filter_config, and the type behind it.
inline constexpr std::string_view kStatefulSession = "envoy.filters.http.stateful_session";
inline constexpr std::string_view kStatefulSessionPerRoute =
    "envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute";

// Null when it is switched off, or was refused.
[[nodiscard]] std::shared_ptr<const config::SessionPersistence> read_session_persistence(
    const google::protobuf::Any& any, const FieldPath& path, Reading& in);

}  // namespace weft::xds
