#pragma once
// RandomChoice: the balancer that draws by weight and asks nothing else.

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/weighted_draw.h"

namespace weft::upstream {

class RandomChoice final : public Balancer {
 public:
  explicit RandomChoice(Random& random) : random_(random) {}
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;

 private:
  Random& random_;
  WeightedDraw draw_;
};

}  // namespace weft::upstream
