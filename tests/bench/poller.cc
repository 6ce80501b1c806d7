#include "tests/bench/poller.h"

#include <sys/prctl.h>

#include <algorithm>
#include <cerrno>

namespace weft::bench {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_.valid()) die("epoll_create1");
  // Planned instants are microseconds apart; the default slack of 50 us would bunch them.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
}

void Poller::watch(const Fd& socket, std::uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, socket.number(), &event) != 0)
    die("epoll_ctl add");
}

void Poller::change(const Fd& socket, std::uint32_t events, Handler& handler) {
  epoll_event event{.events = events, .data = {.ptr = &handler}};
  if (::epoll_ctl(epoll_.number(), EPOLL_CTL_MOD, socket.number(), &event) != 0)
    die("epoll_ctl mod");
}

void Poller::poll(Clock::time_point deadline) {
  const auto now = Clock::now();
  const auto wait = std::clamp<std::chrono::nanoseconds>(
      deadline - now, std::chrono::nanoseconds::zero(), kWaitMax);
  int ready = 0;
  if (wait == kWaitMax) {
    // Nothing is planned soon. Valgrind 3.19 knows this call and not the finer one.
    ready =
        ::epoll_wait(epoll_.number(), events_.data(), kBatch, static_cast<int>(kWaitMax.count()));
  } else {
    const timespec timeout{.tv_sec = 0, .tv_nsec = wait.count()};
    ready = ::epoll_pwait2(epoll_.number(), events_.data(), kBatch, &timeout, nullptr);
  }
  if (ready < 0 && errno != EINTR) die("epoll_wait");
  for (int i = 0; i < ready; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    static_cast<Handler*>(event.data.ptr)->on_ready(event.events);
  }
}

}  // namespace weft::bench
