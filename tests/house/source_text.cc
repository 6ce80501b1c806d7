#include "tests/house/source_text.h"

#include <algorithm>
#include <cctype>
#include <system_error>

#include "tests/support/tree_file.h"

namespace weft::house {

namespace {

bool is_identifier(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool ends_with_any(std::string_view name, const std::vector<std::string_view>& endings) {
  return std::ranges::any_of(endings,
                             [name](std::string_view ending) { return name.ends_with(ending); });
}

// The quote at `at` opens a raw string when the identifier before it is R, uR, UR, LR or u8R.
bool opens_raw_string(std::string_view text, std::size_t at) {
  std::size_t start = at;
  while (start > 0 && is_identifier(text[start - 1])) --start;
  const std::string_view prefix = text.substr(start, at - start);
  return prefix == "R" || prefix == "uR" || prefix == "UR" || prefix == "LR" || prefix == "u8R";
}

// 1'000: the apostrophe stands inside a token that began with a digit.
bool is_digit_separator(std::string_view text, std::size_t at) {
  std::size_t start = at;
  while (start > 0 && (is_identifier(text[start - 1]) || text[start - 1] == '\'')) --start;
  return start < at && std::isdigit(static_cast<unsigned char>(text[start])) != 0;
}

void blank(std::string& out, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to && i < out.size(); ++i) {
    if (out[i] != '\n') out[i] = ' ';
  }
}

// One past the closing quote of an ordinary literal; it ends at the line's end at the latest.
std::size_t end_of_literal(std::string_view text, std::size_t open) {
  std::size_t i = open + 1;
  while (i < text.size() && text[i] != text[open] && text[i] != '\n') {
    i += text[i] == '\\' ? 2U : 1U;
  }
  return std::min(i + 1, text.size());
}

std::size_t end_of_raw_string(std::string_view text, std::size_t open) {
  const std::size_t paren = text.find('(', open);
  if (paren == std::string_view::npos) return text.size();
  const std::string close = ")" + std::string(text.substr(open + 1, paren - open - 1)) + "\"";
  const std::size_t end = text.find(close, paren);
  return end == std::string_view::npos ? text.size() : end + close.size();
}

std::size_t end_of_comment(std::string_view text, std::size_t open) {
  const bool block = text[open + 1] == '*';
  const std::size_t end = block ? text.find("*/", open + 2) : text.find('\n', open);
  if (end == std::string_view::npos) return text.size();
  return block ? end + 2 : end;
}

std::string masked(std::string_view text, bool blank_literals) {
  std::string out(text);
  std::size_t i = 0;
  while (i < text.size()) {
    const char c = text[i];
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    std::size_t end = i + 1;
    if (c == '/' && (next == '/' || next == '*')) {
      end = end_of_comment(text, i);
      blank(out, i, end);
    } else if (c == '"' && opens_raw_string(text, i)) {
      end = end_of_raw_string(text, i);
      blank(out, i + 1, end - 1);
    } else if (c == '"' || (c == '\'' && !is_digit_separator(text, i))) {
      end = end_of_literal(text, i);
      if (blank_literals) blank(out, i + 1, end - 1);
    }
    i = end;
  }
  return out;
}

}  // namespace

std::vector<File> read_tree(const std::filesystem::path& top,
                            const std::vector<std::string_view>& folders,
                            const std::vector<std::string_view>& endings) {
  namespace fs = std::filesystem;
  std::vector<File> files;
  const auto add = [&](const fs::path& path) {
    files.push_back(
        {path.lexically_relative(top).generic_string(), testing::read_text(path.string())});
  };
  for (const std::string_view folder : folders) {
    const fs::path start = top / folder;
    std::error_code error;
    if (fs::is_regular_file(start, error)) add(start);
    if (!fs::is_directory(start, error)) continue;
    for (fs::recursive_directory_iterator it(start, error), end; it != end; it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (it->is_directory(error) && (name == "node_modules" || name == "build")) {
        it.disable_recursion_pending();
      } else if (it->is_regular_file(error) && ends_with_any(name, endings)) {
        add(it->path());
      }
    }
  }
  std::ranges::sort(files, {}, &File::path);
  return files;
}

std::string without_comments(std::string_view text) { return masked(text, false); }

std::string code_only(std::string_view text) { return masked(text, true); }

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

std::string_view trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

std::size_t find_word(std::string_view line, std::string_view word, std::size_t from) {
  for (std::size_t at = line.find(word, from); at != std::string_view::npos;
       at = line.find(word, at + 1)) {
    const std::size_t after = at + word.size();
    const bool alone_before = at == 0 || !is_identifier(line[at - 1]);
    const bool alone_after = after >= line.size() || !is_identifier(line[after]);
    if (alone_before && alone_after) return at;
  }
  return std::string_view::npos;
}

std::string report(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.path + ":" + std::to_string(finding.line) + ": " + finding.message + "\n";
  }
  return text;
}

}  // namespace weft::house
