#pragma once
// What the API server sends, read: bounded in depth, without what nobody here has a use for. How to
// look into it: control/json.h. Pure.

#include <functional>
#include <string>
#include <string_view>

#include "control/json.h"
#include "control/model/names.h"

namespace weft::control::kube {

using control::Json;

// What is nested deeper is dropped while it is read.
inline constexpr int kObjectDepthMax = 48;

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
