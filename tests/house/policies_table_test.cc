// tests/POLICIES.md names tests and examples: each is there, so that the table goes on being true.

#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/source_text.h"
#include "tests/support/tree_file.h"

namespace weft::house {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string name_at(std::string_view text, std::size_t& at) {
  while (at < text.size() && std::isspace(static_cast<unsigned char>(text[at])) != 0) ++at;
  const std::size_t begin = at;
  while (at < text.size() && is_name(text[at])) ++at;
  return std::string(text.substr(begin, at - begin));
}

// "Suite.Name" of every test of the tree.
std::set<std::string> tests_of_the_tree() {
  std::set<std::string> out;
  for (const auto& [path, text] : read_tree(WEFT_SOURCE_DIR, {"tests"}, {"_test.cc"})) {
    for (const std::string_view macro : {"\nTEST(", "\nTEST_F(", "\nTEST_P("}) {
      for (std::size_t at = 0; (at = text.find(macro, at)) != std::string::npos;) {
        at += macro.size();
        const std::string suite = name_at(text, at);
        ++at;  // the comma
        out.insert(suite + "." + name_at(text, at));
      }
    }
  }
  return out;
}

// '*' and "…" stand for anything.
bool fits(std::string_view pattern, std::string_view name) {
  static constexpr std::string_view kEllipsis = "\xe2\x80\xa6";
  if (pattern.empty()) return name.empty();
  const std::size_t wild = pattern.front() == '*' ? 1 : pattern.starts_with(kEllipsis) ? 3 : 0;
  if (wild != 0) {
    for (std::size_t skip = 0; skip <= name.size(); ++skip) {
      if (fits(pattern.substr(wild), name.substr(skip))) return true;
    }
    return false;
  }
  return !name.empty() && pattern.front() == name.front() &&
         fits(pattern.substr(1), name.substr(1));
}

// What stands between backquotes in a line.
std::vector<std::string> quoted(const std::string& line) {
  std::vector<std::string> out;
  for (std::size_t at = line.find('`'); at != std::string::npos;) {
    const std::size_t end = line.find('`', at + 1);
    if (end == std::string::npos) break;
    out.push_back(line.substr(at + 1, end - at - 1));
    at = line.find('`', end + 1);
  }
  return out;
}

// Patterns of a line: ".Name" is of the suite before it.
std::vector<std::string> patterns_of(const std::string& line) {
  std::vector<std::string> out;
  std::string suite;
  for (const std::string& word : quoted(line)) {
    const bool same = word.starts_with(".");
    const std::string name = word.substr(same ? 1 : 0);
    if (name.empty() || std::isupper(static_cast<unsigned char>(name.front())) == 0 ||
        name.find_first_of(" /=") != std::string::npos || name.ends_with(".md")) {
      continue;
    }
    const std::string whole = same ? suite + word : word;
    if (!same) suite = word.substr(0, word.find('.'));
    if (whole.find_first_of(".*") != std::string::npos) out.push_back(whole);
  }
  return out;
}

TEST(PoliciesTable, NamesTestsThatAreThere) {
  const std::set<std::string> tests = tests_of_the_tree();
  ASSERT_GT(tests.size(), 1000U);
  std::istringstream table(testing::read_tree_text("tests/POLICIES.md"));
  std::size_t named = 0;
  for (std::string line; std::getline(table, line);) {
    for (const std::string& pattern : patterns_of(line)) {
      ++named;
      bool found = false;
      for (const std::string& test : tests) found = found || fits(pattern, test);
      EXPECT_TRUE(found) << "no test is called " << pattern;
    }
  }
  EXPECT_GT(named, 150U) << "the table is really read";
}

TEST(PoliciesTable, HasEveryExample) {
  const std::filesystem::path top = WEFT_SOURCE_DIR;
  const std::string table = testing::read_tree_text("tests/POLICIES.md");
  for (const auto& entry : std::filesystem::directory_iterator(top / "k8s/examples/more")) {
    const std::string name = entry.path().stem().string();
    // `breaker-payment`, `-credit`, `-fraud` share their first word.
    const std::string tail = name.substr(name.find('-') == std::string::npos ? 0 : name.find('-'));
    EXPECT_TRUE(table.find("`" + name + "`") != std::string::npos ||
                table.find("`" + tail + "`") != std::string::npos)
        << name << " shows nothing";
  }
}

TEST(PoliciesTable, ItsReaderTellsAMissingTestFromOneThatIsThere) {
  EXPECT_EQ(patterns_of("| a | `Cors.*`, `.Name…` | `policy-x` | `weft_x` `README.md` `./dev` |"),
            (std::vector<std::string>{"Cors.*", "Cors.Name…"}));
  EXPECT_TRUE(fits("Cors.*", "Cors.Anything"));
  EXPECT_TRUE(fits("A.B…D", "A.BxxD"));
  EXPECT_FALSE(fits("A.B", "A.Bc"));
  EXPECT_FALSE(fits("A.Missing*", "A.Other"));
}

}  // namespace
}  // namespace weft::house
