#include "sidecar/on_demand.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

// Where connections to addresses of their own go: their endpoints are those addresses.
constexpr std::string_view kDirect = "direct|";

struct Use {
  std::uint64_t calls = 0;
  bool busy = false;

  void add(const upstream::ClusterSet::EndpointState& endpoint) {
    calls += endpoint.successes + endpoint.failures;
    busy = busy || endpoint.active_requests > 0 || endpoint.connections > 0;
  }
};

}  // namespace

OnDemand::OnDemand(Turn& turn, Owner& owner)
    : turn_(turn), owner_(owner), look_timer_(turn.timers(), *this) {}

void OnDemand::want(const std::string& name) {
  const auto found = entries_.find(name);
  if (found != entries_.end()) {
    Entry& entry = found->second;
    entry.used = turn_.now();
    if (entry.state == State::kKnown) owner_.on_destination_answered(name, true);
    if (entry.state == State::kUnknown) owner_.on_destination_answered(name, false);
    return;
  }
  if (entries_.size() >= kMax && !make_room()) {
    WEFT_LOG_LIMITED(kWarn, "{} is not asked for: {} destinations are in use", escape(name),
                     entries_.size());
    owner_.on_destination_answered(name, false);
    return;
  }
  entries_[name].used = turn_.now();
  if (!look_timer_.armed()) look_timer_.arm(kLookEvery);
  tell_wanted();
}

// The unknown one that was not wanted for the longest time makes room; what is known is in use, or
// goes by itself.
bool OnDemand::make_room() {
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.state != State::kUnknown) continue;
    if (oldest == entries_.end() || at->second.used < oldest->second.used) oldest = at;
  }
  if (oldest == entries_.end()) return false;
  owner_.on_destination_forgotten(oldest->first);
  entries_.erase(oldest);
  return true;
}

void OnDemand::tell_wanted() {
  Names names;
  for (const auto& [name, entry] : entries_) names.insert(names.end(), name);
  owner_.on_destinations_wanted(names);
}

void OnDemand::on_known(const std::string& name, std::vector<std::string> clusters) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.clusters = std::move(clusters);
  if (entry.state != State::kKnown) entry.state = State::kTold;
}

void OnDemand::on_unknown(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const bool was_known = entry.state == State::kKnown;
  entry.state = State::kUnknown;
  entry.clusters.clear();
  // A Service that is gone is asked for again by whoever calls there.
  if (was_known) return owner_.on_destination_forgotten(name);
  owner_.on_destination_answered(name, false);
}

void OnDemand::on_published() {
  for (auto& [name, entry] : entries_) {
    if (entry.state != State::kTold) continue;
    entry.state = State::kKnown;
    owner_.on_destination_answered(name, true);
  }
}

void OnDemand::note_use(std::uint32_t worker, const ClusterStates& states) {
  std::unordered_map<std::string_view, Use> clusters;
  std::unordered_map<std::string_view, Use> addresses;
  for (const auto& cluster : states) {
    const bool direct = cluster.name.starts_with(kDirect);
    Use& use = clusters[cluster.name];
    use.busy = cluster.active_requests > 0 || cluster.pending > 0;
    for (const auto& endpoint : cluster.endpoints) {
      use.add(endpoint);
      if (direct) addresses[endpoint.address].add(endpoint);
    }
  }
  for (auto& [name, entry] : entries_) {
    Use use;
    const auto add = [&](const auto& from, std::string_view key) {
      const auto found = from.find(key);
      if (found == from.end()) return;
      use.calls += found->second.calls;
      use.busy = use.busy || found->second.busy;
    };
    for (const std::string& cluster : entry.clusters) add(clusters, cluster);
    add(addresses, name);
    const std::uint64_t before = std::exchange(entry.calls[worker], use.calls);
    if (use.busy || use.calls != before) entry.used = turn_.now();
  }
}

void OnDemand::on_timer(Timer&) {
  const TimePoint now = turn_.now();
  std::vector<std::string> gone;
  for (const auto& [name, entry] : entries_) {
    const Duration kept = entry.state == State::kKnown ? kIdle : kUnknownKept;
    // What is not answered yet is asked for as long as somebody wants it.
    if (now - entry.used >= kept) gone.push_back(name);
  }
  for (const std::string& name : gone) {
    owner_.on_destination_forgotten(name);
    entries_.erase(name);
  }
  if (!gone.empty()) tell_wanted();
  if (entries_.empty()) return;
  look_timer_.arm(kLookEvery);
  owner_.on_use_asked();
}

}  // namespace weft::sidecar
