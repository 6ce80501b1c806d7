#include "control/planner/listener_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "control/planner/defaults.h"
#include "control/planner/route_extras.h"
#include "control/planner/routes.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/grpc_web.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls_inspector.pb.h"
#include "xds/proto/trace.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace lis = envoy::config::listener::v3;
namespace core = envoy::config::core::v3;
namespace al = envoy::config::accesslog::v3;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace tcp = envoy::extensions::filters::network::tcp_proxy::v3;
using weft::config::v1::ListenerPolicy;

namespace {

using AccessLogs = google::protobuf::RepeatedPtrField<al::AccessLog>;

// Without a word on the fields, which are the sidecar's own.
void set_access_log(const MeshConfig& config, AccessLogs& logs) {
  if (config.access_log == MeshConfig::AccessLog::kOff) return;
  envoy::extensions::access_loggers::file::v3::FileAccessLog file;
  file.set_path("/dev/stdout");
  if (config.access_log_json) file.mutable_log_format()->mutable_json_format();
  auto& log = *logs.Add();
  log.set_name("envoy.access_loggers.file");
  pack(*log.mutable_typed_config(), file);
  if (config.access_log == MeshConfig::AccessLog::kErrors) {
    auto& any = *log.mutable_filter()->mutable_or_filter();
    auto& comparison = *any.add_filters()->mutable_status_code_filter()->mutable_comparison();
    comparison.set_op(al::ComparisonFilter::GE);
    comparison.mutable_value()->set_default_value(500);
    comparison.mutable_value()->set_runtime_key("weft.access_log_status");
    any.add_filters()->mutable_response_flag_filter();
  }
}

void set_tracing(const MeshConfig& config, const Workload& workload,
                 hcm::HttpConnectionManager::Tracing& out) {
  out.mutable_random_sampling()->set_value(config.sampling_percent);
  if (config.collector.host.empty()) return;
  envoy::config::trace::v3::OpenTelemetryConfig otlp;
  otlp.set_service_name(
      fmt::format("{}.{}", workload.canonical_service(), workload.metadata.name.name_space));
  auto& uri = *otlp.mutable_http_service()->mutable_http_uri();
  const bool v6 = config.collector.host.find(':') != std::string::npos;
  uri.set_uri(fmt::format("http://{}{}{}:{}{}", v6 ? "[" : "", config.collector.host, v6 ? "]" : "",
                          config.collector.port, config.collector.path));
  uri.set_cluster(std::string(kCollectorCluster));
  set(*uri.mutable_timeout(), defaults::kConnect);
  out.mutable_provider()->set_name("envoy.tracers.opentelemetry");
  pack(*out.mutable_provider()->mutable_typed_config(), otlp);
}

// What applications use; every other Upgrade is refused with 403.
void set_upgrades(hcm::HttpConnectionManager& out) {
  for (const char* type : {"websocket", "CONNECT"}) {
    out.add_upgrade_configs()->set_upgrade_type(type);
  }
}

}  // namespace

void set_filter(hcm::HttpFilter& out, const char* name, const google::protobuf::Message& config) {
  out.set_name(name);
  pack(*out.mutable_typed_config(), config);
}

// gRPC-Web is translated only in front of an app that says it speaks gRPC: that app could do
// nothing else with it. Everywhere else, and so on the whole way there, it is passed on as it is,
// for there are servers that speak gRPC-Web themselves.
bool speaks_grpc(const WorkloadPort& port) {
  const std::string_view said = port.app_protocol.empty() ? port.name : port.app_protocol;
  return said == "grpc" || (port.app_protocol.empty() && said.starts_with("grpc-") &&
                            said != "grpc-web" && !said.starts_with("grpc-web-"));
}

void set_filters(bool grpc_web, hcm::HttpConnectionManager& out) {
  namespace http = envoy::extensions::filters::http;
  if (grpc_web)
    set_filter(*out.add_http_filters(), "envoy.filters.http.grpc_web",
               http::grpc_web::v3::GrpcWeb());
  set_filter(*out.add_http_filters(), "envoy.filters.http.router", http::router::v3::Router());
}

hcm::HttpConnectionManager make_manager(std::string_view name, const Workload& workload,
                                        const MeshConfig& config, bool grpc_web) {
  hcm::HttpConnectionManager out;
  out.set_codec_type(hcm::HttpConnectionManager::AUTO);
  out.set_stat_prefix(std::string(name));
  set_filters(grpc_web, out);
  set_upgrades(out);
  set_tracing(config, workload, *out.mutable_tracing());
  set_access_log(config, *out.mutable_access_log());
  set_http2(*out.mutable_http2_protocol_options());
  auto& common = *out.mutable_common_http_protocol_options();
  set(*common.mutable_idle_timeout(), defaults::kDownstreamIdle);
  common.mutable_max_headers_count()->set_value(defaults::kFieldsMax);
  out.mutable_max_request_headers_kb()->set_value(defaults::kHeadKilobytesMax);
  set(*out.mutable_stream_idle_timeout(), defaults::kStreamIdle);
  set(*out.mutable_request_timeout(), Duration::zero());
  set(*out.mutable_request_headers_timeout(), defaults::kRequestHead);
  set(*out.mutable_drain_timeout(), defaults::kDrain);
  // A mesh is not an edge: headers of the app's own stay as they are (behaviour.md 9).
  out.set_server_header_transformation(hcm::HttpConnectionManager::PASS_THROUGH);
  out.mutable_use_remote_address()->set_value(false);
  out.mutable_generate_request_id()->set_value(true);
  out.set_preserve_external_request_id(true);
  // Canonical once, for routing, authorization and forwarding alike (behaviour.md 10).
  out.mutable_normalize_path()->set_value(true);
  out.set_merge_slashes(true);
  return out;
}

namespace {

void add_filter(lis::FilterChain& chain, const char* name,
                const google::protobuf::Message& filter) {
  chain.add_filters()->set_name(name);
  pack(*chain.mutable_filters(0)->mutable_typed_config(), filter);
}

}  // namespace

void add_manager(lis::FilterChain& chain, const hcm::HttpConnectionManager& manager) {
  add_filter(chain, "envoy.filters.network.http_connection_manager", manager);
}

void add_proxy(lis::FilterChain& chain, tcp::TcpProxy proxy, const MeshConfig& config) {
  set(*proxy.mutable_idle_timeout(), defaults::kTcpIdle);
  proxy.mutable_max_connect_attempts()->set_value(defaults::kTcpConnectAttempts);
  set_access_log(config, *proxy.mutable_access_log());
  add_filter(chain, "envoy.filters.network.tcp_proxy", proxy);
}

void add_proxy(lis::FilterChain& chain, const std::string& cluster, const MeshConfig& config) {
  tcp::TcpProxy proxy;
  proxy.set_stat_prefix(cluster);
  proxy.set_cluster(cluster);
  add_proxy(chain, std::move(proxy), config);
}

namespace {

// One rule's connections; to a cluster that is not there when nothing has any weight.
void add_split(lis::FilterChain& chain, const Mesh& mesh, const StreamRule& rule,
               const BackendQuestion& question, const std::string& name) {
  tcp::TcpProxy proxy;
  proxy.set_stat_prefix(name);
  std::vector<const BackendRef*> weighted;
  for (const BackendRef& backend : rule.backends) {
    if (backend.weight > 0) weighted.push_back(&backend);
  }
  if (weighted.size() <= 1) {
    proxy.set_cluster(weighted.empty() ? "unusable"
                                       : backend_cluster(mesh, *weighted[0], question));
  } else {
    for (const BackendRef* backend : weighted) {
      auto& cluster = *proxy.mutable_weighted_clusters()->add_clusters();
      cluster.set_name(backend_cluster(mesh, *backend, question));
      cluster.set_weight(backend->weight);
    }
  }
  add_proxy(chain, std::move(proxy), *mesh.config);
}

bool is_for(const StreamRule& rule, const MeshPort& port, const Workload& workload) {
  if (rule.port && *rule.port != port.port) return false;
  return rule.sources.empty() ||
         std::ranges::any_of(rule.sources, [&](const StreamRule::Source& source) {
           return (source.labels.empty() || selects(source.labels, workload.metadata.labels)) &&
                  (source.name_space.empty() ||
                   source.name_space == workload.metadata.name.name_space);
         });
}

}  // namespace

void add_tls_inspector(lis::Listener& out) {
  constexpr const char* kName = "envoy.filters.listener.tls_inspector";
  for (const auto& there : out.listener_filters()) {
    if (there.name() == kName) return;
  }
  auto& filter = *out.add_listener_filters();
  filter.set_name(kName);
  pack(*filter.mutable_typed_config(),
       envoy::extensions::filters::listener::tls_inspector::v3::TlsInspector());
}

// A chain for each rule; a server name that came before, and what comes behind a rule for every
// connection, would never be asked. What no chain takes is closed.
void add_streams(lis::Listener& out, const Mesh& mesh, const Workload& workload,
                 const MeshPort& port,
                 const std::vector<std::shared_ptr<const StreamRoute>>& routes,
                 const std::string& name, const lis::FilterChainMatch& match) {
  const std::string& clients = workload.metadata.name.name_space;
  const BackendQuestion question{.clients = clients, .port = port.port, .http = false};
  std::set<std::string> taken;
  bool tls = false;
  bool all = false;
  for (const auto& route : routes) {
    for (const StreamRule& rule : route->rules) {
      if (all || !is_for(rule, port, workload)) continue;
      std::vector<std::string> names;
      for (const std::string& one : rule.server_names) {
        if (taken.insert(one).second) names.push_back(one);
      }
      all = rule.server_names.empty();
      if (!all && names.empty()) continue;
      tls = tls || !all;
      auto& chain = *out.add_filter_chains();
      chain.set_name(fmt::format("{}#{}", name, out.filter_chains_size()));
      if (match.ByteSizeLong() > 0) *chain.mutable_filter_chain_match() = match;
      for (std::string& one : names) {
        chain.mutable_filter_chain_match()->add_server_names(std::move(one));
      }
      add_split(chain, mesh, rule, question, name);
    }
  }
  if (tls) add_tls_inspector(out);
}

lis::Listener make_listener(std::string_view name, const Workload& workload,
                            const SocketAddress& address, const MeshConfig& config,
                            core::TrafficDirection direction) {
  lis::Listener out;
  out.set_name(std::string(name));
  set(*out.mutable_address(), address.ip().to_string(), address.port());
  out.set_traffic_direction(direction);
  ListenerPolicy policy;
  policy.mutable_workload()->set_name(workload.metadata.name.name);
  policy.mutable_workload()->set_namespace_(workload.metadata.name.name_space);
  policy.mutable_workload()->set_canonical_service(workload.canonical_service());
  policy.mutable_workload()->set_canonical_revision(workload.canonical_revision());
  switch (config.access_log) {
    case MeshConfig::AccessLog::kOff:
      policy.set_access_log(ListenerPolicy::OFF);
      break;
    case MeshConfig::AccessLog::kErrors:
      policy.set_access_log(ListenerPolicy::ERRORS);
      break;
    case MeshConfig::AccessLog::kAll:
      policy.set_access_log(ListenerPolicy::ALL);
      break;
  }
  policy.mutable_sampling()->set_roots_per_second(config.roots_per_second);
  policy.mutable_sampling()->set_failures_per_second(config.keep_errors ? 1 : 0);
  set_typed(*out.mutable_metadata(), policy);
  return out;
}

void require_mesh_peer(lis::FilterChain& chain, bool http, const MeshConfig& config) {
  tls_v3::DownstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  // Anybody of the trust domain; who may do what is AccessPolicy's.
  set_mtls(common, {.identities = {}, .prefix = "spiffe://" + config.trust_domain + "/"});
  if (http) {
    common.add_alpn_protocols("h2");
    common.add_alpn_protocols("http/1.1");
  }
  context.mutable_require_client_certificate()->set_value(true);
  chain.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  pack(*chain.mutable_transport_socket()->mutable_typed_config(), context);
  set(*chain.mutable_transport_socket_connect_timeout(), defaults::kTlsHandshake);
}

}  // namespace weft::control
