#pragma once
// Poller: one level-triggered epoll set with waits finer than a millisecond.
//
// Owner: the program's loop. Thread: one. A handler may close its own descriptor during its call;
// it must not die while poll() runs, since its event may already lie in the batch. Errors: set-up
// failures end the program.

#include <sys/epoll.h>

#include <array>
#include <chrono>
#include <cstdint>

#include "tests/bench/socket.h"

namespace weft::bench {

using Clock = std::chrono::steady_clock;

class Poller final {
 public:
  class Handler {
   public:
    virtual void on_ready(std::uint32_t events) = 0;

   protected:
    ~Handler() = default;
  };

  Poller();

  void watch(const Fd& socket, std::uint32_t events, Handler& handler);
  void change(const Fd& socket, std::uint32_t events, Handler& handler);
  // Waits at most until `deadline`, and never longer than kWaitMax, so that stop signals are seen.
  void poll(Clock::time_point deadline);

 private:
  static constexpr std::chrono::milliseconds kWaitMax{100};
  static constexpr int kBatch = 512;

  Fd epoll_;
  std::array<epoll_event, kBatch> events_{};
};

}  // namespace weft::bench
