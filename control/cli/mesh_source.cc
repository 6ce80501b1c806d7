#include "control/cli/mesh_source.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/cli/fetch.h"
#include "control/sources/yaml_directory.h"

namespace weft::control::cli {

namespace {

Result<std::vector<SourceFile>> fetch_files(const std::string& control) {
  const Result<SocketAddress> address = SocketAddress::parse(control);
  if (!address) return fail(Fault::kInvalid, "--control: " + address.error().detail);
  const Result<std::string> body = fetch({*address, "/config"});
  if (!body) {
    return fail(Fault::kInvalid, fmt::format("weft-control at {}: {} (or give --config-dir)",
                                             control, body.error().detail));
  }
  return files_of_config_page(*body);
}

}  // namespace

void add_mesh_source(CLI::App& command, MeshSource& source) {
  command.add_option("--config-dir", source.config_dir,
                     "Read this directory, without a control plane");
  command.add_option("--control", source.control, "Admin address of weft-control")
      ->capture_default_str();
}

Result<std::vector<SourceFile>> files_of_config_page(std::string_view text) {
  const nlohmann::json page = nlohmann::json::parse(text, nullptr, false);
  const auto objects = page.is_object() ? page.find("objects") : page.end();
  if (objects == page.end() || !objects->is_array()) {
    return fail(Fault::kInvalid, "the answer is not what weft-control gives");
  }
  std::map<std::string, std::string> files;
  for (const nlohmann::json& object : *objects) {
    if (!object.is_object() || !object.contains("document")) continue;
    const auto file = object.find("file");
    const bool named = file != object.end() && file->is_string();
    files[named ? file->get<std::string>() : std::string("?")] +=
        object["document"].dump(-1, ' ', true) + "\n---\n";
  }
  std::vector<SourceFile> out;
  for (auto& [name, joined] : files) out.push_back({.name = name, .text = std::move(joined)});
  return out;
}

Result<LoadedMesh> load_mesh(const MeshSource& source) {
  Result<std::vector<SourceFile>> files = source.config_dir.empty()
                                              ? fetch_files(source.control)
                                              : YamlDirectory::read_all(source.config_dir);
  if (!files) return fail(files.error());
  Registry registry;
  registry.set_files(std::move(*files));
  LoadedMesh out{.mesh = registry.mesh(), .has_lines = !source.config_dir.empty()};
  for (const Problem& problem : registry.problems()) out.problems.push_back(problem.text);
  return out;
}

}  // namespace weft::control::cli
