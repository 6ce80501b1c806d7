#pragma once
// LogFile: a file, pipe or terminal that log lines are written to. Full disks, missing folders and
// closed pipes are counted and survived; the lines they cost are lost.
//
// Thread: one, the log thread's. "/dev/stdout" and "/dev/stderr" mean descriptors 1 and 2, also
// where those names cannot be opened. A pipe is written in pieces that cannot block once it is
// writable (PIPE_BUF, pipe(7)), so a reader that stopped reading holds up nothing but its own log.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/clock.h"

namespace weft::telemetry {

class LogFile final {
 public:
  explicit LogFile(std::string path);
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  ~LogFile();

  enum class Wrote : std::uint8_t {
    kSome,     // `taken` bytes are written
    kBlocked,  // nobody read within `patience`
    kFailed,   // `taken` bytes are lost
  };
  struct Outcome {
    Wrote wrote = Wrote::kFailed;
    std::size_t taken = 0;
  };
  // Writes from the front of `bytes`, perhaps not all.
  [[nodiscard]] Outcome write(std::string_view bytes, std::chrono::milliseconds patience);

  // Opens the path again at the next write: what log rotation asks for.
  void reopen();

  [[nodiscard]] std::uint64_t errors() const { return errors_; }

 private:
  static constexpr Duration kOpenAgain = std::chrono::seconds(1);

  [[nodiscard]] bool open();
  void close();

  std::string path_;
  int fd_ = -1;
  bool regular_ = false;
  TimePoint not_before_{};  // the next attempt to open after one that failed
  std::uint64_t errors_ = 0;
};

}  // namespace weft::telemetry
