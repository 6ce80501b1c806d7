#pragma once
// TemporaryDirectory: a directory of one test's own, gone with it.

#include <filesystem>
#include <fstream>
#include <string>

namespace weft::control::testing {

class TemporaryDirectory final {
 public:
  TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  // In place; and as careful people do it, beside and by rename.
  void write(const std::string& name, const std::string& text) const;
  void replace(const std::string& name, const std::string& text) const;
  void remove(const std::string& name) const;

 private:
  std::string path_;
};

}  // namespace weft::control::testing
