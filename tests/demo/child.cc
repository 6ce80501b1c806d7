#include "tests/demo/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <utility>

#include "sidecar/net/owned_fd.h"

namespace weft::demo {

namespace {

constexpr std::chrono::milliseconds kLookEvery{10};

std::string describe(int status) {
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

// Between fork and exec, where only what is safe in a signal handler may be called.
[[noreturn]] void become(char* const* arguments, int output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);  // it ended before we could ask
  const int input = ::open("/dev/null", O_RDONLY);
  ::dup2(input, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execv(arguments[0], arguments);
  static constexpr char kWords[] = "cannot be started\n";
  (void)!::write(STDERR_FILENO, kWords, sizeof kWords - 1);
  ::_exit(127);
}

Result<pid_t> spawn(const std::vector<std::string>& arguments, int output) {
  if (::access(arguments.front().c_str(), X_OK) != 0) {
    return fail(Fault::kInvalid, arguments.front() + ": " + ::strerror(errno));
  }
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(Fault::kLimit, std::string("fork: ") + ::strerror(errno));
  if (pid == 0) become(pointers.data(), output, parent);
  return pid;
}

}  // namespace

Result<Child> Child::start(const Command& command) {
  const net::OwnedFd output(
      ::open(command.output.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!output.valid()) {
    return fail(Fault::kInvalid, command.output + ": " + ::strerror(errno));
  }
  const Result<pid_t> pid = spawn(command.arguments, output.get());
  if (!pid) return fail(pid.error());
  return Child(*pid);
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ending_(std::move(other.ending_)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(ending_, other.ending_);
  return *this;
}

Child::~Child() { kill(); }

bool Child::reap(int flags) {
  if (pid_ < 0) return true;
  int status = 0;
  pid_t got = 0;
  do {
    got = ::waitpid(pid_, &status, flags);
  } while (got < 0 && errno == EINTR);
  if (got == 0) return false;
  ending_ = got == pid_ ? describe(status) : "lost";
  pid_ = -1;
  return true;
}

bool Child::alive() { return !reap(WNOHANG); }

void Child::kill() {
  if (reap(WNOHANG)) return;
  ::kill(pid_, SIGKILL);
  reap(0);
}

void Child::stop(Duration patience) {
  if (reap(WNOHANG)) return;
  ::kill(pid_, SIGTERM);
  const TimePoint until = read_monotonic_clock() + patience;
  while (!reap(WNOHANG) && read_monotonic_clock() < until) {
    std::this_thread::sleep_for(kLookEvery);
  }
  kill();
}

Result<RunResult> run(const std::vector<std::string>& arguments) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail(Fault::kLimit, std::string("pipe: ") + ::strerror(errno));
  const net::OwnedFd read_end(ends[0]);
  net::OwnedFd write_end(ends[1]);
  const Result<pid_t> pid = spawn(arguments, write_end.get());
  if (!pid) return fail(pid.error());
  write_end.reset();
  RunResult out;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t got = ::read(read_end.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.output.append(piece.data(), static_cast<std::size_t>(got));
  }
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  out.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return out;
}

}  // namespace weft::demo
