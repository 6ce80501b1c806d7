#pragma once
// Flags and load_start: from the command line and the start file, or the environment of a pod, to
// what a Sidecar is built from. All mistakes of either are told at once, each with its place.

#include <cstdlib>
#include <string>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/pod_bootstrap.h"
#include "sidecar/start.h"

namespace weft::sidecar {

struct Flags {
  std::string config_file;
  bool mesh = false;  // instead of a file: the environment that the injector gave the pod
  Environment environment = &std::getenv;
  std::string mode = "serve";
  std::uint32_t workers = 1;
  std::string drain_time = "30s";
  std::string drain_delay = "0s";
  std::string drain_order = "together";  // or outbound-last
  std::string log_level = "info";
  std::string admin_address;
  bool no_faults = false;
  std::uint32_t buffer_mebibytes = 0;      // 0: by the memory group, or the default
  bool dns = false;                        // answer the pod's DNS
  std::vector<std::string> dns_addresses;  // there, which is asking for it as well
  std::string resolv_conf = "/etc/resolv.conf";
};

// Whether it starts from the environment: asked for, or without a file in a pod of a mesh.
[[nodiscard]] bool starts_from_environment(const Flags& flags);
[[nodiscard]] Result<Start> load_start(const Flags& flags);

}  // namespace weft::sidecar
