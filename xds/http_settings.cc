#include "xds/http_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/grpc_web.pb.h"
#include "xds/proto/request_id.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/trace.pb.h"
#include "xds/route_filters.h"
#include "xds/routes.h"

namespace weft::xds {

namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace core = envoy::config::core::v3;

namespace {

using Manager = hcm::HttpConnectionManager;

constexpr std::string_view kRouter = "envoy.extensions.filters.http.router.v3.Router";
constexpr std::string_view kGrpcWeb = "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb";
constexpr std::string_view kStatefulSessionFilter =
    "envoy.extensions.filters.http.stateful_session.v3.StatefulSession";
constexpr std::string_view kOurServerName = "weft";
constexpr std::string_view kNoEffect = "has no effect here";

// Filters of Istio's listeners that do nothing for the request.
bool idle_filter(std::string_view type) {
  return is_istio_telemetry(type) ||
         type == "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig";
}

void read_filters(const Manager& manager, const FieldPath& path, Reading& in,
                  config::HttpSettings& out) {
  const int last = manager.http_filters_size() - 1;
  bool routed = false;
  for (int index = 0; index <= last; ++index) {
    const auto& filter = manager.http_filters(index);
    const auto at = path.at("http_filters", index);
    const auto config = at / "typed_config";
    if (filter.has_config_discovery()) continue;  // refused by the walk
    const auto type = type_of(filter.typed_config());
    if (type == kRouter) {
      envoy::extensions::filters::http::router::v3::Router router;
      in.unpack(filter.typed_config(), config, router);
      if (index != last) in.refuse(at, "the router must be the last filter");
      routed = true;
    } else if (type == kGrpcWeb) {
      envoy::extensions::filters::http::grpc_web::v3::GrpcWeb grpc_web;
      if (in.unpack(filter.typed_config(), config, grpc_web)) out.grpc_web = !filter.disabled();
    } else if (type == kStatefulSessionFilter && filter.typed_config().value().empty()) {
      continue;  // routes say which session
    } else if (is_route_filter(type)) {
      read_listener_filter(filter.typed_config(), type, filter.disabled(), config, in, out.faults);
    } else if (type.empty()) {
      in.refuse(config, "is required");
    } else if (filter.is_optional() || idle_filter(type)) {
      in.note(config, fmt::format("{} has no effect here", escape(type)));
    } else {
      in.refuse(config, fmt::format("unknown HTTP filter {}", escape(type)));
    }
  }
  if (!routed) {
    in.refuse(path / "http_filters", fmt::format("must end with {}", kRouter));
  }
}

config::HttpSettings::Codec codec_of(const Manager& manager, const FieldPath& path, Reading& in) {
  using Codec = config::HttpSettings::Codec;
  switch (manager.codec_type()) {
    case Manager::HTTP1:
      return Codec::kHttp1;
    case Manager::HTTP2:
      return Codec::kHttp2;
    case Manager::HTTP3:
      in.refuse(path / "codec_type", "HTTP3 is not supported");
      return Codec::kAuto;
    default:
      return Codec::kAuto;
  }
}

void choose_routes(const Manager& manager, const FieldPath& path, Reading& in,
                   config::HttpSettings& out) {
  if (manager.has_route_config()) {
    out.inline_routes = std::make_shared<const config::RouteConfig>(
        read_routes(manager.route_config(), path / "route_config", in));
  } else if (manager.has_rds()) {
    const auto at = path / "rds";
    out.route_config_name = manager.rds().route_config_name();
    if (out.route_config_name.empty()) in.refuse(at / "route_config_name", "must not be empty");
    in.must_be_ads(manager.rds().config_source(), at / "config_source");
  }
}

void read_timeouts(const Manager& manager, config::HttpSettings& out) {
  const auto or_default = [](bool set, const google::protobuf::Duration& value, Duration fallback) {
    return set ? duration_of(value) : fallback;
  };
  const auto& common = manager.common_http_protocol_options();
  out.timeouts.head =
      or_default(manager.has_request_headers_timeout(), manager.request_headers_timeout(), {});
  out.timeouts.idle =
      or_default(common.has_idle_timeout(), common.idle_timeout(), std::chrono::hours(1));
  out.timeouts.drain =
      or_default(manager.has_drain_timeout(), manager.drain_timeout(), std::chrono::seconds(5));
  out.timeouts.stream_idle = or_default(manager.has_stream_idle_timeout(),
                                        manager.stream_idle_timeout(), std::chrono::minutes(5));
  out.request_timeout = duration_of(manager.request_timeout());
}

void read_paths(const Manager& manager, const FieldPath& path, Reading& in,
                config::HttpSettings& out) {
  out.normalize_path = manager.normalize_path().value();
  out.merge_slashes = manager.merge_slashes();
  if (manager.path_with_escaped_slashes_action() > Manager::KEEP_UNCHANGED) {
    in.refuse(path / "path_with_escaped_slashes_action", "only KEEP_UNCHANGED is supported");
  }
}

std::string server_name(const Manager& manager, const FieldPath& path, Reading& in) {
  switch (manager.server_header_transformation()) {
    case Manager::PASS_THROUGH:
      return {};
    case Manager::APPEND_IF_ABSENT:
      in.note(path / "server_header_transformation", "APPEND_IF_ABSENT works as PASS_THROUGH here");
      return {};
    default:
      return manager.server_name().empty() ? std::string(kOurServerName) : manager.server_name();
  }
}

void read_request_ids(const Manager& manager, const FieldPath& path, Reading& in,
                      config::HttpSettings& out) {
  out.generate_request_id =
      !manager.has_generate_request_id() || manager.generate_request_id().value();
  if (manager.has_request_id_extension()) {
    const auto at = path / "request_id_extension";
    envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig uuid;
    in.unpack(manager.request_id_extension().typed_config(), at / "typed_config", uuid);
  }
}

void read_upgrades(const Manager& manager, const FieldPath& path, Reading& in,
                   config::HttpSettings& out) {
  std::set<std::string> seen;
  for (int index = 0; index < manager.upgrade_configs_size(); ++index) {
    const auto& upgrade = manager.upgrade_configs(index);
    const auto at = path.at("upgrade_configs", index);
    std::string protocol = to_lower(upgrade.upgrade_type());
    if (protocol.empty()) in.refuse(at / "upgrade_type", "must not be empty");
    if (!seen.insert(protocol).second) in.refuse(at / "upgrade_type", "is there twice");
    if (upgrade.has_enabled() && !upgrade.enabled().value()) continue;
    out.upgrades.push_back(std::move(protocol));
  }
}

config::Tracing read_tracing(const Manager& manager, const FieldPath& path, Reading& in) {
  config::Tracing out;
  if (!manager.has_tracing()) return out;
  const auto& tracing = manager.tracing();
  // Requests that ask for a trace by themselves are not known here, so what caps all of them caps
  // the chance.
  out.random_sampling =
      std::min(tracing.has_random_sampling() ? tracing.random_sampling().value() : 100.0,
               tracing.has_overall_sampling() ? tracing.overall_sampling().value() : 100.0);
  if (!tracing.has_provider()) return out;  // no traces are sent
  const auto provider = path / "provider";
  const auto at = provider / "typed_config";
  envoy::config::trace::v3::OpenTelemetryConfig otel;
  if (!in.unpack(tracing.provider().typed_config(), at, otel)) return out;
  if (otel.has_grpc_service() == otel.has_http_service()) {
    in.refuse(at, "one of grpc_service, http_service must be set");
    return out;
  }
  out.enabled = true;
  out.service_name = otel.service_name();
  if (otel.has_grpc_service()) {
    out.collector_cluster = otel.grpc_service().envoy_grpc().cluster_name();
  } else {
    const auto& uri = otel.http_service().http_uri();
    out.collector_cluster = uri.cluster();
    // Only the path matters: the cluster says where to.
    const auto host = uri.uri().find("://");
    const auto slash = uri.uri().find('/', host == std::string::npos ? 0 : host + 3);
    out.collector_path = slash == std::string::npos ? "/" : uri.uri().substr(slash);
    if (otel.http_service().request_headers_to_add_size() > 0) {
      const auto http = at / "http_service";
      in.refuse(http / "request_headers_to_add", "is not supported");
    }
  }
  return out;
}

void read_limits(const Manager& manager, const FieldPath& path, Reading& in,
                 config::HttpSettings& out) {
  read_common_http(manager.common_http_protocol_options(), path / "common_http_protocol_options",
                   in, out.limits);
  const auto& common = manager.common_http_protocol_options();
  if (common.has_max_connection_duration()) {
    const auto at = path / "common_http_protocol_options";
    in.note(at / "max_connection_duration", kNoEffect);
  }
  if (common.has_max_stream_duration() && duration_of(common.max_stream_duration()) > Duration{0}) {
    const auto at = path / "common_http_protocol_options";
    in.refuse(at / "max_stream_duration", "is supported in routes only");
  }
  out.limits.requests_per_connection_max = common.max_requests_per_connection().value();
  if (manager.has_max_request_headers_kb()) {
    out.limits.head_bytes_max = std::size_t{manager.max_request_headers_kb().value()} * 1024;
  }
  out.http2 = read_http2(manager.http2_protocol_options());
}

}  // namespace

config::HttpSettings read_http_settings(const Manager& manager, const FieldPath& path,
                                        Reading& in) {
  config::HttpSettings out;
  out.stat_prefix = manager.stat_prefix();
  out.codec = codec_of(manager, path, in);
  choose_routes(manager, path, in, out);
  read_filters(manager, path, in, out);
  read_limits(manager, path, in, out);
  read_timeouts(manager, out);
  read_paths(manager, path, in, out);
  read_request_ids(manager, path, in, out);
  // A sidecar is no edge: x-forwarded-for is its app's business, and a request keeps its id.
  if (manager.use_remote_address().value()) in.note(path / "use_remote_address", kNoEffect);
  if (manager.xff_num_trusted_hops() != 0) in.note(path / "xff_num_trusted_hops", kNoEffect);
  out.server_name = server_name(manager, path, in);
  read_upgrades(manager, path, in, out);
  out.access_logs = read_access_logs(manager.access_log(), path, in);
  out.tracing = read_tracing(manager, path / "tracing", in);
  return out;
}

http::Http2Limits read_http2(const core::Http2ProtocolOptions& options) {
  const auto or_default = [](bool set, const google::protobuf::UInt32Value& value,
                             std::uint32_t fallback) { return set ? value.value() : fallback; };
  http::Http2Limits out;
  out.streams_max =
      or_default(options.has_max_concurrent_streams(), options.max_concurrent_streams(), 1024);
  out.stream_window = or_default(options.has_initial_stream_window_size(),
                                 options.initial_stream_window_size(), 16 * 1024 * 1024);
  out.connection_window = or_default(options.has_initial_connection_window_size(),
                                     options.initial_connection_window_size(), 24 * 1024 * 1024);
  out.header_table_bytes =
      or_default(options.has_hpack_table_size(), options.hpack_table_size(), 4096);
  out.queued_replies_max = or_default(options.has_max_outbound_control_frames(),
                                      options.max_outbound_control_frames(), 1000);
  out.empty_data_frames_max =
      or_default(options.has_max_consecutive_inbound_frames_with_empty_payload(),
                 options.max_consecutive_inbound_frames_with_empty_payload(), 1);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (options.has_stream_reset_burst()) {
    out.resets_burst =
        static_cast<std::uint32_t>(std::min(options.stream_reset_burst().value(), kMost));
  }
  if (options.has_stream_reset_rate()) {
    out.resets_per_second =
        static_cast<std::uint32_t>(std::min(options.stream_reset_rate().value(), kMost));
  }
  return out;
}

void read_common_http(const core::HttpProtocolOptions& options, const FieldPath& path, Reading& in,
                      http::Limits& out) {
  out.fields_max = options.has_max_headers_count() ? options.max_headers_count().value() : 100;
  if (options.headers_with_underscores_action() != core::HttpProtocolOptions::ALLOW) {
    in.refuse(path / "headers_with_underscores_action", "only ALLOW is supported");
  }
}

}  // namespace weft::xds
