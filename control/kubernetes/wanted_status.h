#pragma once
// WantedStatus: what is to stand under `status` of every object that the mesh speaks of: the
// conditions of routes (control/route_status.h), of policies (control/policy_status.h), of the
// MeshConfig, and how many sidecars have them.
//
// Entries as update_status() takes them: without lastTransitionTime. An object that is not in the
// book, or not ours to speak of (a route without Services as parents), is not in the result, or has
// an empty list there. Pure: computed when somebody asks. Source: Gateway API route and policy
// conditions (GEP-1364, GEP-713); schemas.md 1.

#include <map>

#include "control/kubernetes/status_book.h"
#include "control/registry.h"
#include "control/sidecar_counts.h"

namespace weft::control::kube {

// Whether sidecars have it; of routes in the mesh's own name, as the Gateway API has no such word.
inline constexpr const char* kRouteProgrammed = "weft.dev/Programmed";

using WantedStatuses = std::map<ObjectKey, Json>;
[[nodiscard]] WantedStatuses wanted_statuses(const Registry& registry,
                                             const SidecarCounts& sidecars, const StatusBook& book);

}  // namespace weft::control::kube
