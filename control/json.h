#pragma once
// Json: looking into JSON that somebody else wrote and that may be of any shape: pods under review,
// objects of the API server, its answers. Absent and null are the same, as in Kubernetes; so is
// what has another type than the one asked for. And reading and printing it within bounds.
//
// Two ways to look: from a pointer on (`member`, `text_of`: nullptr leads to nullptr), and along a
// path (`find`, `text_at`). Pure.

#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace weft::control {

using Json = nlohmann::json;

// The member of a map; nullptr where there is no map, no member, or null.
[[nodiscard]] const Json* member(const Json* value, std::string_view key);
[[nodiscard]] std::string text_of(const Json* value);       // "" for anything but text
[[nodiscard]] bool is_true(const Json* value);              // false for anything but true
[[nodiscard]] const Json& list_of(const Json* value);       // an empty list for anything else
[[nodiscard]] std::string name_of_part(const Json& value);  // its "name"

// nullptr where any step is missing.
[[nodiscard]] const Json* find(const Json& value, std::initializer_list<const char*> path);
[[nodiscard]] std::string text_at(const Json& value, std::initializer_list<const char*> path);
[[nodiscard]] bool flag_at(const Json& value, std::initializer_list<const char*> path,
                           bool otherwise);
[[nodiscard]] const Json& list_at(const Json& value, std::initializer_list<const char*> path);

// Bounded in depth and bytes; discarded (is_discarded) when it is no JSON or beyond a limit.
inline constexpr int kJsonDepthMax = 64;
inline constexpr std::size_t kJsonBytesMax = 8 * 1024 * 1024;
[[nodiscard]] Json parse_json(std::string_view text);
// Never throws: what is no UTF-8 is replaced.
[[nodiscard]] std::string print_json(const Json& value, int indent = -1);

}  // namespace weft::control
