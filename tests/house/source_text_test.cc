// The small lexer under the house tests has to be right before the rules above it can be.

#include "tests/house/source_text.h"

#include <gtest/gtest.h>

namespace weft::house {
namespace {

TEST(SourceText, BlanksLineAndBlockCommentsButKeepsLines) {
  EXPECT_EQ(code_only("a; // b\nc /* d\ne */ f"), "a;     \nc     \n     f");
}

TEST(SourceText, KeepsOrdinaryStringsWhenOnlyCommentsGo) {
  EXPECT_EQ(without_comments("#include \"a/b.h\"  // why\n"), "#include \"a/b.h\"        \n");
}

TEST(SourceText, DoesNotTakeASlashInAStringForAComment) {
  EXPECT_EQ(without_comments("f(\"http://x\"); g();"), "f(\"http://x\"); g();");
  EXPECT_EQ(code_only("f(\"http://x\"); g();"), "f(\"        \"); g();");
}

TEST(SourceText, BlanksRawStringsInBothForms) {
  const std::string_view raw = "x = R\"y(\n#include <z>\n)\" )y\"; w";
  EXPECT_EQ(without_comments(raw), "x = R\"  \n            \n     \"; w");
  EXPECT_EQ(code_only(raw), without_comments(raw));
}

TEST(SourceText, KnowsEscapedQuotesAndCharacterLiterals) {
  EXPECT_EQ(code_only(R"(f("a\"b", '"', '\''); g)"), R"(f("    ", ' ', '  '); g)");
}

TEST(SourceText, DoesNotTakeADigitSeparatorForACharacter) {
  EXPECT_EQ(code_only("n = 1'000'000; // x"), "n = 1'000'000;     ");
}

TEST(SourceText, EndsAnOpenStringAtTheEndOfItsLine) {
  EXPECT_EQ(code_only("#error don't\nint a; // b"), "#error don' \nint a;     ");
}

TEST(SourceText, FindsAWordOnlyWhenItStandsAlone) {
  EXPECT_EQ(find_word("undelete(x); delete y;", "delete"), 13U);
  EXPECT_EQ(find_word("delete_me", "delete"), std::string_view::npos);
}

TEST(SourceText, SplitsLinesWithoutAnEmptyOneAtTheEnd) {
  EXPECT_EQ(split_lines("a\n\nb\n").size(), 3U);
}

}  // namespace
}  // namespace weft::house
