#pragma once
// Balancer: which of a cluster's usable endpoints takes the next request. One per cluster and
// worker; asked once per attempt.
//
// The endpoints' order and weights change only through set(). pick() prefers endpoints for which
// `avoid` is false and falls back to any other. Round robin is smooth and weighted; least request
// compares `choices` random ones by active requests per weight (M. Mitzenmacher, "The Power of Two
// Choices", 2001).

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/random.h"
#include "sidecar/upstream/cluster.h"

namespace weft::upstream {

struct Candidate {
  Endpoint* endpoint = nullptr;
  std::uint32_t weight = 1;
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  virtual void set(std::span<const Candidate> candidates) = 0;
  // Null only when there are none.
  [[nodiscard]] virtual Endpoint* pick(const Tried* tried) = 0;
};

[[nodiscard]] std::unique_ptr<Balancer> make_balancer(const config::Balancing& settings,
                                                      Random& random);

}  // namespace weft::upstream
