#include "control/state_dir.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

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

// As JSON. Written by hand, in runs: every accepted object passes here at every change, before
// anybody is told of it.
void append_text(std::string& out, std::string_view text) {
  const auto is_plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x7f;
  };
  if (!std::ranges::all_of(text, is_plain)) {
    out += json(text).dump(-1, ' ', false, json::error_handler_t::replace);
    return;
  }
  out += '"';
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t to = std::min(text.find_first_of("\"\\", from), text.size());
    out.append(text, from, to - from);
    if (to < text.size()) {
      out += '\\';
      out += text[to];
    }
    from = to + 1;
  }
  out += '"';
}

void append_object(std::string& out, const char* before, const ObjectKey& key,
                   const Accepted& held) {
  const auto add = [&out](const char* name, std::string_view text) {
    out += name;
    append_text(out, text);
  };
  out += before;
  add("{\"kind\":", name_of(key.kind));
  add(",\"namespace\":", key.name.name_space);
  add(",\"name\":", key.name.name);
  add(",\"file\":", held.file);
  add(",\"document\":", held.json);
  out += '}';
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
  std::string text = fmt::format("{{\"format\":{},\"generation\":{},\"objects\":[", kFormat,
                                 registry.mesh()->generation);
  text.reserve(saved_bytes_ + saved_bytes_ / 8);
  const char* between = "\n";
  for (const auto& [key, held] : registry.accepted()) {
    append_object(text, std::exchange(between, ",\n"), key, held);
  }
  text += "\n]}\n";
  std::string digest = tls::sha256(text);
  if (digest == saved_) return {};
  if (Status made = make_directory(directory_); !made) return made;
  if (Status written = replace_file(path(), text, 0600); !written) return written;
  saved_ = std::move(digest);
  saved_bytes_ = text.size();
  return {};
}

}  // namespace weft::control
