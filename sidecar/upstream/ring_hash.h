#pragma once
// RingHash: each endpoint has many points on a ring of 64-bit hashes; a request goes to the first
// point at or after its own hash.
//
// Points stand where Envoy puts them (xds-v3.md 3.8): at the hash of "<name>_<i>", as many for each
// as its weight is of the smallest, so that several proxies agree. A request without a hash goes
// anywhere. Pure.

#include <cstdint>
#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/hash_members.h"

namespace weft::upstream {

class RingHash final : public Balancer {
 public:
  RingHash(const config::Balancing& settings, Random& random);
  void set(std::span<const Candidate> candidates, TimePoint now) override;
  [[nodiscard]] Endpoint* pick(const Ask& ask) override;

  struct Point {
    std::uint64_t hash;
    std::uint32_t member;
  };
  [[nodiscard]] const std::vector<Point>& points() const { return points_; }

 private:
  void place();

  config::Balancing settings_;
  Random& random_;
  HashMembers members_;
  std::vector<Point> points_;
};

}  // namespace weft::upstream
