#pragma once
// Table: columns of text, as wide as they need to be. For people; programs read JSON.

#include <string>
#include <vector>

namespace weft::control::cli {

class Table final {
 public:
  explicit Table(std::vector<std::string> head);
  void add(std::vector<std::string> row);
  // Two spaces between columns, no space at the end of a line.
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace weft::control::cli
