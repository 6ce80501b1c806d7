#pragma once
// PodWishes: what a pod's weft.dev/… annotations ask for its own sidecar. Every mistake is told at
// once; what nobody knows is a warning, because it is probably a slip.
//
// The words end up in the arguments of a container that runs as root: each is parsed, none is
// passed on unread. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/injection/injection_context.h"
#include "control/json.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::control::injection {

inline constexpr const char* kPrefix = "weft.dev/";
inline constexpr const char* kInjectLabel = "weft.dev/inject";  // enabled, disabled
inline constexpr const char* kRevisionLabel = "weft.dev/rev";
inline constexpr const char* kStatusAnnotation = "weft.dev/status";

struct PodWishes {
  // Flags of `weft-sidecar redirect` and their values, in the order of its usage.
  std::vector<std::pair<std::string, std::string>> redirect;
  bool transparent = false;  // redirect-mode: tproxy
  bool dns = false;
  bool native = true;
  bool rewrite_probes = true;
  bool merge_metrics = true;
  SidecarResources resources;
  bool own_resources = false;  // the pod has asked for some of them
  std::string image;
  std::string log_level;  // empty: the sidecar's default
  std::optional<Duration> drain_time;
  std::uint32_t workers = 1;
  std::vector<std::string> warnings;
};

// kInvalid: every mistake on a line of its own, each beginning with the annotation.
[[nodiscard]] Result<PodWishes> read_wishes(const Json& pod, const InjectionContext& context);

}  // namespace weft::control::injection
