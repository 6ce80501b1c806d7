#include "control/state_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "control/files.h"
#include "control/json.h"
#include "tls/primitives.h"

namespace weft::control {

namespace {

using nlohmann::json;

constexpr int kFormat = 1;

std::optional<Kind> parse_kind(const std::string& text) {
  for (const Kind kind : kKinds) {
    if (name_of(kind) == text) return kind;
  }
  return std::nullopt;
}

}  // namespace

Result<StateDir::State> StateDir::load() const {
  State state;
  if (!file_exists(path())) return state;
  const Result<std::string> text = read_file(path(), kBytesMax);
  if (!text) return fail(text.error());
  const json saved = json::parse(*text, nullptr, false);
  const auto objects = saved.is_object() ? saved.find("objects") : saved.end();
  if (!saved.is_object() || saved.value("format", json()) != json(kFormat) ||
      objects == saved.end() || !objects->is_array()) {
    return fail(Fault::kInvalid, fmt::format("{}: not what weft-control saves", path()));
  }
  if (const auto number = saved.find("generation");
      number != saved.end() && number->is_number_unsigned()) {
    state.generation = number->get<std::uint64_t>();
  }
  for (const json& object : *objects) {
    const std::optional<Kind> kind = parse_kind(text_at(object, {"kind"}));
    if (!kind) continue;  // of a newer weft
    state.objects.push_back(
        {.key = {*kind, {text_at(object, {"namespace"}), text_at(object, {"name"})}},
         .file = text_at(object, {"file"}),
         .json = text_at(object, {"document"})});
  }
  return state;
}

Status StateDir::save(const Registry& registry) {
  json objects = json::array();
  for (const auto& [key, held] : registry.accepted()) {
    objects.push_back({{"kind", name_of(key.kind)},
                       {"namespace", key.name.name_space},
                       {"name", key.name.name},
                       {"file", held.file},
                       {"document", held.json}});
  }
  const json state = {{"format", kFormat},
                      {"generation", registry.mesh()->generation},
                      {"objects", std::move(objects)}};
  const std::string text = state.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  std::string digest = tls::sha256(text);
  if (digest == saved_) return {};
  if (Status made = make_directory(directory_); !made) return made;
  if (Status written = replace_file(path(), text, 0600); !written) return written;
  saved_ = std::move(digest);
  return {};
}

}  // namespace weft::control
