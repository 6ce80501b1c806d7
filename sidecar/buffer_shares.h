#pragma once
// BufferShares: how many bytes the blocks of each worker may take: what the start says, or what the
// memory group leaves, in equal parts.
//
// Equal: which worker a connection comes to is the kernel's choice, and it spreads them. Owner:
// Sidecar. Thread: main loop.

#include <cstdint>

#include "sidecar/memory_guard.h"
#include "sidecar/worker.h"
#include "telemetry/proxy_metrics.h"

namespace weft::sidecar {

class BufferShares final {
 public:
  // `wanted` bytes for all; 0: what the group leaves, or BufferBudget::kDefault each. `workers`
  // outlives it.
  BufferShares(const Workers& workers, std::uint64_t wanted) : workers_(workers), wanted_(wanted) {}

  // Null: there is no group to look at.
  void apply(const MemoryReading* reading);
  void count(telemetry::ProxyMetrics& shard) const;

 private:
  [[nodiscard]] std::uint64_t in_use() const;

  const Workers& workers_;
  const std::uint64_t wanted_;
};

}  // namespace weft::sidecar
