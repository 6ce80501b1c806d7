#pragma once
// Integers of HPACK: what fits in the low bits of a byte, the rest in groups of seven bits behind.
//
// Pure. Values have 32 bits. Source: RFC 7541 section 5.1.

#include <cstddef>
#include <cstdint>
#include <string>

namespace weft::http {

// A prefix, and at most so many bytes behind: 32 bits want no more, and zeros to fill up more of
// them say nothing.
inline constexpr std::size_t kHpackIntegerMore = 5;

enum class HpackRead : std::uint8_t {
  kWhole,
  kShort,  // goes on behind what is there
  kBad
};

// REQUIRES: at < end. Takes it from the front when it is whole.
[[nodiscard]] inline HpackRead read_hpack_integer(const std::uint8_t*& at, const std::uint8_t* end,
                                                  unsigned prefix_bits, std::uint32_t& value) {
  const std::uint32_t prefix_max = (1U << prefix_bits) - 1;
  const std::uint8_t* byte = at;
  std::uint64_t sum = *byte++ & prefix_max;
  if (sum == prefix_max) {
    for (std::size_t i = 0;; ++i) {
      if (i == kHpackIntegerMore) return HpackRead::kBad;
      if (byte == end) return HpackRead::kShort;
      sum += std::uint64_t{*byte & 0x7fU} << (7 * i);
      if (sum > UINT32_MAX) return HpackRead::kBad;
      if ((*byte++ & 0x80) == 0) break;
    }
  }
  at = byte;
  value = static_cast<std::uint32_t>(sum);
  return HpackRead::kWhole;
}

// `pattern`: the bits above the prefix.
inline void append_hpack_integer(std::uint8_t pattern, unsigned prefix_bits, std::size_t value,
                                 std::string& out) {
  const std::size_t prefix_max = (std::size_t{1} << prefix_bits) - 1;
  if (value < prefix_max) {
    out.push_back(static_cast<char>(pattern | value));
    return;
  }
  out.push_back(static_cast<char>(pattern | prefix_max));
  for (value -= prefix_max; value >= 0x80; value >>= 7)
    out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

}  // namespace weft::http
