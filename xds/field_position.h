#pragma once
// position_of: where a field of a message stands in the document that it was read from. Pure.

#include <string_view>

#include "sidecar/config/document.h"

namespace weft::xds {

// Where a field path such as `static_resources.clusters[0].name` stands in the text, under either
// of a field's names; where the text does not go that far, the last place on the way.
[[nodiscard]] config::Position position_of(const config::Value& root, std::string_view field_path);

}  // namespace weft::xds
