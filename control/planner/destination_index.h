#pragma once
// DestinationIndex: what of the mesh is at an address that an app calls: a Service at its own, else
// the pod that has it. Pure.
//
// Owner: Planner, which makes it when a sidecar first asks; the pods' part when somebody asks for
// what no Service has. Lifetime: that of its Mesh. Memory: an entry for each Service's address and
// port, and for each pod's address.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "control/mesh.h"
#include "sidecar/core/address.h"

namespace weft::control {

class DestinationIndex final {
 public:
  explicit DestinationIndex(const Mesh& mesh);

  struct Found {
    std::set<ObjectName> services;  // the one with that address, or those behind which the pod is
    std::optional<ObjectName> pod;  // with a sidecar, called by its own address
    [[nodiscard]] bool any() const { return !services.empty() || pod.has_value(); }
  };
  // `text`: "10.96.0.10:80", "[fd00::10]:80". Nothing there, or no address: an empty Found.
  [[nodiscard]] Found find(const std::string& text);

 private:
  struct Pod {
    std::optional<ObjectName> workload;  // with a sidecar
    std::set<ObjectName> services;
  };
  void index_pods();

  const Mesh& mesh_;
  std::map<SocketAddress, ObjectName> services_;
  std::optional<std::map<IpAddress, Pod>> pods_;
};

}  // namespace weft::control
