#pragma once
// TokenBuckets: a RateLimiter whose tokens come one by one, and of which `burst` are kept.
//
// A bucket is one number: when it would be full again if nobody came (GCRA, ITU-T I.371). One whose
// time has come is as good as one never seen. Thread: any; the bucket of all takes no lock.

#include <atomic>

#include "sidecar/core/limit_keys.h"

namespace weft {

class TokenBuckets final : public RateLimiter {
 public:
  TokenBuckets(std::uint32_t tokens, Duration interval, std::uint32_t burst,
               std::uint64_t seed = 0);

  [[nodiscard]] Duration take(TimePoint now) override;
  [[nodiscard]] Taken take(std::uint64_t key, TimePoint now) override;
  void give_back(TimePoint taken) override;
  void give_back(std::uint64_t key, TimePoint taken) override;
  [[nodiscard]] std::size_t keys() const override { return keys_.size(); }

 private:
  // When it is full, in nanoseconds of the monotonic clock.
  using Full = std::int64_t;
  [[nodiscard]] Duration take_from(Full& full, std::int64_t now) const;

  const std::int64_t per_token_;
  const std::int64_t depth_;
  std::atomic<Full> one_{0};
  LimitKeys<Full> keys_;
};

}  // namespace weft
