#pragma once
// DirectoryLock: only one process at a time keeps its state in a directory; the kernel lets go of
// it with the process, however that ends.
//
// Owner: Control. Thread: any. A lock of two in one process excludes as well.

#include <string>

#include "sidecar/core/result.h"

namespace weft::control {

class DirectoryLock final {
 public:
  static constexpr const char* kFile = "lock";

  DirectoryLock() = default;  // holds nothing
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

  // The directory must exist. kInvalid when somebody else has it. REQUIRES: holds nothing.
  Status take(const std::string& directory);

 private:
  int fd_ = -1;
};

}  // namespace weft::control
