#pragma once
// TimerWheel: hierarchical timing wheel, 8 ms ticks, four levels of 64 slots (about 37 hours), O(1)
// to arm and to fire.
//
// Pure: time is what advance() is told, so tests move it by hand and a Loop drives it with one uv
// timer set to next_wake(). A Timer fires at the first advance() at or after its deadline, at most
// one tick late when driven by next_wake(); never early. Deadlines beyond the horizon wait in the
// last slot and are filed again. Owner: Turn. Thread: its loop's. After G. Varghese and T. Lauck,
// "Hashed and Hierarchical Timing Wheels", SOSP 1987.

#include <array>
#include <cstdint>
#include <optional>

#include "sidecar/core/timers.h"

namespace weft {

class TimerWheel final : public Timers {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(8);

  explicit TimerWheel(TimePoint start);
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  [[nodiscard]] TimePoint now() const override { return now_; }

  // Moves time forward without firing: what a loop reads before its first event of a turn, so that
  // events see the true time and are handled before the deadlines they came just in time for.
  // advance() fires, later in the same turn.
  void set_now(TimePoint now) {
    if (now > now_) now_ = now;
  }

  // Moves time forward and fires what is due, in order of slots. Timers armed from inside a
  // callback fire in a later call.
  void advance(TimePoint now);

  // When to call advance() next; nothing when no timer is filed, so an idle process sleeps for
  // ever.
  [[nodiscard]] std::optional<TimePoint> next_wake() const;

 private:
  static constexpr int kLevels = 4;
  static constexpr int kSlotBits = 6;
  static constexpr std::uint64_t kSlots = 1U << kSlotBits;

  void file(Timer& timer) override;
  void file_at(Timer& timer, std::uint64_t tick);
  [[nodiscard]] std::uint64_t tick_of(TimePoint time, bool round_up) const;
  void cascade(int level);
  void run_slot(IntrusiveList<Timer>& slot);

  TimePoint start_;
  TimePoint now_;
  std::uint64_t tick_ = 0;  // every slot up to and including this tick has been run
  std::array<std::array<IntrusiveList<Timer>, kSlots>, kLevels> slots_;
  // A bit per slot that may hold a timer. Set on filing, cleared when the slot is run: a cancelled
  // timer costs one wake-up at most.
  std::array<std::uint64_t, kLevels> occupied_{};
};

}  // namespace weft
