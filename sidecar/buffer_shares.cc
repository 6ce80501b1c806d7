#include "sidecar/buffer_shares.h"

#include <algorithm>

namespace weft::sidecar {

std::uint64_t BufferShares::in_use() const {
  std::int64_t sum = 0;
  for (const auto& worker : workers_) sum += worker->buffers().in_use();
  return static_cast<std::uint64_t>(std::max<std::int64_t>(sum, 0));
}

void BufferShares::apply(const MemoryReading* reading) {
  std::uint64_t all = wanted_ != 0 ? wanted_ : BufferBudget::kDefault * workers_.size();
  if (reading != nullptr && reading->limited()) {
    const std::uint64_t left = reading->for_buffers(in_use());
    all = wanted_ != 0 ? std::min(wanted_, left) : left;
  }
  for (const auto& worker : workers_)
    worker->buffers().set_limit(static_cast<std::int64_t>(all / workers_.size()));
}

void BufferShares::count(telemetry::ProxyMetrics& shard) const {
  using telemetry::SelfLimit;
  std::int64_t limit = 0;
  bool tight = false;
  for (const auto& worker : workers_) {
    limit += worker->buffers().limit();
    tight = tight || worker->buffers().tight();
  }
  shard.self_limit_in_use(SelfLimit::kBlockBytes).set(static_cast<std::int64_t>(in_use()));
  shard.self_limit_max(SelfLimit::kBlockBytes).set(limit);
  shard.overload_active(telemetry::OverloadAction::kShrinkBuffers).set(tight ? 1 : 0);
}

}  // namespace weft::sidecar
