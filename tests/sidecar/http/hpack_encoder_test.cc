#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "sidecar/core/random.h"
#include "sidecar/http/hpack.h"
#include "tests/sidecar/http/hpack_peer.h"

namespace weft::http::hpack_test {
namespace {

using Indexing = HpackEncoder::Indexing;

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return hex;
}

// One block of one field.
std::string written(HpackEncoder& encoder, std::string_view name, std::string_view value,
                    Indexing indexing = Indexing::kIncremental) {
  std::string out;
  encoder.begin_block(out);
  encoder.encode(name, value, header_id_of(name), indexing, out);
  return hex_of(out);
}
std::string written(HpackEncoder& encoder, Pseudo name, std::string_view value,
                    Indexing indexing = Indexing::kIncremental) {
  std::string out;
  encoder.begin_block(out);
  encoder.encode(name, value, indexing, out);
  return hex_of(out);
}

std::string request(HpackEncoder& encoder, std::string_view scheme, std::string_view path,
                    std::string_view name, std::string_view value) {
  std::string out;
  encoder.begin_block(out);
  encoder.encode(Pseudo::kMethod, "GET", Indexing::kIncremental, out);
  encoder.encode(Pseudo::kScheme, scheme, Indexing::kIncremental, out);
  encoder.encode(Pseudo::kPath, path, Indexing::kIncremental, out);
  encoder.encode(Pseudo::kAuthority, "www.example.com", Indexing::kIncremental, out);
  if (!name.empty()) encoder.encode(name, value, header_id_of(name), Indexing::kIncremental, out);
  return hex_of(out);
}

TEST(HpackEncoder, WritesTheRequestsOfTheStandard) {
  HpackEncoder encoder;  // RFC 7541 appendix C.3
  EXPECT_EQ(request(encoder, "http", "/", "", ""), "828684410f7777772e6578616d706c652e636f6d");
  EXPECT_EQ(encoder.table_bytes(), 57U);
  EXPECT_EQ(request(encoder, "http", "/", "cache-control", "no-cache"),
            "828684be58086e6f2d6361636865");
  EXPECT_EQ(encoder.table_bytes(), 110U);
  EXPECT_EQ(request(encoder, "https", "/index.html", "custom-key", "custom-value"),
            "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565");
  EXPECT_EQ(encoder.table_bytes(), 164U);
}

TEST(HpackEncoder, WritesLiteralsThatAreNotToBeIndexed) {
  HpackEncoder encoder;  // RFC 7541 appendix C.2.2 and C.2.3
  EXPECT_EQ(written(encoder, Pseudo::kPath, "/sample/path", Indexing::kWithout),
            "040c2f73616d706c652f70617468");
  EXPECT_EQ(written(encoder, "password", "secret", Indexing::kNever),
            "100870617373776f726406736563726574");
  EXPECT_EQ(encoder.table_bytes(), 0U);
}

TEST(HpackEncoder, NamesEntriesOfTheStaticTable) {
  HpackEncoder encoder;
  EXPECT_EQ(written(encoder, Pseudo::kStatus, "200"), "88");
  EXPECT_EQ(written(encoder, Pseudo::kStatus, "500", Indexing::kWithout), "8e");
  EXPECT_EQ(written(encoder, "accept-encoding", "gzip, deflate"), "90");
  EXPECT_EQ(written(encoder, "content-length", ""), "9c");
  EXPECT_EQ(written(encoder, "www-authenticate", "a"), "7d0161") << "61 as a name";
  EXPECT_EQ(written(encoder, "via", "a", Indexing::kWithout), "0f2d0161") << "60, and 15 fit";
}

TEST(HpackEncoder, NeverIndexesASecretEvenIfItCould) {
  HpackEncoder encoder;
  EXPECT_EQ(written(encoder, "authorization", "a"), "570161");
  EXPECT_EQ(written(encoder, "authorization", "a", Indexing::kNever), "1f080161");
  EXPECT_EQ(written(encoder, "accept-encoding", "gzip, deflate", Indexing::kNever),
            "1f010d677a69702c206465666c617465");
  EXPECT_EQ(written(encoder, "x-secret", "a"), "4008782d7365637265740161");
  EXPECT_EQ(written(encoder, "x-secret", "a", Indexing::kNever), "1f2f0161") << "its name is there";
}

TEST(HpackEncoder, UsesAnEntryForWhatItWouldNotIndex) {
  HpackEncoder encoder;
  EXPECT_EQ(written(encoder, "x-a", "1", Indexing::kWithout), "0003782d610131");
  EXPECT_EQ(written(encoder, "x-a", "1"), "4003782d610131");
  EXPECT_EQ(written(encoder, "x-a", "1", Indexing::kWithout), "be");
  EXPECT_EQ(written(encoder, "x-a", "2", Indexing::kWithout), "0f2f0132");
  EXPECT_EQ(written(encoder, "x-a", "2"), "7e0132");
  EXPECT_EQ(written(encoder, "x-a", "1"), "bf") << "not the last of its name";
}

TEST(HpackEncoder, LeavesOutOfTheTableWhatFillsAQuarterOfIt) {
  HpackEncoder encoder;
  static_cast<void>(written(encoder, "a", std::string(1024 - 33, 'v')));
  EXPECT_EQ(encoder.table_bytes(), 1024U);
  const std::string before = written(encoder, "a", std::string(1024 - 32, 'v'));
  EXPECT_EQ(before.substr(0, 4), "0f2f") << "without indexing, with the name of an entry";
  EXPECT_EQ(encoder.table_bytes(), 1024U);
}

// ---- the size of the table ----

TEST(HpackEncoder, SaysThatItsTableShrinksBeforeAnythingElse) {
  HpackEncoder encoder;
  EXPECT_EQ(written(encoder, "x-a", "1"), "4003782d610131");
  encoder.set_table_max(200);
  EXPECT_EQ(written(encoder, "x-a", "1"), "3fa901be");
  EXPECT_EQ(written(encoder, "x-a", "1"), "be") << "once";
  encoder.set_table_max(200);
  EXPECT_EQ(written(encoder, "x-a", "1"), "be") << "nothing changed";
}

TEST(HpackEncoder, SaysTheSmallestSizeAndTheLast) {
  HpackEncoder encoder;
  EXPECT_EQ(written(encoder, "x-a", "1"), "4003782d610131");
  encoder.set_table_max(30);
  encoder.set_table_max(0);
  encoder.set_table_max(1000);
  encoder.set_table_max(4096);
  EXPECT_EQ(encoder.table_bytes(), 0U);
  EXPECT_EQ(written(encoder, "x-a", "1"), "203fe11f4003782d610131") << "0, then 4096";
}

TEST(HpackEncoder, UsesNoMoreThanItsOwnSizeAndSaysSo) {
  HpackEncoder encoder(1000);
  EXPECT_EQ(written(encoder, "x-a", "1"), "3fc9074003782d610131");
  encoder.set_table_max(65536);
  EXPECT_EQ(written(encoder, "x-a", "1"), "be");
  HpackEncoder none(0);
  EXPECT_EQ(written(none, "x-a", "1"), "200003782d610131");
  EXPECT_EQ(written(none, "x-a", "1"), "0003782d610131");
}

TEST(HpackEncoder, UsesMoreThanTheUsualSizeOnceThePeerAllowsIt) {
  HpackEncoder encoder(16384);
  EXPECT_EQ(written(encoder, Pseudo::kMethod, "GET"), "82") << "the peer has 4096 still";
  encoder.set_table_max(65536);
  EXPECT_EQ(written(encoder, Pseudo::kMethod, "GET"), "3fe17f82") << "16384";
}

// ---- beside a decoder ----

TEST(HpackEncoder, FindsWhatComesWithEveryMessage) {
  // Whatever the texts: no two of them push each other out for good.
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    HpackEncoder encoder;
    Fields fields;
    for (std::size_t i = 0; i < 20; ++i)
      fields.push_back({"x-" + std::to_string(random.below(8)), std::to_string(random.next())});
    std::string block;
    for (int message = 0; message < 3; ++message) {
      block.clear();
      encoder.begin_block(block);
      for (const Pair& field : fields)
        encoder.encode(field.name, field.value, HeaderId::kOther, Indexing::kIncremental, block);
    }
    EXPECT_EQ(block.size(), fields.size()) << seed;
  }
}

TEST(HpackEncoder, StaysInStepOverManyMoreEntriesThanItsHintsCount) {
  HpackEncoder encoder(65536);
  encoder.set_table_max(65536);
  HpackDecoder decoder;
  decoder.set_table_max(65536);
  Random random(7);
  for (std::size_t i = 0; i < 3000; ++i) {
    Fields fields;
    for (std::size_t j = 0; j < 50; ++j)
      fields.push_back({"x-" + std::to_string(random.below(40)),
                        random.below(3) == 0 ? "again" : std::to_string(random.below(100'000))});
    std::string block;
    encoder.begin_block(block);
    for (const Pair& field : fields)
      encoder.encode(field.name, field.value, HeaderId::kOther, Indexing::kIncremental, block);
    ASSERT_EQ(decode(decoder, block), fields) << i;
    ASSERT_EQ(decoder.table_bytes(), encoder.table_bytes());
  }
}

}  // namespace
}  // namespace weft::http::hpack_test
