#include "sidecar/upstream/ring_hash.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "sidecar/core/murmurhash2.h"
#include "sidecar/core/xxhash.h"

namespace weft::upstream {

RingHash::RingHash(const config::Balancing& settings, Random& random)
    : settings_(settings), random_(random), members_(settings) {}

void RingHash::set(std::span<const Candidate> candidates, TimePoint) {
  if (members_.set(candidates)) place();
}

void RingHash::place() {
  points_.clear();
  std::uint64_t total = 0;
  std::uint64_t lightest = std::numeric_limits<std::uint64_t>::max();
  for (const HashMembers::Member& member : members_.all()) {
    total += member.weight;
    lightest = std::min(lightest, member.weight);
  }
  if (total == 0) return;
  const auto share = [total](std::uint64_t weight) {
    return static_cast<double>(weight) / static_cast<double>(total);
  };
  const double least = share(lightest);
  // The lightest gets whole points, everybody else the same number for its weight.
  const double scale =
      std::min(std::ceil(least * static_cast<double>(settings_.ring_size_min)) / least,
               static_cast<double>(std::min(settings_.ring_size_max, config::kRingPointsMax)));
  points_.reserve(static_cast<std::size_t>(std::ceil(scale)));
  double placed = 0;
  double wanted = 0;
  std::string name;
  for (std::uint32_t index = 0; index < members_.all().size(); ++index) {
    const HashMembers::Member& member = members_.all()[index];
    wanted += scale * share(member.weight);
    name = member.key + "_";
    const std::size_t prefix = name.size();
    for (std::uint64_t i = 0; placed < wanted; ++i, ++placed) {
      name.resize(prefix);
      name += std::to_string(i);
      points_.push_back(
          {settings_.ring_hash == config::HashFunction::kXxHash64 ? xxh64(name) : murmurhash2(name),
           index});
    }
  }
  std::sort(points_.begin(), points_.end(),
            [](const Point& a, const Point& b) { return a.hash < b.hash; });
}

Endpoint* RingHash::pick(const Ask& ask) {
  if (members_.none_usable()) return nullptr;
  const std::uint64_t hash = ask.hash ? *ask.hash : random_.next();
  const auto found = std::lower_bound(points_.begin(), points_.end(), hash,
                                      [](const Point& p, std::uint64_t h) { return p.hash < h; });
  const auto start = static_cast<std::size_t>(found - points_.begin());
  return members_.walk(
      ask, hash, [&](std::size_t step) { return points_[(start + step) % points_.size()].member; });
}

}  // namespace weft::upstream
