#pragma once
// OwnUser: how a sidecar comes to be its own user and keep CAP_NET_ADMIN, which redirect mode
// tproxy needs for every connection to the app.
//
// Kubernetes gives capabilities to containers of root only (there are no ambient ones), so in that
// mode the container starts as root, and this is the first thing it does: afterwards it is
// pod_contract's kUid and kGid, without groups, with that capability and no other. Thread: the
// process's only one.

#include "sidecar/core/result.h"

namespace weft::sidecar {

// Does nothing unless WEFT_REDIRECT_MODE is "tproxy" and the user is root. kInternal: it could not
// be done; the process is not to go on.
[[nodiscard]] Status become_own_user();

}  // namespace weft::sidecar
