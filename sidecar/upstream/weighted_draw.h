#pragma once
// WeightedDraw: candidates drawn at random by their weights, in O(log n).
//
// Pure; the base of the balancers that are random. Candidates that are not usable or weigh nothing
// are not kept.

#include <cstdint>
#include <span>
#include <vector>

#include "sidecar/core/random.h"
#include "sidecar/upstream/balancer.h"

namespace weft::upstream {

class WeightedDraw final {
 public:
  void set(std::span<const Candidate> candidates);
  [[nodiscard]] std::size_t size() const { return candidates_.size(); }
  [[nodiscard]] const Candidate& at(std::size_t index) const { return candidates_[index]; }
  // REQUIRES size() > 0.
  [[nodiscard]] std::size_t draw(Random& random) const;
  // Another one than `other`. REQUIRES size() > 1.
  [[nodiscard]] std::size_t draw_another(std::size_t other, Random& random) const;
  // One that was not tried, from a random place on; size() when all were. What is passed over was
  // tried, so that a scan ends soon.
  [[nodiscard]] std::size_t untried(const Tried& tried, Random& random) const;

 private:
  std::vector<Candidate> candidates_;
  std::vector<std::uint64_t> cumulative_;  // empty when all weigh the same
};

}  // namespace weft::upstream
