#pragma once
// Source text as the house tests see it: the files of the tree, their lines, and the same text with
// comments or literals blanked out, so that a rule about code is not broken by a word in a comment.
//
// Blanking keeps every newline and the length, so line numbers stay true. It is a small lexer, not
// a compiler: it knows comments, string and character literals, raw strings and digit separators.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weft::house {

struct File {
  std::string path;  // from the top of the tree, with forward slashes
  std::string text;
};

struct Finding {
  std::string path;
  std::size_t line = 0;  // from 1
  std::string message;
};

// Every file under the given folders (recursively) whose name ends in one of `endings`, sorted by
// path. A folder may also be a single file. What does not exist is left out.
[[nodiscard]] std::vector<File> read_tree(const std::filesystem::path& top,
                                          const std::vector<std::string_view>& folders,
                                          const std::vector<std::string_view>& endings);

// Comments and raw strings blanked; ordinary strings stay (an #include needs its quotes).
[[nodiscard]] std::string without_comments(std::string_view text);

// Comments and the inside of every literal blanked.
[[nodiscard]] std::string code_only(std::string_view text);

[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view text);

// Leading and trailing blanks taken off.
[[nodiscard]] std::string_view trimmed(std::string_view line);

// Where `word` stands alone in the line (no letter, digit or underscore beside it), or npos.
[[nodiscard]] std::size_t find_word(std::string_view line, std::string_view word,
                                    std::size_t from = 0);

// "path:line: message", one per line.
[[nodiscard]] std::string report(const std::vector<Finding>& findings);

}  // namespace weft::house
