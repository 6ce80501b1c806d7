#pragma once
// Ledger: the classes of difference that differences.md lists for one section, and how often each
// occurred.
//
// A class that is not listed is a fault of weft or a gap in the list; a listed class that never
// occurs is a line nobody can check any more.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weft::differential {

class Ledger final {
 public:
  // Reads "## SECTION" of the file; empty when there is none.
  Ledger(const std::string& file, std::string_view section);

  void note(const std::string& difference, std::string_view text);
  [[nodiscard]] std::uint64_t noted() const { return noted_; }
  [[nodiscard]] std::vector<std::string> unlisted() const;  // with an example each
  [[nodiscard]] std::vector<std::string> never() const;
  [[nodiscard]] std::string table() const;  // counts, for people

 private:
  struct Entry {
    std::uint64_t count = 0;
    std::string example;
    bool listed = false;
  };
  std::map<std::string, Entry> entries_;
  std::uint64_t noted_ = 0;
};

}  // namespace weft::differential
