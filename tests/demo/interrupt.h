#pragma once
// Interrupt: Ctrl-C and SIGTERM as a question to be asked, so that whoever waits can stop waiting
// and everything is put away in order. One per process; make it before any thread.

#include "sidecar/core/clock.h"

namespace weft::demo {

void catch_interrupts();
[[nodiscard]] bool interrupted();
// Sleeps, or returns early when interrupted.
void pause_for(Duration duration);

// Asks every 25 ms until `condition` holds, `patience` ends or somebody interrupts; whether it
// held.
template <typename Condition>
bool wait_until(Duration patience, Condition condition) {
  const TimePoint until = read_monotonic_clock() + patience;
  while (!condition()) {
    if (interrupted() || read_monotonic_clock() > until) return false;
    pause_for(std::chrono::milliseconds(25));
  }
  return true;
}

}  // namespace weft::demo
