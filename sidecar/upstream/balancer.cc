#include "sidecar/upstream/balancer.h"

#include <algorithm>

namespace weft::upstream {

namespace {

bool was_tried(const Tried* tried, const Endpoint& endpoint) {
  return tried != nullptr && tried->contains(endpoint);
}

class RoundRobin final : public Balancer {
 public:
  explicit RoundRobin(Random& random) : random_(random) {}

  void set(std::span<const Candidate> candidates) override {
    // Those who stay keep their place in the cycle; a rebuilt cycle starts anywhere, or every
    // sidecar would begin with the first endpoint after every push.
    std::vector<Entry> entries;
    total_ = 0;
    for (const Candidate& candidate : candidates) {
      const auto old = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
        return e.endpoint == candidate.endpoint;
      });
      const auto weight = static_cast<std::int64_t>(candidate.weight);
      const std::int64_t current =
          old != entries_.end() ? old->current
                                : static_cast<std::int64_t>(random_.below(candidate.weight + 1ULL));
      entries.push_back({candidate.endpoint, weight, current});
      total_ += weight;
    }
    entries_ = std::move(entries);
  }

  Endpoint* pick(const Tried* tried) override {
    Entry* best = nullptr;
    Entry* untried = nullptr;
    for (Entry& entry : entries_) {
      entry.current += entry.weight;
      if (best == nullptr || entry.current > best->current) best = &entry;
      if (tried == nullptr || tried->empty() || was_tried(tried, *entry.endpoint)) continue;
      if (untried == nullptr || entry.current > untried->current) untried = &entry;
    }
    if (untried != nullptr) best = untried;
    if (best == nullptr) return nullptr;
    best->current -= total_;
    return best->endpoint;
  }

 private:
  struct Entry {
    Endpoint* endpoint;
    std::int64_t weight;
    std::int64_t current;
  };
  Random& random_;
  std::vector<Entry> entries_;
  std::int64_t total_ = 0;
};

// Random by weight; least request draws from it several times.
class Weighted {
 public:
  void set(std::span<const Candidate> candidates) {
    candidates_.assign(candidates.begin(), candidates.end());
    cumulative_.clear();
    total_ = 0;
    uniform_ = true;
    for (const Candidate& candidate : candidates_) {
      total_ += candidate.weight;
      cumulative_.push_back(total_);
      uniform_ = uniform_ && candidate.weight == candidates_.front().weight;
    }
  }
  [[nodiscard]] bool empty() const { return candidates_.empty() || total_ == 0; }
  [[nodiscard]] std::size_t size() const { return candidates_.size(); }
  [[nodiscard]] bool uniform() const { return uniform_; }
  [[nodiscard]] const Candidate& at(std::size_t i) const { return candidates_[i]; }
  [[nodiscard]] const Candidate& draw(Random& random) const {
    if (uniform_) return candidates_[random.below(candidates_.size())];
    const auto found =
        std::upper_bound(cumulative_.begin(), cumulative_.end(), random.below(total_));
    return candidates_[static_cast<std::size_t>(found - cumulative_.begin())];
  }
  // Somebody who was not tried, from a random place on; null when all were.
  [[nodiscard]] const Candidate* untried(Random& random, const Tried* tried) const {
    const std::size_t start = random.below(candidates_.size());
    for (std::size_t i = 0; i < candidates_.size(); ++i) {
      const Candidate& candidate = candidates_[(start + i) % candidates_.size()];
      if (candidate.weight != 0 && !was_tried(tried, *candidate.endpoint)) return &candidate;
    }
    return nullptr;
  }

 private:
  std::vector<Candidate> candidates_;
  std::vector<std::uint64_t> cumulative_;
  std::uint64_t total_ = 0;
  bool uniform_ = true;
};

class RandomChoice final : public Balancer {
 public:
  explicit RandomChoice(Random& random) : random_(random) {}
  void set(std::span<const Candidate> candidates) override { weighted_.set(candidates); }
  Endpoint* pick(const Tried* tried) override {
    if (weighted_.empty()) return nullptr;
    if (tried != nullptr && !tried->empty()) {
      if (const Candidate* fresh = weighted_.untried(random_, tried)) return fresh->endpoint;
    }
    return weighted_.draw(random_).endpoint;
  }

 private:
  Random& random_;
  Weighted weighted_;
};

class LeastRequest final : public Balancer {
 public:
  LeastRequest(std::uint32_t choices, Random& random)
      : choices_(std::max(choices, 2U)), random_(random) {}
  void set(std::span<const Candidate> candidates) override { weighted_.set(candidates); }
  Endpoint* pick(const Tried* tried) override {
    if (weighted_.empty()) return nullptr;
    const bool avoiding = tried != nullptr && !tried->empty();
    const Candidate* best = nullptr;
    for (std::uint32_t i = 0; i < choices_; ++i) {
      const Candidate& candidate = weighted_.draw(random_);
      if (avoiding && was_tried(tried, *candidate.endpoint)) continue;
      if (best == nullptr || less_loaded(candidate, *best)) best = &candidate;
    }
    if (best == nullptr && avoiding) best = weighted_.untried(random_, tried);
    if (best == nullptr) best = &weighted_.draw(random_);
    return best->endpoint;
  }

 private:
  // (active + 1) / weight, compared without dividing.
  static bool less_loaded(const Candidate& a, const Candidate& b) {
    return (std::uint64_t{a.endpoint->active_requests()} + 1) * b.weight <
           (std::uint64_t{b.endpoint->active_requests()} + 1) * a.weight;
  }

  std::uint32_t choices_;
  Random& random_;
  Weighted weighted_;
};

}  // namespace

std::unique_ptr<Balancer> make_balancer(const config::Balancing& settings, Random& random) {
  switch (settings.kind) {
    case config::BalancerKind::kRoundRobin:
      return std::make_unique<RoundRobin>(random);
    case config::BalancerKind::kLeastRequest:
    case config::BalancerKind::kPeakEwma:
      return std::make_unique<LeastRequest>(settings.least_request_choices, random);
    case config::BalancerKind::kRandom:
    case config::BalancerKind::kRingHash:
    case config::BalancerKind::kMaglev:
      return std::make_unique<RandomChoice>(random);
  }
  return nullptr;
}

}  // namespace weft::upstream
