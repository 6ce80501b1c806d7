#include "sidecar/upstream/endpoint_groups.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace weft::upstream {

namespace {

using State = EndpointGroups::State;

// All in one part.
constexpr std::uint32_t kAnywhere = 0xffff'ffff;

// Weights are whole numbers; a share of one needs some room below it. A power of two keeps the
// proportions of all others exact.
constexpr double kWeightScale = 1024;
// Of a locality's part in a hash group, which has no parts of its own.
constexpr double kLocalityScale = 1 << 20;

bool available(State state) { return state == State::kReady || state == State::kDegraded; }

}  // namespace

bool EndpointGroups::hashes() const {
  return balancing_.kind == config::BalancerKind::kRingHash ||
         balancing_.kind == config::BalancerKind::kMaglev;
}

std::vector<EndpointGroups::Placed> EndpointGroups::place(std::span<const Member> members,
                                                          const Setting& setting) const {
  const bool zones =
      balancing_.localities == config::LocalityPreference::kOwnZone && !setting.own_zone.empty();
  const auto priority_of = [&](const config::Endpoint& endpoint) {
    if (!zones) return endpoint.priority;
    return endpoint.priority * 2 + (endpoint.zone == setting.own_zone ? 0U : 1U);
  };
  std::set<std::uint32_t> known;
  for (const Member& member : members) known.insert(priority_of(member.endpoint->config()));
  const std::vector<std::uint32_t> sorted(known.begin(), known.end());
  const bool slow = balancing_.slow_start.window > Duration::zero() && !hashes();
  std::vector<Placed> out;
  out.reserve(members.size());
  for (const Member& member : members) {
    const config::Endpoint& endpoint = member.endpoint->config();
    if (endpoint.weight == 0) continue;
    const auto priority =
        std::lower_bound(sorted.begin(), sorted.end(), priority_of(endpoint)) - sorted.begin();
    const auto weight = slow ? static_cast<std::uint64_t>(std::max(
                                   1.0, std::round(endpoint.weight * kWeightScale * member.share)))
                             : endpoint.weight;
    out.push_back({&member, static_cast<std::uint32_t>(priority), endpoint.locality, weight});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const Placed& a, const Placed& b) { return a.priority < b.priority; });
  return out;
}

void EndpointGroups::set(std::span<const Member> members, const Setting& setting, TimePoint now) {
  const std::vector<Placed> placed = place(members, setting);
  std::vector<PriorityHealth> health;
  bool draining = false;
  available_ = 0;
  for (const Placed& one : placed) {
    if (one.priority >= health.size()) health.resize(one.priority + 1);
    PriorityHealth& priority = health[one.priority];
    const State state = one.member->state;
    draining = draining || state == State::kDraining;
    priority.total += state == State::kDraining ? 0 : 1;
    priority.healthy += state == State::kReady ? 1 : 0;
    priority.degraded += state == State::kDegraded ? 1 : 0;
    available_ += upstream::available(state) ? 1 : 0;
  }
  const std::vector<PriorityLoad> loads =
      spread_over_priorities(health, setting.overprovisioning_percent, setting.panic_percent);
  old_ = std::exchange(groups_, {});
  panics_ = false;
  const auto part_of = [&](std::uint32_t priority) {
    const auto [first, last] =
        std::equal_range(placed.begin(), placed.end(), Placed{nullptr, priority, 0, 0},
                         [](const Placed& a, const Placed& b) { return a.priority < b.priority; });
    return std::span<const Placed>(first, last);
  };
  const auto add = [&](std::uint32_t priority, Tier tier, std::uint32_t load, bool panic) {
    Group group = take_old(priority, tier);
    group.load = load;
    fill(group, tier == Tier::kDraining ? std::span<const Placed>(placed) : part_of(priority),
         panic, setting, now);
    groups_.push_back(std::move(group));
  };
  for (std::uint32_t priority = 0; priority < loads.size(); ++priority) {
    panics_ = panics_ || loads[priority].panic;
    if (health[priority].healthy != 0 || loads[priority].panic)
      add(priority, Tier::kHealthy, loads[priority].healthy, loads[priority].panic);
  }
  for (std::uint32_t priority = 0; priority < loads.size(); ++priority) {
    if (health[priority].degraded != 0 && !loads[priority].panic)
      add(priority, Tier::kDegraded, loads[priority].degraded, false);
  }
  if (draining && available_ == 0) add(0, Tier::kDraining, 0, false);
  old_.clear();
}

EndpointGroups::Group EndpointGroups::take_old(std::uint32_t priority, Tier tier) {
  for (Group& group : old_) {
    if (group.priority == priority && group.tier == tier) return std::move(group);
  }
  Group fresh;
  fresh.priority = priority;
  fresh.tier = tier;
  return fresh;
}

namespace {

template <typename Tier>
bool usable_in(Tier tier, State state, bool panic) {
  switch (tier) {
    case Tier::kHealthy:
      return state == State::kReady ||
             (panic && (state == State::kDegraded || state == State::kEjected));
    case Tier::kDegraded:
      return state == State::kDegraded;
    case Tier::kDraining:
      return state == State::kDraining;
  }
  return false;
}

}  // namespace

void EndpointGroups::fill(Group& group, std::span<const Placed> placed, bool panic,
                          const Setting& setting, TimePoint now) {
  if (balancing_.localities == config::LocalityPreference::kWeighted &&
      group.tier != Tier::kDraining) {
    fill_by_locality(group, placed, panic, setting, now);
    return;
  }
  std::vector<Candidate> candidates;
  for (const Placed& one : placed) {
    const bool usable = usable_in(group.tier, one.member->state, panic);
    if (usable || hashes()) candidates.push_back({one.member->endpoint, one.weight, usable});
  }
  std::vector<Part> parts;
  fill_part(group, kAnywhere, 1, candidates, now, parts);
  group.parts = std::move(parts);
}

void EndpointGroups::fill_by_locality(Group& group, std::span<const Placed> placed, bool panic,
                                      const Setting& setting, TimePoint now) {
  std::vector<std::vector<Candidate>> by_locality(setting.localities.size());
  std::vector<std::uint64_t> weights(setting.localities.size());
  std::vector<std::uint32_t> totals(setting.localities.size());
  std::vector<std::uint32_t> good(setting.localities.size());
  for (const Placed& one : placed) {
    if (one.locality >= by_locality.size()) continue;
    const bool usable = usable_in(group.tier, one.member->state, panic);
    totals[one.locality] += one.member->state == State::kDraining ? 0 : 1;
    good[one.locality] += usable ? 1 : 0;
    if (!usable && !hashes()) continue;
    weights[one.locality] += one.weight;
    by_locality[one.locality].push_back({one.member->endpoint, one.weight, usable});
  }
  std::vector<Part> parts;
  std::vector<Candidate> all;
  for (std::uint32_t locality = 0; locality < by_locality.size(); ++locality) {
    const std::uint64_t weight = setting.localities[locality].weight;
    if (weight == 0 || by_locality[locality].empty()) continue;
    if (hashes()) {
      // One ring: each endpoint has its share of its locality's weight. Who is lost keeps its
      // place, so the weight does not fall with health.
      for (Candidate candidate : by_locality[locality]) {
        candidate.weight =
            static_cast<std::uint64_t>(std::max(1.0, static_cast<double>(weight) * kLocalityScale *
                                                         static_cast<double>(candidate.weight) /
                                                         static_cast<double>(weights[locality])));
        all.push_back(candidate);
      }
      continue;
    }
    const std::uint64_t health =
        std::min<std::uint64_t>(100, std::uint64_t{setting.overprovisioning_percent} *
                                         good[locality] / std::max(totals[locality], 1U));
    const auto effective = static_cast<std::int64_t>(weight * health);
    if (effective != 0) fill_part(group, locality, effective, by_locality[locality], now, parts);
  }
  if (hashes()) fill_part(group, kAnywhere, 1, all, now, parts);
  group.parts = std::move(parts);
}

void EndpointGroups::fill_part(Group& group, std::uint32_t locality, std::int64_t weight,
                               std::span<const Candidate> candidates, TimePoint now,
                               std::vector<Part>& parts) {
  Part part;
  for (Part& old : group.parts) {
    if (old.locality == locality && old.balancer != nullptr) part = std::move(old);
  }
  part.locality = locality;
  part.weight = weight;
  if (part.balancer == nullptr) {
    part.balancer = make_balancer(balancing_, random_);
    part.current = static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(weight) + 1));
  }
  part.balancer->set(candidates, now);
  parts.push_back(std::move(part));
}

// ---- pick ----

Endpoint* EndpointGroups::pick(const Ask& ask) {
  if (groups_.empty()) return nullptr;
  Group& chosen = groups_.size() == 1 ? groups_.front() : choose(ask);
  Endpoint* endpoint = pick_in(chosen, ask);
  if (endpoint != nullptr && !ask.was_tried(*endpoint)) return endpoint;
  // Everybody there was tried, or there is nobody: elsewhere first.
  for (Group& group : groups_) {
    if (&group == &chosen) continue;
    Endpoint* other = pick_in(group, ask);
    if (other == nullptr) continue;
    if (!ask.was_tried(*other)) return other;
    if (endpoint == nullptr) endpoint = other;
  }
  return endpoint;
}

// As Envoy: a number from 1 to 100, of the hash when there is one, against the loads summed up.
EndpointGroups::Group& EndpointGroups::choose(const Ask& ask) {
  const std::uint64_t number = (ask.hash ? *ask.hash : random_.next()) % 100 + 1;
  std::uint64_t sum = 0;
  for (Group& group : groups_) {
    sum += group.load;
    if (number <= sum) return group;
  }
  return groups_.front();
}

Endpoint* EndpointGroups::pick_in(Group& group, const Ask& ask) {
  if (group.parts.size() == 1) return group.parts.front().balancer->pick(ask);
  // Smooth and exact by weight; localities are few.
  Part* best = nullptr;
  std::int64_t total = 0;
  for (Part& part : group.parts) {
    part.current += part.weight;
    total += part.weight;
    if (best == nullptr || part.current > best->current) best = &part;
  }
  if (best == nullptr) return nullptr;
  best->current -= total;
  Endpoint* endpoint = best->balancer->pick(ask);
  if (endpoint != nullptr && !ask.was_tried(*endpoint)) return endpoint;
  for (Part& part : group.parts) {
    if (&part == best) continue;
    Endpoint* other = part.balancer->pick(ask);
    if (other != nullptr && !ask.was_tried(*other)) return other;
    if (endpoint == nullptr) endpoint = other;
  }
  return endpoint;
}

}  // namespace weft::upstream
