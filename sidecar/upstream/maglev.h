#pragma once
// Maglev: a table of places, filled by each endpoint in turn in an order of its own; a request
// looks up its hash in one step (D. Eisenbud and others, "Maglev: A Fast and Reliable Software
// Network Load Balancer", 2016, section 3.4).
//
// The orders and the filling by weight are Envoy's (xds-v3.md 3.8), so that several proxies agree.
// When the owner of a place is lost, tried or full, the hash is changed and looked up again. Pure.

#include <cstdint>
#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/hash_members.h"

namespace weft::upstream {

class Maglev final : public Balancer {
 public:
  Maglev(const config::Balancing& settings, Random& random);
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;
  // The member at each place.
  [[nodiscard]] const std::vector<std::uint32_t>& table() const { return table_; }

 private:
  void place();

  std::uint32_t size_;
  Random& random_;
  HashMembers members_;
  std::vector<std::uint32_t> table_;
};

}  // namespace weft::upstream
