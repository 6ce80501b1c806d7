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
  waiter.demands_ = this;
  at->second.waiters.push_back(waiter);
  ++waiting_;
  metrics_.on_demand_waiting.add();
  if (!added && at->second.state == State::kAsked) return true;
  set(*at, State::kAsked, turn_.now() + limits.timeout);
  source_.ask_for(destination);
  return true;
}

void Demands::answer(const SocketAddress& destination, bool known) {
  const auto found = entries_.find(destination);
  if (found == entries_.end()) return;
  if (found->second.state == State::kAsked) {
    metrics_.on_demand(known ? OnDemandResult::kKnown : OnDemandResult::kUnknown).add();
  }
  settle(*found, known ? State::kKnown : State::kUnknown);
}

Demands::Schedule* Demands::schedule_of(State state) {
  switch (state) {
    case State::kAsked:
      return &asked_;
    case State::kUnknown:
      return &unknown_;
    case State::kKnown:
      break;
  }
  return nullptr;
}

void Demands::set(Entries::value_type& one, State state, TimePoint until) {
  auto& [destination, entry] = one;
  if (Schedule* before = schedule_of(entry.state); before != nullptr) {
    before->erase({entry.until, destination});
  }
  entry.state = state;
  entry.until = until;
  if (Schedule* now = schedule_of(state); now != nullptr) now->emplace(until, destination);
  if (asked_.empty()) {
    timer_.cancel();
  } else {
    timer_.arm_at(asked_.begin()->first);
  }
}

// Its waiters may end, and others may come, while they hear of it.
void Demands::settle(Entries::value_type& one, State state) {
  set(one, state, turn_.now() + kUnknownKept);
  IntrusiveList<Waiter> waiters;
  waiters.splice(one.second.waiters);
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
  unknown_.erase({found->second.until, destination});
  entries_.erase(found);
}

// Nobody is there: what is asked again costs a question, and no more.
void Demands::make_room() {
  if (unknown_.empty() || unknown_.begin()->first > turn_.now()) return;
  entries_.erase(unknown_.begin()->second);
  unknown_.erase(unknown_.begin());
}

void Demands::on_timer(Timer&) {
  // Those whose time it is now: whoever hears of it may ask again, and waits for the next time.
  std::vector<SocketAddress> late;
  for (const auto& [until, destination] : asked_) {
    if (until > turn_.now()) break;
    late.push_back(destination);
  }
  for (const SocketAddress& destination : late) {
    const auto found = entries_.find(destination);
    const bool late_yet = found != entries_.end() && found->second.state == State::kAsked &&
                          found->second.until <= turn_.now();
    if (!late_yet) continue;
    metrics_.on_demand(OnDemandResult::kTimeout).add();
    WEFT_LOG_LIMITED(kWarn, "the control plane did not say in time what is at {}",
                     destination.to_string());
    settle(*found, State::kUnknown);
  }
}

}  // namespace weft::proxy
