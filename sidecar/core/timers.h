#pragma once
// Timers and Timer: "tell me later", without a handle or an allocation per wait.
//
// A Timer is a member of whoever waits. Destroying or cancelling it means its callback never comes.
// One TimerSink may own several; it is told which one fired. Re-arming to a later deadline costs
// one store: the wheel files it again lazily. Thread: that of the Timers it was made with.

#include "sidecar/core/clock.h"
#include "sidecar/core/intrusive_list.h"

namespace weft {

class Timer;

class TimerSink {
 public:
  virtual void on_timer(Timer& timer) = 0;

 protected:
  ~TimerSink() = default;
};

class Timers {
 public:
  [[nodiscard]] virtual TimePoint now() const = 0;

 protected:
  ~Timers() = default;

 private:
  friend class Timer;
  virtual void file(Timer& timer) = 0;
};

class Timer final : public ListNode<Timer> {
 public:
  Timer(Timers& timers, TimerSink& sink) : timers_(timers), sink_(sink) {}

  // Fires once, not before `delay` from the turn's now; arming again replaces the deadline. Zero
  // fires in the next turn.
  void arm(Duration delay) { arm_at(timers_.now() + delay); }
  void arm_at(TimePoint deadline) {
    const bool filed_early_enough = linked() && deadline >= filed_for_;
    deadline_ = deadline;
    armed_ = true;
    if (!filed_early_enough) timers_.file(*this);
  }
  // Keeps its place in the wheel, which drops it without a call: cancelling is as cheap as
  // re-arming.
  void cancel() { armed_ = false; }
  [[nodiscard]] bool armed() const { return armed_; }
  [[nodiscard]] TimePoint deadline() const { return deadline_; }

 private:
  friend class TimerWheel;
  Timers& timers_;
  TimerSink& sink_;
  TimePoint deadline_{};
  TimePoint filed_for_{};  // the deadline its slot was chosen for; never later than deadline_ while
                           // linked
  bool armed_ = false;
};

}  // namespace weft
