#pragma once
// hex_pair: the two lower-case digits of a byte by one look-up, for ids that every request writes.
// Everything else takes to_hex (strings.h).

#include <array>
#include <cstdint>
#include <string_view>

namespace weft {

inline constexpr std::array<char, 512> kHexPairs = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = kDigits[byte >> 4];
    pairs[2 * byte + 1] = kDigits[byte & 15];
  }
  return pairs;
}();

// Two characters, not ended by a zero.
[[nodiscard]] inline const char* hex_pair(std::uint8_t byte) {
  return kHexPairs.data() + 2 * std::size_t{byte};
}

}  // namespace weft
