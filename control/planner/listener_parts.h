#pragma once
// Parts of listeners, common to those of a sidecar without redirect and with it: HTTP managers, TCP
// proxies, routes for connections, mTLS. Pure. For the planner's own sources.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/planner/parts.h"
#include "sidecar/core/address.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/tcp_proxy.pb.h"

namespace weft::control {

// Without a chain; on `address`, of that Workload.
[[nodiscard]] envoy::config::listener::v3::Listener make_listener(
    std::string_view name, const Workload& workload, const SocketAddress& address,
    const MeshConfig& config, envoy::config::core::v3::TrafficDirection direction);

// HTTP with weft's defaults, without routes.
[[nodiscard]] envoy::extensions::filters::network::http_connection_manager::v3::
    HttpConnectionManager
    make_manager(std::string_view name, const Workload& workload, const MeshConfig& config,
                 bool grpc_web);
void set_filter(envoy::extensions::filters::network::http_connection_manager::v3::HttpFilter& out,
                const char* name, const google::protobuf::Message& config);
void set_filters(
    bool grpc_web,
    envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager& out);
[[nodiscard]] bool speaks_grpc(const WorkloadPort& port);

void add_manager(
    envoy::config::listener::v3::FilterChain& chain,
    const envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager&
        manager);
void add_proxy(envoy::config::listener::v3::FilterChain& chain,
               envoy::extensions::filters::network::tcp_proxy::v3::TcpProxy proxy,
               const MeshConfig& config);
void add_proxy(envoy::config::listener::v3::FilterChain& chain, const std::string& cluster,
               const MeshConfig& config);
void add_tls_inspector(envoy::config::listener::v3::Listener& out);

// The chains of a port's routes for connections, each with `match` besides its own.
void add_streams(envoy::config::listener::v3::Listener& out, const Mesh& mesh,
                 const Workload& workload, const MeshPort& port,
                 const std::vector<std::shared_ptr<const StreamRoute>>& routes,
                 const std::string& name,
                 const envoy::config::listener::v3::FilterChainMatch& match);

// Nobody but a peer of the mesh, over mTLS. `http`: it may say which HTTP it speaks.
void require_mesh_peer(envoy::config::listener::v3::FilterChain& chain, bool http,
                       const MeshConfig& config);

}  // namespace weft::control
