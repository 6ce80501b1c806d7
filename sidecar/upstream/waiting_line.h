#pragma once
// WaitingLine: the tickets of one pool, the highest priority first, first come first served within
// one.
//
// Owner: Pool. Thread: its worker. Who loses when no more may wait is asked of all lines of a
// cluster (LiveCluster::make_room): a cluster has one limit, however many endpoints it has.

#include <array>
#include <cstddef>

#include "sidecar/config/priority.h"
#include "sidecar/core/intrusive_list.h"

namespace weft::upstream {

class Ticket;

class WaitingLine final {
 public:
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t size() const { return count_; }
  void push(Ticket& ticket);
  void remove(Ticket& ticket);
  // Who is served next; null when nobody waits.
  [[nodiscard]] Ticket* front();
  // Whoever gives way here to a newcomer of that priority; null: nobody.
  [[nodiscard]] Ticket* loser(config::WhenFull when_full, config::Priority newcomer);

 private:
  std::array<IntrusiveList<Ticket>, config::kPriorities> lists_;
  std::size_t count_ = 0;
};

}  // namespace weft::upstream
