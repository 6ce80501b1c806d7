// What from_proto makes of good listeners and their TLS: Envoy's defaults where nothing is said,
// and each field where something is.
#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "tests/xds/read.h"
#include "tests/xds/text.h"
#include "xds/from_proto.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/access_log_stream.pb.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/raw_buffer.pb.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/tls_inspector.pb.h"
#include "xds/proto/trace.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::xds {
namespace {

using namespace std::chrono_literals;

const config::HttpSettings& http_of(const config::ListenerConfig& listener) {
  return std::get<config::HttpSettings>(listener.chains.at(0).what);
}
TEST(Listeners, AnOutboundOneWithItsSniffers) {
  Read read;
  const auto listener = read.listener(
      "name: 'out' address { socket_address { address: '0.0.0.0' port_value: 15001 } } "
      "additional_addresses { address { socket_address { address: '::' port_value: 15001 } } } "
      "use_original_dst { value: true } traffic_direction: OUTBOUND bind_to_port { value: false } "
      "listener_filters { name: 'a' typed_config { " +
      any("envoy.extensions.filters.listener.original_dst.v3.OriginalDst") +
      " } } listener_filters { name: 'b' typed_config { " +
      any("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
          "initial_read_buffer_size { value: 512 }") +
      " } } listener_filters { name: 'c' typed_config { " +
      any("envoy.extensions.filters.listener.http_inspector.v3.HttpInspector") +
      " } filter_disabled { any_match: true } } listener_filters_timeout {} "
      "continue_on_listener_filters_timeout: true filter_chains { name: 'web' filter_chain_match { "
      "destination_port { value: 443 } server_names: '*.Shop' transport_protocol: 'tls' "
      "prefix_ranges { address_prefix: '10.1.2.3' prefix_len { value: 8 } } } " +
      tcp_chain() + " } default_filter_chain { " + tcp_chain() + " }");
  EXPECT_EQ(listener.name, "out");
  EXPECT_EQ(listener.address.to_string(), "0.0.0.0:15001");
  ASSERT_EQ(listener.extra_addresses.size(), 1U);
  EXPECT_EQ(listener.extra_addresses[0].to_string(), "[::]:15001");
  EXPECT_EQ(listener.direction, config::Direction::kOutbound);
  EXPECT_TRUE(listener.use_original_dst);
  EXPECT_TRUE(listener.read_original_dst);
  EXPECT_TRUE(listener.sniff_tls);
  EXPECT_FALSE(listener.sniff_http);
  EXPECT_FALSE(listener.bind);
  EXPECT_EQ(listener.sniff_timeout, 0s);
  EXPECT_TRUE(listener.go_on_after_sniff_timeout);
  ASSERT_EQ(listener.chains.size(), 1U);
  const auto& match = listener.chains[0].match;
  EXPECT_EQ(match.destination_port, 443);
  EXPECT_EQ(match.server_names, std::vector<std::string>{"*.shop"});
  EXPECT_EQ(match.destination_prefixes.at(0).to_string(), "10.0.0.0/8");
  ASSERT_NE(listener.default_chain, nullptr);
  EXPECT_EQ(read.findings.notes(),
            std::vector<std::string>{
                "listener_filters[1].typed_config.initial_read_buffer_size: has no effect here"});
}

TEST(Listeners, ThatExpectAProxyHeader) {
  const auto with = [](std::string_view settings) {
    Read read;
    return read
        .listener(
            "name: 'in' address { socket_address { address: '127.0.0.1' port_value: 80 } } "
            "listener_filters { name: 'p' typed_config { " +
            any("envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
                std::string(settings)) +
            " } } filter_chains { " + tcp_chain() + " }")
        .proxy_protocol;
  };
  const auto strict = with("");
  ASSERT_TRUE(strict);
  EXPECT_TRUE(strict->required && strict->v1 && strict->v2);
  const auto lenient =
      with("allow_requests_without_proxy_protocol: true disallowed_versions: V1 stat_prefix: 'x'");
  ASSERT_TRUE(lenient);
  EXPECT_FALSE(lenient->required);
  EXPECT_FALSE(lenient->v1);
  EXPECT_TRUE(lenient->v2);
}

TEST(Clusters, ThatSendAProxyHeader) {
  const auto with = [](std::string_view settings) {
    Read read;
    return read.cluster(cluster("transport_socket { name: 'p' typed_config { " +
                                any("envoy.extensions.transport_sockets.proxy_protocol.v3."
                                    "ProxyProtocolUpstreamTransport",
                                    std::string(settings)) +
                                " } }"));
  };
  const std::string raw = "transport_socket { name: 'envoy.transport_sockets.raw_buffer' } ";
  EXPECT_EQ(with(raw).proxy_header, ProxyHeader::Version::kV1);
  const auto second =
      with("config { version: V2 } transport_socket { name: 'tls' typed_config { " +
           any("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext", "sni: 'cart.shop'") +
           " } }");
  EXPECT_EQ(second.proxy_header, ProxyHeader::Version::kV2);
  ASSERT_TRUE(second.tls);
  EXPECT_EQ(second.tls->settings.server_name, "cart.shop");
  Read read;
  EXPECT_FALSE(read.cluster(cluster("")).proxy_header);
}

TEST(Listeners, SayNothingAndEnvoysDefaultsHold) {
  Read read;
  const auto listener = read.listener(manager(""));
  EXPECT_EQ(listener.sniff_timeout, 15s);
  EXPECT_TRUE(listener.bind);
  EXPECT_FALSE(listener.go_on_after_sniff_timeout);
  EXPECT_EQ(listener.chains[0].accept_timeout, 15s);
  EXPECT_FALSE(listener.chains[0].tls);
  const auto& http = http_of(listener);
  EXPECT_EQ(http.codec, config::HttpSettings::Codec::kAuto);
  EXPECT_EQ(http.route_config_name, "r");
  EXPECT_EQ(http.limits.head_bytes_max, 60U * 1024);
  EXPECT_EQ(http.limits.fields_max, 100U);
  EXPECT_EQ(http.limits.requests_per_connection_max, 0U);
  EXPECT_EQ(http.http2.streams_max, 1024U);
  EXPECT_EQ(http.http2.stream_window, 16U * 1024 * 1024);
  EXPECT_EQ(http.http2.connection_window, 24U * 1024 * 1024);
  EXPECT_EQ(http.http2.empty_data_frames_max, 1U);
  EXPECT_EQ(http.timeouts.head, 0s);
  EXPECT_EQ(http.timeouts.idle, 1h);
  EXPECT_EQ(http.timeouts.drain, 5s);
  EXPECT_EQ(http.timeouts.stream_idle, 5min);
  EXPECT_EQ(http.request_timeout, 0s);
  EXPECT_FALSE(http.normalize_path);
  EXPECT_TRUE(http.generate_request_id);
  EXPECT_EQ(http.server_name, "weft");
  EXPECT_FALSE(http.tracing.enabled);
  EXPECT_TRUE(read.findings.notes().empty());
}

TEST(Listeners, AConnectionManagerWithEverythingWeRead) {
  Read read;
  const auto listener = read.listener(manager(
      "codec_type: HTTP2 common_http_protocol_options { idle_timeout { seconds: 7 } "
      "max_headers_count { value: 50 } max_requests_per_connection { value: 9 } } "
      "http2_protocol_options { max_concurrent_streams { value: 100 } "
      "initial_stream_window_size { value: 262144 } stream_reset_rate { value: 5 } } "
      "max_request_headers_kb { value: 16 } request_headers_timeout { seconds: 10 } "
      "drain_timeout { seconds: 3 } stream_idle_timeout {} request_timeout { seconds: 30 } "
      "normalize_path { value: true } merge_slashes: true generate_request_id { value: false } "
      "preserve_external_request_id: true use_remote_address { value: true } xff_num_trusted_hops: "
      "2 "
      "server_header_transformation: PASS_THROUGH upgrade_configs { upgrade_type: 'WebSocket' } "
      "upgrade_configs { upgrade_type: 'CONNECT' enabled {} } "));
  const auto& http = http_of(listener);
  EXPECT_EQ(http.codec, config::HttpSettings::Codec::kHttp2);
  EXPECT_EQ(http.timeouts.idle, 7s);
  EXPECT_EQ(http.limits.fields_max, 50U);
  EXPECT_EQ(http.limits.requests_per_connection_max, 9U);
  EXPECT_EQ(http.limits.head_bytes_max, 16U * 1024);
  EXPECT_EQ(http.http2.streams_max, 100U);
  EXPECT_EQ(http.http2.stream_window, 262144U);
  EXPECT_EQ(http.http2.resets_per_second, 5U);
  EXPECT_EQ(http.timeouts.head, 10s);
  EXPECT_EQ(http.timeouts.drain, 3s);
  EXPECT_EQ(http.timeouts.stream_idle, 0s);
  EXPECT_EQ(http.request_timeout, 30s);
  EXPECT_TRUE(http.normalize_path);
  EXPECT_TRUE(http.merge_slashes);
  EXPECT_FALSE(http.generate_request_id);
  EXPECT_EQ(http.server_name, "");
  EXPECT_EQ(http.upgrades, std::vector<std::string>{"websocket"});
  const std::string at = "filter_chains[0].filters[0].typed_config.";
  EXPECT_EQ(read.findings.notes(),
            (std::vector<std::string>{at + "use_remote_address: has no effect here",
                                      at + "xff_num_trusted_hops: has no effect here"}));
}

TEST(Listeners, MayTranslateGrpcWeb) {
  const std::string filter = "http_filters { name: 'web' typed_config { " +
                             any("envoy.extensions.filters.http.grpc_web.v3.GrpcWeb", "") + " } }";
  Read read;
  EXPECT_TRUE(http_of(read.listener(manager(filter))).grpc_web);
  EXPECT_TRUE(read.findings.notes().empty());
  EXPECT_FALSE(http_of(read.listener(manager(""))).grpc_web);
}

TEST(Listeners, RoutesMayStandInside) {
  Read read;
  const auto listener = read.listener(xds::listener(
      "", filter(kManager,
                 "stat_prefix: 's' route_config { virtual_hosts { name: 'h' domains: '*' } } " +
                     router_filter())));
  const auto& http = http_of(listener);
  ASSERT_NE(http.inline_routes, nullptr);
  EXPECT_EQ(http.inline_routes->virtual_hosts.at(0).domains, std::vector<std::string>{"*"});
}

TEST(Listeners, FiltersThatDoNothingUnaskedArePassedOver) {
  Read read;
  read.listener(manager(
      "http_filters { name: 'cors' typed_config { type_url: "
      "'x/envoy.extensions.filters.http.cors.v3.Cors' } } http_filters { name: 'stats' "
      "typed_config { type_url: 'x/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig' "
      "value: 'abc' } } http_filters { name: 'new' is_optional: true typed_config { type_url: "
      "'x/some.new.Filter' } }"));
  const std::string at = "filter_chains[0].filters[0].typed_config.http_filters";
  EXPECT_EQ(
      read.findings.notes(),
      (std::vector<std::string>{
          at + "[1].typed_config: envoy.extensions.filters.http.grpc_stats.v3.FilterConfig has no "
               "effect here",
          at + "[2].typed_config: some.new.Filter has no effect here"}));
}

TEST(Listeners, AccessLogsAndTracing) {
  Read read;
  const auto listener = read.listener(manager(
      "access_log { typed_config { " +
      any("envoy.extensions.access_loggers.file.v3.FileAccessLog", "path: '/dev/stdout'") +
      " } filter { or_filter { filters { status_code_filter { comparison { op: GE value { "
      "default_value: 500 } } } } filters { response_flag_filter {} } } } } access_log { "
      "typed_config { " +
      any("envoy.extensions.access_loggers.stream.v3.StderrAccessLog",
          "log_format { json_format { fields { key: 'a' value { string_value: '%PROTOCOL%' "
          "} } } }") +
      " } } tracing { random_sampling { value: 1 } overall_sampling { value: 0.5 } provider "
      "{ name: 'otel' "
      "typed_config { " +
      any("envoy.config.trace.v3.OpenTelemetryConfig",
          "service_name: 'cart' http_service { http_uri { uri: "
          "'http://otel:4318/v1/traces' cluster: "
          "'otel' timeout { seconds: 1 } } }") +
      " } } }"));
  const auto& http = http_of(listener);
  ASSERT_EQ(http.access_logs.size(), 2U);
  EXPECT_EQ(http.access_logs[0].path, "/dev/stdout");
  EXPECT_EQ(http.access_logs[0].format, config::AccessLog::Format::kText);
  EXPECT_EQ(http.access_logs[0].mode, config::AccessLog::Mode::kErrors);
  EXPECT_EQ(http.access_logs[1].path, "/dev/stderr");
  EXPECT_EQ(http.access_logs[1].format, config::AccessLog::Format::kJson);
  EXPECT_EQ(http.access_logs[1].mode, config::AccessLog::Mode::kAll);
  EXPECT_TRUE(http.tracing.enabled);
  EXPECT_EQ(http.tracing.random_sampling, 0.5) << "the smaller of the two";
  EXPECT_EQ(http.tracing.collector_cluster, "otel");
  EXPECT_EQ(http.tracing.collector_path, "/v1/traces");
  EXPECT_EQ(http.tracing.service_name, "cart");
}

TEST(Listeners, JsonLogsWithoutFieldsAreOurs) {
  Read read;
  const auto listener =
      read.listener(manager("access_log { typed_config { " +
                            any("envoy.extensions.access_loggers.file.v3.FileAccessLog",
                                "path: '/dev/stdout' log_format { json_format {} }") +
                            " } }"));
  EXPECT_EQ(http_of(listener).access_logs.at(0).format, config::AccessLog::Format::kJson);
  EXPECT_TRUE(read.findings.notes().empty());
}

TEST(Listeners, TraceWithoutACollectorWhereAPolicySaysWhat) {
  Read read;
  const auto listener = read.listener(
      "metadata { typed_filter_metadata { key: 'weft.config.v1.ListenerPolicy' value { " +
      any("weft.config.v1.ListenerPolicy",
          "sampling { roots_per_second: 3 failures_per_second: 1 }") +
      " } } } " + manager("tracing { random_sampling { value: 5 } }"));
  const auto& tracing = http_of(listener).tracing;
  EXPECT_TRUE(tracing.enabled);
  EXPECT_EQ(tracing.random_sampling, 5.0);
  EXPECT_EQ(tracing.roots_per_second, 3);
  EXPECT_EQ(tracing.failures_per_second, 1);
  EXPECT_EQ(tracing.collector_cluster, "");
  // Neither a collector nor a policy: nothing is traced.
  const auto plain = read.listener(manager("tracing { random_sampling { value: 5 } }"));
  EXPECT_FALSE(http_of(plain).tracing.enabled);
  EXPECT_TRUE(read.findings.notes().empty());
}

TEST(Listeners, WhatOnlyWeftSays) {
  Read read;
  const auto listener = read.listener(xds::listener(
      "metadata { typed_filter_metadata { key: 'weft.config.v1.ListenerPolicy' value { " +
          any("weft.config.v1.ListenerPolicy",
              "workload { name: 'cart-1' namespace: 'shop' canonical_service: 'cart' "
              "canonical_revision: 'v1' } access_log: ERRORS connections_max: 7") +
          " } } }",
      filter(kTcpProxy,
             "stat_prefix: 's' cluster: 'c' access_log { typed_config { " +
                 any("envoy.extensions.access_loggers.file.v3.FileAccessLog", "path: '/x'") +
                 " } }")));
  EXPECT_EQ(listener.workload.workload, "cart-1");
  EXPECT_EQ(listener.workload.name_space, "shop");
  EXPECT_EQ(listener.workload.canonical_service, "cart");
  EXPECT_EQ(listener.workload.canonical_revision, "v1");
  EXPECT_EQ(listener.connections_max, 7U);
  EXPECT_EQ(std::get<config::TcpSettings>(listener.chains[0].what).access_logs.at(0).mode,
            config::AccessLog::Mode::kErrors);
}

TEST(Listeners, TcpChains) {
  Read read;
  const auto listener = read.listener(xds::listener(
      "", filter(kTcpProxy,
                 "stat_prefix: 's' weighted_clusters { clusters { name: 'a' weight: 1 } clusters { "
                 "name: 'b' weight: 3 } } idle_timeout {} max_connect_attempts { value: 2 }")));
  const auto& tcp = std::get<config::TcpSettings>(listener.chains[0].what);
  ASSERT_EQ(tcp.clusters.size(), 2U);
  EXPECT_EQ(tcp.clusters[1].cluster, "b");
  EXPECT_EQ(tcp.clusters[1].weight, 3U);
  EXPECT_EQ(tcp.idle_timeout, 0s);
  EXPECT_EQ(tcp.connect_attempts_max, 2U);
}

TEST(Tls, AMeshListenerTakesItsSecretsFromTheIdentity) {
  Read read;
  const auto listener = read.listener(downstream_tls(
      "common_tls_context { tls_params { tls_minimum_protocol_version: TLSv1_3 cipher_suites: "
      "'[A|B]' "
      "cipher_suites: 'C' ecdh_curves: 'X25519' } tls_certificate_sds_secret_configs { name: "
      "'default' } "
      "combined_validation_context { default_validation_context { match_typed_subject_alt_names { "
      "san_type: URI matcher { prefix: 'spiffe://cluster.local/' } } } "
      "validation_context_sds_secret_config { name: 'ROOTCA' sds_config { ads {} } } } "
      "alpn_protocols: "
      "'h2' } require_client_certificate { value: true }"));
  ASSERT_TRUE(listener.chains[0].tls);
  const auto& reference = *listener.chains[0].tls;
  EXPECT_EQ(reference.certificate_secret, "default");
  EXPECT_FALSE(reference.certificate_from_sds);
  EXPECT_EQ(reference.validation_secret, "ROOTCA");
  EXPECT_TRUE(reference.validation_from_sds);
  EXPECT_EQ(reference.material, nullptr);
  EXPECT_EQ(reference.settings.version_min, TlsSettings::Version::kTls13);
  EXPECT_EQ(reference.settings.version_max, TlsSettings::Version::kAuto);
  EXPECT_EQ(reference.settings.cipher_suites, (std::vector<std::string>{"A", "B", "C"}));
  EXPECT_EQ(reference.settings.curves, std::vector<std::string>{"X25519"});
  EXPECT_EQ(reference.settings.alpn, std::vector<std::string>{"h2"});
  EXPECT_TRUE(reference.settings.require_peer_certificate);
  EXPECT_TRUE(reference.settings.verify_peer);
  ASSERT_EQ(reference.settings.peer_names.size(), 1U);
  EXPECT_EQ(reference.settings.peer_names[0].type, SanMatcher::Type::kUri);
  EXPECT_EQ(reference.settings.peer_names[0].how, SanMatcher::How::kPrefix);
  EXPECT_EQ(reference.settings.peer_names[0].value, "spiffe://cluster.local/");
}

TEST(Tls, AClientWithFilesAndAnOldListOfNames) {
  Read read;
  const auto cluster = read.cluster(upstream_tls(
      "sni: 'cart' common_tls_context { tls_certificates { certificate_chain { filename: 'chain' } "
      "private_key { filename: 'key' } } validation_context { trusted_ca { filename: 'ca' } "
      "match_subject_alt_names { exact: 'cart' } } }"));
  ASSERT_TRUE(cluster.tls);
  EXPECT_EQ(cluster.tls->inline_material.chain_pem, "-----BEGIN chain");
  EXPECT_EQ(cluster.tls->inline_material.key_pem, "-----BEGIN key");
  EXPECT_EQ(cluster.tls->inline_material.roots_pem, "-----BEGIN ca");
  EXPECT_EQ(cluster.tls->inline_material.version.size(), 16U);
  EXPECT_EQ(cluster.tls->settings.server_name, "cart");
  EXPECT_EQ(cluster.tls->settings.peer_names.size(), 4U);
  EXPECT_EQ(cluster.tls->handshake_timeout, 5s);
}

TEST(Tls, RawBufferIsPlainAndNoRootsMeanNoJudgement) {
  Read read;
  EXPECT_FALSE(
      read.cluster(cluster("transport_socket { name: 'x' typed_config { " +
                           any("envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer") +
                           " } }"))
          .tls);
  EXPECT_FALSE(
      read.cluster(cluster("transport_socket { name: 'envoy.transport_sockets.raw_buffer' }")).tls);
  EXPECT_FALSE(read.cluster(upstream_tls("")).tls->settings.verify_peer);
}

}  // namespace
}  // namespace weft::xds
