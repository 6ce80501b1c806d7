#pragma once
// LimitKeys: what a RateLimiter counts for each key, in a table that is bounded by
// RateLimiter::kKeysMax. A full part of it is swept at most once a second; what finds no room even
// then shares one State.
//
// `State()` is a key never seen. Owner: a RateLimiter. Thread: any; a key takes the lock of its
// sixteenth.

#include <array>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "sidecar/core/rate_limiter.h"

namespace weft {

template <typename State>
class LimitKeys final {
 public:
  // `use(state, shared)`, and what it returns. `unused(state)`: as good as never seen.
  template <typename Unused, typename Use>
  auto with(std::uint64_t key, std::int64_t now, Unused unused, Use use) {
    Part& part = parts_[key % kParts];
    const std::lock_guard lock(part.mutex);
    auto found = part.states.find(key);
    if (found == part.states.end()) {
      if (part.states.size() >= kKeysPerPart && now >= part.next_sweep) {
        part.next_sweep = now + kSweepEvery.count();
        std::erase_if(part.states, [&](const auto& entry) { return unused(entry.second); });
      }
      if (part.states.size() >= kKeysPerPart) return use(part.others, true);
      found = part.states.emplace(key, State()).first;
    }
    return use(found->second, false);
  }
  // Of a key that was used a moment ago.
  template <typename Use>
  void again(std::uint64_t key, Use use) {
    Part& part = parts_[key % kParts];
    const std::lock_guard lock(part.mutex);
    const auto found = part.states.find(key);
    use(found == part.states.end() ? part.others : found->second);
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const Part& part : parts_) {
      const std::lock_guard lock(part.mutex);
      count += part.states.size();
    }
    return count;
  }

 private:
  static constexpr std::size_t kParts = 16;
  static constexpr std::size_t kKeysPerPart = RateLimiter::kKeysMax / kParts;
  static constexpr Duration kSweepEvery = std::chrono::seconds(1);

  struct Part {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, State> states;
    State others{};
    std::int64_t next_sweep = 0;
  };
  std::array<Part, kParts> parts_;
};

}  // namespace weft
