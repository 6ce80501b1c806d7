#pragma once
// SlidingWindows: a RateLimiter that looks back: in no span of `interval` more than `requests`,
// however they come; nothing is saved up.
//
//   |  slot  |  slot  | ... ten whole slots of interval / 10 |  now  |
//   \---------------- what is counted --------------------------------/
//
// A time is not kept for each request: a window is eleven counters, and a slot counts until all of
// it is older than the interval. So a place becomes free up to a tenth of the interval later than
// it might, and never too early. Memory: 56 bytes for each key. Thread: any, under a lock.

#include <array>
#include <mutex>

#include "sidecar/core/limit_keys.h"

namespace weft {

class SlidingWindows final : public RateLimiter {
 public:
  SlidingWindows(std::uint32_t requests, Duration interval, std::uint64_t seed = 0);

  [[nodiscard]] Duration take(TimePoint now) override;
  [[nodiscard]] Taken take(std::uint64_t key, TimePoint now) override;
  void give_back(TimePoint taken) override;
  void give_back(std::uint64_t key, TimePoint taken) override;
  [[nodiscard]] std::size_t keys() const override { return keys_.size(); }

 private:
  static constexpr std::int64_t kSlots = 10;         // of an interval
  static constexpr std::int64_t kHeld = kSlots + 1;  // and the one that now is in

  // All zero: never seen.
  struct Window {
    std::int64_t newest;  // number of the newest slot; those are counted from the clock's zero
    std::array<std::uint32_t, kHeld> counts;
  };
  static_assert(sizeof(Window) <= 56);

  [[nodiscard]] Duration take_from(Window& window, std::int64_t now) const;
  void give_back_to(Window& window, std::int64_t taken) const;

  const std::int64_t slot_;  // nanoseconds
  std::mutex mutex_;
  Window one_{};
  LimitKeys<Window> keys_;
};

}  // namespace weft
