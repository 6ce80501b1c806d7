#pragma once
// Condition: something in an accepted object that does not hold, for `weft status`, /mesh and lint.
// After Gateway API's conditions whose status is False.

#include <string>

#include "control/model/names.h"

namespace weft::control {

struct Condition {
  ObjectKey about;
  std::string type;    // Accepted, ResolvedRefs, EndpointsResolved
  std::string reason;  // NoMatchingParent, BackendNotFound, TargetNotFound, Conflicted, …
  std::string message;
  bool operator==(const Condition&) const = default;
};

}  // namespace weft::control
