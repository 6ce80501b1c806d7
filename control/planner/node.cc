#include "control/planner/node.h"

#include <fmt/format.h>

#include "control/mesh.h"
#include "sidecar/core/strings.h"

namespace weft::control {

Node Node::parse(std::string_view id) {
  Node node;
  const auto parts = split(id, '~');
  if (parts.size() != 4) return node;
  const std::size_t dot = parts[2].rfind('.');  // a Workload's name may have dots, a namespace not
  if (dot == std::string_view::npos) return node;
  const std::string_view name_space = parts[2].substr(dot + 1);
  if (!check_label_name(name_space).empty()) return node;
  node.client_namespace = name_space;
  const std::string_view name = parts[2].substr(0, dot);
  if (parts[0] == "sidecar" && check_object_name(name).empty()) {
    node.kind = Kind::kSidecar;
    node.workload = {std::string(name_space), std::string(name)};
  }
  return node;
}

std::string Node::make_id(std::string_view address, const ObjectName& workload) {
  return fmt::format("sidecar~{}~{}.{}~{}.{}", address, workload.name, workload.name_space,
                     workload.name_space, Mesh::kClusterDomain);
}

}  // namespace weft::control
