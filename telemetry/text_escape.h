#pragma once
// Escaping of texts from outside for the three places they go to: a JSON string, a text log line, a
// Prometheus label value.
//
// All append to the caller's buffer and allocate only when it must grow. Bytes that are not UTF-8
// become U+FFFD where the format must be UTF-8 (JSON: RFC 8259 8.1; Prometheus text format), so
// hostile bytes never break a line or a parser.

#include <cstddef>
#include <string>
#include <string_view>

namespace weft::telemetry {

inline constexpr std::size_t kNoCut = static_cast<std::size_t>(-1);

// "…" with its quotes. At most `bytes_max` of `text`; what is cut shows as "...".
void append_json_string(std::string& out, std::string_view text, std::size_t bytes_max = kNoCut);

// Printable ASCII as it is, quotes and backslashes with a backslash, everything else as \xNN.
void append_log_text(std::string& out, std::string_view text, std::size_t bytes_max = kNoCut);

// The inside of a label value's quotes.
void append_label_value(std::string& out, std::string_view text);

// How many bytes of a well-formed character stand at the front: 1 … 4; 0 when the first byte begins
// none (RFC 3629).
[[nodiscard]] std::size_t utf8_length(std::string_view text);

}  // namespace weft::telemetry
