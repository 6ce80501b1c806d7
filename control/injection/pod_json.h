#pragma once
// PodJson: looking into a pod, which may be of any shape. Absent and null are the same, as in
// Kubernetes; so is what has another type than the one asked for. Pure.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace weft::control::injection {

using Json = nlohmann::json;

// The member of a map; nullptr where there is no map, no member, or null.
[[nodiscard]] const Json* member(const Json* value, std::string_view key);
[[nodiscard]] std::string text_of(const Json* value);       // "" for anything but text
[[nodiscard]] bool is_true(const Json* value);              // false for anything but true
[[nodiscard]] const Json& list_of(const Json* value);       // an empty list for anything else
[[nodiscard]] std::string name_of_part(const Json& value);  // its "name"

// Bounded in depth and bytes; discarded (is_discarded) when it is no JSON or beyond a limit.
inline constexpr int kJsonDepthMax = 64;
inline constexpr std::size_t kJsonBytesMax = 8 * 1024 * 1024;
[[nodiscard]] Json parse_json(std::string_view text);
// Never throws: what is no UTF-8 is replaced.
[[nodiscard]] std::string print_json(const Json& value, int indent = -1);

}  // namespace weft::control::injection
