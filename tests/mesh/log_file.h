#pragma once
// LogFile: an access log that is gone with the test. Owner: a test.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

namespace weft::mesh_test {

class LogFile final {
 public:
  LogFile() : path_(::testing::TempDir() + "weft-mesh-" + std::to_string(::getpid()) + ".log") {
    std::remove(path_.c_str());
  }
  ~LogFile() { std::remove(path_.c_str()); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

 private:
  std::string path_;
};

}  // namespace weft::mesh_test
