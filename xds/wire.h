#pragma once
// wire: as much of protobuf's wire format as lets us look into a message, or write one around it,
// without decoding it: the name inside a resource of ten thousand, the responses that carry them.
//
// Pure. Thread: any. Source: the encoding page of protobuf.dev.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::xds {

// The bytes of field `number` (a string, bytes or a message) at the top of `message`, the last one
// when it is repeated. Empty when it is not there; nothing when the message is malformed.
[[nodiscard]] std::optional<std::string_view> peek_field(std::string_view message,
                                                         std::uint32_t number);

// How many bytes write_field appends, and write_header before them.
[[nodiscard]] std::size_t field_size(std::uint32_t number, std::size_t payload_bytes);
void write_header(std::string& out, std::uint32_t number, std::size_t payload_bytes);
void write_field(std::string& out, std::uint32_t number, std::string_view payload);

}  // namespace weft::xds
