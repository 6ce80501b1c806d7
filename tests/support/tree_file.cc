#include "tests/support/tree_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

namespace weft::testing {

namespace {

std::string whole_path(const std::string& path) { return WEFT_SOURCE_DIR "/" + path; }

}  // namespace

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string read_tree_text(const std::string& path) { return read_text(whole_path(path)); }

void expect_in_tree(const std::string& path, const std::string& text) {
  if (const char* mode = std::getenv("WEFT_GOLDEN");
      mode != nullptr && std::string_view(mode) == "write") {
    std::ofstream(whole_path(path), std::ios::binary) << text;
  }
  EXPECT_EQ(read_tree_text(path), text) << path << ": run with WEFT_GOLDEN=write and look";
}

}  // namespace weft::testing
