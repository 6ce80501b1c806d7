#pragma once
// printable: a sentence that quotes what others wrote, safe for a log, a terminal and grpc-message.
//
// Quotes and backslashes stay, a line break becomes a blank, whatever else is not printable ASCII
// '?'; so cutting the text leaves no half character. Pure. Thread: any.

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::xds {

[[nodiscard]] std::string printable(std::string_view text, std::size_t bytes_max);

}  // namespace weft::xds
