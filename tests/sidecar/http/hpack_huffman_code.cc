#include "tests/sidecar/http/hpack_huffman_code.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "sidecar/core/assert.h"
#include "sidecar/http/hpack_huffman.h"

namespace weft::http::hpack_test {

namespace {

// Codes from lengths, by the rule of RFC 7541 section 5.2: numbers in a row, the shortest first.
std::array<std::uint32_t, kHuffmanSymbols> make_codes() {
  std::array<std::size_t, kHuffmanSymbols> order{};
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, {}, [](std::size_t symbol) { return kHuffmanLengths[symbol]; });
  std::array<std::uint32_t, kHuffmanSymbols> codes{};
  std::uint32_t code = 0;
  unsigned length = kHuffmanLengths[order[0]];
  for (const std::size_t symbol : order) {
    code <<= kHuffmanLengths[symbol] - length;
    length = kHuffmanLengths[symbol];
    codes[symbol] = code++;
  }
  return codes;
}

}  // namespace

Bits& Bits::add(std::uint64_t value, unsigned count) {
  while (count-- > 0) bits_ += (value >> count & 1) != 0 ? '1' : '0';
  return *this;
}

Bits& Bits::add_symbol(std::size_t symbol) {
  static const auto kCodes = make_codes();
  return add(kCodes[symbol], kHuffmanLengths[symbol]);
}

std::string Bits::bytes() const {
  std::string bytes((bits_.size() + 7) / 8, '\xff');
  for (std::size_t i = 0; i < bits_.size(); ++i) {
    if (bits_[i] == '0') bytes[i / 8] = static_cast<char>(bytes[i / 8] & ~(0x80 >> i % 8));
  }
  return bytes;
}

std::string huffman(std::string_view text) {
  Bits bits;
  for (const char c : text) bits.add_symbol(static_cast<unsigned char>(c));
  return bits.bytes();
}

std::string huffman_literal(std::string_view name, std::string_view code_of_value) {
  WEFT_ASSERT(name.size() < 127 && code_of_value.size() < 127);
  std::string block(1, '\0');
  block += static_cast<char>(name.size());
  block += name;
  block += static_cast<char>(0x80 | code_of_value.size());
  block += code_of_value;
  return block;
}

}  // namespace weft::http::hpack_test
