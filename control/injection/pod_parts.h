#pragma once
// PodParts: what injection puts into a pod: the container that makes the redirect rules, the
// sidecar, the volume with its token.
//
// Only the redirect container is root and has NET_ADMIN and NET_RAW, which Kubernetes gives to no
// other user; it is gone before the app starts. The sidecar is nobody: user and group 5150, no
// capability, a root directory that cannot be written. Pure. Source: mesh-standards 3.3, 3.6.

#include "control/injection/injection_context.h"
#include "control/injection/pod_json.h"
#include "control/injection/pod_wishes.h"

namespace weft::control::injection {

struct PodPartsRequest {
  const Json& pod;  // as it was
  const PodWishes& wishes;
  const InjectionContext& context;
  const Json& probes;  // the value of WEFT_PROBES
};

[[nodiscard]] Json make_redirect_container(const PodPartsRequest& request);
[[nodiscard]] Json make_sidecar_container(const PodPartsRequest& request);
[[nodiscard]] Json make_token_volume();

}  // namespace weft::control::injection
