#pragma once
// Injection: one function from a pod to the pod with a sidecar, and the way back. The webhook, the
// command line and the tests use this and nothing else.
//
// The status annotation says what was put in, so that uninject() gives back exactly what was there,
// and injecting again is taking out and putting in: what another injector has added meanwhile is
// treated as if it had been there, and inject(inject(pod)) == inject(pod). What cannot or shall not
// be injected comes back unchanged with the reason. A pod template (metadata and spec) is a pod.
// Pure; errors: kInvalid for what is no pod and for annotations that cannot be obeyed.

#include <string>
#include <vector>

#include "control/injection/injection_context.h"
#include "control/injection/injection_reason.h"
#include "control/json.h"
#include "sidecar/core/result.h"

namespace weft::control::injection {

struct Injection {
  Json pod;
  InjectionReason reason = InjectionReason::kInjected;
  std::string detail;  // why not; empty when it was injected
  bool disappoints = false;
  std::vector<std::string> warnings;  // for whoever made the pod
  [[nodiscard]] bool injected() const { return reason == InjectionReason::kInjected; }
};

[[nodiscard]] Result<Injection> inject(const Json& pod, const InjectionContext& context);

// Without an injection of ours the pod as it is.
[[nodiscard]] Result<Json> uninject(const Json& pod);

// RFC 6902: turns `before` into `after`.
[[nodiscard]] Json make_patch(const Json& before, const Json& after);

}  // namespace weft::control::injection
