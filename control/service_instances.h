#pragma once
// ServiceInstances: which Workloads stand behind each port of a Service, at which port of their
// own, and what is expected of their certificates; a Condition for what cannot be.
//
// Part of making a Mesh, whose Services and Workloads are there by then. Pure.

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "control/mesh.h"

namespace weft::control {

class ServiceInstances final {
 public:
  explicit ServiceInstances(Mesh& mesh) : mesh_(mesh) {}

  // Of all Services, by an index, so that none looks at every Workload.
  void find_all();
  // Of one of the Mesh's; looks at the Workloads of its namespace.
  void find(MeshService& service);

 private:
  using Standing = std::vector<const std::shared_ptr<const Workload>*>;

  void index_workloads();
  [[nodiscard]] const Standing& standing_behind(const MeshService& service) const;
  [[nodiscard]] Standing standing_in(const std::string& name_space) const;
  // `standing`: at least those that it selects, in order of their names.
  void resolve(MeshService& service, const Standing& standing);
  void settle(const MeshService& service, MeshPort& port, std::vector<Instance> plain);
  void drop_shared_places(const MeshService& service, MeshPort& port);
  void say(const MeshService& service, std::string reason, std::string message);

  Mesh& mesh_;
  // By namespace, key and value of the first pair of each Service's selector.
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, Standing> standing_;
};

}  // namespace weft::control
