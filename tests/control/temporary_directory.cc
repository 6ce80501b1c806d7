#include "tests/control/temporary_directory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

namespace weft::control::testing {

TemporaryDirectory::TemporaryDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "weft-test-XXXXXX").string();
  const char* made = ::mkdtemp(name.data());
  EXPECT_NE(made, nullptr);
  path_ = name;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
  std::ofstream(*this / name, std::ios::trunc) << text;
}

void TemporaryDirectory::replace(const std::string& name, const std::string& text) const {
  write(name + ".new", text);
  std::filesystem::rename(*this / (name + ".new"), *this / name);
}

void TemporaryDirectory::remove(const std::string& name) const {
  std::filesystem::remove_all(*this / name);
}

}  // namespace weft::control::testing
