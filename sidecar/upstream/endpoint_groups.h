#pragma once
// EndpointGroups: a cluster's endpoints by priority, health and locality, and which group takes the
// next request. Each group has a balancer of its own. Pure.
//
//   usable: ready, not ejected                     shares by PriorityLoads, healthy before degraded
//   panic: too few of a priority are available     the ejected too; never who is not ready
//   nobody at all                                  who is draining, like kube-proxy
//
// Within a priority localities share by their weights when that is asked for, a locality's weight
// falling with its health (xds-v3.md 3.7); or those of the own zone come first, as if every
// priority had a lower one for all others. Recomputed when something changed, never per request.

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/priority_loads.h"

namespace weft::upstream {

class EndpointGroups final {
 public:
  enum class State : std::uint8_t {
    kReady,
    kDegraded,
    kEjected,   // by us, or failing its health checks; ready otherwise
    kNotReady,  // as EDS says
    kDraining
  };
  struct Member {
    Endpoint* endpoint = nullptr;
    State state = State::kReady;
    double share = 1.0;  // of its weight: slow start
  };
  struct Setting {
    std::span<const config::Locality> localities;
    std::uint32_t overprovisioning_percent = 140;
    double panic_percent = 50.0;
    std::string_view own_zone;  // empty: not known
  };

  EndpointGroups(const config::Balancing& balancing, Random& random)
      : balancing_(balancing), random_(random) {}
  void set(std::span<const Member> members, const Setting& setting, TimePoint now);

  // Prefers who was not tried, in other groups too. Null: nobody may be used.
  [[nodiscard]] Endpoint* pick(const Ask& ask);
  // How many endpoints are ready or degraded and not ejected.
  [[nodiscard]] std::uint32_t available() const { return available_; }
  [[nodiscard]] bool panics() const { return panics_; }

 private:
  enum class Tier : std::uint8_t { kHealthy, kDegraded, kDraining };
  // A locality's part of a group, or all of it.
  struct Part {
    std::uint32_t locality = 0;
    std::unique_ptr<Balancer> balancer;
    std::int64_t weight = 0;
    std::int64_t current = 0;
  };
  struct Group {
    std::uint32_t priority = 0;
    Tier tier = Tier::kHealthy;
    std::uint32_t load = 0;  // percent
    std::vector<Part> parts;
  };
  // One endpoint as the groups see it.
  struct Placed {
    const Member* member;
    std::uint32_t priority;  // from 0 on, without gaps
    std::uint32_t locality;
    std::uint64_t weight;
  };

  [[nodiscard]] std::vector<Placed> place(std::span<const Member> members,
                                          const Setting& setting) const;
  [[nodiscard]] bool hashes() const;
  Group take_old(std::uint32_t priority, Tier tier);
  void fill(Group& group, std::span<const Placed> placed, bool panic, const Setting& setting,
            TimePoint now);
  void fill_by_locality(Group& group, std::span<const Placed> placed, bool panic,
                        const Setting& setting, TimePoint now);
  void fill_part(Group& group, std::uint32_t locality, std::int64_t weight,
                 std::span<const Candidate> candidates, TimePoint now, std::vector<Part>& parts);
  [[nodiscard]] Group& choose(const Ask& ask);
  [[nodiscard]] static Endpoint* pick_in(Group& group, const Ask& ask);

  const config::Balancing balancing_;
  Random& random_;
  std::vector<Group> groups_;  // in the order in which they are to be tried
  std::vector<Group> old_;     // while they are set anew
  std::uint32_t available_ = 0;
  bool panics_ = false;
};

}  // namespace weft::upstream
