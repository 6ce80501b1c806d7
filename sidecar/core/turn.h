#pragma once
// Turn: what a loop gives to those who live on it: the time, timers, one flush per turn, and burial
// of the finished.
//
// net::Loop drives one; a test drives one by hand (advance, end). Rooms above `net` know only this,
// so they run without sockets. Order inside end(): flush until nothing is enlisted (bounded rounds;
// what is left keeps the loop from sleeping), then bury. Owner: Loop or test. Thread: one.

#include <memory>
#include <utility>
#include <vector>

#include "sidecar/core/timer_wheel.h"

namespace weft {

// Whoever has output to hand to its transport at the end of the turn: the top object of a socket (a
// connection or tunnel).
class Flushable : public ListNode<Flushable> {
 public:
  virtual void flush() = 0;

 protected:
  ~Flushable() = default;
};

class Turn final {
 public:
  explicit Turn(TimePoint start) : wheel_(start) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn();

  [[nodiscard]] TimePoint now() const { return wheel_.now(); }
  [[nodiscard]] Timers& timers() { return wheel_; }
  [[nodiscard]] const TimerWheel& wheel() const { return wheel_; }

  // Calls flush() once at the end of this turn; enlisting twice is one call.
  void enlist(Flushable& flushable) {
    if (!flushable.linked()) dirty_.push_back(flushable);
  }

  // Destroys `object` when this turn ends, after its callers have returned. It must already be
  // silent: no timers, tickets or streams that could still call it.
  template <typename T>
  void retire(std::unique_ptr<T> object) {
    if (object != nullptr)
      graves_.push_back({object.release(), [](void* p) { delete static_cast<T*>(p); }});
  }

  // Moves time forward only.
  void set_now(TimePoint now) { wheel_.set_now(now); }
  // Moves time forward and fires timers.
  void advance(TimePoint now) { wheel_.advance(now); }
  // Flushes and buries. Returns false when output was still being produced after the last round.
  bool end() { return (dirty_.empty() && graves_.empty()) || settle(); }

 private:
  struct Grave {
    void* object;
    void (*bury)(void*);
  };
  bool settle();
  void bury();

  TimerWheel wheel_;
  IntrusiveList<Flushable> dirty_;
  std::vector<Grave> graves_;
};

}  // namespace weft
