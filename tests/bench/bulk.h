#pragma once
// Bulk: moves bytes one way over N connections for a while and counts them, for tunnels.
//
// Owner: meshload's main. Thread: one. Unit: bytes that crossed the socket inside the measured
// window. Errors: a connection that ends early counts in `lost`; the others go on.

#include <chrono>
#include <cstdint>
#include <vector>

#include "tests/bench/accounting.h"
#include "tests/bench/socket.h"

namespace weft::bench {

struct BulkOptions {
  enum class Way { kUp, kDown };  // Up: we send. Down: we receive.
  Endpoint target;
  Way way = Way::kUp;
  unsigned connections = 1;
  std::chrono::nanoseconds warmup{};
  std::chrono::nanoseconds duration{};
  std::vector<pid_t> watched;
};

struct BulkReport {
  std::uint64_t bytes = 0;
  std::uint64_t lost = 0;
  double seconds = 0;
  std::vector<ProcessUse> processes;
  std::vector<CoreUse> cores;
};

[[nodiscard]] BulkReport run_bulk(const BulkOptions& options);

}  // namespace weft::bench
