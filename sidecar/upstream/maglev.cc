#include "sidecar/upstream/maglev.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "sidecar/core/xxhash.h"

namespace weft::upstream {

namespace {

constexpr std::uint32_t kFree = std::numeric_limits<std::uint32_t>::max();

// One endpoint's own order of the places, and when its turn comes.
struct Filler {
  std::uint32_t member = 0;
  std::uint64_t place = 0;
  std::uint64_t skip = 1;
  double weight = 1;        // of the heaviest
  std::uint64_t taken = 0;  // places
  std::uint64_t round = 1;  // in which it takes its next one
  std::uint32_t order = 0;  // within a round
};

bool later(const Filler& a, const Filler& b) {
  return a.round != b.round ? a.round > b.round : a.order > b.order;
}

// The heaviest takes a place in every round, others whenever their weights have summed up to one.
std::uint64_t next_round(const Filler& filler) {
  const double due = std::ceil(static_cast<double>(filler.taken) / filler.weight);
  constexpr double kNever = 1e18;
  return std::max(filler.round + 1, static_cast<std::uint64_t>(std::min(due, kNever)));
}

}  // namespace

Maglev::Maglev(const config::Balancing& settings, Random& random)
    : size_(std::max(settings.maglev_table_size, 2U)), random_(random), members_(settings) {}

void Maglev::set(std::span<const Candidate> candidates, TimePoint) {
  if (members_.set(candidates)) place();
}

void Maglev::place() {
  table_.clear();
  const std::vector<HashMembers::Member>& all = members_.all();
  if (all.empty()) return;
  // By name, so that the table does not depend on the order in which endpoints were told.
  std::vector<std::uint32_t> by_name(all.size());
  std::iota(by_name.begin(), by_name.end(), 0U);
  std::sort(by_name.begin(), by_name.end(),
            [&](std::uint32_t a, std::uint32_t b) { return all[a].key < all[b].key; });
  std::uint64_t heaviest = 0;
  for (const HashMembers::Member& member : all) heaviest = std::max(heaviest, member.weight);
  std::vector<Filler> fillers;
  fillers.reserve(all.size());
  for (const std::uint32_t index : by_name) {
    const HashMembers::Member& member = all[index];
    fillers.push_back({.member = index,
                       .place = xxh64(member.key) % size_,
                       .skip = xxh64(member.key, 1) % (size_ - 1) + 1,
                       .weight = static_cast<double>(member.weight) / static_cast<double>(heaviest),
                       .order = static_cast<std::uint32_t>(fillers.size())});
  }
  table_.assign(size_, kFree);
  // A sorted range is a heap.
  for (std::uint32_t filled = 0; filled < size_; ++filled) {
    std::pop_heap(fillers.begin(), fillers.end(), later);
    Filler& filler = fillers.back();
    while (table_[filler.place] != kFree) filler.place = (filler.place + filler.skip) % size_;
    table_[filler.place] = filler.member;
    ++filler.taken;
    filler.round = next_round(filler);
    std::push_heap(fillers.begin(), fillers.end(), later);
  }
}

Endpoint* Maglev::pick(const Ask& ask) {
  if (members_.none_usable()) return nullptr;
  const std::uint64_t hash = ask.hash ? *ask.hash : random_.next();
  return members_.walk(ask, hash, [&](std::size_t step) {
    // As Envoy looks up the attempts after the first.
    const std::uint64_t other = step == 0 ? hash : hash ^ (std::uint64_t{0} - step);
    return table_[other % size_];
  });
}

}  // namespace weft::upstream
