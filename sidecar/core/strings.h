#pragma once
// Text helpers shared by every room: ASCII case, trimming, splitting, numbers, durations, escaping.
// Locale-free.

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft {

[[nodiscard]] constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}
[[nodiscard]] bool equals_ignore_case(std::string_view a, std::string_view b);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] std::string_view trim(std::string_view text);  // spaces and tabs
// Pieces between separators, trimmed, empty ones kept.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

// Decimal digits only, the whole text, no sign; nothing on overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_u64(std::string_view text);

// Gateway API duration (GEP-2257): one to four of number + h|m|s|ms, for example "1h30m", "250ms",
// "0s".
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
[[nodiscard]] std::string format_duration(Duration duration);

// For logs and JSON: control bytes, quotes, backslashes and bytes over 0x7f as \xNN or \n; at most
// `bytes_max` of input.
[[nodiscard]] std::string escape(std::string_view text, std::size_t bytes_max = 256);

[[nodiscard]] std::string to_hex(std::string_view bytes);

// For maps keyed by std::string and looked up by string_view.
struct TextHash {
  using is_transparent = void;
  [[nodiscard]] std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

}  // namespace weft
