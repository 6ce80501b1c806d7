#include "sidecar/upstream/weighted_draw.h"

#include <algorithm>

namespace weft::upstream {

void WeightedDraw::set(std::span<const Candidate> candidates) {
  candidates_.clear();
  cumulative_.clear();
  bool uniform = true;
  for (const Candidate& candidate : candidates) {
    if (!candidate.usable || candidate.weight == 0) continue;
    candidates_.push_back(candidate);
    uniform = uniform && candidate.weight == candidates_.front().weight;
  }
  if (uniform) return;
  std::uint64_t total = 0;
  for (const Candidate& candidate : candidates_) {
    total += candidate.weight;
    cumulative_.push_back(total);
  }
}

std::size_t WeightedDraw::draw(Random& random) const {
  if (cumulative_.empty()) return random.below(candidates_.size());
  const auto found =
      std::upper_bound(cumulative_.begin(), cumulative_.end(), random.below(cumulative_.back()));
  return static_cast<std::size_t>(found - cumulative_.begin());
}

std::size_t WeightedDraw::draw_another(std::size_t other, Random& random) const {
  // A heavy one may come again and again; then anybody else will do.
  constexpr int kTries = 4;
  if (!cumulative_.empty()) {
    for (int i = 0; i < kTries; ++i) {
      if (const std::size_t index = draw(random); index != other) return index;
    }
  }
  const std::size_t index = random.below(candidates_.size() - 1);
  return index < other ? index : index + 1;
}

std::size_t WeightedDraw::untried(const Tried& tried, Random& random) const {
  if (candidates_.empty()) return 0;
  const std::size_t start = draw(random);
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const std::size_t index = (start + i) % candidates_.size();
    if (!tried.contains(*candidates_[index].endpoint)) return index;
  }
  return candidates_.size();
}

}  // namespace weft::upstream
