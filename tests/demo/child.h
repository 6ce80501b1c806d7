#pragma once
// Child: a process of ours that ends when we do, however we end.
//
// Its output goes to a file. It stands in a process group of its own, so that Ctrl-C in a terminal
// reaches us alone and the children end in our order; the kernel kills it when the thread that
// started it ends (PR_SET_PDEATHSIG), so start children from the main thread only. Destroying a
// Child kills it and waits. run() is for programs that end by themselves.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::demo {

class Child final {
 public:
  struct Command {
    std::vector<std::string> arguments;  // the program's path first
    std::string output;                  // file for stdout and stderr; appended to
  };
  static Result<Child> start(const Command& command);

  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // False once it has ended, by whatever hand.
  [[nodiscard]] bool alive();
  // "exit status 1", "signal 9"; empty while it lives.
  [[nodiscard]] const std::string& ending() const { return ending_; }
  // SIGKILL; returns when the process is gone.
  void kill();
  // SIGTERM, and SIGKILL after `patience`.
  void stop(Duration patience);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  // Whether it is gone; `flags` of waitpid.
  bool reap(int flags);

  pid_t pid_ = -1;
  std::string ending_;
};

struct RunResult {
  int status = 0;      // exit status; 128 + signal when it was killed
  std::string output;  // stdout and stderr
};
// Runs to the end. An error when it cannot be started.
[[nodiscard]] Result<RunResult> run(const std::vector<std::string>& arguments);

}  // namespace weft::demo
