#pragma once
// InjectionReason: whether a pod is to have a sidecar, and why not. One reason each, in the order
// in which they are asked: what people said first, then what cannot be. Pure.
//
// A pod that automounts no token is no reason: the sidecar's own is projected, whatever the pod
// mounts. Source: mesh-standards 3.2.

#include <cstdint>
#include <string>
#include <string_view>

#include "control/injection/injection_context.h"
#include "control/json.h"

namespace weft::control::injection {

enum class InjectionReason : std::uint8_t {
  kInjected,
  kUnchanged,        // ours is there, exactly as it would be put in
  kSystemNamespace,  // kube-system and its like, and the mesh's own
  kPodSaysNo,
  kNamespaceSaysNo,
  kNobodyAsks,
  kOtherRevision,          // another control plane is asked for
  kOtherRevisionsSidecar,  // and has put its own in already
  kOtherMesh,
  kStaticPod,    // of a file on a node: nobody can change it
  kHostNetwork,  // its network is the node's
  kWindows,
  kNameTaken,  // a container or volume has a name of ours
  kUserTaken,  // a container runs as the sidecar's user: it would pass by the sidecar
  kPortTaken,  // a container listens on one of the sidecar's ports
};
inline constexpr std::size_t kInjectionReasons =
    static_cast<std::size_t>(InjectionReason::kPortTaken) + 1;
// For metrics: "host_network".
[[nodiscard]] std::string_view name_of(InjectionReason reason);

struct Judgement {
  InjectionReason reason = InjectionReason::kInjected;
  std::string detail;  // a sentence for people
  // Somebody asked for a sidecar and does not get one.
  bool disappoints = false;
};

// `pod` as it was before any injection of ours; `injected_by`: the revision whose sidecar it had,
// empty: none.
[[nodiscard]] Judgement judge_injection(const Json& pod, std::string_view injected_by,
                                        const InjectionContext& context);

inline constexpr std::string_view kSidecarContainer = "weft-sidecar";
inline constexpr std::string_view kRedirectContainer = "weft-redirect";
inline constexpr std::string_view kTokenVolume = "weft-token";

}  // namespace weft::control::injection
