#include "telemetry/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace weft::telemetry {
namespace {

// POSIX's PIPE_BUF on Linux: a poll that says a pipe is writable means that this much does not
// block.
constexpr std::size_t kPipePiece = 4096;

}  // namespace

LogFile::LogFile(std::string path) : path_(std::move(path)) {}
LogFile::~LogFile() { close(); }

void LogFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void LogFile::reopen() {
  close();
  not_before_ = {};
}

bool LogFile::open() {
  if (fd_ >= 0) return true;
  const TimePoint now = read_monotonic_clock();
  if (now < not_before_) return false;
  if (path_ == "/dev/stdout") {
    fd_ = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  } else if (path_ == "/dev/stderr") {
    fd_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  } else {
    // Non-blocking so that opening a pipe nobody reads fails instead of waiting; for files it means
    // nothing.
    fd_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                 0640);
  }
  if (fd_ < 0) {
    ++errors_;
    not_before_ = now + kOpenAgain;
    return false;
  }
  struct stat facts{};
  regular_ = fstat(fd_, &facts) == 0 && S_ISREG(facts.st_mode);
  return true;
}

LogFile::Outcome LogFile::write(std::string_view bytes, std::chrono::milliseconds patience) {
  if (!open()) return {.wrote = Wrote::kFailed, .taken = bytes.size()};
  std::size_t size = bytes.size();
  if (!regular_) {
    pollfd waiting{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (poll(&waiting, 1, static_cast<int>(patience.count())) <= 0)
      return {.wrote = Wrote::kBlocked};
    size = std::min(size, kPipePiece);
  }
  const ssize_t written = ::write(fd_, bytes.data(), size);
  if (written > 0) return {.wrote = Wrote::kSome, .taken = static_cast<std::size_t>(written)};
  if (errno == EINTR || errno == EAGAIN) return {.wrote = Wrote::kBlocked};
  ++errors_;
  // A closed pipe never comes back by itself; a full disk may.
  if (errno == EPIPE || errno == EBADF) {
    close();
    not_before_ = read_monotonic_clock() + kOpenAgain;
  }
  return {.wrote = Wrote::kFailed, .taken = bytes.size()};
}

}  // namespace weft::telemetry
