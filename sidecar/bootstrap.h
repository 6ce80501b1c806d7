#pragma once
// Flags and load_start: from the command line and the start file to what a Sidecar is built from.
// All mistakes of the file are told at once, each with its line and column.

#include <string>

#include "sidecar/core/result.h"
#include "sidecar/sidecar.h"

namespace weft::sidecar {

struct Flags {
  std::string config_file;
  std::string mode = "serve";
  std::uint32_t workers = 1;
  std::string drain_time = "30s";
  std::string log_level = "info";
  std::string admin_address;
};

[[nodiscard]] Result<Start> load_start(const Flags& flags);

}  // namespace weft::sidecar
