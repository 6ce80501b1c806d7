#pragma once
// SidecarCounts: how many sidecars of the mesh, or of one namespace, have an object as it is now:
// "applied by x of y".
//
// Counted once for all questions: a mesh has thousands of routes and thousands of sidecars. Each
// sidecar counts once, where its newest stream is: with this replica or with one whose view is
// known; one that no stream is known of counts as one that has not answered. Pure; a value.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/mesh_page.h"
#include "control/replica_view.h"

namespace weft::control {

struct SidecarCount {
  std::size_t all = 0;
  std::size_t have = 0;     // and refused nothing
  std::size_t refused = 0;  // have it, but for something that they refused
};

using ReplicaViews = std::vector<ReplicaView>;

class SidecarCounts final {
 public:
  // `others`: what other replicas say; they outlive this.
  SidecarCounts(const Mesh& mesh, const std::vector<ClientReport>& clients,
                const ReplicaViews& others);
  SidecarCounts(const Mesh& mesh, const std::vector<ClientReport>& clients);

  struct Question {
    std::string client_namespace;  // of whose sidecars; empty: of all
    ObjectKey object;
    std::uint64_t version = 0;  // the object's own generation, which others must know as well
    std::uint64_t since = 0;    // our generation that has it first
  };
  [[nodiscard]] SidecarCount count(const Question& question) const;

 private:
  // Of the sidecars of one namespace that one replica serves: generations that are settled, sorted,
  // of those that refused nothing and of those that did.
  struct Served {
    std::vector<std::uint64_t> clean;
    std::vector<std::uint64_t> refusing;
  };
  struct Group {
    std::size_t all = 0;
    std::vector<Served> served;  // by us, then by each of the others
  };

  const ReplicaViews* others_;
  std::map<std::string, Group> groups_;  // by namespace; "" all of them
};

}  // namespace weft::control
