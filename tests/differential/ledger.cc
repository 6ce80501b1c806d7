#include "tests/differential/ledger.h"

#include <fstream>

#include "sidecar/core/strings.h"

namespace weft::differential {

// A row is "| class | why |"; the two rows above the first are the table's head.
Ledger::Ledger(const std::string& file, std::string_view section) {
  std::ifstream in(file);
  bool here = false;
  int rows = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) {
      here = line == "## " + std::string(section);
      rows = 0;
    } else if (here && line.starts_with("| ") && ++rows > 1) {
      entries_[std::string(trim(line.substr(2, line.find(" | ") - 2)))].listed = true;
    }
  }
}

void Ledger::note(const std::string& difference, std::string_view text) {
  ++noted_;
  Entry& entry = entries_[difference];
  if (entry.count++ == 0 || text.size() < entry.example.size()) entry.example = text;
}

std::vector<std::string> Ledger::unlisted() const {
  std::vector<std::string> lines;
  for (const auto& [name, entry] : entries_) {
    if (!entry.listed)
      lines.push_back(name + " (" + std::to_string(entry.count) +
                      "): " + escape(entry.example, 4096));
  }
  return lines;
}

std::vector<std::string> Ledger::never() const {
  std::vector<std::string> lines;
  for (const auto& [name, entry] : entries_) {
    if (entry.count == 0) lines.push_back(name);
  }
  return lines;
}

std::string Ledger::table() const {
  std::string text;
  for (const auto& [name, entry] : entries_)
    text += std::to_string(entry.count) + "\t" + name + "\n";
  return text;
}

}  // namespace weft::differential
