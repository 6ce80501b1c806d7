#pragma once
// AdminClient: what `weft-sidecar health` and `weft-sidecar drain` do: ask the sidecar that runs
// beside them, over its admin port. For images that hold this program and nothing else, whose
// hooks and checks need a command to run.
//
// Both block, with a Loop of their own. Exit codes as main's: 0 well, 1 not, 2 usage.

#include <string>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/result.h"

namespace weft::sidecar {

struct AdminCommand {
  std::string admin = "127.0.0.1:" + std::to_string(pod::kAdminPort);
  std::string wait = "0s";      // health: as long as it is not ready
  std::string hold = "0s";      // drain: before anything is said
  std::string timeout = "30s";  // drain: until it has gone
};

// 0 when it serves. What it waits for is on stderr.
[[nodiscard]] int run_health(const AdminCommand& command);
// 0 when the sidecar has gone.
[[nodiscard]] int run_drain(const AdminCommand& command);

}  // namespace weft::sidecar
