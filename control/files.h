#pragma once
// Files: reading with a bound, and writing so that after a crash there is the old content or the
// new, never a mixture.
//
// Blocking; for the control plane's few small files. Errors carry path and the system's words.
// Thread: any.

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "sidecar/core/result.h"

namespace weft::control {

// A file larger than `bytes_max` is an error.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t bytes_max);
// The same, and refuses a file that group or others can read.
[[nodiscard]] Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max);

// Into a new file beside it, to disk, then by rename.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view bytes, mode_t mode);

// The same, but kInvalid when somebody else has made the file meanwhile.
[[nodiscard]] Status create_file(const std::string& path, std::string_view bytes, mode_t mode);

// With 0700 when it is not there.
[[nodiscard]] Status make_directory(const std::string& path);

[[nodiscard]] bool file_exists(const std::string& path);

}  // namespace weft::control
