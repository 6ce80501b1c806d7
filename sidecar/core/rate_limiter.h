#pragma once
// RateLimiter: a token bucket, or one for each key, that all workers share, so that a limit of 1
// means 1. Pure: the time is the caller's.
//
// A bucket is one number: when it would be full again if nobody came (GCRA, ITU-T I.371). A key
// whose bucket is full is as good as one never seen and may be forgotten; so the table of keys is
// bounded by kKeysMax, and made-up keys cannot push out one that is in use: what finds no room
// shares one bucket. Thread: any; one bucket takes no lock, a key that of its sixteenth.

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "sidecar/core/clock.h"

namespace weft {

class RateLimiter final {
 public:
  static constexpr std::size_t kKeysMax = 16 * 1024;

  // `tokens` come in each `interval`, at most `burst` are kept. `seed` keeps callers from choosing
  // keys that fall together. REQUIRES all of them above zero.
  RateLimiter(std::uint32_t tokens, Duration interval, std::uint32_t burst, std::uint64_t seed = 0);

  // Zero: the token is yours; else how long until there is one.
  [[nodiscard]] Duration take(TimePoint now);
  [[nodiscard]] Duration take(std::uint64_t key, TimePoint now);
  // A token taken a moment ago was of no use.
  void give_back();
  void give_back(std::uint64_t key);

  [[nodiscard]] std::uint64_t key_of(std::string_view text) const;
  [[nodiscard]] std::size_t keys() const;  // in the table now; for tests and people
  [[nodiscard]] bool is(std::uint32_t tokens, Duration interval, std::uint32_t burst) const;

 private:
  static constexpr std::size_t kParts = 16;
  static constexpr std::size_t kKeysPerPart = kKeysMax / kParts;
  static constexpr Duration kSweepEvery = std::chrono::seconds(1);

  // When it is full, in nanoseconds of the monotonic clock.
  using Full = std::int64_t;
  [[nodiscard]] Duration take_from(Full& full, std::int64_t now) const;

  struct Part {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, Full> buckets;
    Full others = 0;
    std::int64_t next_sweep = 0;
  };

  const std::uint32_t tokens_;
  const Duration interval_;
  const std::uint32_t burst_;
  const std::uint64_t seed_;
  const std::int64_t per_token_;
  const std::int64_t depth_;
  std::atomic<Full> one_{0};
  std::array<Part, kParts> parts_;
};

}  // namespace weft
