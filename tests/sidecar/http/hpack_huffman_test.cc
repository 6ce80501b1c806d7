#include "sidecar/http/hpack_huffman.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/core/random.h"
#include "tests/sidecar/http/hpack_huffman_code.h"
#include "tests/sidecar/http/hpack_peer.h"

namespace weft::http::hpack_test {
namespace {

// Both ways in memory of exactly the size asked for.
std::optional<std::string> decoded(std::string_view code) {
  const auto in = std::make_unique<std::uint8_t[]>(code.size());
  std::copy(code.begin(), code.end(), in.get());
  const auto out = std::make_unique<char[]>(huffman_decoded_max(code.size()));
  const std::optional<std::size_t> size = decode_huffman(Bytes(in.get(), code.size()), out.get());
  if (!size) return std::nullopt;
  return std::string(out.get(), *size);
}

// How many bytes nghttp2 makes of a value.
std::size_t encoded_size(const std::string& value) {
  Nghttp2Encoder encoder;
  const std::string block = encoder.encode({{"a", value, true}});
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, block), Fields({{"a", value, true}}));
  EXPECT_NE(block[3] & 0x80, 0) << "nghttp2 wrote it plainly";
  // Never indexed, the name in two bytes, and the value's length in three.
  return block.size() - 6;
}

TEST(HpackHuffman, HasTheLengthsThatNghttp2Writes) {
  // Eight of a symbol and as many noughts, of five bits each, as make nghttp2 take the code; eight
  // symbols have as many bytes as one has bits.
  constexpr std::size_t kNoughts = 800;
  for (std::size_t symbol = 0; symbol < 256; ++symbol) {
    const std::string value =
        std::string(8, static_cast<char>(symbol)) + std::string(kNoughts, '0');
    EXPECT_EQ(encoded_size(value), kHuffmanLengths[symbol] + kNoughts * 5 / 8) << symbol;
  }
  EXPECT_EQ(kHuffmanLengths[kHuffmanEnd], 30) << "what is left of all codes";
}

TEST(HpackHuffman, HasTheCodesThatNghttp2Reads) {
  for (std::size_t symbol = 0; symbol < 256; ++symbol) {
    const std::string text(3, static_cast<char>(symbol));
    Nghttp2Decoder peer;
    EXPECT_EQ(peer.decode(huffman_literal("a", huffman(text))), Fields({{"a", text}})) << symbol;
    EXPECT_EQ(decoded(huffman(text)), text) << symbol;
  }
}

TEST(HpackHuffman, ReadsWhatWasWritten) {
  EXPECT_EQ(decoded(""), "");
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    Random random(seed);
    const bool printable = random.below(2) == 0;
    std::string text;
    for (std::size_t i = random.below(100); i > 0; --i)
      text += static_cast<char>(printable ? 0x20 + random.below(0x5f) : random.below(256));
    ASSERT_EQ(decoded(huffman(text)), text) << seed;
  }
}

// Every bit of a code at every place of a byte, behind short codes and in front of short ones.
TEST(HpackHuffman, ReadsEverySymbolAtEveryBit) {
  for (std::size_t before = 0; before < 16; ++before) {
    for (std::size_t symbol = 0; symbol < 256; ++symbol) {
      const std::string text =
          std::string(before, 'a') + static_cast<char>(symbol) + std::string(before % 5, '~') + "e";
      ASSERT_EQ(decoded(huffman(text)), text) << before << " " << symbol;
    }
  }
}

TEST(HpackHuffman, RefusesTheEndSymbol) {
  for (std::size_t before = 0; before < 20; ++before) {
    for (const std::string_view behind : {"", "a", "aaaaaaaaaaaa"}) {
      Bits bits;
      for (std::size_t i = 0; i < before; ++i) bits.add_symbol('a');
      bits.add_symbol(kHuffmanEnd);
      for (const char c : behind) bits.add_symbol(static_cast<unsigned char>(c));
      EXPECT_EQ(decoded(bits.bytes()), std::nullopt) << before << behind;
    }
  }
}

TEST(HpackHuffman, WantsFillingOfLessThanAByteAllOfOnes) {
  for (std::size_t before = 0; before < 20; ++before) {
    Bits bits;
    for (std::size_t i = 0; i < before; ++i) bits.add_symbol('a');
    const std::string text(before, 'a');
    const std::string code = bits.bytes();
    EXPECT_EQ(decoded(code), text);
    EXPECT_EQ(decoded(code + '\xff'), std::nullopt) << "eight bits more";
    EXPECT_EQ(decoded(code + "\xff\xff\xff"), std::nullopt);
    const auto filling = static_cast<unsigned>(code.size() * 8 - bits.size());
    for (unsigned i = 0; i < filling; ++i) {
      std::string broken = code;
      broken.back() = static_cast<char>(broken.back() ^ 1 << i);
      // With five bits a nought may make it another letter.
      if (filling < 5) {
        EXPECT_EQ(decoded(broken), std::nullopt) << before << " " << i;
      }
    }
  }
}

TEST(HpackHuffman, RefusesACodeCutShort) {
  for (std::size_t symbol = 0; symbol < 256; ++symbol) {
    const std::string code = huffman(std::string(1, static_cast<char>(symbol)));
    for (std::size_t size = 1; size < code.size(); ++size)
      EXPECT_EQ(decoded(std::string_view(code).substr(0, size)), std::nullopt) << symbol;
  }
}

TEST(HpackHuffman, ReadsNoiseAsNghttp2Does) {
  std::size_t read = 0;
  for (std::uint64_t seed = 0; seed < 100'000; ++seed) {
    Random random(seed);
    std::string code;
    for (std::size_t i = random.below(12); i > 0; --i)
      code += static_cast<char>(random.below(3) == 0 ? 0xff : random.below(256));
    Nghttp2Decoder peer;
    const std::optional<Fields> theirs = peer.decode(huffman_literal("a", code));
    const std::optional<std::string> ours = decoded(code);
    ASSERT_EQ(ours.has_value(), theirs.has_value()) << seed;
    if (!ours) continue;
    ASSERT_EQ(*ours, theirs->front().value) << seed;
    ++read;
  }
  EXPECT_GT(read, 1000U);
}

}  // namespace
}  // namespace weft::http::hpack_test
