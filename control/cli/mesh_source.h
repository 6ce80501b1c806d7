#pragma once
// MeshSource: the Mesh a command speaks about: from a directory of YAML, or what a running
// weft-control has accepted, joined again by the same code.

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/command.h"
#include "control/registry.h"

namespace weft::control::cli {

struct MeshSource {
  std::string config_dir;  // empty: ask weft-control
  std::string control = kControlAdmin;
};
struct LoadedMesh {
  std::shared_ptr<const Mesh> mesh;
  std::vector<std::string> problems;  // of the files
  // Of a weft-control that has not read these files since its restart nobody knows the lines.
  bool has_lines = true;
};

// --config-dir and --control.
void add_mesh_source(CLI::App& command, MeshSource& source);
[[nodiscard]] Result<LoadedMesh> load_mesh(const MeshSource& source);

// The body of GET /config as the files it came from, JSON for YAML, every value in its own line;
// `has_lines` becomes false when some are not known.
[[nodiscard]] Result<std::vector<SourceFile>> files_of_config_page(std::string_view json,
                                                                   bool& has_lines);

// "shop/cart", or "cart" where one thing only has that name in any namespace.
template <typename Map>
[[nodiscard]] Result<ObjectName> find_by_name(const Map& things, const std::string& name,
                                              std::string_view kind) {
  std::vector<ObjectName> found;
  for (const auto& [key, thing] : things) {
    if (key.to_string() == name || key.name == name) found.push_back(key);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) {
    return fail(Fault::kInvalid, "there is no " + std::string(kind) + " " + name);
  }
  return fail(Fault::kInvalid, "there are several: " + found[0].to_string() + " and " +
                                   found[1].to_string() + "; write NAMESPACE/NAME");
}

}  // namespace weft::control::cli
