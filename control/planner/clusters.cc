#include "control/planner/clusters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "control/planner/backend_tls.h"
#include "control/planner/balancing.h"
#include "control/planner/defaults.h"
#include "control/planner/effective_policy.h"
#include "control/planner/ejection.h"
#include "control/planner/health_checks.h"
#include "control/planner/inbound_policy.h"
#include "sidecar/core/address.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace cds = envoy::config::cluster::v3;
namespace eds = envoy::config::endpoint::v3;
namespace core = envoy::config::core::v3;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;
namespace up = envoy::extensions::upstreams::http::v3;
using weft::config::v1::ClusterPolicy;

namespace {

// No node's name: they begin with a letter or a digit.
constexpr std::string_view kNoNode = "-";

void set_limits(cds::Cluster& cluster, const PolicyFields& policy) {
  auto& limits = *cluster.mutable_circuit_breakers()->add_thresholds();
  limits.mutable_max_connections()->set_value(*policy.connections.value);
  limits.mutable_max_pending_requests()->set_value(*policy.pending.value);
  limits.mutable_max_requests()->set_value(*policy.requests.value);
  // For those who do not know ClusterPolicy.
  limits.mutable_retry_budget()->mutable_budget_percent()->set_value(*policy.budget_percent.value);
  limits.mutable_retry_budget()->mutable_min_retry_concurrency()->set_value(
      *policy.budget_min.value);
}

void set_http(cds::Cluster& cluster, bool http2, const PolicyFields& policy) {
  up::HttpProtocolOptions options;
  auto& common = *options.mutable_common_http_protocol_options();
  set(*common.mutable_idle_timeout(), *policy.idle_timeout.value);
  if (*policy.max_age.value > Duration::zero()) {
    set(*common.mutable_max_connection_duration(), *policy.max_age.value);
    common.mutable_max_connection_duration_jitter()->set_value(defaults::kMaxAgeJitterPercent);
  }
  common.mutable_max_headers_count()->set_value(defaults::kFieldsMax);
  if (*policy.requests_per_connection.value != 0) {
    common.mutable_max_requests_per_connection()->set_value(*policy.requests_per_connection.value);
  }
  auto& config = *options.mutable_explicit_http_config();
  if (http2) {
    set_http2(*config.mutable_http2_protocol_options());
  } else {
    config.mutable_http_protocol_options();
  }
  pack((*cluster.mutable_typed_extension_protocol_options())[options.GetDescriptor()->full_name()],
       options);
}

void set_policy(cds::Cluster& cluster, const ClusterPolicy& policy) {
  pack((*cluster.mutable_typed_extension_protocol_options())[policy.GetDescriptor()->full_name()],
       policy);
}

void set_tls(cds::Cluster& cluster, const MeshService& service, const MeshPort& port,
             const Mesh& mesh, Audience audience, bool http2) {
  tls_v3::UpstreamTlsContext context;
  const PeerNames peers{.identities = port.identities,
                        .prefix = "spiffe://" + mesh.config->trust_domain + "/"};
  auto& common = *context.mutable_common_tls_context();
  if (audience == Audience::kSidecar) {
    set_mtls(common, peers);
    if (port.is_http()) common.add_alpn_protocols(http2 ? "h2" : "http/1.1");
    context.set_sni(service.host);
  } else {
    set_provider_mtls(common, peers);
  }
  cluster.mutable_transport_socket()->set_name("envoy.transport_sockets.tls");
  pack(*cluster.mutable_transport_socket()->mutable_typed_config(), context);
}

void set_breaker(ClusterPolicy& out, const CircuitBreaker& breaker) {
  using config::BreakerPolicy;
  using Told = ClusterPolicy::CircuitBreaker;
  if (!breaker.on) return;
  const BreakerPolicy& policy = breaker.policy;
  Told& told = *out.mutable_circuit_breaker();
  set(*told.mutable_window(), policy.window);
  told.mutable_min_requests()->set_value(policy.requests_min);
  if (policy.failure_ratio > 0) {
    told.mutable_failure_percent()->set_value(policy.failure_ratio * 100);
  }
  if (policy.consecutive_failures != 0) {
    told.mutable_consecutive_failures()->set_value(policy.consecutive_failures);
  }
  if (policy.slow_ratio > 0) {
    told.mutable_slow_percent()->set_value(policy.slow_ratio * 100);
    set(*told.mutable_slow_threshold(), policy.slow_threshold);
  }
  set(*told.mutable_open_for(), policy.open_for);
  set(*told.mutable_max_open_for(), policy.open_max);
  told.mutable_trials()->set_value(policy.trials);
  for (const auto& [counted, name] : {std::pair{BreakerPolicy::kTimeout, Told::TIMEOUT},
                                      {BreakerPolicy::kConnect, Told::CONNECT},
                                      {BreakerPolicy::kReset, Told::RESET},
                                      {BreakerPolicy::kServerError, Told::SERVER_ERROR},
                                      {BreakerPolicy::kRateLimited, Told::RATE_LIMITED}}) {
    if ((policy.counts & counted) != 0) told.add_count(name);
  }
}

ClusterPolicy::WhenFull when_full_of(WhenFull value) {
  switch (value) {
    case WhenFull::kReject:
      return ClusterPolicy::REJECT;
    case WhenFull::kDropLowest:
      return ClusterPolicy::DROP_LOWEST;
    case WhenFull::kDropOldest:
      return ClusterPolicy::DROP_OLDEST;
  }
  return ClusterPolicy::REJECT;
}

ClusterPolicy outbound_policy(const MeshPort& port, const PolicyFields& policy) {
  ClusterPolicy out;
  auto& budget = *out.mutable_retry_budget();
  budget.mutable_percent()->set_value(*policy.budget_percent.value);
  set(*budget.mutable_interval(), *policy.budget_interval.value);
  budget.mutable_min_per_second()->set_value(*policy.budget_min.value);
  set_breaker(out, *policy.breaker.value);
  out.set_keep_last_ready_endpoint(true);
  set(*out.mutable_tls_handshake_timeout(), defaults::kTlsHandshake);
  set(*out.mutable_pending_timeout(), *policy.pending_timeout.value);
  if (port.is_http()) out.mutable_tunnels_max()->set_value(defaults::kTunnelsMax);
  out.set_mesh_peer(port.meshed);
  out.set_when_full(when_full_of(*policy.when_full.value));
  out.set_min_idle_connections(*policy.min_idle.value);
  out.set_own_zone_first(*policy.locality.value == LocalityChoice::kOwnZone);
  return out;
}

// The Host stays what the caller wrote, as with the CNAME that Kubernetes makes of it.
void set_external_name(const Service& service, const MeshPort& port, Audience audience,
                       cds::Cluster& cluster) {
  const bool sidecar = audience == Audience::kSidecar;
  // gRPC knows LOGICAL_DNS only (A37).
  cluster.set_type(sidecar ? cds::Cluster::STRICT_DNS : cds::Cluster::LOGICAL_DNS);
  cluster.set_dns_lookup_family(cds::Cluster::V4_PREFERRED);
  set(*cluster.mutable_dns_refresh_rate(), defaults::kDnsRefresh);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(cluster.name());
  auto& endpoint = *assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint();
  // A dot at the end keeps the pod's search domains, which lead into the cluster, out of it.
  set(*endpoint.mutable_address(), service.external_name + (sidecar ? "." : ""), port.port);
}

// `own_node_only`: for callers on its node only. Whose node is not known is then for nobody.
void set_endpoint(eds::LbEndpoint& out, const Instance& instance, bool own_node_only) {
  const Workload& workload = *instance.workload;
  set(*out.mutable_endpoint()->mutable_address(), workload.address.to_string(), instance.port);
  out.set_health_status(core::HEALTHY);
  out.mutable_load_balancing_weight()->set_value(workload.weight);
  set_weft(*out.mutable_metadata(), {{"workload", workload.metadata.name.name},
                                     {"version", workload.canonical_revision()},
                                     {"canonical_service", workload.canonical_service()},
                                     {"identity", instance.identity.uri()},
                                     {"for_node", !own_node_only          ? ""
                                                  : workload.node.empty() ? kNoNode
                                                                          : workload.node}});
}

}  // namespace

cds::Cluster make_outbound_cluster(const MeshService& service, const MeshPort& port,
                                   const Mesh& mesh, Audience audience,
                                   std::string_view client_namespace, const Subset* subset) {
  const EffectivePolicy effective(
      mesh,
      {.service = service, .port = port, .client_namespace = client_namespace, .subset = subset});
  const PolicyFields& policy = effective.fields();
  const bool http2 = uses_http2(port, *policy.protocol.value);
  cds::Cluster cluster;
  const std::string_view part = subset == nullptr ? "" : std::string_view(subset->name);
  const std::string backend =
      part.empty() ? service.name().name : fmt::format("{}/{}", service.name().name, part);
  cluster.set_name(outbound_cluster_name(service.host, port.port, part));
  if (service.service->external_name.empty()) {
    cluster.set_type(cds::Cluster::EDS);
    set_ads(*cluster.mutable_eds_cluster_config()->mutable_eds_config());
  } else {
    set_external_name(*service.service, port, audience, cluster);
  }
  set(*cluster.mutable_connect_timeout(), *policy.connect.value);
  if (audience == Audience::kSidecar) {
    set_ejection(cluster, policy);
    set_health_checks(*policy.health.value, service, http2, cluster);
    if (port.is_http()) set_http(cluster, http2, policy);
    set_policy(cluster, outbound_policy(port, policy));
    set_weft(*cluster.mutable_metadata(), {{"service", service.host},
                                           {"service_name", service.name().name},
                                           {"service_namespace", service.name().name_space},
                                           {"backend", backend}});
  } else {
    set_proxyless_ejection(cluster, policy);
  }
  set_balancing(cluster, policy, audience);
  set_limits(cluster, policy);
  if (port.meshed) {
    set_tls(cluster, service, port, mesh, audience, http2);
  } else if (const BackendTls* tls = mesh.backend_tls.find(service.name(), port.port)) {
    set_backend_tls(*tls, !port.is_http() ? "" : http2 ? "h2" : "http/1.1", audience, cluster);
  }
  return cluster;
}

eds::ClusterLoadAssignment make_endpoints(const MeshService& service, const MeshPort& port,
                                          Audience audience, const Subset* subset) {
  eds::ClusterLoadAssignment out;
  out.set_cluster_name(
      outbound_cluster_name(service.host, port.port, subset == nullptr ? "" : subset->name));
  std::map<std::tuple<std::string, std::string>, eds::LocalityLbEndpoints*> localities;
  for (const Instance& instance : port.instances) {
    const Workload& workload = *instance.workload;
    if (subset != nullptr && !selects(*subset, workload.metadata.labels)) continue;
    eds::LocalityLbEndpoints*& locality = localities[{workload.region, workload.zone}];
    if (locality == nullptr) {
      locality = out.add_endpoints();
      locality->mutable_locality()->set_region(workload.region);
      locality->mutable_locality()->set_zone(workload.zone);
    }
    set_endpoint(*locality->add_lb_endpoints(), instance,
                 audience == Audience::kSidecar && service.service->own_node_only);
    // gRPC passes over a locality without a weight (A27).
    if (audience == Audience::kProxyless) {
      auto& weight = *locality->mutable_load_balancing_weight();
      weight.set_value(weight.value() + workload.weight);
    }
  }
  return out;
}

cds::Cluster make_inbound_cluster(const Workload& workload, const WorkloadPort& port,
                                  const MeshService* service, const Mesh& mesh) {
  const AppProtocol protocol = protocol_of(port.app_protocol, port.name, port.port, *mesh.config);
  cds::Cluster cluster;
  cluster.set_name(inbound_cluster_name(port.port));
  cluster.set_type(cds::Cluster::STATIC);
  set(*cluster.mutable_connect_timeout(), defaults::kConnect);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(cluster.name());
  set(*assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address(),
      "127.0.0.1", port.app_port);
  // The callers' sidecars have the policies; ours sees to it that the app is not buried.
  const bool http2 = protocol == AppProtocol::kHttp2;
  const PolicyFields inbound = inbound_policy(mesh, service, workload, port, http2);
  set_limits(cluster, inbound);
  if (protocol != AppProtocol::kTcp) set_http(cluster, http2, inbound);
  ClusterPolicy policy;
  set(*policy.mutable_pending_timeout(), *inbound.pending_timeout.value);
  policy.set_when_full(when_full_of(*inbound.when_full.value));
  if (protocol != AppProtocol::kTcp) policy.mutable_tunnels_max()->set_value(defaults::kTunnelsMax);
  policy.set_local_app(true);
  set_policy(cluster, policy);
  if (service != nullptr) {
    set_weft(*cluster.mutable_metadata(), {{"service", service->host},
                                           {"service_name", service->name().name},
                                           {"service_namespace", service->name().name_space}});
  }
  return cluster;
}

cds::Cluster make_collector_cluster(const MeshConfig& config) {
  cds::Cluster cluster;
  cluster.set_name(std::string(kCollectorCluster));
  cluster.set_type(IpAddress::parse(config.collector.host) ? cds::Cluster::STATIC
                                                           : cds::Cluster::STRICT_DNS);
  set(*cluster.mutable_connect_timeout(), defaults::kConnect);
  auto& assignment = *cluster.mutable_load_assignment();
  assignment.set_cluster_name(cluster.name());
  set(*assignment.add_endpoints()->add_lb_endpoints()->mutable_endpoint()->mutable_address(),
      config.collector.host, config.collector.port);
  set_limits(cluster, built_in_policy(false));
  return cluster;
}

}  // namespace weft::control
