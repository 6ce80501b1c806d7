#pragma once
// Planner: a Mesh -> what each node is told. plan(Mesh, Node) is pure; the Planner only remembers
// what several nodes share.
//
// Endpoints are the same for every sidecar, and clusters, unless its namespace has rules or
// policies of its own for what is elsewhere; routes for every sidecar of a namespace, unless one
// asks for the labels of who calls; listeners are a sidecar's own. What did not change since
// `previous` is the same object, so that streams see at once what to tell. A node that is not in
// the Mesh is told nothing. The push closes with a Generation (decisions A5). Owner: Control, one
// per Mesh. Thread: one. What it returns may go anywhere.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/mesh.h"
#include "control/planner/node.h"
#include "control/planner/parts.h"
#include "xds/resource_set.h"

namespace weft::control {

class Planner final {
 public:
  // `previous` is only read, during the construction and never later. `now`: what has ended by then
  // is not told to those who cannot be told of an end (client_faults.h).
  explicit Planner(std::shared_ptr<const Mesh> mesh, const Planner* previous = nullptr,
                   WallTime now = {});
  ~Planner();

  [[nodiscard]] std::shared_ptr<const xds::ResourceSet> plan(const Node& node);
  [[nodiscard]] const Mesh& mesh() const { return *mesh_; }

  // TCP Services for which a Workload has no port left, as its sidecar cannot offer them; with
  // redirect those without an address, by which they are found. For `weft status`.
  [[nodiscard]] static std::vector<std::string> unreachable(const Mesh& mesh,
                                                            const Workload& workload);

 private:
  using TypePtr = std::shared_ptr<const xds::ResourceSet::Type>;
  using Scope = std::pair<Audience, std::string>;  // with the clients' namespace
  class Table;

  // Every Service's and its subsets', as clients of that namespace see them.
  [[nodiscard]] const TypePtr& endpoints(Audience audience, const std::string& clients);
  // Every Service's, as clients of that namespace use them.
  [[nodiscard]] const TypePtr& outbound_clusters(Audience audience, const std::string& clients);
  [[nodiscard]] bool has_own_clusters(const std::string& clients) const;
  [[nodiscard]] TypePtr routes(const Node& node);
  [[nodiscard]] TypePtr listeners(const Node& node);
  [[nodiscard]] TypePtr clusters(const Node& node);
  [[nodiscard]] TypePtr close(const xds::ResourceSet& set, const Node& node);
  [[nodiscard]] std::optional<Node> known(const Node& node) const;
  [[nodiscard]] TypePtr old_type(const Node& node, std::string_view type_url) const;
  // Whether what a sidecar listens on is as it was.
  [[nodiscard]] bool listens_as_before(const Node& node) const;
  [[nodiscard]] const MeshService* service_of(const Workload& workload, const WorkloadPort& port);

  std::shared_ptr<const Mesh> mesh_;
  const WallTime now_;
  const Duration inbound_idle_;  // how long a stream may rest at an app's sidecar
  std::vector<Labels> sources_;  // each sourceLabels of a route once
  // Which of the mesh's sourceLabels a Workload has, as text; empty where no route asks.
  [[nodiscard]] std::string source_key(const Node& node) const;

  std::map<Scope, TypePtr> endpoints_;
  std::map<Scope, TypePtr> outbound_;
  // The Service that a Workload's port is known by; made when first asked for.
  using WorkloadAndPort = std::pair<const Workload*, std::uint16_t>;
  std::optional<std::map<WorkloadAndPort, const MeshService*>> services_;
  std::map<Scope, TypePtr> routes_;
  TypePtr api_listeners_;
  // By the clients' namespace and what a Workload's own clusters say: those with the same app ports
  // share one table.
  std::map<std::string, TypePtr> clusters_;
  std::map<Node, std::shared_ptr<const xds::ResourceSet>> planned_;
  // Of the Planner before, for structural sharing.
  std::shared_ptr<const Mesh> old_mesh_;
  bool listening_same_ = false;  // as far as it does not depend on the Workload
  std::string captured_facts_;   // for Workloads that are redirected; empty where there are none
  bool captured_same_ = false;
  std::optional<std::vector<xds::Resource>> peers_;  // one or none; made when first asked for
  std::map<Scope, TypePtr> old_endpoints_;
  std::map<Scope, TypePtr> old_outbound_;
  std::map<Scope, TypePtr> old_routes_;
  TypePtr old_api_listeners_;
  std::map<std::string, TypePtr> old_clusters_;
  std::map<Node, std::shared_ptr<const xds::ResourceSet>> old_planned_;
};

// Everything `node` is told, without anything remembered.
[[nodiscard]] std::shared_ptr<const xds::ResourceSet> plan(std::shared_ptr<const Mesh> mesh,
                                                           const Node& node);

}  // namespace weft::control
