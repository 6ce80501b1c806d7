#pragma once
// HttpConnectionManager -> HttpSettings, and the HTTP limits that listeners and clusters share.
// Internal to from_proto.
//
// After envoy.extensions.filters.network.http_connection_manager.v3 and core.v3 protocol options;
// the defaults are Envoy's.

#include <vector>

#include "sidecar/config/listener_config.h"
#include "sidecar/http/limits.h"
#include "xds/proto/accesslog.pb.h"
#include "xds/proto/core.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/reading.h"

namespace weft::xds {

[[nodiscard]] config::HttpSettings read_http_settings(
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager&
        manager,
    const FieldPath& path, Reading& in);

[[nodiscard]] http::Http2Limits read_http2(
    const envoy::config::core::v3::Http2ProtocolOptions& options);
void read_common_http(const envoy::config::core::v3::HttpProtocolOptions& options,
                      const FieldPath& path, Reading& in, http::Limits& out);

[[nodiscard]] std::vector<config::AccessLog> read_access_logs(
    const google::protobuf::RepeatedPtrField<envoy::config::accesslog::v3::AccessLog>& logs,
    const FieldPath& path, Reading& in);

}  // namespace weft::xds
