#include "sidecar/proxy/demands.h"

#include <algorithm>
#include <vector>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"

namespace weft::proxy {

using telemetry::OnDemandResult;

Demands::Waiter::~Waiter() {
  if (demands_ == nullptr) return;
  --demands_->waiting_;
  demands_->metrics_.on_demand_waiting.sub();
}

Demands::Demands(Turn& turn, telemetry::ProxyMetrics& metrics, Source& source)
    : turn_(turn), metrics_(metrics), source_(source), timer_(turn.timers(), *this) {}

bool Demands::answered(const SocketAddress& destination) const {
  const auto found = entries_.find(destination);
  if (found == entries_.end()) return false;
  const Entry& entry = found->second;
  return entry.state == State::kKnown ||
         (entry.state == State::kUnknown && turn_.now() < entry.until);
}

bool Demands::wait(const SocketAddress& destination, const config::OnDemand& limits,
                   Waiter& waiter) {
  WEFT_ASSERT(!waiter.linked());
  if (!entries_.contains(destination) && entries_.size() >= kMax) make_room();
  const bool full = waiting_ >= limits.waiting_max ||
                    (!entries_.contains(destination) && entries_.size() >= kMax);
  if (full) {
    metrics_.on_demand(OnDemandResult::kLimit).add();
    WEFT_LOG_LIMITED(kWarn, "{} is not asked for: {} connections wait for {} destinations",
                     destination.to_string(), waiting_, entries_.size());
    return false;
  }
  const auto [at, added] = entries_.try_emplace(destination);
  Entry& entry = at->second;
  waiter.demands_ = this;
  entry.waiters.push_back(waiter);
  ++waiting_;
  metrics_.on_demand_waiting.add();
  if (!added && entry.state == State::kAsked) return true;
  entry.state = State::kAsked;
  entry.until = turn_.now() + limits.timeout;
  plan_look();
  source_.ask_for(destination);
  return true;
}

void Demands::answer(const SocketAddress& destination, bool known) {
  const auto found = entries_.find(destination);
  if (found == entries_.end()) return;
  if (found->second.state == State::kAsked) {
    metrics_.on_demand(known ? OnDemandResult::kKnown : OnDemandResult::kUnknown).add();
  }
  settle(found->second, known ? State::kKnown : State::kUnknown);
}

// Its waiters may end, and others may come, while they hear of it.
void Demands::settle(Entry& entry, State state) {
  entry.state = state;
  entry.until = turn_.now() + kUnknownKept;
  IntrusiveList<Waiter> waiters;
  waiters.splice(entry.waiters);
  while (Waiter* waiter = waiters.pop_front()) {
    waiter->demands_ = nullptr;
    --waiting_;
    metrics_.on_demand_waiting.sub();
    waiter->on_answered();
  }
}

void Demands::forget(const SocketAddress& destination) {
  const auto found = entries_.find(destination);
  if (found == entries_.end() || found->second.state == State::kAsked) return;
  entries_.erase(found);
}

// Nobody is there: what is asked again costs a question, and no more.
void Demands::make_room() {
  const TimePoint now = turn_.now();
  std::erase_if(entries_, [now](const auto& one) {
    return one.second.state == State::kUnknown && one.second.until <= now;
  });
}

void Demands::plan_look() {
  TimePoint next = TimePoint::max();
  for (const auto& [destination, entry] : entries_) {
    if (entry.state == State::kAsked) next = std::min(next, entry.until);
  }
  if (next != TimePoint::max()) timer_.arm_at(next);
}

void Demands::on_timer(Timer&) {
  std::vector<SocketAddress> late;
  for (const auto& [destination, entry] : entries_) {
    if (entry.state == State::kAsked && entry.until <= turn_.now()) late.push_back(destination);
  }
  for (const SocketAddress& destination : late) {
    const auto found = entries_.find(destination);
    if (found == entries_.end() || found->second.state != State::kAsked) continue;
    metrics_.on_demand(OnDemandResult::kTimeout).add();
    WEFT_LOG_LIMITED(kWarn, "the control plane did not say in time what is at {}",
                     destination.to_string());
    settle(found->second, State::kUnknown);
  }
  plan_look();
}

}  // namespace weft::proxy
