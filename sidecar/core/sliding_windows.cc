#include "sidecar/core/sliding_windows.h"

#include <algorithm>
#include <numeric>

namespace weft {

namespace {

std::size_t place_of(std::int64_t slot, std::int64_t held) {
  return static_cast<std::size_t>(slot % held);
}

}  // namespace

// Rounded up: ten slots are no shorter than the interval.
SlidingWindows::SlidingWindows(std::uint32_t requests, Duration interval, std::uint64_t seed)
    : RateLimiter(
          {.algorithm = Algorithm::kSlidingWindow, .requests = requests, .interval = interval},
          seed),
      slot_(std::max<std::int64_t>(1, (interval.count() - 1) / kSlots + 1)) {}

Duration SlidingWindows::take_from(Window& window, std::int64_t now) const {
  // A clock that another worker read a moment earlier turns nothing back.
  const std::int64_t slot = std::max(now / slot_, window.newest);
  const std::int64_t gone = std::min(slot - window.newest, kHeld);
  for (std::int64_t i = 0; i < gone; ++i) window.counts[place_of(slot - i, kHeld)] = 0;
  window.newest = slot;
  const std::uint64_t count =
      std::accumulate(window.counts.begin(), window.counts.end(), std::uint64_t{0});
  if (count < setting().requests) {
    ++window.counts[place_of(slot, kHeld)];
    return Duration::zero();
  }
  // Until the oldest slot that holds any is no longer counted.
  std::int64_t oldest = slot - kSlots;
  while (oldest < slot && (oldest < 0 || window.counts[place_of(oldest, kHeld)] == 0)) ++oldest;
  return Duration((oldest + kHeld) * slot_ - now);
}

void SlidingWindows::give_back_to(Window& window, std::int64_t taken) const {
  const std::int64_t slot = taken / slot_;
  if (slot > window.newest || window.newest - slot >= kHeld) return;
  std::uint32_t& count = window.counts[place_of(slot, kHeld)];
  if (count != 0) --count;
}

Duration SlidingWindows::take(TimePoint now) {
  const std::lock_guard lock(mutex_);
  return take_from(one_, now.time_since_epoch().count());
}

RateLimiter::Taken SlidingWindows::take(std::uint64_t key, TimePoint now) {
  const std::int64_t time = now.time_since_epoch().count();
  const auto unused = [&](const Window& window) { return time / slot_ - window.newest >= kHeld; };
  return keys_.with(key, time, unused, [&](Window& window, bool shared) {
    return Taken{.wait = take_from(window, time), .shared = shared};
  });
}

void SlidingWindows::give_back(TimePoint taken) {
  const std::lock_guard lock(mutex_);
  give_back_to(one_, taken.time_since_epoch().count());
}

void SlidingWindows::give_back(std::uint64_t key, TimePoint taken) {
  keys_.again(key, [&](Window& window) { give_back_to(window, taken.time_since_epoch().count()); });
}

}  // namespace weft
