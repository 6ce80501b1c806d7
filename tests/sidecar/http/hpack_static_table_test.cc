#include "sidecar/http/hpack_static_table.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string_view>

namespace weft::http {
namespace {

std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

TEST(HpackStaticTable, IsNghttp2sToo) {
  nghttp2_hd_inflater* inflater = nullptr;
  ASSERT_EQ(nghttp2_hd_inflate_new(&inflater), 0);
  for (std::size_t i = 0; i < kHpackStaticEntries; ++i) {
    const nghttp2_nv* entry = nghttp2_hd_inflate_get_table_entry(inflater, i + 1);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(kHpackStaticTable[i].name, text_of(entry->name, entry->namelen)) << i + 1;
    EXPECT_EQ(kHpackStaticTable[i].value, text_of(entry->value, entry->valuelen)) << i + 1;
  }
  EXPECT_EQ(nghttp2_hd_inflate_get_table_entry(inflater, kHpackStaticEntries + 1), nullptr);
  nghttp2_hd_inflate_del(inflater);
}

TEST(HpackStaticTable, KnowsWhatItsNamesAre) {
  for (const HpackField& entry : kHpackStaticTable) {
    EXPECT_EQ(entry.id, header_id_of(entry.name)) << entry.name;
    EXPECT_EQ(entry.pseudo, pseudo_of(entry.name)) << entry.name;
    EXPECT_TRUE(entry.valid && is_valid_field_name(entry.name)) << entry.name;
    EXPECT_TRUE(is_valid_field_value(entry.value)) << entry.value;
    EXPECT_FALSE(entry.never_index);
  }
}

TEST(HpackStaticTable, FindsEachOfItsEntries) {
  for (std::size_t i = 0; i < kHpackStaticEntries; ++i) {
    const HpackField& entry = kHpackStaticTable[i];
    if (entry.id == HeaderId::kOther && entry.pseudo == Pseudo::kNone) continue;
    const bool pseudo = entry.pseudo != Pseudo::kNone;
    const HpackStaticMatch match = pseudo ? find_hpack_static(entry.pseudo, entry.value)
                                          : find_hpack_static(entry.id, entry.value);
    EXPECT_EQ(match.field, i + 1) << entry.name;
    EXPECT_EQ(kHpackStaticTable[match.name - 1U].name, entry.name);
    EXPECT_TRUE(match.name == 1 || kHpackStaticTable[match.name - 2U].name != entry.name);
    const HpackStaticMatch name = pseudo ? find_hpack_static(entry.pseudo, "of no entry")
                                         : find_hpack_static(entry.id, "of no entry");
    EXPECT_EQ(name.field, 0);
    EXPECT_EQ(name.name, match.name);
  }
}

TEST(HpackStaticTable, HasNothingForOtherNames) {
  EXPECT_EQ(find_hpack_static(HeaderId::kOther, "").name, 0);
  EXPECT_EQ(find_hpack_static(HeaderId::kTraceparent, "").field, 0);
  EXPECT_EQ(find_hpack_static(Pseudo::kProtocol, "websocket").name, 0);
}

TEST(HpackField, TellsPseudoFieldsApart) {
  EXPECT_EQ(pseudo_of(":method"), Pseudo::kMethod);
  EXPECT_EQ(pseudo_of(":protocol"), Pseudo::kProtocol);
  EXPECT_EQ(pseudo_of(":status"), Pseudo::kStatus);
  EXPECT_EQ(pseudo_of(":"), Pseudo::kUnknown);
  EXPECT_EQ(pseudo_of(":Method"), Pseudo::kUnknown);
  EXPECT_EQ(pseudo_of("method"), Pseudo::kNone);
  EXPECT_EQ(pseudo_of(""), Pseudo::kNone);
  EXPECT_EQ(name_of(Pseudo::kAuthority), ":authority");
  EXPECT_EQ(name_of(Pseudo::kUnknown), "");
}

}  // namespace
}  // namespace weft::http
