// The protobuf subset: public numbers against bytes written by hand from the public API, names in
// Any and JSON.
#include <google/protobuf/any.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <charconv>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "telemetry/proto/trace_service.pb.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/access_log_stream.pb.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/ca.pb.h"
#include "xds/proto/discovery.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_maglev.pb.h"
#include "xds/proto/lb_random.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/lb_round_robin.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/proxy_protocol.pb.h"
#include "xds/proto/raw_buffer.pb.h"
#include "xds/proto/request_id.pb.h"
#include "xds/proto/retry_omit_canary_hosts.pb.h"
#include "xds/proto/retry_omit_host_metadata.pb.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls_inspector.pb.h"
#include "xds/proto/udpa_type.pb.h"
#include "xds/proto/upstream_proxy_protocol.pb.h"
#include "xds/proto/weft_bootstrap.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/proto/xds_type.pb.h"

namespace weft::xds {
namespace {

namespace pb = google::protobuf;

// Every message that stands in an Any, or opens a file; naming them also makes the linker keep
// them.
const std::vector<const pb::Descriptor*>& messages() {
  static const std::vector<const pb::Descriptor*> all = {
      envoy::service::discovery::v3::DiscoveryRequest::descriptor(),
      envoy::config::bootstrap::v3::Bootstrap::descriptor(),
      envoy::config::listener::v3::Listener::descriptor(),
      envoy::config::route::v3::RouteConfiguration::descriptor(),
      envoy::config::cluster::v3::Cluster::descriptor(),
      envoy::config::endpoint::v3::ClusterLoadAssignment::descriptor(),
      envoy::extensions::transport_sockets::tls::v3::Secret::descriptor(),
      envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext::descriptor(),
      envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext::descriptor(),
      envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport::
          descriptor(),
      envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer::descriptor(),
      envoy::extensions::filters::listener::original_dst::v3::OriginalDst::descriptor(),
      envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor(),
      envoy::extensions::filters::listener::http_inspector::v3::HttpInspector::descriptor(),
      envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol::descriptor(),
      envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager::
          descriptor(),
      envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy::descriptor(),
      envoy::extensions::filters::http::router::v3::Router::descriptor(),
      envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig::descriptor(),
      envoy::extensions::upstreams::http::v3::HttpProtocolOptions::descriptor(),
      envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin::descriptor(),
      envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest::descriptor(),
      envoy::extensions::load_balancing_policies::random::v3::Random::descriptor(),
      envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash::descriptor(),
      envoy::extensions::load_balancing_policies::maglev::v3::Maglev::descriptor(),
      envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate::descriptor(),
      envoy::extensions::retry::host::omit_canary_hosts::v3::OmitCanaryHostsPredicate::descriptor(),
      envoy::extensions::retry::host::omit_host_metadata::v3::OmitHostMetadataConfig::descriptor(),
      envoy::extensions::access_loggers::file::v3::FileAccessLog::descriptor(),
      envoy::extensions::access_loggers::stream::v3::StdoutAccessLog::descriptor(),
      envoy::config::trace::v3::OpenTelemetryConfig::descriptor(),
      ::xds::type::v3::TypedStruct::descriptor(),
      udpa::type::v1::TypedStruct::descriptor(),
      istio::v1::auth::IstioCertificateRequest::descriptor(),
      weft::bootstrap::v1::Mesh::descriptor(),
      weft::config::v1::Generation::descriptor(),
      weft::config::v1::ClusterPolicy::descriptor(),
      opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest::descriptor(),
  };
  return all;
}

const pb::Descriptor* find(std::string_view name) {
  (void)messages();
  return pb::DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(name));
}

std::unique_ptr<pb::Message> make(std::string_view name) {
  const auto* descriptor = find(name);
  if (descriptor == nullptr) return nullptr;
  const auto* prototype = pb::MessageFactory::generated_factory()->GetPrototype(descriptor);
  return std::unique_ptr<pb::Message>(prototype->New());
}

std::string bytes_of(std::string_view hex) {
  std::string out;
  for (std::size_t at = 0; at + 1 < hex.size(); at += 3) {
    unsigned value = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 2, value, 16);
    out.push_back(static_cast<char>(value));
  }
  return out;
}

struct OnTheWire {
  std::string_view message;
  std::string_view field;
  std::string_view bytes;
};

// A tag of the public API and the smallest value that counts as set.
constexpr OnTheWire kOnTheWire[] = {
    {"envoy.service.discovery.v3.DiscoveryRequest", "version_info", "0a 01 61"},
    {"envoy.service.discovery.v3.DiscoveryRequest", "node", "12 00"},
    {"envoy.service.discovery.v3.DiscoveryRequest", "resource_names", "1a 01 61"},
    {"envoy.service.discovery.v3.DiscoveryRequest", "type_url", "22 01 61"},
    {"envoy.service.discovery.v3.DiscoveryRequest", "response_nonce", "2a 01 61"},
    {"envoy.service.discovery.v3.DiscoveryRequest", "error_detail", "32 00"},
    {"envoy.service.discovery.v3.DiscoveryResponse", "version_info", "0a 01 61"},
    {"envoy.service.discovery.v3.DiscoveryResponse", "resources", "12 00"},
    {"envoy.service.discovery.v3.DiscoveryResponse", "type_url", "22 01 61"},
    {"envoy.service.discovery.v3.DiscoveryResponse", "nonce", "2a 01 61"},
    {"envoy.service.discovery.v3.DeltaDiscoveryRequest", "resource_names_subscribe", "1a 01 61"},
    {"envoy.service.discovery.v3.DeltaDiscoveryRequest", "initial_resource_versions", "2a 00"},
    {"envoy.service.discovery.v3.DeltaDiscoveryRequest", "response_nonce", "32 01 61"},
    {"envoy.service.discovery.v3.DeltaDiscoveryResponse", "resources", "12 00"},
    {"envoy.service.discovery.v3.DeltaDiscoveryResponse", "removed_resources", "32 01 61"},
    {"envoy.service.discovery.v3.DeltaDiscoveryResponse", "nonce", "2a 01 61"},
    {"envoy.service.discovery.v3.Resource", "version", "0a 01 61"},
    {"envoy.service.discovery.v3.Resource", "resource", "12 00"},
    {"envoy.service.discovery.v3.Resource", "name", "1a 01 61"},
    {"envoy.service.discovery.v3.Resource", "ttl", "32 00"},
    {"envoy.config.core.v3.Node", "id", "0a 01 61"},
    {"envoy.config.core.v3.Node", "metadata", "1a 00"},
    {"envoy.config.core.v3.Node", "locality", "22 00"},
    {"envoy.config.core.v3.Node", "user_agent_name", "32 01 61"},
    {"envoy.config.core.v3.Node", "client_features", "52 01 61"},
    {"envoy.config.core.v3.Metadata", "filter_metadata", "0a 05 0a 01 61 12 00"},
    {"envoy.config.core.v3.Metadata", "typed_filter_metadata", "12 05 0a 01 61 12 00"},
    {"envoy.config.core.v3.HeaderValueOption", "append", "12 00"},
    {"envoy.config.core.v3.HeaderValueOption", "append_action", "18 01"},
    {"envoy.config.core.v3.HeaderValueOption", "keep_empty_value", "20 01"},
    {"envoy.config.core.v3.DataSource", "filename", "0a 01 61"},
    {"envoy.config.core.v3.DataSource", "inline_bytes", "12 01 61"},
    {"envoy.config.core.v3.DataSource", "inline_string", "1a 01 61"},
    {"envoy.config.core.v3.TransportSocket", "typed_config", "1a 00"},
    {"envoy.config.core.v3.Address", "socket_address", "0a 00"},
    {"envoy.config.core.v3.Address", "pipe", "12 00"},
    {"envoy.config.core.v3.SocketAddress", "address", "12 01 61"},
    {"envoy.config.core.v3.SocketAddress", "port_value", "18 01"},
    {"envoy.config.core.v3.ConfigSource", "ads", "1a 00"},
    {"envoy.config.core.v3.ConfigSource", "initial_fetch_timeout", "22 00"},
    {"envoy.config.core.v3.ConfigSource", "resource_api_version", "30 01"},
    {"envoy.config.core.v3.ConfigSource", "path_config_source", "42 00"},
    {"envoy.config.core.v3.ApiConfigSource", "grpc_services", "22 00"},
    {"envoy.config.core.v3.ApiConfigSource", "set_node_on_first_message_only", "38 01"},
    {"envoy.config.core.v3.ApiConfigSource", "transport_api_version", "40 01"},
    {"envoy.config.core.v3.HealthCheck", "timeout", "0a 00"},
    {"envoy.config.core.v3.HealthCheck", "http_health_check", "42 00"},
    {"envoy.config.core.v3.HealthCheck", "grpc_health_check", "5a 00"},
    {"envoy.config.core.v3.Http2ProtocolOptions", "initial_stream_window_size", "1a 00"},
    {"envoy.config.core.v3.Http2ProtocolOptions", "connection_keepalive", "7a 00"},
    {"envoy.type.v3.FractionalPercent", "numerator", "08 01"},
    {"envoy.type.v3.FractionalPercent", "denominator", "10 01"},
    {"envoy.type.matcher.v3.StringMatcher", "exact", "0a 01 61"},
    {"envoy.type.matcher.v3.StringMatcher", "safe_regex", "2a 00"},
    {"envoy.type.matcher.v3.StringMatcher", "ignore_case", "30 01"},
    {"envoy.type.matcher.v3.StringMatcher", "contains", "3a 01 61"},
    {"envoy.config.listener.v3.Listener", "name", "0a 01 61"},
    {"envoy.config.listener.v3.Listener", "address", "12 00"},
    {"envoy.config.listener.v3.Listener", "filter_chains", "1a 00"},
    {"envoy.config.listener.v3.Listener", "use_original_dst", "22 00"},
    {"envoy.config.listener.v3.Listener", "listener_filters", "4a 00"},
    {"envoy.config.listener.v3.Listener", "listener_filters_timeout", "7a 00"},
    {"envoy.config.listener.v3.Listener", "traffic_direction", "80 01 01"},
    {"envoy.config.listener.v3.Listener", "default_filter_chain", "ca 01 00"},
    {"envoy.config.listener.v3.Listener", "bind_to_port", "d2 01 00"},
    {"envoy.config.listener.v3.Listener", "enable_mptcp", "f0 01 01"},
    {"envoy.config.listener.v3.FilterChain", "filters", "1a 00"},
    {"envoy.config.listener.v3.FilterChain", "transport_socket", "32 00"},
    {"envoy.config.listener.v3.FilterChain", "name", "3a 01 61"},
    {"envoy.config.listener.v3.FilterChainMatch", "prefix_ranges", "1a 00"},
    {"envoy.config.listener.v3.FilterChainMatch", "source_ports", "3a 01 01"},
    {"envoy.config.listener.v3.FilterChainMatch", "destination_port", "42 00"},
    {"envoy.config.listener.v3.FilterChainMatch", "server_names", "5a 01 61"},
    {"envoy.config.listener.v3.FilterChainMatch", "source_type", "60 01"},
    {"envoy.config.listener.v3.Filter", "typed_config", "22 00"},
    {"envoy.config.listener.v3.ListenerFilter", "typed_config", "1a 00"},
    {"envoy.config.listener.v3.ListenerFilter", "filter_disabled", "22 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "codec_type", "08 01"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "rds",
     "1a 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "route_config", "22 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "http_filters", "2a 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "tracing",
     "3a 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "stream_idle_timeout", "c2 01 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "normalize_path", "f2 01 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
     "path_with_escaped_slashes_action", "e8 02 01"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter", "typed_config",
     "22 00"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter", "is_optional",
     "30 01"},
    {"envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter", "disabled", "38 01"},
    {"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "cluster", "12 01 61"},
    {"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "max_connect_attempts", "3a 00"},
    {"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", "weighted_clusters", "52 00"},
    {"envoy.extensions.filters.http.router.v3.Router", "suppress_envoy_headers", "20 01"},
    {"envoy.config.route.v3.RouteConfiguration", "virtual_hosts", "12 00"},
    {"envoy.config.route.v3.RouteConfiguration", "validate_clusters", "3a 00"},
    {"envoy.config.route.v3.RouteConfiguration", "ignore_port_in_host_matching", "70 01"},
    {"envoy.config.route.v3.VirtualHost", "domains", "12 01 61"},
    {"envoy.config.route.v3.VirtualHost", "routes", "1a 00"},
    {"envoy.config.route.v3.VirtualHost", "require_tls", "20 01"},
    {"envoy.config.route.v3.VirtualHost", "retry_policy", "82 01 00"},
    {"envoy.config.route.v3.Route", "match", "0a 00"},
    {"envoy.config.route.v3.Route", "route", "12 00"},
    {"envoy.config.route.v3.Route", "redirect", "1a 00"},
    {"envoy.config.route.v3.Route", "direct_response", "3a 00"},
    {"envoy.config.route.v3.Route", "typed_per_filter_config", "6a 05 0a 01 61 12 00"},
    {"envoy.config.route.v3.RouteMatch", "prefix", "0a 01 61"},
    {"envoy.config.route.v3.RouteMatch", "headers", "32 00"},
    {"envoy.config.route.v3.RouteMatch", "safe_regex", "52 00"},
    {"envoy.config.route.v3.RouteMatch", "path_separated_prefix", "72 01 61"},
    {"envoy.config.route.v3.HeaderMatcher", "exact_match", "22 01 61"},
    {"envoy.config.route.v3.HeaderMatcher", "range_match", "32 00"},
    {"envoy.config.route.v3.HeaderMatcher", "invert_match", "40 01"},
    {"envoy.config.route.v3.HeaderMatcher", "string_match", "6a 00"},
    {"envoy.config.route.v3.RouteAction", "cluster", "0a 01 61"},
    {"envoy.config.route.v3.RouteAction", "weighted_clusters", "1a 00"},
    {"envoy.config.route.v3.RouteAction", "timeout", "42 00"},
    {"envoy.config.route.v3.RouteAction", "retry_policy", "4a 00"},
    {"envoy.config.route.v3.RouteAction", "hash_policy", "7a 00"},
    {"envoy.config.route.v3.RouteAction", "cluster_not_found_response_code", "a0 01 01"},
    {"envoy.config.route.v3.RouteAction", "request_mirror_policies", "f2 01 00"},
    {"envoy.config.route.v3.RouteAction", "max_stream_duration", "a2 02 00"},
    {"envoy.config.route.v3.WeightedCluster.ClusterWeight", "name", "0a 01 61"},
    {"envoy.config.route.v3.WeightedCluster.ClusterWeight", "weight", "12 00"},
    {"envoy.config.route.v3.WeightedCluster.ClusterWeight", "typed_per_filter_config",
     "52 05 0a 01 61 12 00"},
    {"envoy.config.route.v3.RetryPolicy", "retry_on", "0a 01 61"},
    {"envoy.config.route.v3.RetryPolicy", "num_retries", "12 00"},
    {"envoy.config.route.v3.RetryPolicy", "retriable_status_codes", "3a 01 01"},
    {"envoy.config.route.v3.RetryPolicy", "retry_back_off", "42 00"},
    {"envoy.config.route.v3.RedirectAction", "response_code", "18 01"},
    {"envoy.config.route.v3.RedirectAction", "https_redirect", "20 01"},
    {"envoy.config.route.v3.RedirectAction", "port_redirect", "40 01"},
    {"envoy.config.cluster.v3.Cluster", "name", "0a 01 61"},
    {"envoy.config.cluster.v3.Cluster", "type", "10 01"},
    {"envoy.config.cluster.v3.Cluster", "eds_cluster_config", "1a 00"},
    {"envoy.config.cluster.v3.Cluster", "connect_timeout", "22 00"},
    {"envoy.config.cluster.v3.Cluster", "lb_policy", "30 01"},
    {"envoy.config.cluster.v3.Cluster", "circuit_breakers", "52 00"},
    {"envoy.config.cluster.v3.Cluster", "outlier_detection", "9a 01 00"},
    {"envoy.config.cluster.v3.Cluster", "ring_hash_lb_config", "ba 01 00"},
    {"envoy.config.cluster.v3.Cluster", "transport_socket", "c2 01 00"},
    {"envoy.config.cluster.v3.Cluster", "common_lb_config", "da 01 00"},
    {"envoy.config.cluster.v3.Cluster", "load_assignment", "8a 02 00"},
    {"envoy.config.cluster.v3.Cluster", "typed_extension_protocol_options",
     "a2 02 05 0a 01 61 12 00"},
    {"envoy.config.cluster.v3.Cluster", "cluster_type", "b2 02 00"},
    {"envoy.config.cluster.v3.Cluster", "load_balancing_policy", "ca 02 00"},
    {"envoy.config.cluster.v3.Cluster", "transport_socket_matches", "da 02 00"},
    {"envoy.config.cluster.v3.CircuitBreakers.Thresholds", "max_connections", "12 00"},
    {"envoy.config.cluster.v3.CircuitBreakers.Thresholds", "max_requests", "22 00"},
    {"envoy.config.cluster.v3.CircuitBreakers.Thresholds", "retry_budget", "42 00"},
    {"envoy.config.cluster.v3.OutlierDetection", "consecutive_5xx", "0a 00"},
    {"envoy.config.cluster.v3.OutlierDetection", "max_ejection_percent", "22 00"},
    {"envoy.config.cluster.v3.OutlierDetection", "consecutive_gateway_failure", "52 00"},
    {"envoy.config.cluster.v3.OutlierDetection", "max_ejection_time", "aa 01 00"},
    {"envoy.config.cluster.v3.OutlierDetection", "always_eject_one_host", "ca 01 00"},
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "explicit_http_config", "1a 00"},
    {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions", "auto_config", "2a 00"},
    {"envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name", "0a 01 61"},
    {"envoy.config.endpoint.v3.ClusterLoadAssignment", "endpoints", "12 00"},
    {"envoy.config.endpoint.v3.ClusterLoadAssignment", "policy", "22 00"},
    {"envoy.config.endpoint.v3.LocalityLbEndpoints", "locality", "0a 00"},
    {"envoy.config.endpoint.v3.LocalityLbEndpoints", "lb_endpoints", "12 00"},
    {"envoy.config.endpoint.v3.LocalityLbEndpoints", "load_balancing_weight", "1a 00"},
    {"envoy.config.endpoint.v3.LocalityLbEndpoints", "priority", "28 01"},
    {"envoy.config.endpoint.v3.LbEndpoint", "endpoint", "0a 00"},
    {"envoy.config.endpoint.v3.LbEndpoint", "health_status", "10 01"},
    {"envoy.config.endpoint.v3.LbEndpoint", "metadata", "1a 00"},
    {"envoy.config.endpoint.v3.LbEndpoint", "load_balancing_weight", "22 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext", "tls_certificates", "12 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext", "validation_context", "1a 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext", "alpn_protocols", "22 01 61"},
    {"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext",
     "tls_certificate_sds_secret_configs", "32 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CommonTlsContext", "combined_validation_context",
     "42 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext", "trusted_ca",
     "0a 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
     "match_subject_alt_names", "4a 00"},
    {"envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext",
     "match_typed_subject_alt_names", "7a 00"},
    {"envoy.extensions.transport_sockets.tls.v3.Secret", "name", "0a 01 61"},
    {"envoy.extensions.transport_sockets.tls.v3.Secret", "tls_certificate", "12 00"},
    {"envoy.extensions.transport_sockets.tls.v3.Secret", "validation_context", "22 00"},
    {"envoy.config.accesslog.v3.AccessLog", "filter", "12 00"},
    {"envoy.config.accesslog.v3.AccessLog", "typed_config", "22 00"},
    {"envoy.config.accesslog.v3.OrFilter", "filters", "12 00"},
    {"envoy.extensions.access_loggers.file.v3.FileAccessLog", "path", "0a 01 61"},
    {"envoy.extensions.access_loggers.file.v3.FileAccessLog", "log_format", "2a 00"},
    {"envoy.config.trace.v3.OpenTelemetryConfig", "grpc_service", "0a 00"},
    {"envoy.config.trace.v3.OpenTelemetryConfig", "http_service", "1a 00"},
    {"envoy.config.bootstrap.v3.Bootstrap", "node", "0a 00"},
    {"envoy.config.bootstrap.v3.Bootstrap", "static_resources", "12 00"},
    {"envoy.config.bootstrap.v3.Bootstrap", "dynamic_resources", "1a 00"},
    {"envoy.config.bootstrap.v3.Bootstrap", "admin", "62 00"},
    {"envoy.config.bootstrap.v3.Bootstrap", "bootstrap_extensions", "aa 01 00"},
    {"envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash", "hash_function", "08 01"},
    {"envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash", "minimum_ring_size",
     "12 00"},
    {"google.rpc.Status", "code", "08 01"},
    {"google.rpc.Status", "message", "12 01 61"},
    {"google.rpc.Status", "details", "1a 00"},
    {"xds.type.v3.TypedStruct", "type_url", "0a 01 61"},
    {"udpa.type.v1.TypedStruct", "value", "12 00"},
    {"istio.v1.auth.IstioCertificateRequest", "csr", "0a 01 61"},
    {"istio.v1.auth.IstioCertificateRequest", "validity_duration", "18 01"},
    {"istio.v1.auth.IstioCertificateRequest", "metadata", "22 00"},
    {"istio.v1.auth.IstioCertificateResponse", "cert_chain", "0a 01 61"},
    {"opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest", "resource_spans", "0a 00"},
    {"opentelemetry.proto.collector.trace.v1.ExportTracePartialSuccess", "rejected_spans", "08 01"},
    {"opentelemetry.proto.trace.v1.ResourceSpans", "scope_spans", "12 00"},
    {"opentelemetry.proto.trace.v1.Span", "trace_id", "0a 01 61"},
    {"opentelemetry.proto.trace.v1.Span", "parent_span_id", "22 01 61"},
    {"opentelemetry.proto.trace.v1.Span", "kind", "30 02"},
    {"opentelemetry.proto.trace.v1.Span", "start_time_unix_nano", "39 01 00 00 00 00 00 00 00"},
    {"opentelemetry.proto.trace.v1.Span", "attributes", "4a 00"},
    {"opentelemetry.proto.trace.v1.Span", "status", "7a 00"},
    {"opentelemetry.proto.trace.v1.Span", "flags", "85 01 01 00 00 00"},
    {"opentelemetry.proto.trace.v1.Status", "code", "18 02"},
    {"opentelemetry.proto.common.v1.KeyValue", "value", "12 00"},
    {"opentelemetry.proto.common.v1.AnyValue", "int_value", "18 01"},
    {"opentelemetry.proto.common.v1.AnyValue", "double_value", "21 00 00 00 00 00 00 f0 3f"},
};

TEST(Protos, FieldsHaveTheirPublicNumbersAndTypes) {
  for (const auto& row : kOnTheWire) {
    SCOPED_TRACE(std::string(row.message) + "." + std::string(row.field));
    auto message = make(row.message);
    if (message == nullptr) {
      ADD_FAILURE() << "no such message";
      continue;
    }
    EXPECT_TRUE(message->ParseFromString(bytes_of(row.bytes)));
    std::vector<const pb::FieldDescriptor*> set;
    message->GetReflection()->ListFields(*message, &set);
    if (set.size() != 1) {
      ADD_FAILURE() << set.size() << " fields set by " << row.bytes;
      continue;
    }
    EXPECT_EQ(set[0]->name(), row.field);
    EXPECT_TRUE(message->GetReflection()->GetUnknownFields(*message).empty());
  }
}

TEST(Protos, TypeUrlsAreThePublicOnes) {
  using envoy::config::listener::v3::Listener;
  pb::Any any;
  any.PackFrom(Listener());
  EXPECT_EQ(any.type_url(), "type.googleapis.com/envoy.config.listener.v3.Listener");
  any.PackFrom(
      envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager());
  EXPECT_EQ(any.type_url(),
            "type.googleapis.com/"
            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager");
  any.PackFrom(envoy::extensions::transport_sockets::tls::v3::Secret());
  EXPECT_EQ(any.type_url(), "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret");
  any.PackFrom(envoy::extensions::upstreams::http::v3::HttpProtocolOptions());
  EXPECT_EQ(any.type_url(),
            "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions");
}

constexpr std::string_view kListenerJson = R"({
  "name": "0.0.0.0_80",
  "address": {"socketAddress": {"address": "0.0.0.0", "portValue": 80}},
  "filterChains": [{
    "filters": [{
      "name": "envoy.filters.network.http_connection_manager",
      "typedConfig": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "statPrefix": "outbound",
        "rds": {"configSource": {"ads": {}}, "routeConfigName": "80"},
        "httpFilters": [{
          "name": "envoy.filters.http.router",
          "typedConfig": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}
        }],
        "streamIdleTimeout": "300s",
        "normalizePath": true
      }
    }],
    "transportSocket": {
      "name": "envoy.transport_sockets.tls",
      "typedConfig": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        "requireClientCertificate": true
      }
    }
  }],
  "trafficDirection": "OUTBOUND"
})";

TEST(Protos, JsonWithAnysComesBackTheSame) {
  envoy::config::listener::v3::Listener listener;
  ASSERT_TRUE(pb::util::JsonStringToMessage(std::string(kListenerJson), &listener).ok());

  std::string json;
  ASSERT_TRUE(pb::util::MessageToJsonString(listener, &json).ok());
  envoy::config::listener::v3::Listener again;
  ASSERT_TRUE(pb::util::JsonStringToMessage(json, &again).ok());
  EXPECT_TRUE(pb::util::MessageDifferencer::Equals(listener, again)) << json;

  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager hcm;
  ASSERT_TRUE(listener.filter_chains(0).filters(0).typed_config().UnpackTo(&hcm));
  EXPECT_EQ(hcm.rds().route_config_name(), "80");
  EXPECT_EQ(hcm.stream_idle_timeout().seconds(), 300);
  EXPECT_TRUE(hcm.normalize_path().value());
}

TEST(Protos, SnakeCaseJsonIsReadAsWell) {
  envoy::config::cluster::v3::Cluster cluster;
  ASSERT_TRUE(
      pb::util::JsonStringToMessage(
          R"({"name": "a", "connect_timeout": "0.25s", "lb_policy": "LEAST_REQUEST"})", &cluster)
          .ok());
  EXPECT_EQ(cluster.connect_timeout().nanos(), 250'000'000);
  EXPECT_EQ(cluster.lb_policy(), envoy::config::cluster::v3::Cluster::LEAST_REQUEST);
}

TEST(Protos, AFieldOfAnotherVersionSurvivesARoundTrip) {
  // Field 900, a string nobody declares.
  const auto bytes = bytes_of("0a 01 61 a2 38 02 68 69");
  envoy::config::cluster::v3::Cluster cluster;
  ASSERT_TRUE(cluster.ParseFromString(bytes));
  EXPECT_EQ(cluster.name(), "a");
  EXPECT_EQ(cluster.GetReflection()->GetUnknownFields(cluster).field_count(), 1);
  EXPECT_EQ(cluster.SerializeAsString(), bytes);
}

TEST(Protos, EveryMessageOfEveryFileCanBeMadeAndSerialised) {
  std::set<const pb::FileDescriptor*> files;
  std::vector<const pb::Descriptor*> left;
  for (const auto* message : messages()) {
    if (!files.insert(message->file()).second) continue;
    for (int at = 0; at < message->file()->message_type_count(); ++at) {
      left.push_back(message->file()->message_type(at));
    }
  }
  std::size_t seen = 0;
  while (!left.empty()) {
    const auto* descriptor = left.back();
    left.pop_back();
    for (int at = 0; at < descriptor->nested_type_count(); ++at) {
      left.push_back(descriptor->nested_type(at));
    }
    if (descriptor->options().map_entry()) continue;
    SCOPED_TRACE(descriptor->full_name());
    auto message = make(descriptor->full_name());
    ASSERT_NE(message, nullptr);
    EXPECT_EQ(message->SerializeAsString(), "");
    ++seen;
  }
  EXPECT_GE(seen, 200U);
}

}  // namespace
}  // namespace weft::xds
