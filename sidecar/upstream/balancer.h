#pragma once
// Balancer: which of a group of endpoints takes the next request. Asked once per attempt; one per
// group and worker.
//
// The endpoints, their weights and whether they may be used change only through set(). pick()
// prefers endpoints that were not tried and falls back to any other; it allocates nothing and takes
// O(1) or O(log n).

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "sidecar/config/balancing.h"
#include "sidecar/core/random.h"
#include "sidecar/upstream/cluster.h"

namespace weft::upstream {

struct Candidate {
  Endpoint* endpoint = nullptr;
  std::uint64_t weight = 1;
  // False: it keeps its place on a ring and takes nothing now. The others know only usable ones.
  bool usable = true;
};

// One question to a balancer.
struct Ask {
  const Tried* tried = nullptr;
  std::optional<std::uint64_t> hash;
  TimePoint now{};
  std::uint32_t active = 0;  // requests under way at all endpoints together

  [[nodiscard]] bool was_tried(const Endpoint& endpoint) const {
    return tried != nullptr && tried->contains(endpoint);
  }
  [[nodiscard]] bool avoids() const { return tried != nullptr && !tried->empty(); }
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  virtual void set(std::span<const Candidate> candidates, TimePoint now) = 0;
  // Null only when none may be used.
  [[nodiscard]] virtual Endpoint* pick(const Ask& ask) = 0;
};

[[nodiscard]] std::unique_ptr<Balancer> make_balancer(const config::Balancing& settings,
                                                      Random& random);

}  // namespace weft::upstream
