#include "sidecar/upstream/random_choice.h"

namespace weft::upstream {

void RandomChoice::set(std::span<const Candidate> candidates, TimePoint) { draw_.set(candidates); }

Endpoint* RandomChoice::pick(const Ask& ask) {
  if (draw_.size() == 0) return nullptr;
  if (ask.avoids()) {
    const std::size_t fresh = draw_.untried(*ask.tried, random_);
    if (fresh < draw_.size()) return draw_.at(fresh).endpoint;
  }
  return draw_.at(draw_.draw(random_)).endpoint;
}

}  // namespace weft::upstream
