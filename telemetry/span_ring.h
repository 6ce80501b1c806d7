#pragma once
// SpanRing: finished spans on their way from one worker to the main loop. Bounded; when it is full
// the span is dropped and counted, and nobody waits.
//
// Thread: claim and publish the worker's, drain the main loop's. Slots are filled in place; they
// are allocated with the first span, so a worker that traces nothing pays nothing.

#include <atomic>
#include <cstdint>
#include <memory>

#include "sidecar/core/assert.h"
#include "sidecar/core/counters.h"
#include "telemetry/span.h"

namespace weft::telemetry {

class SpanRing final {
 public:
  static constexpr std::uint32_t kSpansMax = 512;

  // `dropped` is the worker's, for example ProxyMetrics::dropped(Signal::kSpan).
  explicit SpanRing(Counter& dropped) : dropped_(dropped) {}
  SpanRing(const SpanRing&) = delete;
  SpanRing& operator=(const SpanRing&) = delete;

  // Worker. A place to fill, then publish(); nullptr when there is none.
  [[nodiscard]] Span* claim() {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == kSpansMax) {
      dropped_.add();
      return nullptr;
    }
    if (slots_ == nullptr) [[unlikely]]
      slots_ = std::make_unique<Span[]>(kSpansMax);
    return &slots_[tail % kSpansMax];
  }
  void publish() {
    tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // Main loop. visit(const Span&) for every span that waits, oldest first; returns how many.
  template <typename Visit>
  std::uint32_t drain(Visit visit) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    const std::uint32_t tail = tail_.load(std::memory_order_acquire);
    for (std::uint32_t i = head; i != tail; ++i)
      visit(static_cast<const Span&>(slots_[i % kSpansMax]));
    head_.store(tail, std::memory_order_release);
    return tail - head;
  }

 private:
  static_assert((kSpansMax & (kSpansMax - 1)) == 0, "the counters run over 2^32");

  Counter& dropped_;
  std::unique_ptr<Span[]> slots_;  // made by the worker, seen by the main loop only after a publish
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  alignas(64) std::atomic<std::uint32_t> head_{0};
};

}  // namespace weft::telemetry
