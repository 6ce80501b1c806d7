#include "telemetry/log_ring.h"

#include <algorithm>
#include <cstring>

#include "sidecar/core/assert.h"

namespace weft::telemetry {

void LogBell::ring() {
  rings_.fetch_add(1, std::memory_order_release);
  rings_.notify_all();
}

// Not zeroed: pages are touched only as far as lines ever waited.
LogRing::LogRing(LogBell& bell, Counter& dropped)
    : bell_(bell), dropped_(dropped), bytes_(std::make_unique_for_overwrite<char[]>(kBytesMax)) {}

bool LogRing::push(std::string_view line) {
  const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
  const std::uint32_t room = kBytesMax - (tail - head_.load(std::memory_order_acquire));
  if (line.size() > room) {
    dropped_.add();
    return false;
  }
  const std::size_t at = tail % kBytesMax;
  const std::size_t first = std::min<std::size_t>(line.size(), kBytesMax - at);
  std::memcpy(bytes_.get() + at, line.data(), first);
  std::memcpy(bytes_.get(), line.data() + first, line.size() - first);
  // Sequentially consistent with LogBell::sleep: either the log thread sees this line before it
  // sleeps, or we see it asleep.
  tail_.store(tail + static_cast<std::uint32_t>(line.size()), std::memory_order_seq_cst);
  bell_.ring_if_asleep();
  return true;
}

LogRing::Pieces LogRing::peek() const {
  const std::uint32_t head = head_.load(std::memory_order_relaxed);
  const std::uint32_t size = tail_.load(std::memory_order_acquire) - head;
  const std::uint32_t at = head % kBytesMax;
  const std::uint32_t first = std::min(size, kBytesMax - at);
  return {.first = {bytes_.get() + at, first}, .second = {bytes_.get(), size - first}};
}

void LogRing::consume(std::size_t bytes) {
  const std::uint32_t head = head_.load(std::memory_order_relaxed);
  WEFT_ASSERT(bytes <= tail_.load(std::memory_order_relaxed) - head);
  head_.store(head + static_cast<std::uint32_t>(bytes), std::memory_order_release);
}

bool LogRing::empty() const {
  return tail_.load(std::memory_order_seq_cst) == head_.load(std::memory_order_relaxed);
}

}  // namespace weft::telemetry
