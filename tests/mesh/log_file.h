#pragma once
// LogFile: an access log that is gone with the test. Owner: a test.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/support/tree_file.h"

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
  [[nodiscard]] std::string text() const { return testing::read_text(path_); }

 private:
  std::string path_;
};

}  // namespace weft::mesh_test
