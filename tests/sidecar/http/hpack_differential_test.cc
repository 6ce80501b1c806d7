// Our HPACK beside nghttp2's: what one writes both read alike, and what is broken both refuse.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/random.h"
#include "sidecar/http/hpack.h"
#include "tests/sidecar/http/hpack_peer.h"

namespace weft::http::hpack_test {
namespace {

constexpr auto kNames = std::to_array<std::string_view>(
    {":method",    ":path",         ":scheme",        ":authority",
     ":status",    "content-type",  "content-length", "accept-encoding",
     "user-agent", "x-request-id",  "traceparent",    "grpc-status",
     "cookie",     "authorization", "x-of-nobody",    "if-match",
     "te",         "x-weft-peer",   "date",           "a"});
constexpr auto kValues = std::to_array<std::string_view>(
    {"GET", "POST", "/", "/index.html", "/cart/items?page=2", "https", "200", "404", "503",
     "application/grpc", "gzip, deflate", "weft", "", "0", "1", "trailers",
     "Mon, 21 Oct 2013 20:13:21 GMT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"});

// Fields that come again, fields that do not, short and long ones, of any bytes.
class FieldMaker final {
 public:
  explicit FieldMaker(std::uint64_t seed) : random_(seed) {}

  [[nodiscard]] Random& random() { return random_; }
  [[nodiscard]] std::string text(std::size_t size) {
    std::string text;
    const bool printable = random_.below(4) != 0;
    for (std::size_t i = 0; i < size; ++i)
      text += static_cast<char>(printable ? 0x20 + random_.below(0x5f) : random_.below(256));
    return text;
  }
  [[nodiscard]] Pair field() {
    Pair field;
    switch (random_.below(8)) {
      case 0:
        field.name = text(1 + random_.below(20));
        break;
      case 1:
        field.name = "x-" + std::to_string(random_.below(30));
        break;
      default:
        field.name = kNames[random_.below(kNames.size())];
        break;
    }
    switch (random_.below(8)) {
      case 0:
        field.value = text(random_.below(40));
        break;
      case 1:
        field.value = text(random_.below(random_.below(16) == 0 ? 5000 : 300));
        break;
      case 2:
        field.value = std::to_string(random_.below(50));
        break;
      default:
        field.value = kValues[random_.below(kValues.size())];
        break;
    }
    field.never_index = random_.below(12) == 0;
    return field;
  }
  [[nodiscard]] Fields block() {
    Fields fields(random_.below(20));
    for (Pair& pair : fields) pair = field();
    return fields;
  }
  [[nodiscard]] std::vector<std::size_t> cuts(std::size_t size) {
    std::vector<std::size_t> cuts(random_.below(4));
    for (std::size_t& cut : cuts) cut = random_.below(size + 1);
    std::ranges::sort(cuts);
    return cuts;
  }
  [[nodiscard]] std::size_t table_size() {
    return random_.below(3) == 0 ? random_.below(200) : random_.below(9000);
  }

 private:
  Random random_;
};

std::string encode_block(HpackEncoder& encoder, const Fields& fields, Random& random) {
  std::string block;
  encoder.begin_block(block);
  for (const Pair& field : fields) {
    const HpackEncoder::Indexing indexing = field.never_index ? HpackEncoder::Indexing::kNever
                                            : random.below(4) == 0
                                                ? HpackEncoder::Indexing::kWithout
                                                : HpackEncoder::Indexing::kIncremental;
    const Pseudo pseudo = pseudo_of(field.name);
    if (pseudo != Pseudo::kNone && pseudo != Pseudo::kUnknown && random.below(8) != 0) {
      encoder.encode(pseudo, field.value, indexing, block);
    } else {
      const bool known = random.below(8) != 0;
      const HeaderId id = known ? header_id_of(field.name) : HeaderId::kOther;
      // An id stands for the lower-case name.
      const bool is_lower = id == HeaderId::kOther || field.name == name_of(id);
      encoder.encode(field.name, field.value, is_lower ? id : HeaderId::kOther, indexing, block);
    }
  }
  return block;
}

TEST(HpackDifferential, WhatWeWriteBothReadAlike) {
  std::size_t fields_written = 0;
  std::size_t bytes_written = 0;
  std::size_t bytes_of_fields = 0;
  for (std::uint64_t seed = 0; fields_written < 100'000; ++seed) {
    FieldMaker maker(seed);
    HpackEncoder encoder(seed % 2 == 0 ? 4096 : maker.table_size());
    HpackDecoder decoder;
    Nghttp2Decoder peer;
    for (std::size_t i = 0; i < 40; ++i) {
      for (std::uint64_t changes = maker.random().below(8); changes > 5; --changes) {
        const std::size_t size = maker.table_size();
        encoder.set_table_max(size);
        decoder.set_table_max(size);
        peer.set_table_max(size);
      }
      const Fields fields = maker.block();
      const std::string block = encode_block(encoder, fields, maker.random());
      // What has to be said about the table is said in front of a first field: a block without any
      // is no block of HTTP/2's.
      ASSERT_EQ(decode(decoder, block, maker.cuts(block.size())), fields) << seed << " " << i;
      ASSERT_EQ(peer.decode(block), fields) << seed << " " << i;
      ASSERT_EQ(decoder.table_bytes(), peer.table_bytes()) << seed << " " << i;
      ASSERT_EQ(decoder.table_bytes(), encoder.table_bytes()) << seed << " " << i;
      fields_written += fields.size();
      bytes_written += block.size();
      for (const Pair& field : fields) bytes_of_fields += field.name.size() + field.value.size();
    }
  }
}

TEST(HpackDifferential, WhatNghttp2WritesWeRead) {
  std::size_t fields_written = 0;
  for (std::uint64_t seed = 0; fields_written < 100'000; ++seed) {
    FieldMaker maker(seed);
    Nghttp2Encoder encoder(seed % 2 == 0 ? 4096 : maker.table_size());
    HpackDecoder decoder;
    for (std::size_t i = 0; i < 40; ++i) {
      for (std::uint64_t changes = maker.random().below(8); changes > 5; --changes) {
        const std::size_t size = maker.table_size();
        encoder.set_table_max(size);
        decoder.set_table_max(size);
      }
      const Fields fields = maker.block();
      const std::string block = encoder.encode(fields);
      std::optional<Fields> read = decode(decoder, block, maker.cuts(block.size()));
      ASSERT_TRUE(read.has_value()) << seed << " " << i;
      ASSERT_EQ(read->size(), fields.size()) << seed << " " << i;
      for (std::size_t j = 0; j < fields.size(); ++j) {
        // It keeps authorization and short cookies from being indexed without being told.
        if (fields[j].name == "authorization" || fields[j].name == "cookie")
          (*read)[j].never_index = fields[j].never_index;
      }
      ASSERT_EQ(*read, fields) << seed << " " << i;
      fields_written += fields.size();
    }
  }
}

// Blocks of a good peer with a few bytes changed, moved or left out. A decoder is given up with the
// first refusal, as its connection is.
TEST(HpackDifferential, BothRefuseTheSameBrokenBlocks) {
  std::size_t refused = 0;
  std::size_t accepted = 0;
  for (std::uint64_t seed = 0; seed < 40'000; ++seed) {
    FieldMaker maker(seed);
    Random& random = maker.random();
    HpackEncoder ours;
    Nghttp2Encoder theirs;
    HpackDecoder decoder;
    Nghttp2Decoder peer;
    for (std::size_t i = 0; i < 4; ++i) {
      if (random.below(4) == 0) {
        const std::size_t size = maker.table_size();
        decoder.set_table_max(size);
        peer.set_table_max(size);
        if (random.below(4) != 0) {
          ours.set_table_max(size);
          theirs.set_table_max(size);
        }
      }
      const Fields fields = maker.block();
      std::string block =
          seed % 2 == 0 ? encode_block(ours, fields, random) : theirs.encode(fields);
      for (std::uint64_t changes = random.below(4); changes > 0 && !block.empty(); --changes) {
        const std::size_t at =
            random.below(std::min<std::size_t>(block.size(), 1 + random.below(200)));
        switch (random.below(5)) {
          case 0:
            block[at] = static_cast<char>(random.next());
            break;
          case 1:
            block[at] = static_cast<char>(block[at] ^ (1 << random.below(8)));
            break;
          case 2:
            block.erase(at, 1 + random.below(3));
            break;
          case 3:
            block.insert(at, 1, static_cast<char>(random.next()));
            break;
          case 4:
            block.resize(at);
            break;
        }
      }
      const std::optional<Fields> read = decode(decoder, block, maker.cuts(block.size()));
      const std::optional<Fields> theirs_read = peer.decode(block);
      ASSERT_EQ(read, theirs_read) << seed << " " << i;
      (read ? accepted : refused) += 1;
      if (!read) break;
      ASSERT_EQ(decoder.table_bytes(), peer.table_bytes()) << seed << " " << i;
    }
  }
  EXPECT_GT(refused, 10'000U);
  EXPECT_GT(accepted, 10'000U);
}

TEST(HpackDifferential, BothReadNoiseAlike) {
  for (std::uint64_t seed = 0; seed < 60'000; ++seed) {
    FieldMaker maker(seed);
    HpackDecoder decoder;
    Nghttp2Decoder peer;
    std::string block;
    for (std::size_t i = 1 + maker.random().below(24); i > 0; --i)
      block += static_cast<char>(maker.random().next());
    ASSERT_EQ(decode(decoder, block, maker.cuts(block.size())), peer.decode(block)) << seed;
  }
}

TEST(HpackDifferential, BothJudgeBytesAlike) {
  std::size_t valid = 0;
  const auto bytes_of = [](std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
  };
  for (std::uint64_t seed = 0; seed < 100'000; ++seed) {
    FieldMaker maker(seed);
    Random& random = maker.random();
    std::string name = random.below(6) == 0 ? ":" : "";
    for (std::size_t i = random.below(12); i > 0; --i)
      name += static_cast<char>(random.below(16) == 0 ? random.below(256) : 'a' + random.below(26));
    const std::string value = random.below(2) == 0 ? maker.text(random.below(40)) : "plain\tvalue";
    ASSERT_EQ(is_valid_field_name(name),
              nghttp2_check_header_name(bytes_of(name), name.size()) != 0)
        << name;
    ASSERT_EQ(is_valid_field_value(value),
              nghttp2_check_header_value_rfc9113(bytes_of(value), value.size()) != 0)
        << value;
    valid += is_valid_field_name(name) && is_valid_field_value(value) ? 1 : 0;
  }
  EXPECT_GT(valid, 10'000U);
  EXPECT_LT(valid, 90'000U);
}

}  // namespace
}  // namespace weft::http::hpack_test
