#pragma once
// PodBootstrap: the start of a sidecar in a Kubernetes pod, which has no start file: from the
// environment that the injector gave it (pod_contract.h) to the same text that `weft
// sidecar-config` prints for a Workload.
//
// All mistakes are told at once, each by the name of its variable. Pure.

#include <functional>
#include <string>
#include <vector>

#include "sidecar/app_probe.h"
#include "sidecar/core/address.h"
#include "sidecar/core/result.h"

namespace weft::sidecar {

// nullptr: not set.
using Environment = std::function<const char*(const char* name)>;

struct PodBootstrap {
  std::string start_file;  // Envoy's Bootstrap with weft.bootstrap.v1.Mesh, YAML
  std::vector<IpAddress> addresses;
  std::vector<AppProbe> probes;
};

// kInvalid: every mistake on a line of its own.
[[nodiscard]] Result<PodBootstrap> read_pod_environment(const Environment& environment);

}  // namespace weft::sidecar
