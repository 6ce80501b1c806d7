// Cluster -> ClusterConfig: discovery, transport, limits, ejection, balancing and what only weft
// says.

#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/balancing.h"
#include "xds/endpoints.h"
#include "xds/extensions.h"
#include "xds/from_proto.h"
#include "xds/health_checks.h"
#include "xds/http_settings.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/upstream_proxy_protocol.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/reading.h"
#include "xds/resource.h"
#include "xds/tls_settings.h"

namespace weft::xds {

namespace cds = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
namespace pp = envoy::extensions::transport_sockets::proxy_protocol::v3;
namespace up = envoy::extensions::upstreams::http::v3;
using weft::config::v1::ClusterPolicy;

namespace {

using Discovery = config::ClusterConfig::Discovery;
using Protocol = config::UpstreamHttp::Protocol;

Discovery discovery_of(const cds::Cluster& cluster, const FieldPath& path, Reading& in) {
  if (cluster.has_cluster_type()) {
    const auto at = path / "cluster_type";
    in.refuse(at / "typed_config",
              fmt::format("unknown cluster type {}",
                          escape(type_of(cluster.cluster_type().typed_config()))));
    return Discovery::kStatic;
  }
  switch (cluster.type()) {
    case cds::Cluster::EDS:
      return Discovery::kEds;
    case cds::Cluster::STRICT_DNS:
      return Discovery::kStrictDns;
    case cds::Cluster::LOGICAL_DNS:
      return Discovery::kLogicalDns;
    case cds::Cluster::ORIGINAL_DST:
      return Discovery::kOriginalDst;
    default:
      return Discovery::kStatic;
  }
}

config::ClusterConfig::DnsFamily family_of(const cds::Cluster& cluster) {
  using enum config::ClusterConfig::DnsFamily;
  switch (cluster.dns_lookup_family()) {
    case cds::Cluster::V4_ONLY:
      return kV4;
    case cds::Cluster::V6_ONLY:
      return kV6;
    case cds::Cluster::V4_PREFERRED:
      return kV4Preferred;
    case cds::Cluster::ALL:
      return kAll;
    default:
      return kAuto;
  }
}

void read_discovery(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
                    config::ClusterConfig& out) {
  out.discovery = discovery_of(cluster, path, in);
  const auto eds = path / "eds_cluster_config";
  const auto load = path / "load_assignment";
  if (cluster.has_eds_cluster_config() != (out.discovery == Discovery::kEds)) {
    in.refuse(eds, out.discovery == Discovery::kEds ? "is required" : "is for type EDS");
  }
  switch (out.discovery) {
    case Discovery::kEds:
      out.eds_service_name = cluster.eds_cluster_config().service_name();
      in.must_be_ads(cluster.eds_cluster_config().eds_config(), eds / "eds_config");
      break;
    case Discovery::kStatic: {
      auto endpoints = read_endpoints(cluster.load_assignment(), load, in);
      endpoints.cluster = cluster.name();
      endpoints.version = version_of(serialize(cluster.load_assignment()));
      out.inline_endpoints = std::make_shared<const config::EndpointSet>(std::move(endpoints));
      break;
    }
    case Discovery::kStrictDns:
    case Discovery::kLogicalDns:
      out.dns_targets = read_dns_targets(cluster.load_assignment(), load, in);
      if (out.dns_targets.empty()) in.refuse(load, "needs a name to resolve");
      if (out.discovery == Discovery::kLogicalDns && out.dns_targets.size() > 1) {
        in.refuse(load, "LOGICAL_DNS has one name only");
      }
      out.dns_family = family_of(cluster);
      if (cluster.has_dns_refresh_rate()) out.dns_refresh = duration_of(cluster.dns_refresh_rate());
      break;
    case Discovery::kOriginalDst:
      if (cluster.has_load_assignment()) in.refuse(load, "is not for type ORIGINAL_DST");
      break;
  }
  if (out.discovery == Discovery::kEds && cluster.has_load_assignment()) {
    in.refuse(load, "is not for type EDS");
  }
}

void read_thresholds(const cds::CircuitBreakers& breakers, const FieldPath& path, Reading& in,
                     config::ClusterConfig& out) {
  bool found = false;
  for (int index = 0; index < breakers.thresholds_size(); ++index) {
    const auto& threshold = breakers.thresholds(index);
    if (threshold.priority() != core::DEFAULT || found) {
      in.note(path.at("thresholds", index),
              "has no effect here: the first of priority DEFAULT counts");
      continue;
    }
    found = true;
    const auto or_default = [](bool set, const google::protobuf::UInt32Value& value,
                               std::uint32_t fallback) { return set ? value.value() : fallback; };
    auto& limits = out.limits;
    limits.connections_max =
        or_default(threshold.has_max_connections(), threshold.max_connections(), 1024);
    limits.pending_max =
        or_default(threshold.has_max_pending_requests(), threshold.max_pending_requests(), 1024);
    limits.requests_max = or_default(threshold.has_max_requests(), threshold.max_requests(), 1024);
    limits.retries_max = or_default(threshold.has_max_retries(), threshold.max_retries(), 3);
    if (!threshold.has_retry_budget()) continue;
    // Envoy's floor is a number of retries at a time, ours one per second; the share is what
    // matters.
    const auto& budget = threshold.retry_budget();
    config::RetryBudget read;
    read.percent = budget.has_budget_percent() ? budget.budget_percent().value() : 20.0;
    read.min_per_second =
        or_default(budget.has_min_retry_concurrency(), budget.min_retry_concurrency(), 3);
    if (duration_of(budget.budget_interval()) > Duration{0}) {
      read.interval = duration_of(budget.budget_interval());
    }
    out.retry_budget = read;
  }
}

config::OutlierDetection read_outlier(const cds::OutlierDetection& outlier, const FieldPath& path,
                                      Reading& in) {
  config::OutlierDetection out;
  const auto or_default = [](bool set, const google::protobuf::UInt32Value& value,
                             std::uint32_t fallback) { return set ? value.value() : fallback; };
  // "Enforcing" is the chance of an ejection in percent. Ours eject or do not.
  const auto enforced = [&](std::string_view field, std::uint32_t percent) {
    if (percent > 0 && percent < 100) in.note(path / field, "works as 100 here");
    return percent > 0;
  };
  out.consecutive_5xx = or_default(outlier.has_consecutive_5xx(), outlier.consecutive_5xx(), 5);
  if (!enforced("enforcing_consecutive_5xx",
                or_default(outlier.has_enforcing_consecutive_5xx(),
                           outlier.enforcing_consecutive_5xx(), 100))) {
    out.consecutive_5xx = 0;
  }
  if (enforced("enforcing_consecutive_gateway_failure",
               outlier.enforcing_consecutive_gateway_failure().value())) {
    out.consecutive_gateway_failure = or_default(outlier.has_consecutive_gateway_failure(),
                                                 outlier.consecutive_gateway_failure(), 5);
  }
  out.split_local = outlier.split_external_local_origin_errors();
  if (out.split_local &&
      enforced("enforcing_consecutive_local_origin_failure",
               or_default(outlier.has_enforcing_consecutive_local_origin_failure(),
                          outlier.enforcing_consecutive_local_origin_failure(), 100))) {
    out.consecutive_local_failure = or_default(outlier.has_consecutive_local_origin_failure(),
                                               outlier.consecutive_local_origin_failure(), 5);
  }
  if (enforced("enforcing_success_rate", or_default(outlier.has_enforcing_success_rate(),
                                                    outlier.enforcing_success_rate(), 100))) {
    out.success_rate = {.endpoints_min = or_default(outlier.has_success_rate_minimum_hosts(),
                                                    outlier.success_rate_minimum_hosts(), 5),
                        .requests_min = or_default(outlier.has_success_rate_request_volume(),
                                                   outlier.success_rate_request_volume(), 100),
                        .stdev_factor = or_default(outlier.has_success_rate_stdev_factor(),
                                                   outlier.success_rate_stdev_factor(), 1900) /
                                        1000.0};
  }
  if (enforced("enforcing_failure_percentage", outlier.enforcing_failure_percentage().value())) {
    out.failure_percent = {
        .endpoints_min = or_default(outlier.has_failure_percentage_minimum_hosts(),
                                    outlier.failure_percentage_minimum_hosts(), 5),
        .requests_min = or_default(outlier.has_failure_percentage_request_volume(),
                                   outlier.failure_percentage_request_volume(), 50),
        .percent = or_default(outlier.has_failure_percentage_threshold(),
                              outlier.failure_percentage_threshold(), 85)};
  }
  if (outlier.has_interval()) out.interval = duration_of(outlier.interval());
  if (outlier.has_base_ejection_time()) {
    out.base_ejection = duration_of(outlier.base_ejection_time());
  }
  out.max_ejection = std::max(out.base_ejection, out.max_ejection);
  if (outlier.has_max_ejection_time()) {
    out.max_ejection = duration_of(outlier.max_ejection_time());
    if (out.max_ejection < out.base_ejection) {
      in.refuse(path / "max_ejection_time", "is less than base_ejection_time");
    }
  }
  out.ejection_jitter = duration_of(outlier.max_ejection_time_jitter());
  out.ejected_percent_max =
      or_default(outlier.has_max_ejection_percent(), outlier.max_ejection_percent(), 10);
  out.always_eject_one = outlier.always_eject_one_host().value();
  return out;
}

void read_common(const core::HttpProtocolOptions& common, const FieldPath& path, Reading& in,
                 config::UpstreamHttp& out) {
  read_common_http(common, path, in, out.limits);
  if (common.has_max_response_headers_kb()) {
    out.limits.head_bytes_max = std::size_t{common.max_response_headers_kb().value()} * 1024;
  }
  if (common.has_idle_timeout()) out.idle_timeout = duration_of(common.idle_timeout());
  out.requests_per_connection_max = common.max_requests_per_connection().value();
  out.connection_age_max = duration_of(common.max_connection_duration());
  out.connection_age_jitter_percent = common.max_connection_duration_jitter().value();
  if (common.has_max_stream_duration() && duration_of(common.max_stream_duration()) > Duration{0}) {
    in.refuse(path / "max_stream_duration", "is supported in routes only");
  }
}

void read_http(const up::HttpProtocolOptions& options, const FieldPath& path, Reading& in,
               config::UpstreamHttp& out) {
  read_common(options.common_http_protocol_options(), path / "common_http_protocol_options", in,
              out);
  switch (options.upstream_protocol_options_case()) {
    case up::HttpProtocolOptions::kExplicitHttpConfig:
      if (options.explicit_http_config().has_http2_protocol_options()) {
        out.protocol = Protocol::kHttp2;
        out.http2 = read_http2(options.explicit_http_config().http2_protocol_options());
      }
      break;
    case up::HttpProtocolOptions::kUseDownstreamProtocolConfig:
      out.protocol = Protocol::kAsDownstream;
      out.http2 = read_http2(options.use_downstream_protocol_config().http2_protocol_options());
      break;
    case up::HttpProtocolOptions::kAutoConfig:
      out.protocol = Protocol::kAlpn;
      out.http2 = read_http2(options.auto_config().http2_protocol_options());
      break;
    case up::HttpProtocolOptions::UPSTREAM_PROTOCOL_OPTIONS_NOT_SET:
      break;
  }
}

// Where the protocol stood before HttpProtocolOptions; still sent by old servers.
void read_old_http(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
                   config::UpstreamHttp& out) {
  read_common(cluster.common_http_protocol_options(), path / "common_http_protocol_options", in,
              out);
  if (cluster.has_max_requests_per_connection()) {
    out.requests_per_connection_max = cluster.max_requests_per_connection().value();
  }
  out.http2 = read_http2(cluster.http2_protocol_options());
  if (cluster.protocol_selection() == cds::Cluster::USE_DOWNSTREAM_PROTOCOL) {
    out.protocol = Protocol::kAsDownstream;
  } else if (cluster.has_http2_protocol_options()) {
    out.protocol = Protocol::kHttp2;
  }
}

config::BreakerPolicy read_breaker(const ClusterPolicy::CircuitBreaker& breaker,
                                   const FieldPath& path, Reading& in) {
  config::BreakerPolicy out;
  if (breaker.has_window()) out.window = duration_of(breaker.window());
  if (breaker.has_min_requests()) out.requests_min = breaker.min_requests().value();
  out.failure_ratio = breaker.failure_percent().value() / 100;
  out.consecutive_failures = breaker.consecutive_failures().value();
  out.slow_ratio = breaker.slow_percent().value() / 100;
  out.slow_threshold = duration_of(breaker.slow_threshold());
  if (out.failure_ratio <= 0 && out.slow_ratio <= 0 && out.consecutive_failures == 0) {
    in.refuse(path, "needs failure_percent, consecutive_failures or slow_percent");
  }
  if (out.slow_ratio > 0 && !breaker.has_slow_threshold()) {
    in.refuse(path / "slow_threshold", "is required by slow_percent");
  }
  if (breaker.has_open_for()) out.open_for = duration_of(breaker.open_for());
  out.open_max = std::max(out.open_for, out.open_max);
  if (breaker.has_max_open_for()) {
    out.open_max = duration_of(breaker.max_open_for());
    if (out.open_max < out.open_for) in.refuse(path / "max_open_for", "is less than open_for");
  }
  if (breaker.has_trials()) out.trials = breaker.trials().value();
  if (breaker.count_size() != 0) out.counts = 0;
  for (const int failure : breaker.count()) {
    if (!ClusterPolicy::CircuitBreaker::Failure_IsValid(failure)) continue;  // refused by the walk
    out.counts = static_cast<std::uint8_t>(out.counts | 1U << static_cast<unsigned>(failure));
  }
  return out;
}

config::WhenFull when_full_of(ClusterPolicy::WhenFull when_full) {
  switch (when_full) {
    case ClusterPolicy::DROP_LOWEST:
      return config::WhenFull::kDropLowest;
    case ClusterPolicy::DROP_OLDEST:
      return config::WhenFull::kDropOldest;
    default:
      return config::WhenFull::kReject;
  }
}

void read_policy(const ClusterPolicy& policy, const FieldPath& path, Reading& in,
                 config::ClusterConfig& out) {
  if (policy.has_retry_budget()) {
    const auto& budget = policy.retry_budget();
    config::RetryBudget read;
    if (budget.has_percent()) read.percent = budget.percent().value();
    if (budget.has_interval()) read.interval = duration_of(budget.interval());
    if (budget.has_min_per_second()) read.min_per_second = budget.min_per_second().value();
    out.retry_budget = read;
  }
  if (policy.has_circuit_breaker()) {
    out.breaker = read_breaker(policy.circuit_breaker(), path / "circuit_breaker", in);
  }
  out.keep_last_ready = policy.keep_last_ready_endpoint();
  if (out.outlier) out.outlier->never_eject_last = out.keep_last_ready;
  out.handshake_timeout = duration_of(policy.tls_handshake_timeout());
  out.limits.pending_timeout = duration_of(policy.pending_timeout());
  out.limits.when_full = when_full_of(policy.when_full());
  out.http.idle_connections_min = policy.min_idle_connections();
  if (policy.has_tunnels_max()) out.limits.tunnels_max = policy.tunnels_max().value();
  out.mesh_peer = policy.mesh_peer();
  out.local_app = policy.local_app();
  for (int at = 0; at < policy.local_app_elsewhere_size(); ++at) {
    out.local_app_elsewhere.push_back(
        in.address(policy.local_app_elsewhere(at), path.at("local_app_elsewhere", at)));
  }
  if (!out.local_app && !out.local_app_elsewhere.empty()) {
    in.refuse(path / "local_app_elsewhere", "is for a local_app");
  }
  if (policy.has_known_destinations()) {
    if (out.discovery != Discovery::kOriginalDst) {
      in.refuse(path / "known_destinations", "is for type ORIGINAL_DST");
    }
    out.known_destinations = {.deny_unknown = policy.known_destinations().deny_unknown()};
  }
  out.keep_source = policy.keep_source();
  if (out.keep_source && (out.discovery != Discovery::kOriginalDst || !out.local_app)) {
    in.refuse(path / "keep_source", "is for a local_app of type ORIGINAL_DST");
  }
  if (policy.own_zone_first()) out.balancing.localities = config::LocalityPreference::kOwnZone;
}

void read_extensions(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
                     config::ClusterConfig& out) {
  read_old_http(cluster, path, in, out.http);
  for (const auto& [name, any] : cluster.typed_extension_protocol_options()) {
    const auto at = path.at("typed_extension_protocol_options", name);
    const auto type = type_of(any);
    up::HttpProtocolOptions http;
    ClusterPolicy policy;
    if (type == http.GetDescriptor()->full_name()) {
      if (in.unpack(any, at, http)) read_http(http, at, in, out.http);
    } else if (type == policy.GetDescriptor()->full_name()) {
      if (in.unpack(any, at, policy)) read_policy(policy, at, in, out);
    } else {
      in.refuse(at, fmt::format("unknown protocol options {}", escape(type)));
    }
  }
}

// A transport socket may stand inside one that sends a PROXY header first.
void read_transport_socket(const core::TransportSocket& socket, const FieldPath& path, Reading& in,
                           config::ClusterConfig& out) {
  pp::ProxyProtocolUpstreamTransport wrapper;
  if (type_of(socket.typed_config()) != wrapper.GetDescriptor()->full_name()) {
    out.tls = read_upstream_tls(socket, path, in);
    return;
  }
  const auto at = path / "typed_config";
  if (!in.unpack(socket.typed_config(), at, wrapper)) return;
  out.proxy_header = wrapper.config().version() == core::ProxyProtocolConfig::V1
                         ? ProxyHeader::Version::kV1
                         : ProxyHeader::Version::kV2;
  if (out.http.protocol != Protocol::kHttp1) {
    in.refuse(at, "names one caller for each connection: HTTP/2 would share it among many");
  }
  if (wrapper.has_transport_socket()) {
    out.tls = read_upstream_tls(wrapper.transport_socket(), at / "transport_socket", in);
  }
}

KeepAlive keep_alive_of(const envoy::config::core::v3::TcpKeepalive& wanted) {
  KeepAlive out;
  const auto read = [](bool has, std::uint32_t value, std::uint16_t& member) {
    if (has) member = static_cast<std::uint16_t>(value);
  };
  read(wanted.has_keepalive_time(), wanted.keepalive_time().value(), out.idle_s);
  read(wanted.has_keepalive_interval(), wanted.keepalive_interval().value(), out.interval_s);
  read(wanted.has_keepalive_probes(), wanted.keepalive_probes().value(), out.probes);
  return out;
}

void read_transport(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
                    config::ClusterConfig& out) {
  if (cluster.has_transport_socket()) {
    read_transport_socket(cluster.transport_socket(), path / "transport_socket", in, out);
  }
  if (out.tls) {
    out.tls->handshake_timeout =
        out.handshake_timeout > Duration{0} ? out.handshake_timeout : out.connect_timeout;
  } else if (out.http.protocol == Protocol::kAlpn) {
    in.refuse(path / "transport_socket", "is required: auto_config chooses by ALPN");
  }
  const auto& bind = cluster.upstream_bind_config();
  if (bind.has_source_address()) {
    const auto at = path / "upstream_bind_config";
    out.source = in.address(bind.source_address(), at / "source_address");
  }
  for (int at = 0; at < bind.extra_source_addresses_size(); ++at) {
    const auto upstream_bind = path / "upstream_bind_config";
    const auto here = upstream_bind.at("extra_source_addresses", at);
    const SocketAddress extra =
        in.address(bind.extra_source_addresses(at).address(), here / "address");
    const bool other =
        extra.is_ip() && out.source.is_ip() && extra.ip().is_v4() != out.source.ip().is_v4();
    if (other && out.source_other.is_none()) {
      out.source_other = extra;
    } else {
      in.note(here, "has no effect here: the first of the other family counts");
    }
  }
  if (cluster.upstream_connection_options().has_tcp_keepalive())
    out.tcp_keepalive = keep_alive_of(cluster.upstream_connection_options().tcp_keepalive());
}

}  // namespace

Result<config::ClusterConfig> cluster_from_proto(const cds::Cluster& cluster,
                                                 const FromProtoOptions& options,
                                                 Findings& findings) {
  const FieldPath path;
  Reading in(options, findings);
  check(cluster, path, options.unknown, findings);
  config::ClusterConfig out;
  out.name = cluster.name();
  if (cluster.has_connect_timeout()) out.connect_timeout = duration_of(cluster.connect_timeout());
  read_discovery(cluster, path, in, out);
  read_balancing(cluster, path, in, out);
  read_thresholds(cluster.circuit_breakers(), path / "circuit_breakers", in, out);
  if (cluster.has_outlier_detection()) {
    out.outlier = read_outlier(cluster.outlier_detection(), path / "outlier_detection", in);
  }
  out.health_check = read_health_check(cluster, path, in);
  read_extensions(cluster, path, in, out);
  read_transport(cluster, path, in, out);
  out.labels = {.service = metadata_text(cluster.metadata(), "service"),
                .service_name = metadata_text(cluster.metadata(), "service_name"),
                .service_namespace = metadata_text(cluster.metadata(), "service_namespace"),
                .backend = metadata_text(cluster.metadata(), "backend")};
  if (findings.refused()) return fail(findings.error());
  return out;
}

}  // namespace weft::xds
