#pragma once
// What a route does once it matched: forward, redirect, and the header edits of every level.
// Internal to from_proto.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/route_config.h"
#include "xds/proto/route.pb.h"
#include "xds/reading.h"

namespace weft::xds {

// What a virtual host says for those of its routes that do not say it themselves; never merged with
// theirs.
struct Inherited {
  std::optional<config::RetryPolicy> retry;
  std::uint64_t replay_bytes_max = 1024 * 1024;  // Envoy's connection buffer
};
[[nodiscard]] Inherited read_inherited(const envoy::config::route::v3::VirtualHost& host,
                                       const FieldPath& path, Reading& in);

[[nodiscard]] config::ForwardAction read_forward(const envoy::config::route::v3::Route& route,
                                                 const Inherited& inherited, const FieldPath& path,
                                                 Reading& in);
[[nodiscard]] config::RedirectAction read_redirect(
    const envoy::config::route::v3::RedirectAction& redirect, const FieldPath& path, Reading& in);

[[nodiscard]] config::HeaderMatch read_header_match(
    const envoy::config::route::v3::HeaderMatcher& match, const FieldPath& path, Reading& in);

using HeadersToAdd = google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>;
using HeadersToRemove = google::protobuf::RepeatedPtrField<std::string>;

// Removals come first, as in Envoy: a header may be removed and then added with our value.
void read_edits(const HeadersToRemove& remove, std::string_view remove_field,
                const HeadersToAdd& add, std::string_view add_field, const FieldPath& path,
                Reading& in, std::vector<config::HeaderEdit>& out);

// RouteConfiguration, VirtualHost, Route and ClusterWeight name these fields alike.
template <typename Level>
[[nodiscard]] config::HeaderEdits read_header_edits(const Level& level, const FieldPath& path,
                                                    Reading& in) {
  config::HeaderEdits out;
  read_edits(level.request_headers_to_remove(), "request_headers_to_remove",
             level.request_headers_to_add(), "request_headers_to_add", path, in, out.request);
  read_edits(level.response_headers_to_remove(), "response_headers_to_remove",
             level.response_headers_to_add(), "response_headers_to_add", path, in, out.response);
  return out;
}

}  // namespace weft::xds
