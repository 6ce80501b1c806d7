#include "sidecar/file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace weft::sidecar {

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Fault::kInvalid, "cannot read " + path + ": " + std::strerror(errno));
  file.seekg(0, std::ios::end);
  if (file.tellg() > static_cast<std::streamoff>(kFileBytesMax))
    return fail(Fault::kInvalid, path + " is larger than 16 MiB");
  file.seekg(0);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return fail(Fault::kInvalid, "cannot read " + path);
  return text.str();
}

std::string file_stamp(const std::string& path) {
  struct stat found{};
  // Kubernetes changes what a link leads to, and stat() follows links.
  if (::stat(path.c_str(), &found) != 0) return {};
  return std::to_string(found.st_ino) + "/" + std::to_string(found.st_size) + "/" +
         std::to_string(found.st_mtim.tv_sec) + "." + std::to_string(found.st_mtim.tv_nsec);
}

}  // namespace weft::sidecar
