#pragma once
// SidecarConfig: the start file of a Workload's sidecar: who it is, where the control plane is, how
// it proves itself. The subset of Envoy's Bootstrap that weft-sidecar reads, with
// weft.bootstrap.v1.Mesh for the rest (decisions A2).

#include <string>

#include "control/mesh.h"
#include "sidecar/core/address.h"

namespace weft::control::cli {

struct SidecarConfigOptions {
  SocketAddress control;
  std::string token_file;  // empty: none
};

// YAML.
[[nodiscard]] std::string make_sidecar_config(const Mesh& mesh, const Workload& workload,
                                              const SidecarConfigOptions& options);

}  // namespace weft::control::cli
