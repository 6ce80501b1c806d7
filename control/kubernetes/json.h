#pragma once
// Json: looking into what the API server sends, which may be of any shape: what is not there, or
// not of the wanted type, is empty. And reading it: bounded in depth, without what nobody here has
// a use for. Pure.

#include <functional>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "control/model/names.h"

namespace weft::control::kube {

using Json = nlohmann::json;

// What is nested deeper is dropped while it is read.
inline constexpr int kJsonDepthMax = 48;

// Null where any step is missing.
[[nodiscard]] const Json* find(const Json& value, std::initializer_list<const char*> path);
[[nodiscard]] std::string text_at(const Json& value, std::initializer_list<const char*> path);
[[nodiscard]] bool flag_at(const Json& value, std::initializer_list<const char*> path,
                           bool otherwise);
// A list; an empty one where there is none.
[[nodiscard]] const Json& list_at(const Json& value, std::initializer_list<const char*> path);

// Name and namespace of an object; an empty name when it has none that could be one.
[[nodiscard]] ObjectName name_in(const Json& object);

// Of the object alone: managedFields, environment, volumes and whatever else is long and unused is
// not kept. Discarded when it is no JSON.
[[nodiscard]] Json parse_object(std::string_view text);
// A list: each element of "items" is handed to `take` and not kept; the rest is returned.
[[nodiscard]] Json parse_list(std::string_view text, const std::function<void(Json&&)>& take);

// For a path or a query: everything but RFC 3986's unreserved characters as %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);

}  // namespace weft::control::kube
