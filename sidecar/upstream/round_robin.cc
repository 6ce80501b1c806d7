#include "sidecar/upstream/round_robin.h"

#include <algorithm>
#include <unordered_map>

namespace weft::upstream {

void RoundRobin::set(std::span<const Candidate> candidates, TimePoint) {
  std::unordered_map<const Endpoint*, const Entry*> old;
  for (const Entry& entry : entries_) old.emplace(entry.endpoint, &entry);
  std::vector<Entry> entries;
  total_ = 0;
  uniform_ = true;
  for (const Candidate& candidate : candidates) {
    if (!candidate.usable || candidate.weight == 0) continue;
    Entry entry{.endpoint = candidate.endpoint,
                .weight = candidate.weight,
                .current = static_cast<std::int64_t>(random_.below(candidate.weight + 1)),
                .due = random_.below(kCycle / candidate.weight),
                .residue = 0};
    if (const auto found = old.find(candidate.endpoint); found != old.end()) {
      entry.current = found->second->current;
      // Its distance from who is due first stays, within the new stride.
      const std::uint64_t wait = found->second->due - entries_.front().due;
      entry.due = std::min(wait, kCycle / candidate.weight);
    }
    total_ += static_cast<std::int64_t>(entry.weight);
    entries.push_back(entry);
    uniform_ = uniform_ && entry.weight == entries.front().weight;
  }
  entries_ = std::move(entries);
  next_ = entries_.empty() ? 0 : random_.below(entries_.size());
  if (!uniform_ && entries_.size() > kSmoothMax) {
    std::make_heap(entries_.begin(), entries_.end(), later);
  }
}

Endpoint* RoundRobin::pick(const Ask& ask) {
  if (entries_.empty()) return nullptr;
  if (uniform_) return rotate(ask);
  return entries_.size() <= kSmoothMax ? pick_smoothly(ask) : pick_due(ask);
}

Endpoint* RoundRobin::rotate(const Ask& ask) {
  const auto step = [this] {
    Endpoint* endpoint = entries_[next_].endpoint;
    if (++next_ == entries_.size()) next_ = 0;
    return endpoint;
  };
  Endpoint* first = step();
  if (!ask.avoids() || !ask.was_tried(*first)) return first;
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    Endpoint* endpoint = step();
    if (!ask.was_tried(*endpoint)) return endpoint;
  }
  return first;
}

Endpoint* RoundRobin::pick_smoothly(const Ask& ask) {
  Entry* best = nullptr;
  Entry* untried = nullptr;
  for (Entry& entry : entries_) {
    entry.current += static_cast<std::int64_t>(entry.weight);
    if (best == nullptr || entry.current > best->current) best = &entry;
    if (!ask.avoids() || ask.was_tried(*entry.endpoint)) continue;
    if (untried == nullptr || entry.current > untried->current) untried = &entry;
  }
  if (untried != nullptr) best = untried;
  best->current -= total_;
  return best->endpoint;
}

bool RoundRobin::later(const Entry& a, const Entry& b) {
  return static_cast<std::int64_t>(a.due - b.due) > 0;
}

void RoundRobin::advance_top() {
  std::pop_heap(entries_.begin(), entries_.end(), later);
  Entry& entry = entries_.back();
  entry.due += kCycle / entry.weight;
  entry.residue += kCycle % entry.weight;
  if (entry.residue >= entry.weight) {
    entry.residue -= entry.weight;
    ++entry.due;
  }
  std::push_heap(entries_.begin(), entries_.end(), later);
}

Endpoint* RoundRobin::pick_due(const Ask& ask) {
  // A tried one loses its turn. A heavy one has many; after some, whoever is due will do.
  constexpr int kTurnsLost = 64;
  Endpoint* first = entries_.front().endpoint;
  advance_top();
  if (!ask.avoids() || !ask.was_tried(*first)) return first;
  for (int i = 0; i < kTurnsLost; ++i) {
    Endpoint* endpoint = entries_.front().endpoint;
    advance_top();
    if (!ask.was_tried(*endpoint)) return endpoint;
  }
  return first;
}

}  // namespace weft::upstream
