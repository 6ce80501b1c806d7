#include "sidecar/upstream/hash_members.h"

#include <cmath>

namespace weft::upstream {

namespace {

std::string_view key_of(const Endpoint& endpoint, bool by_host_name) {
  const config::Endpoint& config = endpoint.config();
  if (!config.hash_key.empty()) return config.hash_key;
  if (by_host_name && !config.hostname.empty()) return config.hostname;
  return endpoint.address_text();
}

}  // namespace

bool HashMembers::set(std::span<const Candidate> candidates) {
  std::vector<Member> members;
  usable_.clear();
  usable_weight_ = 0;
  bool same = true;
  for (const Candidate& candidate : candidates) {
    if (candidate.weight == 0) continue;
    const std::string_view key = key_of(*candidate.endpoint, settings_.hash_by_host_name);
    const std::size_t index = members.size();
    same = same && index < members_.size() && members_[index].key == key &&
           members_[index].weight == candidate.weight;
    if (candidate.usable) {
      usable_.push_back(static_cast<std::uint32_t>(index));
      usable_weight_ += candidate.weight;
    }
    members.push_back({candidate.endpoint, std::string(key), candidate.weight, candidate.usable});
  }
  same = same && members.size() == members_.size();
  members_ = std::move(members);
  return !same;
}

bool HashMembers::full(const Member& member, const Ask& ask) const {
  if (settings_.bounded_load_percent == 0) return false;
  const double share = static_cast<double>(member.weight) / static_cast<double>(usable_weight_);
  const double most =
      std::ceil((ask.active + 1.0) * share * settings_.bounded_load_percent / 100.0);
  return member.endpoint->load().active() + 1.0 > most;
}

// Not tried before tried, then the less loaded.
bool HashMembers::better(const Member& a, const Member& b, const Ask& ask) {
  const bool a_tried = ask.was_tried(*a.endpoint);
  const bool b_tried = ask.was_tried(*b.endpoint);
  if (a_tried != b_tried) return b_tried;
  return a.endpoint->load().active() < b.endpoint->load().active();
}

}  // namespace weft::upstream
