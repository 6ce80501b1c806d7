#include "control/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weft::control {

namespace {

class File final {
 public:
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

tl::unexpected<Error> failed(std::string_view doing, const std::string& path) {
  return fail(Fault::kInvalid, fmt::format("cannot {} {}: {}", doing, path, std::strerror(errno)));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

Result<std::string> read_all(const File& file, const std::string& path, std::size_t bytes_max) {
  std::string bytes;
  std::array<char, 64 * 1024> piece;
  while (true) {
    const ssize_t got = ::read(file.fd(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path);
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
    if (bytes.size() > bytes_max) {
      return fail(Fault::kInvalid, fmt::format("{}: larger than {} bytes", path, bytes_max));
    }
  }
}

// Names that an earlier process left behind are passed over; more than this is not chance.
constexpr unsigned kNamesMax = 100;

// A new file that nobody else has open, readable by its owner only; `name` is a free one then.
File create_beside(const std::string& path, std::string& name) {
  static std::atomic<unsigned> counter{0};
  for (unsigned tries = 0; tries < kNamesMax; ++tries) {
    name = fmt::format("{}.{}-{}", path, ::getpid(), counter.fetch_add(1));
    File file(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (file.fd() >= 0 || errno != EEXIST) return file;
  }
  return File(-1);
}

// A new file beside `path` with the bytes on disk. Its name, or why not.
Result<std::string> write_beside(const std::string& path, std::string_view bytes, mode_t mode) {
  std::string name;
  File file = create_beside(path, name);
  if (file.fd() < 0) return failed("write", name);
  if (!write_all(file.fd(), bytes) || ::fchmod(file.fd(), mode) != 0 || ::fsync(file.fd()) != 0 ||
      !file.close()) {
    tl::unexpected<Error> error = failed("write", name);
    ::unlink(name.c_str());
    return error;
  }
  return name;
}

// So that the new name survives a power cut.
void sync_directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (file.fd() >= 0) ::fsync(file.fd());
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return failed("read", path);
  return read_all(file, path, bytes_max);
}

Result<std::string> read_private_file(const std::string& path, std::size_t bytes_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (file.fd() < 0 || ::fstat(file.fd(), &status) != 0) return failed("read", path);
  if ((status.st_mode & 077U) != 0) {
    return fail(Fault::kInvalid, fmt::format("{} can be read by others (mode {:o}); chmod 600 it",
                                             path, status.st_mode & 0777U));
  }
  return read_all(file, path, bytes_max);
}

Status replace_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const Result<std::string> name = write_beside(path, bytes, mode);
  if (!name) return fail(name.error());
  if (::rename(name->c_str(), path.c_str()) != 0) {
    tl::unexpected<Error> error = failed("write", path);
    ::unlink(name->c_str());
    return error;
  }
  sync_directory_of(path);
  return {};
}

Status create_file(const std::string& path, std::string_view bytes, mode_t mode) {
  const Result<std::string> name = write_beside(path, bytes, mode);
  if (!name) return fail(name.error());
  // link() fails when the name is taken, rename() would take it away from whoever was first.
  const bool linked = ::link(name->c_str(), path.c_str()) == 0;
  Status done;
  if (!linked) done = failed("create", path);
  ::unlink(name->c_str());
  sync_directory_of(path);
  return done;
}

Status make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return failed("make directory", path);
}

bool file_exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace weft::control
