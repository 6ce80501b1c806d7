#include "sidecar/core/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

namespace weft {

namespace {

std::atomic<LogLevel> level_now{LogLevel::kInfo};

// The queue's own thread writes; overrun_oldest keeps workers free when stderr blocks.
class Writer {
 public:
  Writer()
      : pool_(std::make_shared<spdlog::details::thread_pool>(kLogLinesWaitingMax, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "weft", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool_,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger_->set_level(spdlog::level::trace);
  }
  void write(LogLevel level, std::string_view line) {
    logger_->log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
  }
  std::uint64_t dropped() { return pool_->overrun_counter(); }
  void flush() { logger_->flush(); }

 private:
  static spdlog::level::level_enum to_spdlog(LogLevel level) {
    switch (level) {
      case LogLevel::kDebug:
        return spdlog::level::debug;
      case LogLevel::kInfo:
        return spdlog::level::info;
      case LogLevel::kWarn:
        return spdlog::level::warn;
      case LogLevel::kError:
        return spdlog::level::err;
      case LogLevel::kOff:
        return spdlog::level::off;
    }
    return spdlog::level::off;
  }
  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

Writer& writer() {
  static Writer instance;
  return instance;
}

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  for (const LogLevel level :
       {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError, LogLevel::kOff}) {
    if (text == name_of(level)) return level;
  }
  if (text == "trace") return LogLevel::kDebug;  // Envoy's names, for files written for it
  if (text == "warning") return LogLevel::kWarn;
  if (text == "critical") return LogLevel::kError;
  return fail(Fault::kInvalid, "unknown log level '" + std::string(text.substr(0, 32)) +
                                   "' (want debug, info, warn, error or off)");
}

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
    case LogLevel::kOff:
      return "off";
  }
  return "off";
}

void set_log_level(LogLevel level) { level_now.store(level, std::memory_order_relaxed); }
LogLevel log_level() { return level_now.load(std::memory_order_relaxed); }
void log_line(LogLevel level, std::string_view line) { writer().write(level, line); }
std::uint64_t log_lines_dropped() { return writer().dropped(); }
void flush_log() { writer().flush(); }

std::int64_t LogGate::pass() {
  const std::int64_t now = read_monotonic_clock().time_since_epoch().count();
  std::int64_t next = next_.load(std::memory_order_relaxed);
  if (now < next ||
      !next_.compare_exchange_strong(next, now + 1'000'000'000, std::memory_order_relaxed)) {
    held_.fetch_add(1, std::memory_order_relaxed);
    return -1;
  }
  return held_.exchange(0, std::memory_order_relaxed);
}

}  // namespace weft
