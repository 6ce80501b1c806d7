#pragma once
// Upgrades: which requests ask for a tunnel instead of an answer, and whether they may have one.
// Pure.
//
// After Envoy's upgrade_configs: a listener lists what is allowed, a route allows or forbids what
// it names whatever its listener says. An Upgrade of HTTP/1, an extended CONNECT of HTTP/2 (RFC
// 8441) and CONNECT itself are asked alike.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/route_config.h"
#include "sidecar/http/message.h"

namespace weft::proxy {

// The protocol that `head` wants to switch to, "connect" for CONNECT, in lower case; empty for
// every other request.
[[nodiscard]] inline std::string_view wanted_upgrade(const http::RequestHead& head) {
  if (!head.protocol.empty()) return head.protocol;
  return head.method == http::Method::kConnect ? std::string_view("connect") : std::string_view{};
}

struct UpgradeVerdict {
  bool allowed = false;
  // CONNECT ends here: what follows are bytes for a TCP upstream (connect_config).
  bool ends_here = false;
};
// `action`: of the route that matches; null when none does, or when it does not forward.
[[nodiscard]] UpgradeVerdict judge_upgrade(std::string_view wanted,
                                           const std::vector<std::string>& listed,
                                           const config::ForwardAction* action);

}  // namespace weft::proxy
