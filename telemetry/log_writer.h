#pragma once
// LogWriter: the thread that moves log lines from the workers' rings to one file. A blocked pipe, a
// full disk or a missing folder stop this thread or its lines, never a worker; what is lost is
// counted.
//
// Owner: the composition root. It outlives the workers that push into its rings. Destroying it
// writes what still waits, for at most kGoodbye. It sleeps when there is nothing to do, and gathers
// lines for kGather so that it wakes at most 50 times a second.

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sidecar/core/counters.h"
#include "telemetry/log_file.h"
#include "telemetry/log_ring.h"

namespace weft::telemetry {

class LogWriter final {
 public:
  static constexpr std::chrono::milliseconds kGather{20};
  static constexpr std::chrono::milliseconds kGoodbye{1000};

  explicit LogWriter(std::string path);
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;
  ~LogWriter();

  // A ring for one more worker, which may use it until this writer dies. `dropped` is the worker's
  // counter.
  [[nodiscard]] LogRing& add_ring(Counter& dropped);

  // Any thread: opens the path anew (SIGUSR1, /reopen_logs).
  void reopen();

  // Any thread. Failed opens and writes, and the bytes they cost.
  [[nodiscard]] std::uint64_t write_errors() const { return write_errors_.value(); }
  [[nodiscard]] std::uint64_t bytes_lost() const { return bytes_lost_.value(); }

 private:
  void run();
  [[nodiscard]] bool has_work();
  // Writes what waits in every ring; false when the file blocks, and then the next call goes on
  // with the same ring, so that lines of two workers never mix.
  bool write_all();
  bool write_ring(LogRing& ring);
  void lose(LogRing& ring, const LogRing::Pieces& pieces);

  LogFile file_;
  LogBell bell_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<LogRing>> rings_;  // grows under mutex_
  std::size_t next_ring_ = 0;                    // the thread's
  std::atomic<bool> stopping_{false};
  std::atomic<bool> reopen_{false};
  Counter write_errors_;
  Counter bytes_lost_;
  std::thread thread_;
};

}  // namespace weft::telemetry
