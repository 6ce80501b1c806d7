#pragma once
// ClusterNames: the addresses of clusters that name their endpoints by DNS: asks for each name,
// again every dns_refresh, and gives the Publisher what is new.
//
// STRICT_DNS: every address of every name is an endpoint. LOGICAL_DNS: one address of its one name,
// kept as long as the name still has it. A name that cannot be resolved keeps the addresses it had;
// if it never had any it has none, and its cluster waits for it no longer. Owner: Sidecar. Thread:
// main loop. Source: envoy.config.cluster.v3.Cluster.DiscoveryType.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/net/resolver.h"

namespace weft::sidecar {

class ClusterNames final {
 public:
  class Owner {
   public:
    // For a cluster that was followed; never from inside follow().
    virtual void on_resolved_endpoints(config::EndpointSet endpoints) = 0;

   protected:
    ~Owner() = default;
  };
  using Clusters = std::vector<std::shared_ptr<const config::ClusterConfig>>;

  ClusterNames(net::Loop& loop, Owner& owner) : ClusterNames(loop, owner, {}) {}
  ClusterNames(net::Loop& loop, Owner& owner, net::Resolver::Options options);
  ~ClusterNames();

  // These from now on; what was followed with the same names goes on undisturbed.
  void follow(const Clusters& clusters);

 private:
  class Followed;

  net::Loop& loop_;
  Owner& owner_;
  net::Resolver resolver_;
  std::map<std::string, std::unique_ptr<Followed>, std::less<>> followed_;
};

}  // namespace weft::sidecar
