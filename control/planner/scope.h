#pragma once
// Scope: which Services one sidecar is told of: those that its app calls, and those to which their
// routes and policies lead.
//
// Calls: it has listeners, virtual hosts and clusters for them. Reaches: clusters and endpoints
// alone. What is in neither is to that sidecar as what is not of the mesh. Equal wishes give equal
// scopes in one Mesh, so sidecars that wish the same share what is planned. Pure. Internal to the
// planner.

#include <set>
#include <string>

#include "control/mesh.h"

namespace weft::control {

// What decides a scope.
struct ScopeWishes {
  const Uses* uses = nullptr;     // declared; null: nothing
  std::set<ObjectName> demanded;  // Services that it asked for as its app called them
  std::set<ObjectName> peers;     // Workloads, by their own addresses

  // Equal texts, equal wishes.
  [[nodiscard]] std::string key() const;
};

class Scope final {
 public:
  // The whole mesh.
  Scope() = default;
  // `clients`: the namespace of the sidecar, whose routes hold.
  Scope(const Mesh& mesh, const ScopeWishes& wishes, const std::string& clients);

  [[nodiscard]] bool everything() const { return everything_; }
  [[nodiscard]] bool calls(const ObjectName& service) const {
    return everything_ || called_.contains(service);
  }
  // REQUIRES !everything(). Those it calls are among them.
  [[nodiscard]] const std::set<ObjectName>& reached() const { return reached_; }
  [[nodiscard]] const std::set<ObjectName>& called() const { return called_; }
  [[nodiscard]] const std::set<ObjectName>& peers() const { return peers_; }

 private:
  bool everything_ = true;
  std::set<ObjectName> called_;
  std::set<ObjectName> reached_;
  std::set<ObjectName> peers_;
};

}  // namespace weft::control
