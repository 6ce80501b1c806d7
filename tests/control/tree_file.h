#pragma once
// TreeFile: a file of the tree that weft itself can write, compared with what it writes now.

#include <string>

namespace weft::control::testing {

// `path` begins at the top of the tree; WEFT_GOLDEN=write makes the file what `text` is.
void expect_in_tree(const std::string& path, const std::string& text);

}  // namespace weft::control::testing
