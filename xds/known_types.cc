#include "xds/known_types.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <string>

#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/access_log_stream.pb.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/cors.pb.h"
#include "xds/proto/discovery.pb.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/grpc_web.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_maglev.pb.h"
#include "xds/proto/lb_peak_ewma.pb.h"
#include "xds/proto/lb_random.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/lb_round_robin.pb.h"
#include "xds/proto/local_ratelimit.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/proxy_protocol.pb.h"
#include "xds/proto/raw_buffer.pb.h"
#include "xds/proto/request_id.pb.h"
#include "xds/proto/retry_omit_canary_hosts.pb.h"
#include "xds/proto/retry_omit_host_metadata.pb.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/stateful_session.pb.h"
#include "xds/proto/stateful_session_cookie.pb.h"
#include "xds/proto/stateful_session_header.pb.h"
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

// One message of each file is enough: a file is linked whole. Only named, never called: a
// descriptor is built when its file is first used, and most start files use a few of them.
[[gnu::used]] constexpr const pb::Descriptor* (*kKept[])() = {
    &pb::Any::descriptor,
    &pb::Duration::descriptor,
    &pb::Empty::descriptor,
    &pb::Struct::descriptor,
    &pb::Timestamp::descriptor,
    &pb::BoolValue::descriptor,
    &envoy::config::bootstrap::v3::Bootstrap::descriptor,
    &envoy::config::cluster::v3::Cluster::descriptor,
    &envoy::config::endpoint::v3::ClusterLoadAssignment::descriptor,
    &envoy::config::listener::v3::Listener::descriptor,
    &envoy::config::route::v3::RouteConfiguration::descriptor,
    &envoy::config::trace::v3::OpenTelemetryConfig::descriptor,
    &envoy::extensions::access_loggers::file::v3::FileAccessLog::descriptor,
    &envoy::extensions::access_loggers::stream::v3::StdoutAccessLog::descriptor,
    &envoy::extensions::filters::http::cors::v3::CorsPolicy::descriptor,
    &envoy::extensions::filters::http::fault::v3::HTTPFault::descriptor,
    &envoy::extensions::filters::http::grpc_web::v3::GrpcWeb::descriptor,
    &envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit::descriptor,
    &envoy::extensions::filters::http::router::v3::Router::descriptor,
    &envoy::extensions::filters::http::stateful_session::v3::StatefulSessionPerRoute::descriptor,
    &envoy::extensions::filters::listener::http_inspector::v3::HttpInspector::descriptor,
    &envoy::extensions::filters::listener::original_dst::v3::OriginalDst::descriptor,
    &envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol::descriptor,
    &envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector::descriptor,
    &envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager::
        descriptor,
    &envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy::descriptor,
    &envoy::extensions::http::stateful_session::cookie::v3::CookieBasedSessionState::descriptor,
    &envoy::extensions::http::stateful_session::header::v3::HeaderBasedSessionState::descriptor,
    &envoy::extensions::load_balancing_policies::least_request::v3::LeastRequest::descriptor,
    &envoy::extensions::load_balancing_policies::maglev::v3::Maglev::descriptor,
    &envoy::extensions::load_balancing_policies::random::v3::Random::descriptor,
    &envoy::extensions::load_balancing_policies::ring_hash::v3::RingHash::descriptor,
    &envoy::extensions::load_balancing_policies::round_robin::v3::RoundRobin::descriptor,
    &envoy::extensions::request_id::uuid::v3::UuidRequestIdConfig::descriptor,
    &envoy::extensions::retry::host::omit_canary_hosts::v3::OmitCanaryHostsPredicate::descriptor,
    &envoy::extensions::retry::host::omit_host_metadata::v3::OmitHostMetadataConfig::descriptor,
    &envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate::descriptor,
    &envoy::extensions::transport_sockets::proxy_protocol::v3::ProxyProtocolUpstreamTransport::
        descriptor,
    &envoy::extensions::transport_sockets::raw_buffer::v3::RawBuffer::descriptor,
    &envoy::extensions::transport_sockets::tls::v3::Secret::descriptor,
    &envoy::extensions::upstreams::http::v3::HttpProtocolOptions::descriptor,
    &envoy::service::discovery::v3::Resource::descriptor,
    &udpa::type::v1::TypedStruct::descriptor,
    &weft::bootstrap::v1::Mesh::descriptor,
    &weft::config::v1::ClusterPolicy::descriptor,
    &weft::lb::v1::PeakEwma::descriptor,
    &::xds::type::v3::TypedStruct::descriptor,
};

}  // namespace

const pb::Descriptor* find_type(std::string_view name) {
  return pb::DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(name));
}

}  // namespace weft::xds
