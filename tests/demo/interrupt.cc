#include "tests/demo/interrupt.h"

#include <signal.h>

#include <algorithm>
#include <thread>

namespace weft::demo {

namespace {

volatile sig_atomic_t caught = 0;

void on_signal(int) { caught = 1; }

}  // namespace

void catch_interrupts() {
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

bool interrupted() { return caught != 0; }

void pause_for(Duration duration) {
  constexpr Duration kPiece = std::chrono::milliseconds(50);
  const TimePoint until = read_monotonic_clock() + duration;
  while (!interrupted()) {
    const Duration left = until - read_monotonic_clock();
    if (left <= Duration::zero()) return;
    std::this_thread::sleep_for(std::min(left, kPiece));
  }
}

}  // namespace weft::demo
