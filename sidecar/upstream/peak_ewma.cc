#include "sidecar/upstream/peak_ewma.h"

#include <algorithm>

#include "sidecar/upstream/endpoint_load.h"

namespace weft::upstream {

namespace {

// Nobody is known to be faster: at a latency of nothing what is under way would not count.
constexpr double kLatencyMin = 1000.0;

}  // namespace

void PeakEwma::set(std::span<const Candidate> candidates, TimePoint now) {
  draw_.set(candidates);
  std::vector<double> known;
  for (std::size_t i = 0; i < draw_.size(); ++i) {
    const EndpointLoad& load = draw_.at(i).endpoint->load();
    if (load.sampled()) known.push_back(load.latency(now, decay_));
  }
  if (known.empty()) return;
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::nth_element(known.begin(), middle, known.end());
  median_ = *middle;
}

double PeakEwma::score(std::size_t index, TimePoint now) const {
  const Candidate& candidate = draw_.at(index);
  const EndpointLoad& load = candidate.endpoint->load();
  // One request tells more than a guess, which a lone caller's steady neighbour would beat for
  // ever.
  if (!load.sampled() && load.active() == 0) return 0.0;
  const double latency = load.sampled() ? load.latency(now, decay_) : median_;
  return std::max({latency, load.waiting_age(now), kLatencyMin}) * (load.active() + 1.0) /
         static_cast<double>(candidate.weight);
}

Endpoint* PeakEwma::pick(const Ask& ask) {
  if (draw_.size() == 0) return nullptr;
  std::size_t chosen = draw_.draw(random_);
  if (draw_.size() == 1) return draw_.at(chosen).endpoint;
  const std::size_t other = draw_.draw_another(chosen, random_);
  if (!ask.avoids()) {
    if (score(other, ask.now) < score(chosen, ask.now)) chosen = other;
    return draw_.at(chosen).endpoint;
  }
  const bool chosen_tried = ask.was_tried(*draw_.at(chosen).endpoint);
  const bool other_tried = ask.was_tried(*draw_.at(other).endpoint);
  if (chosen_tried && other_tried) {
    const std::size_t fresh = draw_.untried(*ask.tried, random_);
    if (fresh < draw_.size()) return draw_.at(fresh).endpoint;
  }
  const bool better =
      chosen_tried == other_tried ? score(other, ask.now) < score(chosen, ask.now) : chosen_tried;
  return draw_.at(better ? other : chosen).endpoint;
}

}  // namespace weft::upstream
