#include "control/planner/listeners.h"

#include "control/planner/listener_parts.h"
#include "control/planner/route_extras.h"
#include "control/planner/routes.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/http_connection_manager.pb.h"

namespace weft::control {

namespace lis = envoy::config::listener::v3;
namespace core = envoy::config::core::v3;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;

lis::Listener make_outbound_listener(const Workload& workload, const MeshConfig& config) {
  lis::Listener out = make_listener(
      "outbound", workload, {workload.address, Workload::kOutboundPort}, config, core::OUTBOUND);
  hcm::HttpConnectionManager manager = make_manager(out.name(), workload, config, false);
  manager.mutable_rds()->set_route_config_name(std::string(kOutboundName));
  set_ads(*manager.mutable_rds()->mutable_config_source());
  auto& chain = *out.add_filter_chains();
  chain.set_name(out.name());
  add_manager(chain, manager);
  return out;
}

lis::Listener make_tcp_listener(const Workload& workload, const MeshService& service,
                                const MeshPort& port, const Mesh& mesh) {
  const MeshConfig& config = *mesh.config;
  const std::string cluster = outbound_cluster_name(service.host, port.port);
  lis::Listener out =
      make_listener(cluster, workload, {workload.address, port.port}, config, core::OUTBOUND);
  const auto* routes =
      mesh.find_streams(service.name(), port.port, workload.metadata.name.name_space);
  if (routes != nullptr) add_streams(out, mesh, workload, port, *routes, cluster, {});
  // A route replaces the way to the Service itself (GEP-1294), unless none of it is for this
  // caller.
  if (out.filter_chains_size() > 0) return out;
  auto& chain = *out.add_filter_chains();
  chain.set_name(cluster);
  add_proxy(chain, cluster, config);
  return out;
}

lis::Listener make_inbound_listener(const Workload& workload, const WorkloadPort& port,
                                    const MeshConfig& config, Duration idle,
                                    const PolicyFields& inbound) {
  const std::string cluster = inbound_cluster_name(port.port);
  const bool http =
      protocol_of(port.app_protocol, port.name, port.port, config) != AppProtocol::kTcp;
  lis::Listener out =
      make_listener(cluster, workload, {workload.address, port.port}, config, core::INBOUND);
  auto& chain = *out.add_filter_chains();
  chain.set_name(cluster);
  require_mesh_peer(chain, http, config);
  if (http) {
    hcm::HttpConnectionManager manager = make_manager(cluster, workload, config, speaks_grpc(port));
    *manager.mutable_route_config() = make_inbound_routes(port, idle);
    set_inbound_extras(inbound, *manager.mutable_route_config());
    add_manager(chain, manager);
  } else {
    add_proxy(chain, cluster, config);
  }
  return out;
}

lis::Listener make_api_listener(const MeshService& service, const MeshPort& port) {
  lis::Listener out;
  out.set_name(proxyless_listener_name(service.host, port.port));
  hcm::HttpConnectionManager manager;
  manager.set_stat_prefix(out.name());
  manager.mutable_rds()->set_route_config_name(outbound_cluster_name(service.host, port.port));
  set_ads(*manager.mutable_rds()->mutable_config_source());
  // A route can only say more about a filter that is there.
  set_filter(*manager.add_http_filters(), "envoy.filters.http.fault",
             envoy::extensions::filters::http::fault::v3::HTTPFault());
  set_filters(false, manager);
  pack(*out.mutable_api_listener()->mutable_api_listener(), manager);
  return out;
}

}  // namespace weft::control
