#pragma once
// Huffman's code of HPACK: reading it.
//
// Pure; no state. We never write it (see HpackEncoder::encode). Source: RFC 7541 section 5.2 and
// appendix B.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "sidecar/core/buffer.h"

namespace weft::http {

// Of all bytes, and of the symbol that says that a text is over. The code is canonical: the lengths
// say all of it.
inline constexpr std::size_t kHuffmanSymbols = 257;
inline constexpr std::size_t kHuffmanEnd = 256;
extern const std::array<std::uint8_t, kHuffmanSymbols> kHuffmanLengths;

// The most bytes that `size` bytes of code can stand for: the shortest code has five bits.
[[nodiscard]] constexpr std::size_t huffman_decoded_max(std::size_t size) { return size * 8 / 5; }

// Writes to `out`, which has room for huffman_decoded_max(code.size()); returns how many bytes, or
// nothing when the code holds the end symbol, or ends with more than seven bits of filling or with
// others than ones.
[[nodiscard]] std::optional<std::size_t> decode_huffman(Bytes code, char* out);

}  // namespace weft::http
