#pragma once
// Loop: one thread's event loop. It drives a Turn (time, timers, flush, burial) with libuv and
// sleeps when nobody wants anything: no tick, no idle handle.
//
//   poll (sleeps) -> events, in the order the kernel tells -> check: deferred events, due timers,
//   Turn::end
//                 -> closed handles go -> prepare: deferred events, Turn::end, plan the next sleep
//                 -> poll …
//
// Time is read once a turn, by its first event. Events come before the timers that fell due while
// the loop slept or worked, so an answer that arrived in time is seen in time.
//
// Owner: the thread's top object (a worker, the sidecar, a test), which destroys everything that
// lives on the Loop first. Thread: the one that calls run(); post() alone may be called from
// others.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "sidecar/core/block.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/turn.h"
#include "sidecar/net/paused_sockets.h"

struct uv_loop_s;

namespace weft::net {

// Whoever has an event to raise that may not be raised from inside the call that caused it.
class Deferred : public ListNode<Deferred> {
 public:
  virtual void on_deferred() = 0;

 protected:
  ~Deferred() = default;
};

class Loop final {
 public:
  // Written by the loop's thread, readable by any.
  struct Stats {
    Counter turns;  // times the loop woke up, or looked at its sockets without sleeping
    Counter posts;  // callables run for other threads
    Counter reads;  // read system calls that gave bytes
    Counter read_bytes;
    Counter writes;  // write system calls of ours
    Counter written_bytes;
    Histogram lag;   // how long a turn kept the next event waiting (to the millisecond)
    Gauge lag_last;  // the same of the last turn, in microseconds
  };

  Loop();
  ~Loop();  // after run() has returned, or without it
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Returns after stop(), at the end of that turn.
  void run();
  void stop();

  // Thread-safe. Runs `call` on the loop's thread, in the order of posting. What is posted after
  // the last turn dies unrun with the Loop; `call` must bear dying there. A std::function is right
  // here: a cold path, crossed for snapshots and figures and never for a request.
  using Posted = std::function<void()>;  // cold path
  void post(Posted call);

  [[nodiscard]] Turn& turn() { return turn_; }
  [[nodiscard]] Timers& timers() { return turn_.timers(); }
  [[nodiscard]] TimePoint now() const { return turn_.now(); }
  [[nodiscard]] Stats& stats() { return stats_; }

  // ---- for this room ----

  // Calls on_deferred() once, before the loop sleeps again and never from inside this call.
  void defer(Deferred& deferred) {
    if (!deferred.linked()) deferred_.push_back(deferred);
  }
  // Every libuv callback calls this first: the turn's one look at the clock.
  void begin_event() {
    if (!clock_read_) read_clock();
  }
  [[nodiscard]] PausedSockets& paused() { return paused_; }
  // Changes with every poll.
  [[nodiscard]] std::uint64_t turn_number() const { return turn_number_; }
  // The block everything is read into (decisions D1): free from `used` on, at least kReadRoomMin
  // bytes. The reader takes a reference and moves `used` on, or leaves both alone.
  [[nodiscard]] const BlockRef& read_block() {
    if (!read_block_ || read_block_->shared()) return next_read_block();
    read_block_->used = 0;
    return read_block_;
  }
  [[nodiscard]] uv_loop_s* uv();

 private:
  static constexpr std::size_t kReadRoomMin = 16 * 1024;
  struct Handles;  // libuv's

  void on_prepare();
  void on_check();
  void on_posted();
  void read_clock();
  [[nodiscard]] const BlockRef& next_read_block();
  void run_deferred();
  void plan_sleep(bool work_left);

  std::unique_ptr<Handles> handles_;
  Turn turn_;
  Stats stats_;
  IntrusiveList<Deferred> deferred_;
  PausedSockets paused_{turn_.timers()};
  BlockRef read_block_;
  bool clock_read_ = false;
  std::uint64_t turn_number_ = 0;
  std::optional<std::uint64_t> wake_at_;  // what the uv timer is armed for, in libuv's milliseconds

  std::mutex posted_mutex_;
  std::vector<Posted> posted_;
};

}  // namespace weft::net
