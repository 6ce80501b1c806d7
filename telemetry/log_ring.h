#pragma once
// LogRing: finished log lines on their way from one worker to the log thread. Bounded in bytes; a
// line that does not fit is dropped and counted, and nobody waits (performance.md 2.7, threats.md
// CP-14).
//
// Thread: push the worker's; peek and consume the log thread's. Lines end with '\n'; a line is in
// the ring whole or not at all. The log thread is woken only when it sleeps, so a busy worker pays
// no system call.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sidecar/core/counters.h"

namespace weft::telemetry {

// Where the log thread sleeps. Shared by its rings.
class LogBell final {
 public:
  // Any thread: ends a sleep that began, or the next one.
  void ring();
  // Producers, after they published: a system call only when somebody sleeps.
  void ring_if_asleep() {
    if (asleep_.load(std::memory_order_seq_cst)) [[unlikely]]
      ring();
  }
  // The log thread: sleeps until somebody rings, unless is_work() already says so.
  template <typename IsWork>
  void sleep(IsWork is_work) {
    const std::uint32_t seen = rings_.load(std::memory_order_acquire);
    asleep_.store(true, std::memory_order_seq_cst);
    if (!is_work()) rings_.wait(seen, std::memory_order_acquire);
    asleep_.store(false, std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> asleep_{false};
  std::atomic<std::uint32_t> rings_{0};
};

class LogRing final {
 public:
  static constexpr std::uint32_t kBytesMax = 256 * 1024;

  // `dropped` is the worker's, for example ProxyMetrics::dropped(Signal::kLogLine).
  LogRing(LogBell& bell, Counter& dropped);
  LogRing(const LogRing&) = delete;
  LogRing& operator=(const LogRing&) = delete;

  // Worker. False: dropped.
  bool push(std::string_view line);

  // Log thread. What waits, oldest first, in two pieces since the ring has an end; then how much of
  // it was dealt with.
  struct Pieces {
    std::string_view first;
    std::string_view second;
  };
  [[nodiscard]] Pieces peek() const;
  void consume(std::size_t bytes);
  [[nodiscard]] bool empty() const;

 private:
  static_assert((kBytesMax & (kBytesMax - 1)) == 0, "the counters run over 2^32");

  LogBell& bell_;
  Counter& dropped_;
  std::unique_ptr<char[]> bytes_;
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  alignas(64) std::atomic<std::uint32_t> head_{0};
};

}  // namespace weft::telemetry
