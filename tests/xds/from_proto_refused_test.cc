// What from_proto refuses, with the exact text: one row per mistake, in an otherwise good resource.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/xds/text.h"
#include "xds/from_proto.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/request_id.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/trace.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

enum class Kind { kListener, kRoutes, kCluster, kEndpoints, kSecret };

struct Bad {
  Kind kind;
  std::string text;
  std::string error;
};

template <typename Message, typename Translate>
std::string error_of(const std::string& text, Translate translate) {
  Findings findings;
  const auto read = translate(from_text<Message>(text), FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

std::string error_of(const Bad& bad) {
  switch (bad.kind) {
    case Kind::kListener:
      return error_of<envoy::config::listener::v3::Listener>(bad.text, listener_from_proto);
    case Kind::kRoutes:
      return error_of<envoy::config::route::v3::RouteConfiguration>(bad.text, routes_from_proto);
    case Kind::kCluster:
      return error_of<envoy::config::cluster::v3::Cluster>(bad.text, cluster_from_proto);
    case Kind::kEndpoints:
      return error_of<envoy::config::endpoint::v3::ClusterLoadAssignment>(bad.text,
                                                                          endpoints_from_proto);
    case Kind::kSecret:
      return error_of<envoy::extensions::transport_sockets::tls::v3::Secret>(bad.text,
                                                                             secret_from_proto);
  }
  return "?";
}

void judge(const std::vector<Bad>& rows) {
  for (const auto& row : rows) EXPECT_EQ(error_of(row), row.error) << row.text;
}

const std::string kHcm = "filter_chains[0].filters[0].typed_config";
const std::string kRoute = "virtual_hosts[0].routes[0]";
const std::string kAction = "virtual_hosts[0].routes[0].route";
const std::string kTls = "filter_chains[0].transport_socket.typed_config";
const std::string kCert =
    "tls_certificates { certificate_chain { inline_string: '-----BEGIN C' } "
    "private_key { inline_string: '-----BEGIN K' } }";
const std::string kCa =
    "validation_context { trusted_ca { inline_string: '-----BEGIN CERTIFICATE' } }";

const std::string kProxyProtocol =
    "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

TEST(Refused, Listeners) {
  judge({
      {Kind::kListener, "",
       "name: must not be empty; address: is required; filter_chains: needs at least 1 item"},
      {Kind::kListener, "name: 'l' filter_chains { " + tcp_chain() + " }", "address: is required"},
      {Kind::kListener,
       "name: 'l' address { socket_address { address: 'localhost' port_value: 80 } } "
       "filter_chains { " +
           tcp_chain() + " }",
       "address.socket_address.address: \"localhost\" is not an IP address"},
      {Kind::kListener,
       "name: 'l' address { socket_address { protocol: UDP address: '::1' port_value: 80 } } "
       "filter_chains { " +
           tcp_chain() + " }",
       "address.socket_address.protocol: UDP is not supported"},
      {Kind::kListener,
       "name: 'l' address { envoy_internal_address { server_listener_name: 'x' } } "
       "filter_chains { " +
           tcp_chain() + " }",
       "address.envoy_internal_address: is not supported"},
      {Kind::kListener, listener("api_listener {}", tcp_chain()),
       "api_listener: is for proxyless clients"},
      {Kind::kListener, listener("", tcp_chain() + " } filter_chains { " + tcp_chain()),
       "filter_chains[1].filter_chain_match: equals that of filter_chains[0]"},
      {Kind::kListener, listener("", ""),
       "filter_chains[0].filters: must end with a HttpConnectionManager or a TcpProxy"},
      {Kind::kListener, listener("", "filters { name: 'f' }"),
       "filter_chains[0].filters[0].typed_config: is required"},
      {Kind::kListener, listener("", filter("envoy.config.route.v3.Route", "")),
       "filter_chains[0].filters[0].typed_config: unknown network filter "
       "envoy.config.route.v3.Route"},
      {Kind::kListener, listener("", tcp_chain() + tcp_chain()),
       "filter_chains[0].filters[0]: must be the last filter"},
      {Kind::kListener, listener("", "filter_chain_match { source_type: EXTERNAL } " + tcp_chain()),
       "filter_chains[0].filter_chain_match.source_type: only ANY is supported"},
      {Kind::kListener,
       listener("", "filter_chain_match { server_names: '*x.example' } " + tcp_chain()),
       "filter_chains[0].filter_chain_match.server_names[0]: \"*x.example\" is neither a name nor "
       "\"*.\" and a name"},
      {Kind::kListener,
       listener("",
                "filter_chain_match { prefix_ranges { address_prefix: '10.0.0' } } " + tcp_chain()),
       "filter_chains[0].filter_chain_match.prefix_ranges[0].address_prefix: \"10.0.0\" is not an "
       "IP address"},
      {Kind::kListener,
       listener("", "filter_chain_match { destination_port { value: 70000 } } " + tcp_chain()),
       "filter_chains[0].filter_chain_match.destination_port: is 70000, must be at most 65535"},
      {Kind::kListener, listener("enable_mptcp: true", tcp_chain()),
       "enable_mptcp: is not supported"},
      {Kind::kListener, listener("udp_listener_config {}", tcp_chain()),
       "udp_listener_config: is not supported"},
      {Kind::kListener,
       listener("listener_filters { name: 'f' typed_config { " + any(kRouter) + " } }",
                tcp_chain()),
       "listener_filters[0].typed_config: unknown listener filter "
       "envoy.extensions.filters.http.router.v3.Router"},
      {Kind::kListener,
       listener("listener_filters { name: 'f' typed_config { " +
                    any(kProxyProtocol, "disallowed_versions: [V1, V2]") + " } }",
                tcp_chain()),
       "listener_filters[0].typed_config.disallowed_versions: leaves no version"},
      {Kind::kListener,
       listener("listener_filters { name: 'f' typed_config { " +
                    any(kProxyProtocol, "pass_through_tlvs {}") + " } }",
                tcp_chain()),
       "listener_filters[0].typed_config.pass_through_tlvs: is not supported"},
      {Kind::kListener, listener("listener_filters_timeout { seconds: -1 }", tcp_chain()),
       "listener_filters_timeout: is -1s, must not be negative"},
      {Kind::kListener, listener("", filter(kTcpProxy, "stat_prefix: 's'")),
       kHcm + ": one of cluster, weighted_clusters must be set"},
      {Kind::kListener, listener("", filter(kTcpProxy, "stat_prefix: 's' cluster: ''")),
       kHcm + ".cluster: must not be empty"},
      {Kind::kListener,
       listener("",
                filter(kTcpProxy, "stat_prefix: 's' weighted_clusters { clusters { name: 'c' } }")),
       kHcm + ".weighted_clusters.clusters[0].weight: is 0, must be at least 1"},
      {Kind::kListener,
       listener("", filter(kTcpProxy,
                           "stat_prefix: 's' cluster: 'c' tunneling_config { hostname: 'h' }")),
       kHcm + ".tunneling_config: is not supported"},
      {Kind::kListener,
       listener("metadata { typed_filter_metadata { key: 'weft.config.v1.ListenerPolicy' value { " +
                    any(kRouter) + " } } }",
                tcp_chain()),
       "metadata.typed_filter_metadata[\"weft.config.v1.ListenerPolicy\"]: is a "
       "envoy.extensions.filters.http.router.v3.Router, must be a weft.config.v1.ListenerPolicy"},
  });
}

TEST(Refused, ConnectionManagers) {
  judge({
      {Kind::kListener, listener("", filter(kManager, "stat_prefix: 's' " + router_filter())),
       kHcm + ": one of rds, route_config must be set"},
      {Kind::kListener,
       listener("", filter(kManager,
                           "stat_prefix: 's' rds { config_source { ads {} } } " + router_filter())),
       kHcm + ".rds.route_config_name: must not be empty"},
      {Kind::kListener,
       listener("", filter(kManager,
                           "stat_prefix: 's' rds { config_source { path: 'x' } "
                           "route_config_name: 'r' } " +
                               router_filter())),
       kHcm + ".rds.config_source: must be ads"},
      {Kind::kListener,
       listener("", filter(kManager,
                           "stat_prefix: 's' rds { config_source { ads {} "
                           "resource_api_version: V2 } route_config_name: 'r' } " +
                               router_filter())),
       kHcm + ".rds.config_source.resource_api_version: V2 is not supported"},
      {Kind::kListener,
       listener("", filter(kManager,
                           "stat_prefix: 's' rds { config_source { ads {} } "
                           "route_config_name: 'r' }")),
       kHcm + ".http_filters: must end with envoy.extensions.filters.http.router.v3.Router"},
      {Kind::kListener,
       manager("http_filters { name: 'lua' typed_config { " + any("envoy.config.route.v3.Route") +
               " } }"),
       kHcm + ".http_filters[0].typed_config: unknown HTTP filter envoy.config.route.v3.Route"},
      {Kind::kListener, manager(router_filter()),
       kHcm + ".http_filters[0]: the router must be the last filter"},
      {Kind::kListener, manager("codec_type: HTTP3"), kHcm + ".codec_type: HTTP3 is not supported"},
      {Kind::kListener, manager("path_with_escaped_slashes_action: REJECT_REQUEST"),
       kHcm + ".path_with_escaped_slashes_action: only KEEP_UNCHANGED is supported"},
      {Kind::kListener,
       manager("common_http_protocol_options { headers_with_underscores_action: DROP_HEADER }"),
       kHcm + ".common_http_protocol_options.headers_with_underscores_action: only ALLOW is "
              "supported"},
      {Kind::kListener,
       manager("common_http_protocol_options { max_stream_duration { seconds: 1 } }"),
       kHcm + ".common_http_protocol_options.max_stream_duration: is supported in routes only"},
      {Kind::kListener,
       manager("http2_protocol_options { initial_stream_window_size { value: 1 } }"),
       kHcm + ".http2_protocol_options.initial_stream_window_size: is 1, must be at least 65535"},
      {Kind::kListener, manager("max_request_headers_kb { value: 0 }"),
       kHcm + ".max_request_headers_kb: is 0, must be more than 0"},
      {Kind::kListener, manager("upgrade_configs {}"),
       kHcm + ".upgrade_configs[0].upgrade_type: must not be empty"},
      {Kind::kListener,
       manager("upgrade_configs { upgrade_type: 'websocket' } upgrade_configs { upgrade_type: "
               "'WebSocket' enabled {} }"),
       kHcm + ".upgrade_configs[1].upgrade_type: is there twice"},
      {Kind::kListener, manager("early_header_mutation_extensions { name: 'x' }"),
       kHcm + ".early_header_mutation_extensions: is not supported"},
      {Kind::kListener, manager("strip_any_host_port: true"),
       kHcm + ".strip_any_host_port: is not supported"},
      {Kind::kListener, manager("server_name: 'a\\nb'"),
       kHcm + ".server_name: \"a\\nb\" is not a header value"},
      {Kind::kListener, manager("access_log { name: 'x' }"),
       kHcm + ".access_log[0].typed_config: is required"},
      {Kind::kListener, manager("access_log { typed_config { " + any(kRouter) + " } }"),
       kHcm + ".access_log[0].typed_config: unknown access log "
              "envoy.extensions.filters.http.router.v3.Router"},
      {Kind::kListener,
       manager("access_log { typed_config { " +
               any("envoy.extensions.access_loggers.file.v3.FileAccessLog") + " } }"),
       kHcm + ".access_log[0].typed_config.path: must not be empty"},
      {Kind::kListener,
       manager("tracing { provider { name: 'x' typed_config { " +
               any("envoy.config.trace.v3.OpenTelemetryConfig") + " } } }"),
       kHcm + ".tracing.provider.typed_config: one of grpc_service, http_service must be set"},
      {Kind::kListener, manager("request_id_extension { typed_config { " + any(kRouter) + " } }"),
       kHcm + ".request_id_extension.typed_config: is a envoy.extensions.filters.http.router.v3."
              "Router, must be a envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"},
  });
}

TEST(Refused, TlsOfListeners) {
  judge({
      {Kind::kListener, downstream_tls(""), kTls + ".common_tls_context: needs a certificate"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " } require_client_certificate { value: true }"),
       kTls + ".require_client_certificate: needs a trusted_ca to judge by"},
      {Kind::kListener, downstream_tls("common_tls_context { " + kCert + kCert + " }"),
       kTls + ".common_tls_context: has 2 certificates, one is supported"},
      {Kind::kListener,
       downstream_tls("common_tls_context { tls_certificates { certificate_chain { inline_string: "
                      "'x' } } }"),
       kTls + ".common_tls_context.tls_certificates[0].private_key: is required; " + kTls +
           ".common_tls_context.tls_certificates[0].certificate_chain: is not PEM"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " tls_params { tls_maximum_protocol_version: TLSv1_1 } }"),
       kTls + ".common_tls_context.tls_params.tls_maximum_protocol_version: TLS before 1.2 is not "
              "supported"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " tls_params { tls_minimum_protocol_version: TLSv1_3 "
                      "tls_maximum_protocol_version: TLSv1_2 } }"),
       kTls + ".common_tls_context.tls_params.tls_maximum_protocol_version: is lower than "
              "tls_minimum_protocol_version"},
      {Kind::kListener, downstream_tls("common_tls_context { " + kCert + " alpn_protocols: '' }"),
       kTls + ".common_tls_context.alpn_protocols[0]: must have 1 to 255 bytes"},
      {Kind::kListener,
       downstream_tls("common_tls_context { tls_certificate_sds_secret_configs { name: 'x' "
                      "sds_config { path: '/x' } } }"),
       kTls + ".common_tls_context.tls_certificate_sds_secret_configs[0].sds_config: must be ads"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " validation_context { verify_certificate_hash: 'aa' } }"),
       kTls + ".common_tls_context.validation_context.verify_certificate_hash: is not supported"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " validation_context { match_typed_subject_alt_names { san_type: URI "
                      "matcher { exact: 'x' } } } }"),
       kTls + ".common_tls_context: names of the peer are matched, but trusted_ca is missing"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " validation_context { trusted_ca { inline_string: '-----BEGIN C' } "
                      "match_typed_subject_alt_names { matcher { exact: 'x' } } } }"),
       kTls +
           ".common_tls_context.validation_context.match_typed_subject_alt_names[0].san_type: is "
           "required"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert +
                      " validation_context { trusted_ca { filename: '/etc/ca' } } }"),
       kTls +
           ".common_tls_context.validation_context.trusted_ca.filename: files are not read here"},
      {Kind::kListener,
       downstream_tls("common_tls_context { " + kCert + " custom_handshaker { name: 'x' } }"),
       kTls + ".common_tls_context.custom_handshaker: is not supported"},
      {Kind::kListener,
       listener("", "transport_socket { name: 'x' typed_config { " + any(kUpstreamTls) + " } } " +
                        tcp_chain()),
       "filter_chains[0].transport_socket.typed_config: unknown transport socket "
       "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"},
      {Kind::kListener, listener("", "transport_socket { name: 'x' } " + tcp_chain()),
       "filter_chains[0].transport_socket.typed_config: is required"},
  });
}

TEST(Refused, Routes) {
  judge({
      {Kind::kRoutes, "", "name: must not be empty"},
      {Kind::kRoutes, "name: 'r' virtual_hosts { name: 'h' }",
       "virtual_hosts[0].domains: needs at least 1 item"},
      {Kind::kRoutes,
       "name: 'r' virtual_hosts { name: 'a' domains: 'Cart' } virtual_hosts { name: 'b' domains: "
       "'cart' }",
       "virtual_hosts[1].domains[0]: \"cart\" is already a domain of a"},
      {Kind::kRoutes, "name: 'r' virtual_hosts { name: 'a' domains: 'a.*.b' }",
       "virtual_hosts[0].domains[0]: \"a.*.b\" may have one '*', first or last"},
      {Kind::kRoutes, host("routes { route { cluster: 'c' } }"), kRoute + ".match: is required"},
      {Kind::kRoutes, host("routes { match { prefix: '/' } }"),
       kRoute + ": one of route, redirect, direct_response, non_forwarding_action must be set"},
      {Kind::kRoutes, route("non_forwarding_action {}"),
       kRoute + ".non_forwarding_action: is for gRPC servers"},
      {Kind::kRoutes, match(""),
       kRoute + ".match: one of prefix, path, safe_regex, connect_matcher, path_separated_prefix "
                "must be set"},
      {Kind::kRoutes, match("path_separated_prefix: '/api/'"),
       kRoute + ".match.path_separated_prefix: must begin with '/', not end with it, and have no "
                "'?' or '#'"},
      {Kind::kRoutes, match("safe_regex { regex: '(' }"),
       kRoute + ".match.safe_regex.regex: bad regular expression '(': missing ): ("},
      {Kind::kRoutes, match("safe_regex {}"),
       kRoute + ".match.safe_regex.regex: must not be empty"},
      {Kind::kRoutes, match("path_match_policy { name: 'x' }"),
       kRoute + ".match.path_match_policy: is not supported"},
      {Kind::kRoutes, match("prefix: '/' dynamic_metadata {}"),
       kRoute + ".match.dynamic_metadata: is not supported"},
      {Kind::kRoutes, match("prefix: '/' headers { name: 'a' range_match { start: 3 end: 3 } }"),
       kRoute + ".match.headers[0].range_match: is empty: end must be more than start"},
      {Kind::kRoutes, match("prefix: '/' headers { name: 'a' string_match {} }"),
       kRoute +
           ".match.headers[0].string_match: one of exact, prefix, suffix, safe_regex, contains "
           "must be set"},
      {Kind::kRoutes, match("prefix: '/' query_parameters { name: 'a' present_match: false }"),
       kRoute + ".match.query_parameters[0].present_match: false is not supported"},
      {Kind::kRoutes, host("require_tls: ALL"), "virtual_hosts[0].require_tls: is not supported"},
      {Kind::kRoutes, host("cors {}"), "virtual_hosts[0].cors: is not supported"},
      {Kind::kRoutes, host("rate_limits {}"), "virtual_hosts[0].rate_limits: is not supported"},
      {Kind::kRoutes,
       route("direct_response { status: 200 body { inline_string: '" + std::string(4097, 'x') +
             "' } }"),
       kRoute + ".direct_response.body: has 4097 bytes, at most 4096 are allowed"},
      {Kind::kRoutes,
       route("direct_response { status: 200 body { environment_variable: 'PATH' } }"),
       kRoute + ".direct_response.body.environment_variable: the environment is not read here"},
      {Kind::kRoutes, route("redirect { port_redirect: 70000 }"),
       kRoute + ".redirect.port_redirect: 70000 is not a port"},
      {Kind::kRoutes, route("redirect { regex_rewrite {} }"),
       kRoute + ".redirect.regex_rewrite: is not supported"},
      {Kind::kRoutes,
       host("typed_per_filter_config { key: 'cors' value { " +
            any("envoy.config.route.v3.CorsPolicy") + " } }"),
       "virtual_hosts[0].typed_per_filter_config[\"cors\"]: unknown HTTP filter "
       "envoy.config.route.v3.CorsPolicy"},
      {Kind::kRoutes, host("retry_policy { retry_back_off {} }"),
       "virtual_hosts[0].retry_policy.retry_back_off.base_interval: is required"},
  });
}

TEST(Refused, RouteActions) {
  judge({
      {Kind::kRoutes, route("route {}"),
       kAction + ": one of cluster, cluster_header, weighted_clusters must be set"},
      {Kind::kRoutes,
       route("route { weighted_clusters { clusters { name: 'a' } clusters { name: 'b' } } }"),
       kAction + ".weighted_clusters.clusters: have no weight at all"},
      {Kind::kRoutes,
       route("route { weighted_clusters { clusters { name: 'a' weight { value: 4294967295 } } "
             "clusters { name: 'b' weight { value: 1 } } } }"),
       kAction + ".weighted_clusters.clusters: weigh 4294967296 together, more than 2^32-1"},
      {Kind::kRoutes, route("route { weighted_clusters { clusters { weight { value: 1 } } } }"),
       kAction + ".weighted_clusters.clusters[0].name: must not be empty"},
      {Kind::kRoutes, route("route { cluster_header: 'a b' }"),
       kAction + ".cluster_header: \"a b\" is not a header name"},
      {Kind::kRoutes, action("metadata_match {}"), kAction + ".metadata_match: is not supported"},
      {Kind::kRoutes, action("request_mirror_policies {}"),
       kAction + ".request_mirror_policies[0].cluster: must not be empty"},
      {Kind::kRoutes, action("request_mirror_policies { cluster: 'm' cluster_header: 'x' }"),
       kAction + ".request_mirror_policies[0].cluster_header: is not supported"},
      {Kind::kRoutes, action("auto_host_rewrite { value: true }"),
       kAction + ".auto_host_rewrite: is not supported"},
      {Kind::kRoutes, action("prefix_rewrite: '/a' regex_rewrite { pattern { regex: 'x' } }"),
       kAction + ".regex_rewrite: must not be set together with prefix_rewrite"},
      {Kind::kRoutes, action("timeout { seconds: -5 }"),
       kAction + ".timeout: is -5s, must not be negative"},
      {Kind::kRoutes, action("upgrade_configs { upgrade_type: 'websocket' connect_config {} }"),
       kAction + ".upgrade_configs[0].connect_config: is for CONNECT only"},
      {Kind::kRoutes,
       action("upgrade_configs { upgrade_type: 'CONNECT' connect_config { allow_post: true } }"),
       kAction + ".upgrade_configs[0].connect_config.allow_post: is not supported"},
      {Kind::kRoutes,
       action("upgrade_configs { upgrade_type: 'a' } upgrade_configs { upgrade_type: 'A' }"),
       kAction + ".upgrade_configs[1].upgrade_type: is there twice"},
      {Kind::kRoutes, action("retry_policy { retriable_status_codes: 700 }"),
       kAction + ".retry_policy.retriable_status_codes[0]: 700 is not a status"},
      {Kind::kRoutes, action("retry_policy { retriable_headers { name: 'x' } }"),
       kAction + ".retry_policy.retriable_headers: is not supported"},
      {Kind::kRoutes,
       action("retry_policy { retry_back_off { base_interval { seconds: 2 } max_interval { "
              "seconds: 1 } } }"),
       kAction + ".retry_policy.retry_back_off.max_interval: is less than base_interval"},
      {Kind::kRoutes,
       action("retry_policy { retry_host_predicate { name: "
              "'envoy.retry_host_predicates.omit_canary_hosts' } }"),
       kAction + ".retry_policy.retry_host_predicate[0]: unknown predicate "
                 "envoy.retry_host_predicates.omit_canary_hosts"},
      {Kind::kRoutes,
       route(
           "route { cluster: 'c' } request_headers_to_add { header { key: ':path' value: '/' } }"),
       kRoute + ".request_headers_to_add[0].header.key: :path may not be changed"},
      {Kind::kRoutes, route("route { cluster: 'c' } request_headers_to_remove: 'Host'"),
       kRoute + ".request_headers_to_remove[0]: Host may not be removed"},
      {Kind::kRoutes,
       route("route { cluster: 'c' } response_headers_to_add { header { key: 'x' value: '%REQ(y)%' "
             "} }"),
       kRoute +
           ".response_headers_to_add[0].header.value: \"%REQ(y)%\" has a '%' operator, which is "
           "not supported"},
      {Kind::kRoutes,
       route("route { cluster: 'c' } request_headers_to_add { header { key: 'x' value: 'y' } "
             "append { value: true } append_action: ADD_IF_ABSENT }"),
       kRoute + ".request_headers_to_add[0].append: must not be set together with append_action"},
      {Kind::kRoutes,
       route("route { cluster: 'c' } request_headers_to_add { header { key: 'x' value: 'y' "
             "raw_value: 'z' } }"),
       kRoute + ".request_headers_to_add[0].header.raw_value: must not be set together with value"},
  });
}

TEST(Refused, Clusters) {
  const auto options = [](std::string_view inner) {
    return cluster("typed_extension_protocol_options { key: 'x' value { " +
                   any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", inner) + " } }");
  };
  const std::string at = "typed_extension_protocol_options[\"x\"]";
  const auto breaker = [](const std::string& inner) {
    return cluster("typed_extension_protocol_options { key: 'x' value { " +
                   any("weft.config.v1.ClusterPolicy", "circuit_breaker { " + inner + " }") +
                   " } }");
  };
  judge({
      {Kind::kCluster, "", "name: must not be empty"},
      {Kind::kCluster, cluster("type: EDS"), "eds_cluster_config: is required"},
      {Kind::kCluster, cluster("eds_cluster_config { eds_config { ads {} } }"),
       "eds_cluster_config: is for type EDS"},
      {Kind::kCluster, cluster("type: EDS eds_cluster_config { eds_config { path: 'x' } }"),
       "eds_cluster_config.eds_config: must be ads"},
      {Kind::kCluster, cluster("type: STRICT_DNS"), "load_assignment: needs a name to resolve"},
      {Kind::kCluster,
       cluster("upstream_connection_options { tcp_keepalive { keepalive_time {} } }"),
       "upstream_connection_options.tcp_keepalive.keepalive_time: is 0, must be at least 1"},
      {Kind::kCluster,
       cluster("upstream_connection_options { tcp_keepalive { keepalive_probes { value: 128 } } }"),
       "upstream_connection_options.tcp_keepalive.keepalive_probes: is 128, must be at most 127"},
      {Kind::kCluster,
       cluster("type: LOGICAL_DNS load_assignment { cluster_name: 'c' endpoints { " +
               endpoint("a") + endpoint("b") + " } }"),
       "load_assignment: LOGICAL_DNS has one name only"},
      {Kind::kCluster,
       cluster(
           "type: ORIGINAL_DST lb_policy: CLUSTER_PROVIDED load_assignment { cluster_name: 'c' }"),
       "load_assignment: is not for type ORIGINAL_DST"},
      {Kind::kCluster, cluster("type: ORIGINAL_DST"),
       "lb_policy: must be CLUSTER_PROVIDED for type ORIGINAL_DST"},
      {Kind::kCluster, cluster("lb_policy: CLUSTER_PROVIDED"),
       "lb_policy: CLUSTER_PROVIDED is for type ORIGINAL_DST"},
      {Kind::kCluster, cluster("lb_policy: 17"), "lb_policy: 17 is not a value of LbPolicy"},
      {Kind::kCluster, cluster("lb_policy: LOAD_BALANCING_POLICY_CONFIG"),
       "load_balancing_policy: is required"},
      {Kind::kCluster, cluster("cluster_type { name: 'x' typed_config { " + any(kRouter) + " } }"),
       "cluster_type.typed_config: unknown cluster type "
       "envoy.extensions.filters.http.router.v3.Router"},
      {Kind::kCluster,
       cluster("load_assignment { cluster_name: 'c' endpoints { " + endpoint("cart.shop") + " } }"),
       "load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: "
       "\"cart.shop\" is not an IP address"},
      {Kind::kCluster, cluster("health_checks {} health_checks {}"),
       "health_checks: has 2 items, at most 1 are allowed"},
      {Kind::kCluster, cluster("transport_socket_matches { name: 'x' }"),
       "transport_socket_matches: is not supported"},
      {Kind::kCluster,
       cluster("outlier_detection { base_ejection_time { seconds: 9 } max_ejection_time { seconds: "
               "8 } }"),
       "outlier_detection.max_ejection_time: is less than base_ejection_time"},
      {Kind::kCluster, cluster("outlier_detection { max_ejection_percent { value: 101 } }"),
       "outlier_detection.max_ejection_percent: is 101, must be at most 100"},
      {Kind::kCluster, options(""),
       at + ": one of explicit_http_config, use_downstream_protocol_config, auto_config must be "
            "set"},
      {Kind::kCluster, options("explicit_http_config {}"),
       at + ".explicit_http_config: one of http_protocol_options, http2_protocol_options must be "
            "set"},
      {Kind::kCluster, options("auto_config {}"),
       "transport_socket: is required: auto_config chooses by ALPN"},
      {Kind::kCluster,
       options("explicit_http_config { http_protocol_options {} } upstream_http_protocol_options { "
               "auto_sni: true }"),
       at + ".upstream_http_protocol_options.auto_sni: is not supported"},
      {Kind::kCluster,
       cluster("typed_extension_protocol_options { key: 'x' value { " + any(kRouter) + " } }"),
       at + ": unknown protocol options envoy.extensions.filters.http.router.v3.Router"},
      {Kind::kCluster,
       cluster("typed_extension_protocol_options { key: 'x' value { " +
               any("weft.config.v1.ClusterPolicy", "retry_budget { interval { nanos: 1 } }") +
               " } }"),
       at + ".retry_budget.interval: is 1e-09s, must be at least 1s"},
      {Kind::kCluster, breaker("open_for { seconds: 5 }"),
       at + ".circuit_breaker: needs failure_percent, consecutive_failures or slow_percent"},
      {Kind::kCluster, breaker("slow_percent { value: 10 }"),
       at + ".circuit_breaker.slow_threshold: is required by slow_percent"},
      {Kind::kCluster,
       breaker("failure_percent { value: 9 } open_for { seconds: 5 } max_open_for { seconds: 1 }"),
       at + ".circuit_breaker.max_open_for: is less than open_for"},
      {Kind::kCluster, breaker("failure_percent { value: 9 } trials {}"),
       at + ".circuit_breaker.trials: is 0, must be at least 1"},
      {Kind::kCluster, upstream_tls("auto_host_sni: true"),
       "transport_socket.typed_config.auto_host_sni: is not supported"},
      {Kind::kCluster, upstream_tls("sni: '" + std::string(256, 'x') + "'"),
       "transport_socket.typed_config.sni: has 256 bytes, at most 255 are allowed"},
      {Kind::kCluster,
       upstream_tls("common_tls_context { validation_context { trust_chain_verification: "
                    "ACCEPT_UNTRUSTED } }"),
       "transport_socket.typed_config.common_tls_context.validation_context."
       "trust_chain_verification: ACCEPT_UNTRUSTED is not supported"},
  });
}

TEST(Refused, Endpoints) {
  judge({
      {Kind::kEndpoints, "", "cluster_name: must not be empty"},
      {Kind::kEndpoints, "cluster_name: 'c' endpoints { priority: 129 }",
       "endpoints[0].priority: is 129, must be at most 128"},
      {Kind::kEndpoints, "cluster_name: 'c' endpoints { lb_endpoints {} }",
       "endpoints[0].lb_endpoints[0].endpoint: is required"},
      {Kind::kEndpoints, "cluster_name: 'c' endpoints { lb_endpoints { endpoint {} } }",
       "endpoints[0].lb_endpoints[0].endpoint.address: is required"},
      {Kind::kEndpoints, "cluster_name: 'c' endpoints { " + endpoint("10.1") + " }",
       "endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: \"10.1\" is not an "
       "IP "
       "address"},
      {Kind::kEndpoints,
       "cluster_name: 'c' endpoints { " +
           endpoint("10.0.0.1", "load_balancing_weight { value: 0 }") + " }",
       "endpoints[0].lb_endpoints[0].load_balancing_weight: is 0, must be at least 1"},
      {Kind::kEndpoints,
       "cluster_name: 'c' endpoints { " +
           endpoint("10.0.0.1", "load_balancing_weight { value: 4294967295 }") +
           endpoint("10.0.0.2") + " }",
       "endpoints[0].lb_endpoints: weigh 4294967296 together, more than 2^32-1"},
      {Kind::kEndpoints, "cluster_name: 'c' policy { drop_overloads { category: 'x' } }",
       "policy.drop_overloads: is not supported"},
      {Kind::kEndpoints, "cluster_name: 'c' policy { overprovisioning_factor { value: 0 } }",
       "policy.overprovisioning_factor: is 0, must be more than 0"},
      {Kind::kEndpoints,
       "cluster_name: 'c' endpoints { " +
           endpoint(
               "10.0.0.1",
               "metadata { filter_metadata { key: 'weft' value { fields { key: 'identity' value "
               "{ string_value: 'cart' } } } } }") +
           " }",
       "endpoints[0].lb_endpoints[0].metadata.filter_metadata[\"weft\"]: identity \"cart\" is not "
       "a "
       "SPIFFE ID"},
  });
}

TEST(Refused, Secrets) {
  judge({
      {Kind::kSecret, "name: 's'", "one of tls_certificate, validation_context must be set"},
      {Kind::kSecret, kCa, "name: must not be empty"},
      {Kind::kSecret, "name: 's' generic_secret {}", "generic_secret: is not supported"},
      {Kind::kSecret, "name: 's' tls_certificate {}",
       "tls_certificate.certificate_chain: is required; tls_certificate.private_key: is required"},
      {Kind::kSecret, "name: 's' validation_context { trusted_ca { inline_string: 'x' } }",
       "validation_context.trusted_ca: is not PEM"},
      {Kind::kSecret, "name: 's' validation_context { crl { inline_string: 'x' } }",
       "validation_context.crl: is not supported"},
      {Kind::kSecret, "name: 's' validation_context { system_root_certs {} }",
       "validation_context.system_root_certs: is not supported here"},
  });
}

TEST(Refused, AllMistakesOfAResourceAtOnce) {
  EXPECT_EQ(
      error_of(Bad{.kind = Kind::kRoutes,
                   .text = "virtual_hosts { domains: 'a' domains: 'A' routes { match { prefix: "
                           "'/' } route { cluster: 'c' timeout { seconds: -1 } } } }",
                   .error = {}}),
      "virtual_hosts[0].name: must not be empty; "
      "virtual_hosts[0].routes[0].route.timeout: is -1s, must not be negative; "
      "virtual_hosts[0].domains[1]: \"A\" is already a domain of ; "
      "name: must not be empty");
}

TEST(Refused, AnUnknownFieldOfAStaticResource) {
  auto message = from_text<envoy::config::cluster::v3::Cluster>("name: 'c'");
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(999, 1);
  Findings findings;
  EXPECT_TRUE(cluster_from_proto(message, {}, findings));
  EXPECT_EQ(findings.unknown_count(), 1U);

  Findings refused;
  const auto read = cluster_from_proto(message, {.unknown = UnknownFields::kRefuse}, refused);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail, "has unknown field 999");
}

}  // namespace
}  // namespace weft::xds
