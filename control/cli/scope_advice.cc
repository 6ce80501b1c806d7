// What a Workload says that it uses, and nobody is there: its app would find out by a 404.

#include <fmt/format.h>

#include "control/cli/advice.h"

namespace weft::control::cli {

namespace {

bool is_there(const Mesh& mesh, const ObjectName& entry) {
  if (entry.name_space == Uses::kAny) return true;
  if (entry.name != Uses::kAny) return mesh.services.contains(entry);
  const auto first = mesh.services.lower_bound({entry.name_space, ""});
  return first != mesh.services.end() && first->first.name_space == entry.name_space;
}

}  // namespace

void advise_on_scopes(const Mesh& mesh, Adviser& adviser) {
  for (const auto& [name, workload] : mesh.workloads) {
    if (!workload->uses) continue;
    for (const ObjectName& entry : workload->uses->entries()) {
      if (is_there(mesh, entry)) continue;
      adviser.say(workload->metadata, 0,
                  fmt::format("uses {}: there is no such Service", entry.to_string()));
    }
    if (!workload->sidecar) {
      adviser.say(workload->metadata, 0, "uses: it has no sidecar that could be told of them");
    }
  }
}

}  // namespace weft::control::cli
