#include "control/model/mistakes.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace weft::control {

void Mistakes::add(config::Position position, std::string_view path, std::string_view what) {
  mistakes_.add(position, line(position, path, what));
}

void Mistakes::note(config::Position position, std::string_view path, std::string_view what) {
  notes_.add(position, line(position, path, what));
}

std::string Mistakes::line(config::Position position, std::string_view path,
                           std::string_view what) const {
  std::string line = fmt::format("{}:{}:{}: {}{}{}", source_, position.line, position.column, path,
                                 path.empty() ? "" : ": ", what);
  // Most quote what they found, escaped; the few that forget must not speak to a terminal either.
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return line;
}

void Mistakes::List::add(config::Position position, std::string text) {
  if (++count <= kKept) lines.push_back({position, std::move(text)});
}

std::vector<std::string> Mistakes::List::texts() const {
  std::vector<Line> sorted = lines;
  std::ranges::stable_sort(sorted, {}, [](const Line& line) {
    return std::make_tuple(line.position.line, line.position.column);
  });
  std::vector<std::string> texts;
  for (Line& line : sorted) texts.push_back(std::move(line.text));
  if (count > kKept) texts.push_back(fmt::format("and {} more", count - kKept));
  return texts;
}

}  // namespace weft::control
