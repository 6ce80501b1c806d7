#pragma once
// Node: who asks for configuration: the sidecar of a Workload, or a gRPC client without one.
//
// A sidecar's node.id is "sidecar~<ip>~<workload>.<namespace>~<namespace>.svc.cluster.local"
// (decisions B2). Anything else is a proxyless client; the namespace it calls from is a wish, used
// only to choose consumer routes.

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "control/model/names.h"

namespace weft::control {

struct Node {
  enum class Kind : std::uint8_t { kSidecar, kProxyless };
  Kind kind = Kind::kProxyless;
  ObjectName workload;           // of a sidecar
  std::string client_namespace;  // of a proxyless client; may be empty

  [[nodiscard]] static Node parse(std::string_view id);
  [[nodiscard]] static std::string make_id(std::string_view address, const ObjectName& workload);
  auto operator<=>(const Node&) const = default;
};

}  // namespace weft::control
