#include "control/model/yaml_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using YamlJson = nlohmann::ordered_json;

// Words that are no text to some reader: YAML 1.1's booleans above all.
bool word_of_yaml(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kWords = {"y",   "n",    "yes",   "no",  "on",
                                                             "off", "true", "false", "null"};
  return std::ranges::any_of(kWords,
                             [&](std::string_view word) { return equals_ignore_case(text, word); });
}

bool plain_in_yaml(std::string_view text) {
  const auto letter = [](char c) { return to_lower(c) >= 'a' && to_lower(c) <= 'z'; };
  const auto inside = [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || std::string_view("-_./ ").find(c) != text.npos;
  };
  return !text.empty() && (letter(text.front()) || text.front() == '/') && text.back() != ' ' &&
         std::ranges::all_of(text, inside) && !word_of_yaml(text);
}

std::string yaml_scalar(const YamlJson& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  // JSON's strings are YAML's double-quoted ones.
  return plain_in_yaml(text) ? text : value.dump();
}

bool yaml_in_one_line(const YamlJson& value) { return !value.is_structured() || value.empty(); }

void write_yaml(const YamlJson& value, std::size_t depth, bool begun, std::string& out);

// What comes after "key:" or "-".
void write_yaml_inside(const YamlJson& value, std::size_t depth, std::string& out) {
  if (yaml_in_one_line(value)) {
    out += " " + yaml_scalar(value) + "\n";
  } else {
    out += "\n";
    write_yaml(value, depth, false, out);
  }
}

// `begun`: the first line stands after "- " already.
void write_yaml(const YamlJson& value, std::size_t depth, bool begun, std::string& out) {
  const std::string indent(depth * 2, ' ');
  if (value.is_array()) {
    for (const YamlJson& item : value) {
      out += indent + "-";
      if (yaml_in_one_line(item) || item.is_array()) {
        write_yaml_inside(item, depth + 1, out);
      } else {
        out += " ";
        write_yaml(item, depth + 1, true, out);
      }
    }
    return;
  }
  for (const auto& [key, inside] : value.items()) {
    out += (begun ? "" : indent) + yaml_scalar(key) + ":";
    begun = false;
    write_yaml_inside(inside, inside.is_array() ? depth : depth + 1, out);
  }
}

}  // namespace

std::string yaml_text(std::string_view json) {
  const YamlJson value = YamlJson::parse(json);
  if (yaml_in_one_line(value)) return yaml_scalar(value) + "\n";
  std::string out;
  write_yaml(value, 0, false, out);
  return out;
}

}  // namespace weft::control
