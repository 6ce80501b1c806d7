#include "sidecar/http/header_id.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/core/strings.h"

namespace weft::http {
namespace {

std::string upper(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

TEST(HeaderId, EveryNameIsFoundInEveryCase) {
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const auto id = static_cast<HeaderId>(i);
    EXPECT_EQ(header_id_of(name_of(id)), id);
    EXPECT_EQ(header_id_of(upper(name_of(id))), id);
  }
}

TEST(HeaderId, NothingElseIsTakenForAKnownName) {
  for (std::size_t i = 1; i < kHeaderIds; ++i) {
    const std::string name(name_of(static_cast<HeaderId>(i)));
    EXPECT_NE(header_id_of(name + "x"), static_cast<HeaderId>(i));
    EXPECT_NE(header_id_of(name.substr(1)), static_cast<HeaderId>(i));
    for (std::size_t at = 0; at < name.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = name;
        changed[at] = static_cast<char>(byte);
        const HeaderId found = header_id_of(changed);
        ASSERT_TRUE(found == HeaderId::kOther || equals_ignore_case(name_of(found), changed))
            << changed;
      }
    }
  }
  EXPECT_EQ(header_id_of(""), HeaderId::kOther);
}

}  // namespace
}  // namespace weft::http
