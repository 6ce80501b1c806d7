#pragma once
// PolicyStatus: what became of each TrafficPolicy: whether it holds, and how many of the sidecars
// it is for have it. The conditions Accepted and Programmed of schemas.md 1, for /mesh and `weft
// status`. Pure: computed when somebody asks.

#include <string>
#include <vector>

#include "control/mesh_page.h"
#include "control/sidecar_counts.h"

namespace weft::control {

struct PolicyStatus {
  ObjectName name;
  bool accepted = true;
  std::string accepted_reason = "Accepted";  // or TargetNotFound, Conflicted
  std::string accepted_message;
  // Programmed: all have it. Reconciling: some have not answered yet. PartiallyProgrammed: some
  // refused part of what they were told. Overridden: all have it, and others say each of its
  // fields.
  std::string reason = "Programmed";
  std::string message;  // "12 of 12 sidecars; retry.attempts overridden by TrafficPolicy shop/x"
};

[[nodiscard]] std::vector<PolicyStatus> policy_statuses(const Registry& registry,
                                                        const std::vector<ClientReport>& clients);
// The same, of sidecars that are counted already.
[[nodiscard]] std::vector<PolicyStatus> policy_statuses(const Registry& registry,
                                                        const SidecarCounts& sidecars);

}  // namespace weft::control
