#pragma once
// Accounting: what the kernel charged to processes and cores, read before and after a measured
// window.
//
// Owner: a load run. Thread: one. Units: nanoseconds on a core (all threads of a process), clock
// ticks for cores. Errors: a process that is gone reads as zero. Source: proc(5):
// /proc/PID/task/TID/schedstat and status, /proc/stat.

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace weft::bench {

struct ProcessUse {
  pid_t pid = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t switches_voluntary = 0;
  std::uint64_t switches_forced = 0;
};

struct CoreUse {
  unsigned core = 0;
  std::uint64_t busy = 0;  // Without steal.
  std::uint64_t idle = 0;
  std::uint64_t steal = 0;
};

[[nodiscard]] ProcessUse read_process(pid_t pid);
[[nodiscard]] std::vector<CoreUse> read_cores();
// What was used between two readings; the first becomes the difference.
void subtract(std::vector<ProcessUse>& begin);
void subtract(std::vector<CoreUse>& begin);

}  // namespace weft::bench
