#include "sidecar/upstream/balancer.h"

#include "sidecar/upstream/least_request.h"
#include "sidecar/upstream/maglev.h"
#include "sidecar/upstream/peak_ewma.h"
#include "sidecar/upstream/random_choice.h"
#include "sidecar/upstream/ring_hash.h"
#include "sidecar/upstream/round_robin.h"

namespace weft::upstream {

std::unique_ptr<Balancer> make_balancer(const config::Balancing& settings, Random& random) {
  switch (settings.kind) {
    case config::BalancerKind::kRoundRobin:
      return std::make_unique<RoundRobin>(random);
    case config::BalancerKind::kLeastRequest:
      return std::make_unique<LeastRequest>(settings.least_request_choices, random);
    case config::BalancerKind::kRandom:
      return std::make_unique<RandomChoice>(random);
    case config::BalancerKind::kPeakEwma:
      return std::make_unique<PeakEwma>(settings.ewma_decay, random);
    case config::BalancerKind::kRingHash:
      return std::make_unique<RingHash>(settings, random);
    case config::BalancerKind::kMaglev:
      return std::make_unique<Maglev>(settings, random);
  }
  return nullptr;
}

}  // namespace weft::upstream
