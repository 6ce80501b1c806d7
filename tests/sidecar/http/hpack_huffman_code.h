#pragma once
// Huffman's code of HPACK written: weft itself only reads it.

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::http::hpack_test {

// Bits, most significant first, filled up with ones when they are taken as bytes.
class Bits final {
 public:
  Bits& add(std::uint64_t value, unsigned count);
  Bits& add_symbol(std::size_t symbol);  // 256 is the end symbol
  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] std::size_t size() const { return bits_.size(); }

 private:
  std::string bits_;  // of '0' and '1'
};

[[nodiscard]] std::string huffman(std::string_view text);

// A literal field without indexing, with its name; texts up to 126 bytes.
[[nodiscard]] std::string huffman_literal(std::string_view name, std::string_view code_of_value);

}  // namespace weft::http::hpack_test
