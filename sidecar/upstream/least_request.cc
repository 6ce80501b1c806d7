#include "sidecar/upstream/least_request.h"

#include <algorithm>

#include "sidecar/upstream/endpoint_load.h"

namespace weft::upstream {

namespace {

// Requests per weight. A tie keeps the first drawn, which was drawn by weight: shares are right
// when there is no load.
bool less_loaded(const Candidate& a, const Candidate& b) {
  return static_cast<double>(a.endpoint->load().active()) * static_cast<double>(b.weight) <
         static_cast<double>(b.endpoint->load().active()) * static_cast<double>(a.weight);
}

}  // namespace

LeastRequest::LeastRequest(std::uint32_t choices, Random& random)
    : choices_(std::clamp(choices, 2U, kChoicesMax)), random_(random) {}

void LeastRequest::set(std::span<const Candidate> candidates, TimePoint) { draw_.set(candidates); }

Endpoint* LeastRequest::pick(const Ask& ask) {
  if (draw_.size() == 0) return nullptr;
  const Candidate* best = nullptr;
  for (std::uint32_t i = 0; i < choices_; ++i) {
    const Candidate& candidate = draw_.at(draw_.draw(random_));
    if (ask.avoids() && ask.was_tried(*candidate.endpoint)) continue;
    if (best == nullptr || less_loaded(candidate, *best)) best = &candidate;
  }
  if (best == nullptr) {
    const std::size_t fresh = draw_.untried(*ask.tried, random_);
    best = &draw_.at(fresh < draw_.size() ? fresh : draw_.draw(random_));
  }
  return best->endpoint;
}

}  // namespace weft::upstream
