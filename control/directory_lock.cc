#include "control/directory_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "sidecar/core/assert.h"

namespace weft::control {

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

Status DirectoryLock::take(const std::string& directory) {
  WEFT_ASSERT(fd_ < 0);
  const std::string path = directory + "/" + kFile;
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(Fault::kInvalid, fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    ::close(fd);
    return fail(Fault::kInvalid,
                error == EWOULDBLOCK
                    ? fmt::format("another weft-control keeps its state in {}", directory)
                    : fmt::format("cannot lock {}: {}", path, std::strerror(error)));
  }
  fd_ = fd;
  return {};
}

}  // namespace weft::control
