#pragma once
// Catalog: who knows what each node is to be told. The planner of the control plane implements it;
// tests use a table.
//
// Nodes with the same configuration may be given the same ResourceSet; what did not change is
// shared with the set before. Owner: the composition root; it outlives the AdsServer. Thread: main
// loop.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/spiffe_id.h"
#include "xds/resource_set.h"

namespace weft::xds {

// A client as it describes itself, and what its certificate proves.
struct NodeInfo {
  std::string id;
  std::string cluster;
  // Texts, numbers and truths of node.metadata, levels joined by dots: "weft.admin" ->
  // "127.0.0.1:15000".
  std::map<std::string, std::string, std::less<>> metadata;
  std::vector<std::string> client_features;
  std::string user_agent;
  SpiffeId identity;  // empty: showed none
  SocketAddress peer;
};

class Catalog {
 public:
  class Subscriber {
   public:
    // Everything the node is to be told now. The first time later than subscribe(), never from
    // inside it.
    virtual void on_resources(std::shared_ptr<const ResourceSet> set) = 0;

   protected:
    ~Subscriber() = default;
  };
  // Dropping it ends it; allowed inside on_resources.
  class Subscription {
   public:
    virtual ~Subscription() = default;
    // The Destinations that the client subscribes to now, which may change what else it is told.
    // After the first on_resources. Returns everything it is to be told now; null: as before.
    [[nodiscard]] virtual std::shared_ptr<const ResourceSet> want(
        const std::set<std::string, std::less<>>& destinations) {
      static_cast<void>(destinations);
      return nullptr;
    }
  };
  [[nodiscard]] virtual std::unique_ptr<Subscription> subscribe(const NodeInfo& node,
                                                                Subscriber& subscriber) = 0;

 protected:
  ~Catalog() = default;
};

}  // namespace weft::xds
