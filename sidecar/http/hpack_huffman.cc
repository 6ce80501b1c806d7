#include "sidecar/http/hpack_huffman.h"

#include <bit>
#include <cstring>

namespace weft::http {

constexpr std::array<std::uint8_t, kHuffmanSymbols> kHuffmanLengths = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,  // 0x00
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,  // 0x10
    6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,   // 0x20
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10,  // 0x30
    13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,   // 0x40
    7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,   // 0x50
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,   // 0x60
    6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28,  // 0x70
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,  // 0x80
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,  // 0x90
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,  // 0xa0
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,  // 0xb0
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,  // 0xc0
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,  // 0xd0
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,  // 0xe0
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,  // 0xf0
    30};

namespace {

constexpr unsigned kLengthMin = 5;
constexpr unsigned kLengthMax = 30;
// Codes of at most so many bits are looked up: all of letters, digits and most punctuation.
constexpr unsigned kShortBits = 10;

struct Short {
  std::uint8_t symbol = 0;
  std::uint8_t length = 0;  // 0: the code is longer
};

// Codes of one length are numbers in a row, given to symbols in their order, and follow on those of
// the length before.
struct HuffmanTables {
  std::array<Short, 1U << kShortBits> shorts{};
  // By length. Codes stand at the left of 32 bits.
  std::array<std::uint32_t, kLengthMax + 1> first{};
  std::array<std::uint32_t, kLengthMax + 1> last{};
  std::array<std::uint16_t, kLengthMax + 1> rank{};  // of the first in `symbols`
  std::array<bool, kLengthMax + 1> used{};
  std::array<std::uint16_t, kHuffmanSymbols> symbols{};  // in the order of their codes
  std::uint64_t end = 0;                                 // behind the last code
};

constexpr HuffmanTables make_huffman_tables() {
  HuffmanTables tables;
  std::uint64_t code = 0;
  std::size_t rank = 0;
  for (unsigned length = kLengthMin; length <= kLengthMax; ++length) {
    const std::uint64_t step = std::uint64_t{1} << (32 - length);
    tables.first[length] = static_cast<std::uint32_t>(code);
    tables.rank[length] = static_cast<std::uint16_t>(rank);
    for (std::size_t symbol = 0; symbol < kHuffmanSymbols; ++symbol) {
      if (kHuffmanLengths[symbol] != length) continue;
      tables.used[length] = true;
      tables.symbols[rank++] = static_cast<std::uint16_t>(symbol);
      if (length <= kShortBits) {
        for (std::uint64_t i = code; i < code + step; i += std::uint64_t{1} << (32 - kShortBits)) {
          tables.shorts[i >> (32 - kShortBits)] = {static_cast<std::uint8_t>(symbol),
                                                   static_cast<std::uint8_t>(length)};
        }
      }
      code += step;
      tables.last[length] = static_cast<std::uint32_t>(code - 1);
    }
  }
  tables.end = code;
  return tables;
}
constexpr HuffmanTables kHuffman = make_huffman_tables();
static_assert(kHuffman.end == std::uint64_t{1} << 32, "every row of bits is the front of a code");
static_assert(kHuffman.symbols.back() == kHuffmanEnd, "the end symbol is all ones");

struct Symbol {
  unsigned value;
  unsigned length;
};

Symbol find_long(std::uint32_t bits) {
  unsigned length = kShortBits + 1;
  while (!kHuffman.used[length] || bits > kHuffman.last[length]) ++length;
  const std::uint32_t after_first = (bits - kHuffman.first[length]) >> (32 - length);
  return {kHuffman.symbols[kHuffman.rank[length] + after_first], length};
}

Short find_short(std::uint64_t window) { return kHuffman.shorts[window >> (64 - kShortBits)]; }

Symbol find(std::uint64_t window) {
  const Short entry = find_short(window);
  if (entry.length != 0) return {entry.symbol, entry.length};
  return find_long(static_cast<std::uint32_t>(window >> 32));
}

std::uint64_t load_big_endian(const std::uint8_t* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return std::endian::native == std::endian::little ? __builtin_bswap64(word) : word;
}

}  // namespace

std::optional<std::size_t> decode_huffman(Bytes code, char* out) {
  char* const begin = out;
  const std::uint8_t* at = code.data();
  const std::uint8_t* const end = at + code.size();
  // The next `count` bits stand at the left; what follows them is either zero or the bits that will
  // be put there next.
  std::uint64_t window = 0;
  unsigned count = 0;
  while (true) {
    if (end - at >= 8) {
      window |= load_big_endian(at) >> count;
      at += (63 - count) / 8;
      count |= 56;
    } else {
      for (; count < 56 && at != end; count += 8) window |= std::uint64_t{*at++} << (56 - count);
    }
    while (count >= kShortBits) {
      const Short entry = find_short(window);
      Symbol symbol{entry.symbol, entry.length};
      if (symbol.length == 0) {
        if (count < kLengthMax) break;
        symbol = find_long(static_cast<std::uint32_t>(window >> 32));
        if (symbol.value == kHuffmanEnd) return std::nullopt;
      }
      *out++ = static_cast<char>(symbol.value);
      window <<= symbol.length;
      count -= symbol.length;
    }
    if (at == end) break;
  }
  // The last bits, with ones behind them, which are never the rest of a code: those of bytes are
  // all other than ones.
  while (true) {
    const std::uint64_t filled = window | ~std::uint64_t{0} >> count;
    if (filled == ~std::uint64_t{0}) break;
    const Symbol symbol = find(filled);
    if (symbol.length > count) return std::nullopt;
    *out++ = static_cast<char>(symbol.value);
    window <<= symbol.length;
    count -= symbol.length;
  }
  if (count > 7) return std::nullopt;
  return static_cast<std::size_t>(out - begin);
}

}  // namespace weft::http
