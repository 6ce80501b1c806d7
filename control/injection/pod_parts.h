#pragma once
// PodParts: what injection puts into a pod: the container that makes the redirect rules, the
// sidecar, the volume with its token.
//
// Only the redirect container is root and has NET_ADMIN and NET_RAW, which Kubernetes gives to no
// other user; it is gone before the app starts. The sidecar is nobody: user and group 5150, no
// capability, a root directory that cannot be written. With redirect-mode tproxy it has to keep
// NET_ADMIN, which Kubernetes gives to root alone: it starts as root with that and with what it
// needs to become user 5150 at once (sidecar/own_user.h). Pure. Source: mesh-standards 3.3, 3.6.

#include "control/injection/injection_context.h"
#include "control/injection/pod_wishes.h"
#include "control/json.h"

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
