#pragma once
// Planner: a Mesh -> what each node is told. plan(Mesh, Node) is pure; the Planner only remembers
// what several nodes share.
//
// Endpoints are the same for every sidecar, and clusters, unless its namespace has rules or
// policies of its own for what is elsewhere; routes for every sidecar of a namespace, unless one
// asks for the labels of who calls; listeners are a sidecar's own. A sidecar with a scope (scope.h)
// is told the part of these that it needs: the same objects. What did not change since `previous`
// is the same object, so that streams see at once what to tell; where only Workloads changed, what
// does not hang on them is not even made anew. A node that is not in the Mesh is told nothing. The
// push closes with a Generation (decisions A5). Owner: Control, one per Mesh. Thread: one. What it
// returns may go anywhere.

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/mesh.h"
#include "control/planner/destination_index.h"
#include "control/planner/node.h"
#include "control/planner/parts.h"
#include "control/planner/scope.h"
#include "xds/resource_set.h"

namespace weft::control {

class Planner final {
 public:
  // Addresses that one node asks for: "10.96.0.10:80".
  using Wanted = std::set<std::string, std::less<>>;
  static constexpr std::size_t kWantedMax = 1024;  // more are as if nobody were there

  // Which of the mesh's names a sidecar with a scope is told: where the resolvers of its machine
  // know the others, as a cluster's DNS does, those of its scope are enough.
  enum class Names : std::uint8_t { kAll, kOfScope };

  // `previous` is only read, during the construction and never later. `now`: what has ended by then
  // is not told to those who cannot be told of an end (client_faults.h).
  explicit Planner(std::shared_ptr<const Mesh> mesh, const Planner* previous = nullptr,
                   WallTime now = {}, Names names = Names::kAll);
  ~Planner();

  [[nodiscard]] std::shared_ptr<const xds::ResourceSet> plan(const Node& node,
                                                             const Wanted& wanted = {});
  [[nodiscard]] const Mesh& mesh() const { return *mesh_; }

  // How many clusters and sets of endpoints of Services were worked out here; the others are those
  // of `previous`.
  [[nodiscard]] std::size_t worked_out() const { return worked_out_; }

  // How much sidecars were told of; for /metrics.
  struct ScopeCounts {
    std::size_t whole = 0;  // sidecars that know the whole mesh
    std::size_t declared = 0;
    std::size_t on_demand = 0;
    std::size_t services_max = 0;  // called by one of the last two
    std::size_t wanted = 0;        // addresses that were asked for
    std::size_t wanted_unknown = 0;
  };
  [[nodiscard]] ScopeCounts scopes() const;

  // TCP Services for which a Workload has no port left, as its sidecar cannot offer them; with
  // redirect those without an address, by which they are found. For `weft status`.
  [[nodiscard]] static std::vector<std::string> unreachable(const Mesh& mesh,
                                                            const Workload& workload);

 private:
  using Type = xds::ResourceSet::Type;
  using TypePtr = std::shared_ptr<const Type>;
  using ResourcePtr = xds::ResourceTable::Pointer;
  // What a table is for: with the clients' namespace, and the scope's key; empty: everybody's, the
  // whole mesh.
  struct Part {
    Audience audience = Audience::kSidecar;
    std::string clients;
    std::string scope;
    auto operator<=>(const Part&) const = default;
  };
  template <typename Key, typename Value = TypePtr>
  struct Remembered {
    std::map<Key, Value> now;
    std::map<Key, Value> before;  // of the Planner before
  };
  struct Planned;
  // Who asks, and for what.
  struct Asker {
    Node node;
    const std::shared_ptr<const Workload>* workload = nullptr;  // null: a gRPC client
    std::string scope_key;
    std::shared_ptr<const Scope> scope;
    bool on_demand = false;
    std::map<std::string, DestinationIndex::Found> found;  // of what it wants
    // Of the Mesh before, which differs in Workloads alone, with the same scope, which is not the
    // whole mesh; else null.
    const Planned* old = nullptr;

    [[nodiscard]] Audience audience() const {
      return workload == nullptr ? Audience::kProxyless : Audience::kSidecar;
    }
  };
  // In what a table of everybody's is not as it was.
  struct Changes {
    bool of_the_same_names = false;
    std::vector<ResourcePtr> replaced;  // the new ones; where the names are the same
  };
  // What one sidecar's clusters have beside those of Services.
  struct Own {
    std::shared_ptr<const Workload> workload;
    std::vector<ResourcePtr> clusters;
    std::string key;  // names and versions
  };
  struct Clusters {
    TypePtr services;  // made of
    TypePtr all;
  };
  struct Planned {
    std::string wanted;
    std::shared_ptr<const Scope> scope;
    TypePtr services;  // the clusters of Services
    std::shared_ptr<const Own> own;
    std::string scope_key;
    bool on_demand = false;
    std::size_t services_count = 0;  // called
    std::size_t wanted_count = 0;
    std::size_t found_count = 0;
    std::shared_ptr<const xds::ResourceSet> set;
  };

  [[nodiscard]] Asker ask(const Node& node, const Wanted& wanted);
  // What was told before, under a new number, where nothing of it hangs on what changed: so that
  // one Workload costs those little that have nothing to do with it. Null: to be looked at closer.
  [[nodiscard]] std::shared_ptr<const xds::ResourceSet> renumbered(const Node& node,
                                                                   const std::string& wish);
  [[nodiscard]] bool is_touched(const Scope& scope) const;
  [[nodiscard]] std::string clients_of_endpoints(const std::string& clients) const;
  [[nodiscard]] std::string clients_of_clusters(const std::string& clients) const;
  [[nodiscard]] bool has_own_clusters(const std::string& clients) const;
  // Nothing of it hangs on what changed since the Mesh before.
  [[nodiscard]] bool as_before(const MeshService& service) const;

  // Every Service's and its subsets', as clients of that namespace see them.
  [[nodiscard]] const TypePtr& all_endpoints(Audience audience, const std::string& clients);
  // Every Service's, as clients of that namespace use them.
  [[nodiscard]] const TypePtr& all_clusters(Audience audience, const std::string& clients);
  // Of one of these, what is in the scope; `old`: the part of the one before.
  [[nodiscard]] TypePtr part_of(const Part& of, Remembered<Part>& whole, const Asker& asker,
                                Remembered<Part>& memory, const TypePtr& old);
  [[nodiscard]] static Changes changes_between(const TypePtr& before, const TypePtr& now);
  // The same names, with what changed of them; null: it is to be made anew.
  [[nodiscard]] static TypePtr patched(const TypePtr& old, const Changes& changes);
  [[nodiscard]] TypePtr endpoints(const Asker& asker);
  // Notes in `planned` what of it serves again.
  [[nodiscard]] TypePtr clusters(const Asker& asker, Planned& planned);
  [[nodiscard]] std::shared_ptr<const Own> own_clusters(const Asker& asker);
  [[nodiscard]] const std::vector<ResourcePtr>& captured_clusters(const Workload& workload);
  [[nodiscard]] std::optional<xds::Resource> peers(const Asker& asker);
  [[nodiscard]] TypePtr routes(const Asker& asker);
  [[nodiscard]] TypePtr api_listeners();
  [[nodiscard]] TypePtr listeners(const Asker& asker);
  [[nodiscard]] TypePtr destinations(const Asker& asker);
  // The same for every sidecar with redirect, or for those of a scope.
  [[nodiscard]] TypePtr names(const Asker& asker);
  [[nodiscard]] bool names_as_before(const Scope& scope) const;
  [[nodiscard]] TypePtr close(const xds::ResourceSet& set, const Node& node);
  [[nodiscard]] std::optional<Node> known(const Node& node) const;
  [[nodiscard]] TypePtr old_type(const Node& node, std::string_view type_url) const;
  [[nodiscard]] static TypePtr type_in(const xds::ResourceSet& set, std::string_view type_url);
  // Whether what a sidecar listens on is as it was.
  [[nodiscard]] bool listens_as_before(const Asker& asker) const;
  [[nodiscard]] const MeshService* service_of(const Workload& workload, const WorkloadPort& port);
  // Which of the mesh's sourceLabels a Workload has, as text; empty where no route asks.
  [[nodiscard]] std::string source_key(const Asker& asker) const;

  std::shared_ptr<const Mesh> mesh_;
  const WallTime now_;
  const Names names_told_;
  const Duration inbound_idle_;  // how long a stream may rest at an app's sidecar
  std::vector<Labels> sources_;  // each sourceLabels of a route once

  std::size_t worked_out_ = 0;
  const std::shared_ptr<const Scope> whole_ = std::make_shared<const Scope>();
  // By clients and key.
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const Scope>> scopes_;
  std::optional<DestinationIndex> destination_index_;
  Remembered<Part> endpoints_;
  Remembered<Part> clusters_of_services_;
  std::map<const Type*, Changes> changes_;  // of these, by what they are now
  Remembered<Part> some_endpoints_;
  Remembered<Part> some_clusters_;
  // The Service that a Workload's port is known by; made when first asked for.
  using WorkloadAndPort = std::pair<const Workload*, std::uint16_t>;
  std::optional<std::map<WorkloadAndPort, const MeshService*>> services_;
  Remembered<Part> routes_;
  TypePtr api_listeners_;
  Remembered<std::string> names_;  // by scope; empty: all of them
  // By what decides them, so that sidecars with the same app ports share one table.
  Remembered<std::string, Clusters> clusters_;
  Remembered<ObjectName, std::shared_ptr<const Own>> own_;
  // Of those that hide their callers' addresses, and of those that keep them.
  std::array<std::optional<std::vector<ResourcePtr>>, 2> captured_;
  std::optional<xds::Resource> all_peers_;
  bool all_peers_made_ = false;
  Remembered<Node, Planned> planned_;
  // Of the Planner before, for structural sharing.
  std::shared_ptr<const Mesh> old_mesh_;
  bool only_workloads_ = false;  // differ; and the ports before which they stand
  std::set<ObjectName> moved_;   // then: Services whose ports are not as they were
  bool routes_same_ = false;
  bool listening_same_ = false;  // as far as it does not depend on the Workload
  std::string captured_facts_;   // for Workloads that are redirected; empty where there are none
  bool captured_same_ = false;
  TypePtr old_api_listeners_;
};

// Everything `node` is told, without anything remembered.
[[nodiscard]] std::shared_ptr<const xds::ResourceSet> plan(std::shared_ptr<const Mesh> mesh,
                                                           const Node& node);

}  // namespace weft::control
