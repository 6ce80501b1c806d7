#pragma once
// RouteStatus: what became of each route of the Gateway API, parentRef by parentRef: the contents
// of its status, for /mesh, `weft status` and whoever writes it to the API server.
//
// One entry per parentRef that is a Service, in the order they were written; the others are other
// controllers' business. Conditions Accepted and ResolvedRefs with the reasons of the Gateway API
// (RouteConditionReason), and Conflicted where another kind of route holds instead. Pure: computed
// when somebody asks.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "control/registry.h"

namespace weft::control {

// status.parents[].controllerName of what is ours.
inline constexpr std::string_view kControllerName = "weft.dev/control";

struct RouteCondition {
  std::string type;  // Accepted, ResolvedRefs
  bool holds = true;
  std::string reason;
  std::string message;

  bool operator==(const RouteCondition&) const = default;
};

struct RouteParentStatus {
  ParentRef parent;
  std::vector<RouteCondition> conditions;  // Accepted, then ResolvedRefs
};

struct RouteStatus {
  ObjectKey route;
  // What the conditions were observed of: metadata.generation of the text that is there now; where
  // nobody counts (a directory), the generation of the mesh that has it first.
  std::uint64_t generation = 0;
  std::vector<RouteParentStatus> parents;
};

// By kind and name. Of a route whose present text is refused, Accepted is False, whether or not an
// earlier text is in force.
[[nodiscard]] std::vector<RouteStatus> route_statuses(const Registry& registry);

// As it was written: fields that were not there are absent.
[[nodiscard]] nlohmann::json parent_ref_json(const ParentRef& parent);
// `status.parents` as the Gateway API has it (RouteParentStatus), but for lastTransitionTime, which
// only those know who know what stood there before.
[[nodiscard]] nlohmann::json route_parents_json(const RouteStatus& status);

}  // namespace weft::control
