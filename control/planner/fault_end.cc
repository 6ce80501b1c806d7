#include "control/planner/fault_end.h"

#include <algorithm>

namespace weft::control {

std::optional<WallTime> next_fault_end(const Mesh& mesh, WallTime now) {
  std::optional<WallTime> out;
  const auto look = [&](const PolicyFields& fields) {
    if (!fields.faults.value) return;
    for (const PolicyFault& fault : *fields.faults.value) {
      if (fault.until > now) out = std::min(out.value_or(fault.until), fault.until);
    }
  };
  look(mesh.config->defaults);
  for (const auto& [place, policy] : mesh.policies.all()) look(policy->fields);
  return out;
}

}  // namespace weft::control
