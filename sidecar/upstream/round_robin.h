#pragma once
// RoundRobin: everybody in turn, as often as their weights say, spread as evenly as can be.
//
// Equal weights rotate. Few with unequal weights are picked smoothly: each gains its weight, the
// highest wins and pays the total, so that 5/1/1 is a a b a c a a, and every cycle is exact. For
// many that would be a scan per request; they wait in a heap for the time at which they are due
// next, which is as exact and less even. Who stays keeps its place; who comes starts anywhere, or
// every sidecar would begin with the same endpoint after every push.

#include <cstdint>
#include <vector>

#include "sidecar/upstream/balancer.h"

namespace weft::upstream {

class RoundRobin final : public Balancer {
 public:
  static constexpr std::size_t kSmoothMax = 64;
  explicit RoundRobin(Random& random) : random_(random) {}
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;

 private:
  struct Entry {
    Endpoint* endpoint;
    std::uint64_t weight;
    std::int64_t current;   // smooth: what it has gained and not paid
    std::uint64_t due;      // heap: when, in units of kCycle per cycle; wraps
    std::uint64_t residue;  // heap: what the division of kCycle by the weight left
  };
  static constexpr std::uint64_t kCycle = std::uint64_t{1} << 62;

  [[nodiscard]] Endpoint* rotate(const Ask& ask);
  [[nodiscard]] Endpoint* pick_smoothly(const Ask& ask);
  [[nodiscard]] Endpoint* pick_due(const Ask& ask);
  // Files the top of the heap again, at its next time.
  void advance_top();
  static bool later(const Entry& a, const Entry& b);

  Random& random_;
  std::vector<Entry> entries_;
  std::int64_t total_ = 0;
  std::size_t next_ = 0;
  bool uniform_ = true;
};

}  // namespace weft::upstream
