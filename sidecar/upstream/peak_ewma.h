#pragma once
// PeakEwma: of two endpoints drawn at random, the one with the lower score: latency x (requests
// under way + 1) / weight.
//
// The latency is EndpointLoad's, or the age of what waits when that is more. An endpoint that has
// never been asked comes first, and is taken for the median of its group until it has answered. The
// two are always different ones: drawn twice,
// a bad endpoint would still get 1/n^2 of all requests.

#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/weighted_draw.h"

namespace weft::upstream {

class PeakEwma final : public Balancer {
 public:
  PeakEwma(Duration decay, Random& random) : decay_(decay), random_(random) {}
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;
  // As pick() compares it, in nanoseconds.
  [[nodiscard]] double score(std::size_t index, TimePoint now) const;

 private:
  Duration decay_;
  Random& random_;
  WeightedDraw draw_;
  double median_ = 0;  // of the group when it was set
};

}  // namespace weft::upstream
