#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sidecar/core/slab.h"
#include "sidecar/http/hpack.h"
#include "tests/sidecar/http/hpack_peer.h"

namespace weft::http::hpack_test {
namespace {

// RFC 7541 appendix C: blocks that follow on each other, what they say, and the table behind them.
struct Example {
  std::string_view hex;
  Fields fields;
  std::size_t table_bytes;
  std::size_t table_entries;
};
struct Series {
  std::string_view section;
  std::size_t table_max;
  std::vector<Example> blocks;
};

Fields first_request() {
  return {
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "www.example.com"}};
}
Fields second_request() {
  Fields fields = first_request();
  fields.push_back({"cache-control", "no-cache"});
  return fields;
}
Fields third_request() {
  return {{":method", "GET"},
          {":scheme", "https"},
          {":path", "/index.html"},
          {":authority", "www.example.com"},
          {"custom-key", "custom-value"}};
}
Fields first_response() {
  return {{":status", "302"},
          {"cache-control", "private"},
          {"date", "Mon, 21 Oct 2013 20:13:21 GMT"},
          {"location", "https://www.example.com"}};
}
Fields second_response() {
  Fields fields = first_response();
  fields[0].value = "307";
  return fields;
}
Fields third_response() {
  return {{":status", "200"},
          {"cache-control", "private"},
          {"date", "Mon, 21 Oct 2013 20:13:22 GMT"},
          {"location", "https://www.example.com"},
          {"content-encoding", "gzip"},
          {"set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"}};
}

const std::vector<Series>& appendix_c() {
  static const std::vector<Series> all = {
      {"C.2.1",
       4096,
       {{"400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
         {{"custom-key", "custom-header"}},
         55,
         1}}},
      {"C.2.2", 4096, {{"040c 2f73 616d 706c 652f 7061 7468", {{":path", "/sample/path"}}, 0, 0}}},
      {"C.2.3",
       4096,
       {{"1008 7061 7373 776f 7264 0673 6563 7265 74", {{"password", "secret", true}}, 0, 0}}},
      {"C.2.4", 4096, {{"82", {{":method", "GET"}}, 0, 0}}},
      {"C.3",
       4096,
       {{"8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", first_request(), 57, 1},
        {"8286 84be 5808 6e6f 2d63 6163 6865", second_request(), 110, 2},
        {"8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
         third_request(), 164, 3}}},
      {"C.4",
       4096,
       {{"8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", first_request(), 57, 1},
        {"8286 84be 5886 a8eb 1064 9cbf", second_request(), 110, 2},
        {"8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", third_request(), 164, 3}}},
      {"C.5",
       256,
       {{"4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133"
         "2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70"
         "6c65 2e63 6f6d",
         first_response(), 222, 4},
        {"4803 3330 37c1 c0bf", second_response(), 222, 4},
        {"88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d"
         "54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049"
         "5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e"
         "3d31",
         third_response(), 215, 3}}},
      {"C.6",
       256,
       {{"4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6"
         "2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
         first_response(), 222, 4},
        {"4883 640e ffc1 c0bf", second_response(), 222, 4},
        {"88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab"
         "77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f"
         "9587 3160 65c0 03ed 4ee5 b106 3d50 07",
         third_response(), 215, 3}}}};
  return all;
}

TEST(HpackDecoder, ReadsTheExamplesOfTheStandard) {
  for (const Series& series : appendix_c()) {
    HpackDecoder decoder(series.table_max);
    for (const Example& example : series.blocks) {
      EXPECT_EQ(decode(decoder, from_hex(example.hex)), example.fields) << series.section;
      EXPECT_EQ(decoder.table_bytes(), example.table_bytes) << series.section;
      EXPECT_EQ(decoder.table_entries(), example.table_entries) << series.section;
    }
  }
}

TEST(HpackDecoder, ReadsThemHoweverTheyAreCut) {
  for (const Series& series : appendix_c()) {
    for (std::size_t first = 0; first < 120; ++first) {
      for (const std::size_t distance : {std::size_t{0}, std::size_t{1}, std::size_t{5}}) {
        HpackDecoder decoder(series.table_max);
        for (const Example& example : series.blocks) {
          const std::string block = from_hex(example.hex);
          const std::size_t cut = std::min(first, block.size());
          const std::array<std::size_t, 2> cuts{cut, std::min(cut + distance, block.size())};
          ASSERT_EQ(decode(decoder, block, cuts), example.fields) << series.section << " " << cut;
          ASSERT_EQ(decoder.table_bytes(), example.table_bytes);
        }
      }
    }
  }
}

std::vector<std::size_t> at_every_byte(std::size_t size) {
  std::vector<std::size_t> cuts(size);
  std::iota(cuts.begin(), cuts.end(), 0);
  return cuts;
}

TEST(HpackDecoder, ReadsThemByteByByte) {
  for (const Series& series : appendix_c()) {
    HpackDecoder decoder(series.table_max);
    for (const Example& example : series.blocks) {
      const std::string block = from_hex(example.hex);
      EXPECT_EQ(decode(decoder, block, at_every_byte(block.size())), example.fields);
    }
  }
}

TEST(HpackDecoder, ReadsLongTextsByteByByte) {
  const std::string text(HpackDecoder::kStringMax, 'x');
  std::string block;
  HpackEncoder encoder;
  encoder.encode(text, text, HeaderId::kOther, HpackEncoder::Indexing::kWithout, block);
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, block, at_every_byte(block.size())), Fields({{text, text}}));
}

// ---- what a field is ----

HpackField next_of(HpackDecoder& decoder, Bytes& input) {
  HpackField field;
  EXPECT_EQ(decoder.next(input, field), HpackDecoder::Next::kField);
  return field;
}

std::string literal(std::uint8_t first, std::string_view name, std::string_view value) {
  std::string block(1, static_cast<char>(first));
  block += static_cast<char>(name.size());
  block += name;
  block += static_cast<char>(value.size());
  return block += value;
}

TEST(HpackDecoder, SaysWhatAFieldIs) {
  HpackDecoder decoder;
  const std::string block = literal(0x40, "traceparent", "1") + literal(0x00, ":path", "/") +
                            literal(0x00, "x", "") +
                            // :scheme from the static table, traceparent from the dynamic one, its
                            // name alone, and :status as a name of the static table.
                            from_hex("87 be 0f2f 0132 0803") + "503";
  Bytes input = as_bytes(block);
  EXPECT_EQ(next_of(decoder, input).id, HeaderId::kTraceparent);
  EXPECT_EQ(next_of(decoder, input).pseudo, Pseudo::kPath);
  const HpackField other = next_of(decoder, input);
  EXPECT_EQ(other.id, HeaderId::kOther);
  EXPECT_EQ(other.pseudo, Pseudo::kNone);
  EXPECT_EQ(next_of(decoder, input).pseudo, Pseudo::kScheme);
  EXPECT_EQ(next_of(decoder, input).id, HeaderId::kTraceparent);
  const HpackField named = next_of(decoder, input);
  EXPECT_EQ(named.id, HeaderId::kTraceparent);
  EXPECT_EQ(named.value, "2");
  EXPECT_EQ(next_of(decoder, input).pseudo, Pseudo::kStatus);
  EXPECT_TRUE(decoder.end_block());
}

bool is_valid(std::string_view name, std::string_view value) {
  HpackDecoder decoder;
  const std::string block = literal(0x40, name, value) + "\xbe";
  Bytes input = as_bytes(block);
  const bool literally = next_of(decoder, input).valid;
  EXPECT_EQ(next_of(decoder, input).valid, literally) << "as an entry";
  return literally;
}

TEST(HpackDecoder, SaysWhichBytesMayNotBeInAField) {
  EXPECT_TRUE(is_valid("content-type", "text/html; charset=utf-8"));
  EXPECT_TRUE(is_valid("!#$%&'*+-.^_`|~09az", "a\tb \x80\xff"));
  EXPECT_TRUE(is_valid(":path", ""));
  EXPECT_TRUE(is_valid(":of-nobody", "1"));
  for (const std::string_view name :
       {"", ":", "Host", "content-Type", "a b", "a:b", "::path", "caf\xc3\xa9", "a\x7f", "x\n"})
    EXPECT_FALSE(is_valid(name, "1")) << name;
  EXPECT_FALSE(is_valid(std::string_view("a\0", 2), "1"));
  for (const std::string_view value : {" a", "a ", "\ta", "a\t", " ", "a\nb", "a\rb", "\x1f",
                                       "a\x7f", "a long one with a control\x01 in the middle"})
    EXPECT_FALSE(is_valid("a", value)) << value;
  EXPECT_FALSE(is_valid("a", std::string_view("\0", 1)));
}

TEST(HpackDecoder, JudgesANameOfTheTableApartFromItsValue) {
  HpackDecoder decoder;
  const std::string block = literal(0x40, "good", "bad ") + literal(0x40, "Bad", "good") +
                            from_hex("0f 30 01 61  0f 2f 01 61  7f 00 01 0a  be");
  Bytes input = as_bytes(block);
  EXPECT_FALSE(next_of(decoder, input).valid);
  EXPECT_FALSE(next_of(decoder, input).valid);
  EXPECT_TRUE(next_of(decoder, input).valid) << "good: a";
  EXPECT_FALSE(next_of(decoder, input).valid) << "Bad: a";
  EXPECT_FALSE(next_of(decoder, input).valid) << "good: a line end, into the table";
  EXPECT_FALSE(next_of(decoder, input).valid);
}

TEST(HpackDecoder, SaysWhatMustNotBeIndexedOnlyOfThatField) {
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, literal(0x40, "a", "1") + from_hex("1f 2f 01 32") + from_hex("be")),
            Fields({{"a", "1"}, {"a", "2", true}, {"a", "1"}}));
}

// ---- the table ----

TEST(HpackDecoder, TakesTheNameOfAnEntryThatGoesForIt) {
  HpackDecoder decoder(64);
  const std::string name(20, 'n');
  const std::string block = literal(0x40, name, "1") + from_hex("7e 02 3233");
  EXPECT_EQ(decode(decoder, block), Fields({{name, "1"}, {name, "23"}}));
  EXPECT_EQ(decoder.table_bytes(), 54U);
}

TEST(HpackDecoder, TakesTheNameOfAnEntryAlsoWhenTheNewOneEmptiesTheTable) {
  for (const bool code : {false, true}) {
    HpackDecoder decoder(64);
    const std::string name(20, 'n');
    const std::string value(20, '0');
    // Twenty noughts are a hundred bits of nought.
    std::string block = literal(0x40, name, "1") + from_hex(code ? "7e 8d" : "7e 14");
    block += code ? std::string(12, '\0') + "\x0f" : value;
    EXPECT_EQ(decode(decoder, block), Fields({{name, "1"}, {name, value}}));
    EXPECT_EQ(decoder.table_bytes(), 0U);
    EXPECT_EQ(decode(decoder, "\xbe"), std::nullopt);
  }
}

TEST(HpackDecoder, ShrinksAndGrowsWithThePeersWord) {
  HpackDecoder decoder;
  EXPECT_TRUE(decode(decoder, literal(0x40, "a", "1") + literal(0x40, "b", "2")));
  EXPECT_EQ(decode(decoder, from_hex("3f 03 be")), Fields({{"b", "2"}})) << "34 bytes";
  EXPECT_EQ(decoder.table_entries(), 1U);
  EXPECT_EQ(decode(decoder, from_hex("20 3f e1 1f 82")), Fields({{":method", "GET"}}));
  EXPECT_EQ(decoder.table_entries(), 0U);
  EXPECT_TRUE(decode(decoder, literal(0x40, "a", "1")));
  EXPECT_EQ(decoder.table_entries(), 1U);
  EXPECT_TRUE(decode(decoder, from_hex("20 20 3f e1 1f"))) << "nothing but sizes";
}

TEST(HpackDecoder, TakesASizeOnlyInFrontOfTheFields) {
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, from_hex("82 20")), std::nullopt);
  HpackDecoder cut;
  const std::array<std::size_t, 1> cuts{1};
  EXPECT_EQ(decode(cut, from_hex("82 20"), cuts), std::nullopt);
}

TEST(HpackDecoder, TakesNoSizeAboveItsOwn) {
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, from_hex("3f e2 1f")), std::nullopt) << "4097";
  HpackDecoder larger;
  larger.set_table_max(8192);
  EXPECT_TRUE(decode(larger, from_hex("3f e1 3f 82"))) << "8192";
  HpackDecoder smaller(100);
  EXPECT_EQ(decode(smaller, from_hex("3f 46")), std::nullopt) << "101";
}

TEST(HpackDecoder, WantsToHearThatItsTableShrinks) {
  HpackDecoder decoder;
  ASSERT_TRUE(decode(decoder, literal(0x40, "a", "1")));
  decoder.set_table_max(100);
  EXPECT_EQ(decode(decoder, from_hex("3f 45 be")), Fields({{"a", "1"}})) << "100";
  decoder.set_table_max(50);
  EXPECT_EQ(decode(decoder, "\xbe"), std::nullopt);

  HpackDecoder larger;
  larger.set_table_max(100);
  EXPECT_EQ(decode(larger, from_hex("3f 46 82")), std::nullopt) << "101";
  HpackDecoder empty;
  empty.set_table_max(100);
  EXPECT_EQ(decode(empty, ""), std::nullopt) << "a block of nothing";
}

TEST(HpackDecoder, WantsToHearTheSmallestSizeBetweenBlocks) {
  HpackDecoder decoder;
  ASSERT_TRUE(decode(decoder, literal(0x40, "a", "1")));
  decoder.set_table_max(10);
  decoder.set_table_max(4096);
  EXPECT_EQ(decoder.table_entries(), 0U);
  EXPECT_TRUE(decode(decoder, from_hex("2a 3f e1 1f 82"))) << "10, then 4096";
  decoder.set_table_max(10);
  decoder.set_table_max(4096);
  EXPECT_EQ(decode(decoder, from_hex("3f e1 1f 82")), std::nullopt) << "4096 at once";
}

TEST(HpackDecoder, AsksNothingWhenTheTableIsSmallerAlready) {
  HpackDecoder decoder;
  ASSERT_TRUE(decode(decoder, from_hex("3f 45 82"))) << "100";
  decoder.set_table_max(200);
  EXPECT_TRUE(decode(decoder, "\x82"));
  EXPECT_EQ(decode(decoder, from_hex("3f aa 01")), std::nullopt) << "201";
}

// ---- the end ----

TEST(HpackDecoder, RefusesABlockThatEndsWithinAField) {
  const std::string block = literal(0x40, "name", "value");
  for (std::size_t size = 1; size < block.size(); ++size) {
    HpackDecoder decoder;
    EXPECT_EQ(decode(decoder, block.substr(0, size)), std::nullopt) << size;
    EXPECT_EQ(decode(decoder, "\x82"), std::nullopt) << "the connection is lost";
  }
}

TEST(HpackDecoder, StaysBrokenAndKeepsNothing) {
  HpackDecoder decoder;
  ASSERT_TRUE(decode(decoder, literal(0x40, "a", "1")));
  EXPECT_EQ(decode(decoder, from_hex("82 80")), std::nullopt);
  EXPECT_EQ(decoder.table_entries(), 0U);
  HpackField field;
  Bytes nothing;
  EXPECT_EQ(decoder.next(nothing, field), HpackDecoder::Next::kError);
  EXPECT_FALSE(decoder.end_block());
}

TEST(HpackDecoder, TakesABlockOfNothing) {
  HpackDecoder decoder;
  EXPECT_EQ(decode(decoder, ""), Fields());
  EXPECT_EQ(decode(decoder, from_hex("82")), Fields({{":method", "GET"}}));
}

#ifndef WEFT_SANITIZED
// On a thread of its own, whose slabs nobody else fills.
TEST(HpackDecoder, TakesNoNewMemoryForBlocksLikeTheLast) {
  std::thread([] {
    HpackDecoder decoder;
    Nghttp2Encoder encoder;
    const Fields fields = third_response();
    ASSERT_TRUE(decode(decoder, encoder.encode(fields)));
    std::vector<std::size_t> kept;
    for (int i = 0; i < 500; ++i) {
      Fields changed = fields;
      changed[2].value += std::to_string(100 + i);
      ASSERT_EQ(decode(decoder, encoder.encode(changed)), changed);
      // Once the table is full, what goes in takes the place of what goes.
      if (i >= 200) kept.push_back(slab_kept_bytes());
    }
    EXPECT_LT(*std::ranges::max_element(kept) - *std::ranges::min_element(kept), 1024U);
  }).join();
}
#endif

}  // namespace
}  // namespace weft::http::hpack_test
