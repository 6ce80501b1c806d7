#pragma once
// RateLimiter: how often something may be done, all together or for each key, counted once for all
// workers, so that a limit of 1 means 1. Pure: the time is the caller's.
//
// Two ways to count: TokenBuckets, which let bursts through that were saved up for, and
// SlidingWindows, which in no span of that length let more through than is written. Keys are
// remembered up to kKeysMax for each limiter, and forgotten once they are as good as never seen;
// made-up keys cannot push out one that is in use: what finds no room is counted as one key.
// Thread: any.

#include <cstdint>
#include <memory>
#include <string_view>

#include "sidecar/core/clock.h"

namespace weft {

class RateLimiter {
 public:
  static constexpr std::size_t kKeysMax = 16 * 1024;

  enum class Algorithm : std::uint8_t { kTokenBucket, kSlidingWindow };
  struct Setting {
    Algorithm algorithm = Algorithm::kTokenBucket;
    std::uint32_t requests = 1;  // in each interval
    Duration interval = std::chrono::seconds(1);
    std::uint32_t burst = 1;  // how many are saved up at most; of token buckets only
    bool operator==(const Setting&) const = default;
  };

  // `seed` keeps callers from choosing keys that fall together. REQUIRES numbers above zero.
  [[nodiscard]] static std::shared_ptr<RateLimiter> make(const Setting& setting,
                                                         std::uint64_t seed = 0);
  virtual ~RateLimiter() = default;
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Zero: it is yours; else how long until there is a place.
  [[nodiscard]] virtual Duration take(TimePoint now) = 0;
  struct Taken {
    Duration wait{0};
    bool shared = false;  // the table was full: counted together with others
  };
  [[nodiscard]] virtual Taken take(std::uint64_t key, TimePoint now) = 0;
  // What was taken at that time was of no use.
  virtual void give_back(TimePoint taken) = 0;
  virtual void give_back(std::uint64_t key, TimePoint taken) = 0;
  [[nodiscard]] virtual std::size_t keys() const = 0;  // in the table now; for tests and people

  [[nodiscard]] std::uint64_t key_of(std::string_view text) const;
  [[nodiscard]] const Setting& setting() const { return setting_; }

 protected:
  RateLimiter(const Setting& setting, std::uint64_t seed) : setting_(setting), seed_(seed) {}

 private:
  const Setting setting_;
  const std::uint64_t seed_;
};

}  // namespace weft
