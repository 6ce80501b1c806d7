#pragma once
// Log: levelled lines for people who run weft. Writes to stderr through an asynchronous queue;
// never blocks a worker: when kLogLinesWaitingMax wait, the oldest line is dropped and counted.
//
// WEFT_LOG(kWarn, "cluster {}: {}", name, detail) formats only when the level is on. Values from
// outside must go through escape(). `kPerMinute` lines: WEFT_LOG_LIMITED lets one line a second
// through per place, and says how many it held back.

#include <fmt/format.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft {

// The queue's memory is taken, and touched, when the first line comes: some 400 bytes a line.
inline constexpr std::size_t kLogLinesWaitingMax = 1024;

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError, kOff };

[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);
[[nodiscard]] std::string_view name_of(LogLevel level);

void set_log_level(LogLevel level);  // any thread
[[nodiscard]] LogLevel log_level();
[[nodiscard]] inline bool log_enabled(LogLevel level) { return level >= log_level(); }
void log_line(LogLevel level, std::string_view line);
[[nodiscard]] std::uint64_t log_lines_dropped();
void flush_log();  // at exit

// Lets one line a second through; thread-safe.
class LogGate final {
 public:
  // How many lines were held back since the last one, when this one may pass; -1 when it may not.
  [[nodiscard]] std::int64_t pass();

 private:
  std::atomic<std::int64_t> next_{0};
  std::atomic<std::int64_t> held_{0};
};

}  // namespace weft

#define WEFT_LOG(level, ...)                                                 \
  do {                                                                       \
    if (::weft::log_enabled(::weft::LogLevel::level)) {                      \
      ::weft::log_line(::weft::LogLevel::level, ::fmt::format(__VA_ARGS__)); \
    }                                                                        \
  } while (false)

#define WEFT_LOG_LIMITED(level, ...)                                                               \
  do {                                                                                             \
    if (::weft::log_enabled(::weft::LogLevel::level)) {                                            \
      static ::weft::LogGate weft_log_gate;                                                        \
      const std::int64_t weft_log_held = weft_log_gate.pass();                                     \
      if (weft_log_held == 0) {                                                                    \
        ::weft::log_line(::weft::LogLevel::level, ::fmt::format(__VA_ARGS__));                     \
      } else if (weft_log_held > 0) {                                                              \
        ::weft::log_line(::weft::LogLevel::level,                                                  \
                         ::fmt::format(__VA_ARGS__) + ::fmt::format(" ({} more)", weft_log_held)); \
      }                                                                                            \
    }                                                                                              \
  } while (false)
