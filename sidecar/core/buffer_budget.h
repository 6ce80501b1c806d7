#pragma once
// BufferBudget: how much memory the blocks of one thread may take in all, and therefore how much
// one connection or stream may hold now (decisions D4).
//
// What counts is memory: each Block with its whole capacity from the moment it is handed out until
// the last who refers to it lets go, however few of its bytes are still wanted. Up to half of the
// limit everybody may hold what he wishes. Beyond it a share is a wish times the free part of the
// second half (a dynamic threshold, as switches with a shared memory use them: Choudhury and Hahne,
// 1998), so that however many stand still, together they stay below the limit, but for kLeast each:
// nobody's share is less, so that all move.
//
// Nobody waits for the budget itself: who is held up has bytes of his own that are on their way
// out, and goes on when they have left. So nothing has to be told when memory comes back.
//
// Owner: a worker, which binds it to its thread. Thread: used by that one; in_use(), limit() and
// set_limit() by any. A thread without one is not limited.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "sidecar/core/counters.h"

namespace weft {

class BufferBudget final {
 public:
  // What everybody may hold at any time: one small block.
  static constexpr std::size_t kLeast = 4 * 1024;
  static constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();
  // Of one worker, where neither a memory group nor a flag says anything.
  static constexpr std::int64_t kDefault = 256 * 1024 * 1024;

  explicit BufferBudget(std::int64_t limit = kNoLimit) { set_limit(limit); }
  BufferBudget(const BufferBudget&) = delete;
  BufferBudget& operator=(const BufferBudget&) = delete;

  // That of the calling thread; null when it has none.
  [[nodiscard]] static BufferBudget* of_thread() { return bound_; }
  // Binds it to the calling thread for as long as this lives.
  class Binding final {
   public:
    explicit Binding(BufferBudget& budget) { bound_ = &budget; }
    ~Binding() { bound_ = nullptr; }
    Binding(const Binding&) = delete;
    Binding& operator=(const Binding&) = delete;
  };

  void take(std::size_t bytes) { in_use_.add(static_cast<std::int64_t>(bytes)); }
  void give(std::size_t bytes) { in_use_.sub(static_cast<std::int64_t>(bytes)); }

  // What one may hold who would hold `wish` were there memory enough. Never more than the wish.
  [[nodiscard]] std::size_t share(std::size_t wish) const {
    return tight() ? squeezed(wish) : wish;
  }
  // More than half is in use: shares are smaller than wishes.
  [[nodiscard]] bool tight() const { return in_use_.value() > limit_.value() / 2; }
  // More than three quarters: HTTP/2 streams are given less credit.
  [[nodiscard]] bool short_of_credit() const {
    return in_use_.value() > limit_.value() - limit_.value() / 4;
  }

  [[nodiscard]] std::int64_t in_use() const { return in_use_.value(); }
  [[nodiscard]] std::int64_t limit() const { return limit_.value(); }
  void set_limit(std::int64_t limit) { limit_.set(std::max<std::int64_t>(limit, 2)); }

 private:
  [[nodiscard]] std::size_t squeezed(std::size_t wish) const;

  static constinit thread_local BufferBudget* bound_;

  Gauge in_use_;
  Gauge limit_;  // written by one thread, which need not be the bound one
};

// On the calling thread: its share of `wish`.
[[nodiscard]] inline std::size_t buffer_share(std::size_t wish) {
  const BufferBudget* budget = BufferBudget::of_thread();
  return budget == nullptr ? wish : budget->share(wish);
}
[[nodiscard]] inline bool buffers_are_tight() {
  const BufferBudget* budget = BufferBudget::of_thread();
  return budget != nullptr && budget->tight();
}

}  // namespace weft
