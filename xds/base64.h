#pragma once
// base64: as JSON carries bytes (RFC 4648 section 4, and the URL alphabet of section 5), with or
// without padding. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace weft::xds {

// Nothing when a character is foreign, the length impossible, the padding wrong or a bit set that
// nobody reads.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace weft::xds
