#pragma once
// Objections: what is wrong with an object that reads well by itself: it would send everything
// nowhere, or its time is over. Asked of new text only, by the Registry; what holds already goes
// on. Pure.

#include <string>

#include "control/model/object.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// Says that its author means it: metadata.annotations.
inline constexpr const char* kForceAnnotation = "weft.dev/force";

// "cart.yaml:7: spec.faults: …"; empty when there is none.
[[nodiscard]] std::string objection_to_nowhere(const Object& object);
[[nodiscard]] std::string objection_to_times(const Object& object, WallTime now);

}  // namespace weft::control
