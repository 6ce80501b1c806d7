#pragma once
// Counter, Gauge and Histogram: one writer (their worker), any reader (a scrape). Relaxed atomics
// without read-modify-write, so an increment is a load and a store. Pillars own theirs; telemetry
// names, sums and prints them.

#include <array>
#include <atomic>
#include <cstdint>

#include "sidecar/core/clock.h"

namespace weft {

class Counter final {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }
  // Its writer only: the place is used again for another series.
  void clear() { value_.store(0, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge final {
 public:
  void add(std::int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::int64_t n = 1) { add(-n); }
  void set(std::int64_t n) { value_.store(n, std::memory_order_relaxed); }
  // A high-water mark: keeps the larger.
  void raise(std::int64_t n) {
    if (n > value_.load(std::memory_order_relaxed)) set(n);
  }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }
  void clear() { set(0); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Latencies in seconds with the house's bucket edges (schemas.md: 1 ms … 60 s with an edge at 0.2).
class Histogram final {
 public:
  static constexpr std::array<double, 16> kEdges{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                 0.1,   0.2,    0.35,  0.5,  1.0,   2.5,
                                                 5.0,   10.0,   30.0,  60.0};
  void observe(Duration duration) {
    const double seconds = std::chrono::duration<double>(duration).count();
    std::size_t i = 0;
    while (i < kEdges.size() && seconds > kEdges[i]) ++i;
    buckets_[i].add();
    sum_ns_.add(static_cast<std::uint64_t>(duration.count() < 0 ? 0 : duration.count()));
  }
  // Not cumulative; the last is +Inf.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].value(); }
  [[nodiscard]] double sum_seconds() const { return static_cast<double>(sum_ns_.value()) * 1e-9; }
  void clear() {
    for (Counter& bucket : buckets_) bucket.clear();
    sum_ns_.clear();
  }

 private:
  std::array<Counter, kEdges.size() + 1> buckets_;
  Counter sum_ns_;
};

}  // namespace weft
