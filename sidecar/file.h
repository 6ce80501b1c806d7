#pragma once
// Files that a start file names: read whole, at most kFileBytesMax, with an error that names the
// file; and whether one has changed since. Blocking; for small files at start and on a slow timer.

#include <cstdint>
#include <string>

#include "sidecar/core/result.h"

namespace weft::sidecar {

inline constexpr std::size_t kFileBytesMax = 16 * 1024 * 1024;

[[nodiscard]] Result<std::string> read_file(const std::string& path);

// Different after every change that matters (renamed into place, or written); equal otherwise.
// Empty when there is no such file.
[[nodiscard]] std::string file_stamp(const std::string& path);

}  // namespace weft::sidecar
