#include "sidecar/redirect/programs.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/core/strings.h"

extern char** environ;

namespace weft::redirect {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::string_view kMorePlaces = "/usr/sbin:/sbin:/usr/bin:/bin";
constexpr std::size_t kComplaintMax = 600;

// Empty when there is none.
std::string path_of(std::string_view name) {
  const char* path = ::getenv("PATH");
  const std::string places =
      (path != nullptr ? std::string(path) + ":" : "") + std::string(kMorePlaces);
  for (const std::string_view place : split(places, ':')) {
    if (!place.starts_with('/')) continue;
    std::string file = std::string(place) + "/" + std::string(name);
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

class End final {
 public:
  End() = default;
  explicit End(int fd) : fd_(fd) {}
  End(End&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  End& operator=(End&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~End() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  End out;  // to read from
  End in;   // to write to
};

Status open_pipe(Pipe& pipe) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(Fault::kInternal, std::string("pipe: ") + ::strerror(errno));
  }
  pipe = {.out = End(ends[0]), .in = End(ends[1])};
  return {};
}

class IgnoredSigpipe final {
 public:
  IgnoredSigpipe() {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &before_);
  }
  ~IgnoredSigpipe() { ::sigaction(SIGPIPE, &before_, nullptr); }
  IgnoredSigpipe(const IgnoredSigpipe&) = delete;
  IgnoredSigpipe& operator=(const IgnoredSigpipe&) = delete;

 private:
  struct sigaction before_{};
};

// One running program. Whoever lets go of it kills it.
class Child final {
 public:
  Child() = default;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  Status start(const std::string& path, const std::vector<std::string>& argv);
  // Carries text both ways until all pipes are closed.
  Status talk(std::string_view input, Clock::time_point deadline, Programs::Outcome& outcome);
  int wait();

 private:
  pid_t pid_ = 0;
  Pipe input_;
  Pipe output_;
  Pipe errors_;
};

Status Child::start(const std::string& path, const std::vector<std::string>& argv) {
  for (Pipe* pipe : {&input_, &output_, &errors_}) {
    if (Status opened = open_pipe(*pipe); !opened) return opened;
  }
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, input_.out.fd(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, output_.in.fd(), STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&files, errors_.in.fd(), STDERR_FILENO);
  sigset_t defaults;
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const int error =
      ::posix_spawn(&pid_, path.c_str(), &files, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  input_.out.close();
  output_.in.close();
  errors_.in.close();
  if (error == 0) return {};
  pid_ = 0;
  return fail(Fault::kInternal, path + " cannot be started: " + ::strerror(error));
}

// False at the end of the output.
bool take(End& end, std::string& text, bool& too_much) {
  std::array<char, 16384> block;
  const ssize_t got = ::read(end.fd(), block.data(), block.size());
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  text.append(block.data(), static_cast<std::size_t>(got));
  too_much = too_much || text.size() > Programs::kOutputMax;
  return true;
}

// False when everything is written, or nobody reads any more: the exit status will say why.
bool give(End& end, std::string_view& text) {
  const ssize_t put = ::write(end.fd(), text.data(), text.size());
  if (put < 0) return errno == EINTR || errno == EAGAIN;
  text.remove_prefix(static_cast<std::size_t>(put));
  return !text.empty();
}

Status Child::talk(std::string_view input, Clock::time_point deadline, Programs::Outcome& outcome) {
  ::fcntl(input_.in.fd(), F_SETFL, O_NONBLOCK);
  if (input.empty()) input_.in.close();
  bool too_much = false;
  while (output_.out.fd() >= 0 || errors_.out.fd() >= 0) {
    std::array<pollfd, 3> watched{pollfd{input_.in.fd(), POLLOUT, 0},
                                  pollfd{output_.out.fd(), POLLIN, 0},
                                  pollfd{errors_.out.fd(), POLLIN, 0}};  // -1: not looked at
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return fail(Fault::kTimeout, "is not done in time");
    if (::poll(watched.data(), watched.size(), static_cast<int>(left.count())) < 0) {
      if (errno == EINTR) continue;
      return fail(Fault::kInternal, std::string("poll: ") + ::strerror(errno));
    }
    if (watched[0].revents != 0 && !give(input_.in, input)) input_.in.close();
    if (watched[1].revents != 0 && !take(output_.out, outcome.out, too_much)) output_.out.close();
    if (watched[2].revents != 0 && !take(errors_.out, outcome.err, too_much)) errors_.out.close();
    if (too_much) return fail(Fault::kLimit, "prints more than is believable");
  }
  return {};
}

int Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

bool SystemPrograms::has(std::string_view name) { return !path_of(name).empty(); }

Result<Programs::Outcome> SystemPrograms::run(const std::vector<std::string>& argv,
                                              std::string_view input) {
  const std::string path = path_of(argv.front());
  if (path.empty()) return fail(Fault::kInvalid, argv.front() + " is not installed");
  const IgnoredSigpipe ignored;
  Child child;
  if (Status started = child.start(path, argv); !started) return fail(started.error());
  Outcome outcome;
  if (Status talked = child.talk(input, Clock::now() + patience_, outcome); !talked) {
    return fail(talked.error().fault, argv.front() + " " + talked.error().detail);
  }
  outcome.status = child.wait();
  return outcome;
}

std::string complaint_of(const Programs::Outcome& outcome) {
  std::string_view text = trim(outcome.err.empty() ? outcome.out : outcome.err);
  while (text.ends_with('\n')) text.remove_suffix(1);
  if (text.empty()) return "exit status " + std::to_string(outcome.status);
  std::string out(text.substr(0, kComplaintMax));
  std::ranges::replace_if(
      out, [](char c) { return static_cast<unsigned char>(c) < ' ' && c != '\n'; }, ' ');
  return out;
}

}  // namespace weft::redirect
