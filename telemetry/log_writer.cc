#include "telemetry/log_writer.h"

#include <signal.h>

#include <utility>

#include "sidecar/core/clock.h"
#include "sidecar/core/thread.h"

namespace weft::telemetry {
namespace {

// While it waits for a reader the thread looks this often whether it shall stop.
constexpr std::chrono::milliseconds kPatience{100};

}  // namespace

LogWriter::LogWriter(std::string path)
    : file_(std::move(path)), thread_(start_thread([this] { run(); })) {}

LogWriter::~LogWriter() {
  stopping_.store(true, std::memory_order_seq_cst);
  bell_.ring();
  thread_.join();
}

LogRing& LogWriter::add_ring(Counter& dropped) {
  const std::lock_guard lock(mutex_);
  rings_.push_back(std::make_unique<LogRing>(bell_, dropped));
  return *rings_.back();
}

void LogWriter::reopen() {
  reopen_.store(true, std::memory_order_seq_cst);
  bell_.ring();
}

bool LogWriter::has_work() {
  if (stopping_.load(std::memory_order_seq_cst) || reopen_.load(std::memory_order_seq_cst))
    return true;
  const std::lock_guard lock(mutex_);
  for (const auto& ring : rings_) {
    if (!ring->empty()) return true;
  }
  return false;
}

void LogWriter::run() {
  // A pipe whose reader went away is an error to count, not a signal to die of; and signals are the
  // main thread's business.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  while (!stopping_.load(std::memory_order_relaxed)) {
    bell_.sleep([this] { return has_work(); });
    if (reopen_.exchange(false)) file_.reopen();
    write_all();
    if (!stopping_.load(std::memory_order_relaxed)) std::this_thread::sleep_for(kGather);
  }
  const TimePoint end = read_monotonic_clock() + kGoodbye;
  while (!write_all() && read_monotonic_clock() < end) {
  }
}

bool LogWriter::write_all() {
  std::size_t count = 0;
  {
    const std::lock_guard lock(mutex_);
    count = rings_.size();
  }
  for (std::size_t i = 0; i < count; ++i) {
    LogRing* ring = nullptr;
    {
      const std::lock_guard lock(mutex_);
      ring = rings_[next_ring_ % rings_.size()].get();
    }
    if (!write_ring(*ring)) return false;
    ++next_ring_;
  }
  return true;
}

bool LogWriter::write_ring(LogRing& ring) {
  for (LogRing::Pieces pieces = ring.peek(); !pieces.first.empty(); pieces = ring.peek()) {
    const std::uint64_t errors_before = file_.errors();
    const LogFile::Outcome outcome = file_.write(pieces.first, kPatience);
    write_errors_.add(file_.errors() - errors_before);
    switch (outcome.wrote) {
      case LogFile::Wrote::kSome:
        ring.consume(outcome.taken);
        break;
      case LogFile::Wrote::kFailed:
        lose(ring, pieces);
        break;
      case LogFile::Wrote::kBlocked:
        return false;
    }
  }
  return true;
}

// Whole lines: the one that goes over the ring's end is lost with its second half.
void LogWriter::lose(LogRing& ring, const LogRing::Pieces& pieces) {
  std::size_t bytes = pieces.first.size();
  if (!pieces.first.ends_with('\n')) bytes += pieces.second.find('\n') + 1;
  bytes_lost_.add(bytes);
  ring.consume(bytes);
}

}  // namespace weft::telemetry
