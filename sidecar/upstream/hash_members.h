#pragma once
// HashMembers: who has a place on a hash ring or in a Maglev table, who of them may be used, and
// how much each may take.
//
// An endpoint that may not be used keeps its place, so that its keys alone move while it is away;
// walk() goes on from its place to the next. With bounded loads (Mirrokni, Thorup, Zadimoghaddam,
// "Consistent Hashing with Bounded Loads", 2016) one that has its share of what is under way is
// passed over too. Pure.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sidecar/upstream/balancer.h"
#include "sidecar/upstream/endpoint_load.h"

namespace weft::upstream {

class HashMembers final {
 public:
  // Steps from place to place before anybody usable will do: a walk stays cheap when few are left.
  static constexpr std::size_t kStepsMax = 64;

  struct Member {
    Endpoint* endpoint;
    std::string key;  // its name on the ring
    std::uint64_t weight;
    bool usable;
  };

  explicit HashMembers(const config::Balancing& settings) : settings_(settings) {}
  // True when places have to be given anew: another set, weight or name.
  [[nodiscard]] bool set(std::span<const Candidate> candidates);
  [[nodiscard]] const std::vector<Member>& all() const { return members_; }
  [[nodiscard]] bool none_usable() const { return usable_.empty(); }

  // `next(step)` is the member at the place that many steps on.
  template <typename Next>
  [[nodiscard]] Endpoint* walk(const Ask& ask, std::uint64_t hash, Next next) const {
    if (usable_.empty()) return nullptr;
    const Member* spare = nullptr;  // usable, but tried or full
    for (std::size_t step = 0; step < kStepsMax; ++step) {
      const Member& member = members_[next(step)];
      if (!member.usable) continue;
      if (!ask.was_tried(*member.endpoint) && !full(member, ask)) return member.endpoint;
      if (spare == nullptr || better(member, *spare, ask)) spare = &member;
    }
    if (spare == nullptr) spare = &members_[usable_[hash % usable_.size()]];
    return spare->endpoint;
  }

 private:
  [[nodiscard]] bool full(const Member& member, const Ask& ask) const;
  [[nodiscard]] static bool better(const Member& a, const Member& b, const Ask& ask);

  const config::Balancing settings_;
  std::vector<Member> members_;
  std::vector<std::uint32_t> usable_;
  std::uint64_t usable_weight_ = 0;
};

}  // namespace weft::upstream
