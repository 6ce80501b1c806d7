#pragma once
// IstioStatus: what stands under `status` of a VirtualService or DestinationRule, in the words that
// users of these kinds wait for and look up: the conditions PassedAnalysis (nothing is wrong with
// it) and Reconciled (every sidecar has it), and validationMessages with the codes of Istio's own
// analysis.
//
// Only these are ours; other conditions and messages stay as they are. Conditions are written
// without observedGeneration, which older definitions of these kinds do not keep there; it stands
// once, for all of them. Pure. Source: istio.io, "Configuration Status Field" and "Configuration
// Analysis Messages"; the CRDs of Istio 1.18 to 1.27 (a status subresource, unknown fields kept).

#include <string>
#include <string_view>
#include <vector>

#include "control/condition.h"
#include "control/kubernetes/json.h"
#include "control/sidecar_counts.h"

namespace weft::control::kube {

inline constexpr const char* kPassedAnalysis = "PassedAnalysis";
inline constexpr const char* kReconciled = "Reconciled";

// What is known of one object.
struct IstioVerdict {
  std::string mistakes;                // of its present text; empty: it is taken
  bool older_holds = false;            // where it is not
  std::vector<const Condition*> said;  // of a text that is taken
  SidecarCount sidecars;
};

// {"conditions": […], "messages": […]}: without times, as update_status() takes it.
[[nodiscard]] Json wanted_istio_status(const IstioVerdict& verdict);

[[nodiscard]] bool is_our_istio_condition(const Json& condition);
[[nodiscard]] bool is_our_istio_message(const Json& message);

}  // namespace weft::control::kube
