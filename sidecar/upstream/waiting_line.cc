#include "sidecar/upstream/waiting_line.h"

#include "sidecar/upstream/pool.h"

namespace weft::upstream {

void WaitingLine::push(Ticket& ticket) {
  lists_[static_cast<std::size_t>(ticket.priority())].push_back(ticket);
  ++count_;
}

void WaitingLine::remove(Ticket& ticket) {
  ticket.unlink();
  --count_;
}

Ticket* WaitingLine::front() {
  if (count_ == 0) return nullptr;
  for (auto& list : lists_) {
    if (Ticket* ticket = list.front()) return ticket;
  }
  return nullptr;
}

Ticket* WaitingLine::loser(config::WhenFull when_full, config::Priority newcomer) {
  for (std::size_t at = lists_.size(); at-- > 0;) {
    if (lists_[at].empty()) continue;
    const std::size_t own = static_cast<std::size_t>(newcomer);
    switch (when_full) {
      case config::WhenFull::kReject:
        return nullptr;
      case config::WhenFull::kDropLowest:
        return at > own ? lists_[at].back() : nullptr;
      case config::WhenFull::kDropOldest:
        return at >= own ? lists_[at].front() : nullptr;
    }
  }
  return nullptr;
}

}  // namespace weft::upstream
