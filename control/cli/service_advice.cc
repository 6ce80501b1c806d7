// Advice on what Services say of themselves.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "control/cli/advice.h"

namespace weft::control::cli {

namespace {

// internalTrafficPolicy: Local keeps callers to their own node, and a node may have nobody.
void check_nodes(const MeshService& service, const std::set<std::string>& callers,
                 Adviser& adviser) {
  std::set<std::string> nodes;
  bool instances = false;
  for (const MeshPort& port : service.ports) {
    for (const Instance& instance : port.instances) {
      instances = true;
      if (!instance.workload->node.empty()) nodes.insert(instance.workload->node);
    }
  }
  if (!instances) return;  // nothing is ready, whatever the node
  const std::string where =
      fmt::format("Service {}: internalTrafficPolicy is Local", service.name().to_string());
  const Metadata& about = service.service->metadata;
  if (nodes.empty()) {
    adviser.say(about, 0,
                where + ", and no Workload behind it says its node: nobody is answered but by 503");
    return;
  }
  const auto without = [&](const std::string& node) { return !nodes.contains(node); };
  const auto count = std::ranges::count_if(callers, without);
  if (count == 0) return;
  adviser.say(about, 0,
              fmt::format("{}, and {} of {} nodes with sidecars have no instance of it: 503 there",
                          where, count, callers.size()),
              true);
}

}  // namespace

void advise_on_services(const Mesh& mesh, Adviser& adviser) {
  std::set<std::string> callers;  // one without a name stands for all who do not say theirs
  for (const auto& [name, workload] : mesh.workloads) {
    if (workload->sidecar) callers.insert(workload->node);
  }
  for (const auto& [name, service] : mesh.services) {
    if (service.service->own_node_only) check_nodes(service, callers, adviser);
    if (!service.service->external_name.empty() && service.ports.empty()) {
      adviser.say(service.service->metadata, 0,
                  fmt::format("Service {}: an ExternalName without ports is nobody's destination: "
                              "no sidecar knows where to call it",
                              name.to_string()),
                  true);
    }
  }
}

}  // namespace weft::control::cli
