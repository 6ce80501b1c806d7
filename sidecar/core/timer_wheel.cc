#include "sidecar/core/timer_wheel.h"

#include <bit>

namespace weft {

TimerWheel::TimerWheel(TimePoint start) : start_(start), now_(start) {}

std::uint64_t TimerWheel::tick_of(TimePoint time, bool round_up) const {
  if (time <= start_) return 0;
  auto elapsed = static_cast<std::uint64_t>((time - start_).count());
  const auto tick = static_cast<std::uint64_t>(kTick.count());
  // Saturating: a deadline at the end of time must not wrap round to now.
  if (round_up && elapsed < UINT64_MAX - tick) elapsed += tick - 1;
  return elapsed / tick;
}

void TimerWheel::file(Timer& timer) {
  timer.unlink();
  timer.filed_for_ = timer.deadline_;
  // Slots up to tick_ are done, so the earliest a timer can fire is the next one: never inside the
  // current callback.
  std::uint64_t due = tick_of(timer.deadline_, true);
  if (due <= tick_) due = tick_ + 1;
  file_at(timer, due);
}

void TimerWheel::file_at(Timer& timer, std::uint64_t due) {
  for (int level = 0; level < kLevels; ++level) {
    const int shift = level * kSlotBits;
    if ((due >> shift) - (tick_ >> shift) < kSlots) {
      const std::uint64_t slot = (due >> shift) % kSlots;
      slots_[static_cast<std::size_t>(level)][slot].push_back(timer);
      occupied_[static_cast<std::size_t>(level)] |= std::uint64_t{1} << slot;
      return;
    }
  }
  // Beyond the horizon: the farthest slot of the last level, filed again when it comes round.
  const int top = kLevels - 1;
  const std::uint64_t slot = ((tick_ >> (top * kSlotBits)) + kSlots - 1) % kSlots;
  slots_[top][slot].push_back(timer);
  occupied_[top] |= std::uint64_t{1} << slot;
}

void TimerWheel::cascade(int level) {
  const auto index = static_cast<std::size_t>(level);
  const std::uint64_t slot = (tick_ >> (level * kSlotBits)) % kSlots;
  occupied_[index] &= ~(std::uint64_t{1} << slot);
  IntrusiveList<Timer> moved;
  moved.splice(slots_[index][slot]);
  while (Timer* timer = moved.pop_front()) {
    if (!timer->armed_) continue;
    timer->filed_for_ = timer->deadline_;
    std::uint64_t due = tick_of(timer->deadline_, true);
    // Due in the very tick that is about to run: level 0, this slot.
    if (due < tick_) due = tick_;
    file_at(*timer, due);
  }
}

void TimerWheel::run_slot(IntrusiveList<Timer>& slot) {
  IntrusiveList<Timer> due;
  due.splice(slot);
  while (Timer* timer = due.pop_front()) {
    if (!timer->armed_) continue;
    if (timer->deadline_ > now_) {
      file(*timer);  // re-armed to later since it was filed
      continue;
    }
    timer->armed_ = false;
    timer->sink_.on_timer(*timer);
  }
}

void TimerWheel::advance(TimePoint now) {
  if (now < now_) return;
  now_ = now;
  const std::uint64_t target = tick_of(now, false);
  while (tick_ < target) {
    // Jump over empty stretches: with nothing on level 0 the next thing that can happen is a
    // cascade.
    if (occupied_[0] == 0) {
      bool anything = false;
      for (std::size_t level = 1; level < kLevels; ++level) anything |= occupied_[level] != 0;
      if (!anything) {
        tick_ = target;
        return;
      }
      const std::uint64_t boundary = (tick_ | (kSlots - 1)) + 1;
      if (boundary > target) {
        tick_ = target;
        return;
      }
      tick_ = boundary;
    } else {
      ++tick_;
    }
    for (int level = 1; level < kLevels; ++level) {
      if (tick_ % (std::uint64_t{1} << (level * kSlotBits)) != 0) break;
      cascade(level);
    }
    const std::uint64_t slot = tick_ % kSlots;
    if ((occupied_[0] & (std::uint64_t{1} << slot)) != 0) {
      occupied_[0] &= ~(std::uint64_t{1} << slot);
      run_slot(slots_[0][slot]);
    }
  }
}

std::optional<TimePoint> TimerWheel::next_wake() const {
  std::optional<std::uint64_t> best;
  for (int level = 0; level < kLevels; ++level) {
    const std::uint64_t bits = occupied_[static_cast<std::size_t>(level)];
    if (bits == 0) continue;
    const int shift = level * kSlotBits;
    const std::uint64_t current = tick_ >> shift;
    // Slots follow the current one in a circle; rotate so that the next one is bit 0.
    const auto rotated = std::rotr(bits, static_cast<int>((current + 1) % kSlots));
    const std::uint64_t ahead = current + 1 + static_cast<std::uint64_t>(std::countr_zero(rotated));
    const std::uint64_t tick = ahead << shift;
    if (!best || tick < *best) best = tick;
  }
  if (!best) return std::nullopt;
  return start_ + kTick * static_cast<std::int64_t>(*best);
}

}  // namespace weft
