#pragma once
// Files as tests read them, and those of the tree that it can write itself.

#include <string>

namespace weft::testing {

// All that it holds; empty where there is none.
[[nodiscard]] std::string read_text(const std::string& path);
// `path` begins at the top of the tree.
[[nodiscard]] std::string read_tree_text(const std::string& path);

// The file of the tree holds `text`; WEFT_GOLDEN=write makes it so.
void expect_in_tree(const std::string& path, const std::string& text);

}  // namespace weft::testing
