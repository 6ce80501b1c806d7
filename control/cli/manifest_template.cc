#include "control/cli/manifest_template.h"

#include <algorithm>
#include <vector>

#include "sidecar/core/assert.h"

namespace weft::control::cli {

namespace {

// A line with its "\n"; `rest` is what comes after it.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size() - 1) + 1;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end);
  return line;
}

// What stands after a word at the beginning of the line, without its "\n".
bool begins(std::string_view line, std::string_view word, std::string_view& after) {
  if (!line.starts_with(word)) return false;
  after = line.substr(word.size(), line.size() - word.size() - (line.ends_with('\n') ? 1 : 0));
  return true;
}

// Each line but the first begins with as many blanks as stand before the hole.
std::string as_far_in(std::string_view block, std::size_t column) {
  std::string out;
  for (const char c : block) {
    out += c;
    if (c == '\n') out.append(column, ' ');
  }
  return out;
}

// A line, or a block; without holes.
std::string with_values(std::string_view text, const TemplateWords& values) {
  std::string out;
  std::size_t from = 0;
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", from)) {
    const std::size_t end = text.find('}', at);
    WEFT_ASSERT(end != std::string_view::npos);
    const auto value = values.find(text.substr(at + 2, end - at - 2));
    WEFT_ASSERT(value != values.end());
    const std::size_t column = at - (text.rfind('\n', at) + 1);  // npos + 1: the first line
    out += text.substr(from, at - from);
    out += as_far_in(with_values(value->second, values), column);
    from = end + 1;
  }
  return out + std::string(text.substr(from));
}

}  // namespace

std::string fill_template(std::string_view text, const TemplateWords& values,
                          const TemplateWords& holds) {
  std::string out;
  std::vector<bool> inside;  // of each `#if` around the line
  const auto wanted = [&] { return std::ranges::find(inside, false) == inside.end(); };
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view after;
    if (begins(line, "#if ", after)) {
      inside.push_back(holds.contains(after));
    } else if (begins(line, "#end", after)) {
      WEFT_ASSERT(!inside.empty());
      inside.pop_back();
    } else if (!begins(line, "#helm ", after) && wanted()) {
      out += with_values(line, values);
    }
  }
  WEFT_ASSERT(inside.empty());
  return out;
}

std::string helm_template(std::string_view text, const TemplateWords& values,
                          const TemplateWords& conditions) {
  std::string out;
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    std::string_view after;
    if (begins(line, "#if ", after)) {
      const auto condition = conditions.find(after);
      WEFT_ASSERT(condition != conditions.end());
      out += "{{- if " + condition->second + " }}\n";
    } else if (begins(line, "#end", after)) {
      out += "{{- end }}\n";
    } else if (begins(line, "#helm ", after)) {
      out += std::string(after) + "\n";
    } else {
      out += with_values(line, values);
    }
  }
  return out;
}

}  // namespace weft::control::cli
