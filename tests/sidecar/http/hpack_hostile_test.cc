// Blocks that nobody writes by mistake: what they cost is bounded, and the connection is lost.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "sidecar/http/hpack.h"
#include "tests/sidecar/http/hpack_huffman_code.h"
#include "tests/sidecar/http/hpack_peer.h"

namespace weft::http::hpack_test {
namespace {

std::optional<Fields> read(std::string_view block) {
  HpackDecoder decoder;
  return decode(decoder, block);
}
std::optional<Fields> read_hex(std::string_view hex) { return read(from_hex(hex)); }

TEST(HpackHostile, IndicesOfNothing) {
  EXPECT_EQ(read_hex("80"), std::nullopt) << "0";
  EXPECT_EQ(read_hex("be"), std::nullopt) << "62, of an empty table";
  EXPECT_EQ(read_hex("fe"), std::nullopt) << "126";
  EXPECT_EQ(read_hex("ff 00"), std::nullopt) << "127";
  EXPECT_EQ(read_hex("7e 01 61"), std::nullopt) << "62 as a name";
  EXPECT_EQ(read_hex("0f 2f 01 61"), std::nullopt);
  EXPECT_EQ(read_hex("1f 2f 01 61"), std::nullopt);
  EXPECT_EQ(read_hex("40 01 61 01 62 bf"), std::nullopt) << "63, and there is one entry";
  EXPECT_TRUE(read_hex("40 01 61 01 62 be"));
  EXPECT_EQ(read_hex("ff 80 ff ff ff 0f"), std::nullopt) << "2^32 - 1";
}

TEST(HpackHostile, IntegersThatDoNotEnd) {
  EXPECT_EQ(read_hex("ff ff ff ff ff 7f"), std::nullopt) << "more than 32 bits";
  EXPECT_EQ(read_hex("ff 81 ff ff ff 0f"), std::nullopt) << "2^32";
  EXPECT_EQ(read_hex("ff ff ff ff ff ff ff ff ff ff 01"), std::nullopt);
  EXPECT_EQ(read_hex("3f 80 80 80 80 00"), Fields()) << "31 in five bytes";
  EXPECT_EQ(read_hex("3f 80 80 80 80 80 00"), std::nullopt) << "in six";
  EXPECT_EQ(read_hex("00 7f 80 80 80 80 80 00"), std::nullopt) << "of a text";
  EXPECT_EQ(read_hex("04 ff ff ff ff ff 0f"), std::nullopt);
  // Without waiting for their end.
  for (const std::string_view hex :
       {"ff 80 80 80 80 80", "00 ff ff ff ff ff ff", "3f ff ff ff ff ff"}) {
    HpackDecoder decoder;
    const std::string block = from_hex(hex);
    HpackDecoder::Next next = HpackDecoder::Next::kMore;
    HpackField field;
    for (const char byte : block) {
      EXPECT_EQ(next, HpackDecoder::Next::kMore);
      const auto piece = static_cast<std::uint8_t>(byte);
      Bytes input(&piece, 1);
      next = decoder.next(input, field);
    }
    EXPECT_EQ(next, HpackDecoder::Next::kError) << hex;
  }
}

std::string length_of(std::size_t size, std::uint8_t pattern) {
  std::string bytes(1, static_cast<char>(pattern | 0x7f));
  for (size -= 0x7f; size >= 0x80; size >>= 7) bytes += static_cast<char>(size | 0x80);
  return bytes += static_cast<char>(size);
}

TEST(HpackHostile, TextsThatAreTooLong) {
  const std::string longest(HpackDecoder::kStringMax, 'x');
  EXPECT_TRUE(read(std::string("\x04") + length_of(longest.size(), 0) + longest));
  // Told from its length alone, plain or not, name or value.
  const std::size_t over = HpackDecoder::kStringMax + 1;
  for (const std::uint8_t pattern : {std::uint8_t{0}, std::uint8_t{0x80}}) {
    for (const std::string& before : {std::string("\x04"), std::string(1, '\0')}) {
      HpackDecoder decoder;
      HpackField field;
      const std::string block = before + length_of(over, pattern);
      Bytes input = as_bytes(block);
      EXPECT_EQ(decoder.next(input, field), HpackDecoder::Next::kError);
    }
  }
}

TEST(HpackHostile, CodeThatUnfoldsToTooMuch) {
  // Five bits of nought are a nought: 64 KiB of text are 40 KiB of code.
  const auto noughts = [](std::size_t count) {
    const std::string code(count * 5 / 8, '\0');
    return std::string("\x04") + length_of(code.size(), 0x80) + code;
  };
  const std::optional<Fields> fields = read(noughts(HpackDecoder::kStringMax));
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->front().value, std::string(HpackDecoder::kStringMax, '0'));
  EXPECT_EQ(read(noughts(HpackDecoder::kStringMax + 8)), std::nullopt);
}

TEST(HpackHostile, CodeWithTheEndInItOrWrongFilling) {
  EXPECT_EQ(read(huffman_literal("a", huffman("x"))), Fields({{"a", "x"}}));
  EXPECT_EQ(read(huffman_literal("a", Bits().add_symbol('x').add_symbol(256).bytes())),
            std::nullopt);
  EXPECT_EQ(read(huffman_literal("a", huffman("x") + "\xff")), std::nullopt);
  EXPECT_EQ(read(huffman_literal("a", std::string(1, '\0'))), std::nullopt)
      << "a nought, and three bits of nought";
  EXPECT_EQ(read(huffman_literal("a", "\xff")), std::nullopt) << "filling alone";
  EXPECT_EQ(read(huffman_literal("a", "")), Fields({{"a", ""}}));
}

TEST(HpackHostile, SizesWithoutEnd) {
  // Each is a byte of theirs and next to no work of ours; a table emptied stays empty.
  std::string block;
  for (int i = 0; i < 10'000; ++i) block += from_hex("20 3f e1 1f");
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, block), Fields());
  EXPECT_EQ(decoder.table_bytes(), 0U);
}

TEST(HpackHostile, AnEntryNamedAgainAndAgainTakesNoMemory) {
  const std::string value(4000, 'v');
  const std::string block = std::string("\x40\x01\x61", 3) + length_of(value.size(), 0) + value +
                            std::string(50'000, '\xbe');
  HpackDecoder decoder;
  HpackField field;
  Bytes input = as_bytes(block);
  ASSERT_EQ(decoder.next(input, field), HpackDecoder::Next::kField);
  const char* const entry = field.value.data();
  while (!input.empty()) {
    ASSERT_EQ(decoder.next(input, field), HpackDecoder::Next::kField);
    ASSERT_EQ(field.value.data(), entry) << "it is the one of the table";
  }
  EXPECT_TRUE(decoder.end_block());
}

TEST(HpackHostile, TheTableNeverHoldsMoreThanItsBytes) {
  for (const std::size_t table_max : {std::size_t{0}, std::size_t{100}, std::size_t{4096}}) {
    HpackDecoder decoder(table_max);
    std::string block;
    for (std::size_t i = 0; i < 2000; ++i)
      block += std::string("\x40\x02", 2) + std::to_string(10 + i % 90) + length_of(127 + i, 0) +
               std::string(127 + i, 'v');
    Bytes input = as_bytes(block);
    HpackField field;
    while (!input.empty()) {
      ASSERT_EQ(decoder.next(input, field), HpackDecoder::Next::kField);
      ASSERT_LE(decoder.table_bytes(), table_max);
      ASSERT_LE(decoder.table_entries() * 32, table_max);
    }
  }
}

}  // namespace
}  // namespace weft::http::hpack_test
