#pragma once
// LeastRequest: of a few drawn at random by weight, the endpoint with the fewest requests under way
// for its weight (M. Mitzenmacher, "The Power of Two Choices", 2001).

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/weighted_draw.h"

namespace weft::upstream {

class LeastRequest final : public Balancer {
 public:
  // More than that is a scan and no draw.
  static constexpr std::uint32_t kChoicesMax = 16;
  LeastRequest(std::uint32_t choices, Random& random);
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;

 private:
  std::uint32_t choices_;
  Random& random_;
  WeightedDraw draw_;
};

}  // namespace weft::upstream
