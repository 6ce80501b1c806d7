#include "control/cli/mesh_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/cli/fetch.h"
#include "control/sources/yaml_directory.h"

namespace weft::control::cli {

namespace {

// A file of more lines is none that a person wrote, and they become line ends here.
constexpr std::uint64_t kLinesMax = 1'000'000;

Result<std::vector<SourceFile>> fetch_files(const std::string& control, bool& has_lines) {
  const Result<SocketAddress> address = SocketAddress::parse(control);
  if (!address) return fail(Fault::kInvalid, "--control: " + address.error().detail);
  const Result<std::string> body = fetch({*address, "/config"});
  if (!body) {
    return fail(Fault::kInvalid, fmt::format("weft-control at {}: {} (or give --config-dir)",
                                             control, body.error().detail));
  }
  return files_of_config_page(*body, has_lines);
}

}  // namespace

void add_mesh_source(CLI::App& command, MeshSource& source) {
  command.add_option("--config-dir", source.config_dir,
                     "Read this directory, without a control plane");
  command.add_option("--control", source.control, "Admin address of weft-control")
      ->capture_default_str();
}

Result<std::vector<SourceFile>> files_of_config_page(std::string_view text, bool& has_lines) {
  const nlohmann::json page = nlohmann::json::parse(text, nullptr, false);
  const auto objects = page.is_object() ? page.find("objects") : page.end();
  if (objects == page.end() || !objects->is_array()) {
    return fail(Fault::kInvalid, "the answer is not what weft-control gives");
  }
  std::map<std::string, std::multimap<std::uint64_t, std::string>> files;
  for (const nlohmann::json& object : *objects) {
    if (!object.is_object() || !object.contains("document")) continue;
    const auto file = object.find("file");
    const bool named = file != object.end() && file->is_string();
    const auto line = object.find("line");
    const auto laid_out = object.find("text");
    const bool placed = line != object.end() && line->is_number_unsigned() && *line <= kLinesMax &&
                        laid_out != object.end() && laid_out->is_string();
    has_lines = has_lines && placed;
    files[named ? file->get<std::string>() : std::string("?")].emplace(
        placed ? line->get<std::uint64_t>() : 0,
        placed ? laid_out->get<std::string>() : object["document"].dump(-1, ' ', true));
  }
  std::vector<SourceFile> out;
  for (const auto& [name, documents] : files) {
    std::string joined;
    std::uint64_t at = 1;  // the line that the next character is in
    for (const auto& [line, document] : documents) {
      // A document begins where its marker stands, at the beginning of a line.
      if (!joined.empty()) {
        joined += '\n';
        ++at;
      }
      if (line > at) joined.append(line - at, '\n');
      at = std::max(at, line) + static_cast<std::uint64_t>(std::ranges::count(document, '\n'));
      joined += "--- " + document;
    }
    joined += '\n';
    out.push_back({.name = name, .text = std::move(joined)});
  }
  return out;
}

Result<LoadedMesh> load_mesh(const MeshSource& source) {
  LoadedMesh out;
  Result<std::vector<SourceFile>> files = source.config_dir.empty()
                                              ? fetch_files(source.control, out.has_lines)
                                              : YamlDirectory::read_all(source.config_dir);
  if (!files) return fail(files.error());
  Registry registry;
  registry.set_files(std::move(*files));
  out.mesh = registry.mesh();
  for (const Problem& problem : registry.problems()) out.problems.push_back(problem.text);
  return out;
}

}  // namespace weft::control::cli
