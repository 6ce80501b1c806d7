#pragma once
// Start: what a Sidecar is built from: flags, the start file and the environment, read and checked
// (bootstrap.h). A value; the Sidecar keeps it until its end.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/config/listener_config.h"
#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/tls_config.h"
#include "sidecar/dns_server.h"
#include "sidecar/drain_order.h"
#include "sidecar/net/resolver.h"
#include "sidecar/status_server.h"
#include "xds/bootstrap.h"

namespace weft::sidecar {

struct Start {
  std::uint32_t workers = 1;
  // For the buffers of all workers; 0: what the memory group leaves, or BufferBudget::kDefault
  // each.
  std::uint64_t buffer_bytes = 0;
  bool faults = true;  // failures on purpose may be injected
  DrainOrder::Options drain;
  SocketAddress admin;  // none(): no admin pages
  std::string node_id;
  std::string node_cluster;
  std::string node_zone;
  std::string workload;
  std::string name_space;
  std::string service_name;
  std::vector<config::ListenerConfig> listeners;
  std::vector<config::ClusterConfig> clusters;
  struct Secret {
    std::string name;
    TlsMaterial material;
    std::vector<SanMatcher> peer_names;
  };
  std::vector<Secret> secrets;
  std::string trace_collector;  // cluster that takes OTLP over HTTP; empty: none
  // Where everything else comes from, and who we are; both may be absent.
  std::shared_ptr<const envoy::config::core::v3::Node> node;
  std::optional<xds::Bootstrap::Ads> ads;
  std::optional<xds::Bootstrap::Mesh> mesh;
  std::optional<StatusServer::Options> status;  // in a pod: what the cluster may ask in the clear
  std::optional<DnsServer::Options> dns;        // the pod's resolver
  net::Resolver::Options resolver;              // of clusters that name their endpoints
  Duration identity_look_every = std::chrono::seconds(5);  // at files that somebody else renews
};

}  // namespace weft::sidecar
