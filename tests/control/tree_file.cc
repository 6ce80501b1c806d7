#include "tests/control/tree_file.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/control/objects.h"

namespace weft::control::testing {

void expect_in_tree(const std::string& path, const std::string& text) {
  const std::string whole = std::string(WEFT_SOURCE_DIR) + "/" + path;
  if (const char* mode = std::getenv("WEFT_GOLDEN");
      mode != nullptr && std::string(mode) == "write") {
    std::ofstream(whole) << text;
  }
  EXPECT_EQ(read_text(whole), text) << path << ": run with WEFT_GOLDEN=write and look";
}

}  // namespace weft::control::testing
