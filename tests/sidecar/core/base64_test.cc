// Base64: known answers, what must be refused, and streams of padded texts cut anywhere.

#include "sidecar/core/base64.h"

#include <gtest/gtest.h>

#include <utility>

#include "sidecar/core/random.h"
#include "tests/support/at_every_split.h"

namespace weft {
namespace {

std::string encoded(std::string_view bytes) {
  std::string text(base64_size(bytes.size()), '?');
  encode_base64(as_bytes(bytes), text);
  return text;
}

// What a reader made of the pieces; "!" at the end when it broke, "~" when it waits for more.
std::string read(const testing::Pieces& pieces) {
  Base64Reader reader;
  Buffer out;
  for (const std::string_view piece : pieces) {
    if (!reader.feed(as_bytes(piece), out)) return out.to_string() + "!";
  }
  return out.to_string() + (reader.partial() ? "~" : "");
}

TEST(Base64, WritesWhatRfc4648Does) {
  const std::pair<const char*, const char*> pairs[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : pairs) {
    const std::string bare(text, std::string_view(text).find_last_not_of('=') + 1);
    EXPECT_EQ(encoded(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
    EXPECT_EQ(decode_base64(bare), bytes);
    EXPECT_EQ(encode_base64url(bytes), bare);
    EXPECT_EQ(decode_base64url(bare), bytes);
    EXPECT_EQ(read({text}), bytes);
  }
  EXPECT_EQ(encoded("\xfb\xff\xbf"), "+/+/");
  EXPECT_EQ(encode_base64url("\xfb\xff\xbf"), "-_-_");
}

TEST(Base64, ReadsBackWhatItWrote) {
  Random random(20);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random.below(256));
    EXPECT_EQ(decode_base64url(encode_base64url(bytes)), bytes);
    EXPECT_EQ(decode_base64(encoded(bytes)), bytes);
    EXPECT_EQ(read({encoded(bytes)}), bytes);
  }
}

TEST(Base64, TakesBothAlphabetsAndNothingElse) {
  EXPECT_EQ(decode_base64("-_-_"), decode_base64("+/+/"));
  for (const std::string_view bad :
       {"Z", "Zg=", "Zh==", "Zg==Zg==", "=", "Z g=", "Zm9v=", "Zm9vY==="}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

TEST(Base64, ForUrlsIsExact) {
  for (const char* text :
       {"Z", "Zg==", "Zm8=", "Zm 8", "Zm9v\n", "Zm+v", "Zm/v", "Zh", "Zm9", "Zg.", "\xc3\xa4"}) {
    EXPECT_FALSE(decode_base64url(text)) << text;
  }
}

TEST(Base64, AStreamMayBePaddedInTheMiddleAndCutAnywhere) {
  EXPECT_EQ(testing::at_every_split("Zg==Zm8=Zm9vZm9vYg==", read), "ffofoofoob");
  EXPECT_EQ(testing::at_every_split("Zm9vZm9", read), "foo~");
  EXPECT_EQ(testing::at_every_split("", read), "");
}

TEST(Base64, AStreamThatIsNoneIsRefusedWhereverItIsCut) {
  for (const std::string_view bad : {"Zm9vZ===", "Zm9v====", "Zm9vZg=a", "Zm9vZh==", "Zm9vZm9=",
                                     "Zm9vZ\r\n9", "Zm9v-_-_", "Zm9v=AAA"}) {
    EXPECT_EQ(testing::at_every_split(std::string(bad) + "Zm9v", read), "foo!") << bad;
  }
}

TEST(Base64, ALongStreamIsReadInPieces) {
  const std::string bytes(100'000, 'x');
  EXPECT_EQ(read({encoded(bytes)}), bytes);
}

}  // namespace
}  // namespace weft
