#pragma once
// SharedLimits: what one cluster uses across all workers, so that a limit of 1 means 1 (decisions
// D10).
//
// The named exception to "share only what is const": plain atomics, taken with add-then-undo, so
// two workers can never both have the last place. Owner: SharedLimitsTable, one per process; a
// table entry lives as long as a cluster of that name does anywhere. Thread: any.

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sidecar/core/strings.h"
#include "sidecar/upstream/breaker.h"
#include "sidecar/upstream/shared_places.h"

namespace weft::upstream {

class SharedCount final {
 public:
  // False when `max` are in use.
  [[nodiscard]] bool take(std::uint32_t max) {
    if (value_.fetch_add(1, std::memory_order_relaxed) < max) return true;
    give();
    return false;
  }
  void give() { value_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> value_{0};
};

struct SharedLimits {
  SharedCount connections;
  SharedCount pending;
  SharedCount requests;
  SharedCount retries;
  std::atomic<bool> used{false};  // there has been a connection, which health checks ask
  SharedCount tunnels;            // inside HTTP
  Breaker breaker;
  SharedPlaces places;
};

class SharedLimitsTable final {
 public:
  [[nodiscard]] std::shared_ptr<SharedLimits> of(std::string_view cluster) {
    const std::lock_guard lock(mutex_);
    auto found = table_.find(cluster);
    if (found == table_.end())
      found = table_.emplace(std::string(cluster), std::weak_ptr<SharedLimits>()).first;
    std::shared_ptr<SharedLimits> limits = found->second.lock();
    if (limits == nullptr) {
      limits = std::make_shared<SharedLimits>();
      found->second = limits;
      if (table_.size() >= sweep_at_) {
        std::erase_if(table_, [](const auto& entry) { return entry.second.expired(); });
        sweep_at_ = 2 * table_.size() + kSweepMin;
      }
    }
    return limits;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<SharedLimits>, TextHash, std::equal_to<>> table_;
  // Those of clusters that have gone are forgotten when the table has doubled, not at each new one.
  static constexpr std::size_t kSweepMin = 64;
  std::size_t sweep_at_ = kSweepMin;
};

}  // namespace weft::upstream
