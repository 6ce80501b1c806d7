#include "control/planner/captured_clusters.h"

#include <set>

#include "control/planner/defaults.h"
#include "sidecar/core/pod_contract.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace cds = envoy::config::cluster::v3;
namespace core = envoy::config::core::v3;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
namespace up = envoy::extensions::upstreams::http::v3;
using weft::config::v1::ClusterPolicy;

namespace {

enum class Carries : std::uint8_t { kHttp1, kHttp2, kBytes };

// Behind one name are all strangers there are, so only what one machine can bear at all is a limit.
constexpr std::uint32_t kStrangersMax = 65'536;
// behaviour.md 2: connect and idle, and nothing else, for what nobody declared.
constexpr Duration kStrangerConnect = std::chrono::seconds(10);

cds::Cluster make_passing_cluster(std::string_view name, Carries carries) {
  cds::Cluster cluster;
  cluster.set_name(std::string(name));
  cluster.set_type(cds::Cluster::ORIGINAL_DST);
  cluster.set_lb_policy(cds::Cluster::CLUSTER_PROVIDED);
  auto& limits = *cluster.mutable_circuit_breakers()->add_thresholds();
  limits.mutable_max_connections()->set_value(kStrangersMax);
  limits.mutable_max_pending_requests()->set_value(kStrangersMax);
  limits.mutable_max_requests()->set_value(kStrangersMax);
  set_weft(*cluster.mutable_metadata(),
           {{"service", name.substr(0, name.rfind('|'))}, {"backend", name}});
  if (carries == Carries::kBytes) return cluster;
  up::HttpProtocolOptions options;
  auto& common = *options.mutable_common_http_protocol_options();
  common.mutable_max_headers_count()->set_value(defaults::kFieldsMax);
  auto& http = *options.mutable_explicit_http_config();
  if (carries == Carries::kHttp2) {
    set(*common.mutable_idle_timeout(), defaults::kHttp2UpstreamIdle);
    set_http2(*http.mutable_http2_protocol_options());
  } else {
    set(*common.mutable_idle_timeout(), defaults::kHttp1UpstreamIdle);
    http.mutable_http_protocol_options();
  }
  pack((*cluster.mutable_typed_extension_protocol_options())[options.GetDescriptor()->full_name()],
       options);
  return cluster;
}

void set_captured_policy(const ClusterPolicy& policy, cds::Cluster& cluster) {
  pack((*cluster.mutable_typed_extension_protocol_options())[policy.GetDescriptor()->full_name()],
       policy);
}

cds::Cluster make_direct_cluster(std::string_view name, Carries carries, const MeshConfig& config) {
  cds::Cluster cluster = make_passing_cluster(name, carries);
  set(*cluster.mutable_connect_timeout(), kStrangerConnect);
  ClusterPolicy policy;
  set(*policy.mutable_tls_handshake_timeout(), defaults::kTlsHandshake);
  policy.mutable_known_destinations()->set_deny_unknown(config.deny_unknown);
  set_captured_policy(policy, cluster);
  // For those that are known to have a sidecar, each of whom has to be just who it is.
  tls_v3::UpstreamTlsContext context;
  auto& common = *context.mutable_common_tls_context();
  set_mtls(common, {.identities = {}, .prefix = "spiffe://" + config.trust_domain + "/"});
  if (carries == Carries::kHttp1) common.add_alpn_protocols("http/1.1");
  if (carries == Carries::kHttp2) common.add_alpn_protocols("h2");
  cluster.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  pack(*cluster.mutable_transport_socket()->mutable_typed_config(), context);
  return cluster;
}

// What comes from there is let pass by the redirect rules.
void come_from_delivery_address(cds::Cluster& cluster) {
  core::BindConfig& bind = *cluster.mutable_upstream_bind_config();
  bind.mutable_source_address()->set_address(pod::kDeliverySource);
  bind.mutable_source_address()->set_port_value(0);
  auto& other = *bind.add_extra_source_addresses()->mutable_address();
  other.set_address(pod::kDeliverySourceV6);
  other.set_port_value(0);
}

cds::Cluster make_undeclared_cluster(std::string_view name, Carries carries, bool keep_source) {
  cds::Cluster cluster = make_passing_cluster(name, carries);
  set(*cluster.mutable_connect_timeout(), defaults::kConnect);
  come_from_delivery_address(cluster);
  ClusterPolicy policy;
  policy.set_local_app(true);
  policy.set_keep_source(keep_source);
  set_captured_policy(policy, cluster);
  return cluster;
}

}  // namespace

std::vector<cds::Cluster> make_captured_clusters(const MeshConfig& config,
                                                 const Workload& workload) {
  const bool keeps = workload.transparent;
  return {make_direct_cluster(kDirectHttp1, Carries::kHttp1, config),
          make_direct_cluster(kDirectHttp2, Carries::kHttp2, config),
          make_direct_cluster(kDirectTcp, Carries::kBytes, config),
          make_undeclared_cluster(kUndeclaredHttp1, Carries::kHttp1, keeps),
          make_undeclared_cluster(kUndeclaredHttp2, Carries::kHttp2, keeps),
          make_undeclared_cluster(kUndeclaredTcp, Carries::kBytes, keeps)};
}

std::optional<cds::Cluster> make_peers_cluster(const Mesh& mesh, const Scope& scope) {
  std::set<IpAddress> told;
  const auto note_told = [&](const MeshService& service) {
    if (service.service->own_node_only) return;
    for (const MeshPort& port : service.ports) {
      for (const Instance& instance : port.instances) told.insert(instance.workload->address);
    }
  };
  cds::Cluster cluster;
  cluster.set_name(std::string(kPeers));
  cluster.set_type(cds::Cluster::STATIC);
  set(*cluster.mutable_connect_timeout(), defaults::kConnect);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(cluster.name());
  auto& locality = *assignment.add_endpoints();
  const auto add_address = [&](const Workload& workload, const IpAddress& address) {
    if (!told.insert(address).second) return;
    auto& endpoint = *locality.add_lb_endpoints();
    set(*endpoint.mutable_endpoint()->mutable_address(), address.to_string(), pod::kInboundPort);
    const std::string identity = workload.sidecar ? mesh.identity_of(workload).uri() : "";
    set_weft(*endpoint.mutable_metadata(), {{"workload", workload.metadata.name.name},
                                            {"version", workload.canonical_revision()},
                                            {"canonical_service", workload.canonical_service()},
                                            {"identity", identity}});
  };
  const auto add = [&](const Workload& workload) {
    if (!workload.sidecar && !told.contains(workload.address)) return;
    add_address(workload, workload.address);
    for (const IpAddress& address : workload.more_addresses) add_address(workload, address);
  };
  // Whoever is on another node is told of them here: by their own addresses anybody may call them.
  const auto add_kept_from_others = [&](const MeshService& service) {
    if (!service.service->own_node_only) return;
    for (const MeshPort& port : service.ports) {
      for (const Instance& instance : port.instances) {
        add_address(*instance.workload, instance.workload->address);
      }
    }
  };
  if (scope.everything()) {
    for (const auto& [name, service] : mesh.services) note_told(service);
    for (const auto& [name, service] : mesh.services) add_kept_from_others(service);
    for (const auto& [name, workload] : mesh.workloads) add(*workload);
  } else {
    for (const ObjectName& name : scope.reached()) note_told(mesh.services.at(name));
    for (const ObjectName& name : scope.reached()) add_kept_from_others(mesh.services.at(name));
    for (const ObjectName& name : scope.peers()) add(*mesh.workloads.at(name));
  }
  if (locality.lb_endpoints_size() == 0) return std::nullopt;
  return cluster;
}

void look_everywhere(const Workload& workload, const WorkloadPort& port, cds::Cluster& cluster) {
  come_from_delivery_address(cluster);
  auto& options = *cluster.mutable_typed_extension_protocol_options();
  auto& any = options[ClusterPolicy::descriptor()->full_name()];
  ClusterPolicy policy;
  policy.ParseFromString(any.value());
  std::vector<std::string> places = {workload.address.to_string()};
  bool v6 = !workload.address.is_v4();
  for (const IpAddress& address : workload.more_addresses) {
    places.push_back(address.to_string());
    v6 = v6 || !address.is_v4();
  }
  if (workload.transparent && port.app_port == port.port) {
    cluster.set_type(cds::Cluster::ORIGINAL_DST);
    cluster.set_lb_policy(cds::Cluster::CLUSTER_PROVIDED);
    cluster.clear_load_assignment();
    policy.set_keep_source(true);
    places = {"127.0.0.1"};
  }
  if (v6) places.insert(places.begin() + (policy.keep_source() ? 1 : 0), "::1");
  for (const std::string& place : places) {
    set(*policy.add_local_app_elsewhere(), place, port.app_port);
  }
  pack(any, policy);
}

}  // namespace weft::control
