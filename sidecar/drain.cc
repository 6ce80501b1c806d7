#include "sidecar/drain.h"

#include <algorithm>
#include <memory>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

Drain::Drain(Turn& turn, const DrainOrder::Options& options, const Workers& workers, Owner& owner)
    : turn_(turn),
      timeout_(options.timeout),
      workers_(workers),
      owner_(owner),
      order_(options),
      timer_(turn.timers(), *this) {}

void Drain::begin() {
  if (begun()) return;
  WEFT_LOG(kInfo, "draining for at most {}", format_duration(timeout_));
  for (const auto& worker : workers_) worker->say_goodbye();
  obey(order_.begin(turn_.now()));
}

void Drain::obey(DrainOrder::Act act) {
  using enum DrainOrder::Act;
  switch (act) {
    case kNone:
      break;
    case kCloseInbound:
      for (const auto& worker : workers_) worker->close_inbound();
      break;
    case kPartOutbound:
      for (const auto& worker : workers_) worker->part_outbound();
      break;
    case kCloseAll:
      for (const auto& worker : workers_) worker->drain();
      break;
    case kCut:
      WEFT_LOG(kWarn, "the drain's time is up; what is left ends now");
      for (const auto& worker : workers_) {
        worker->drain();
        worker->abandon();
      }
      return;
  }
  const Duration left = std::max<Duration>(order_.deadline() - turn_.now(), Duration::zero());
  timer_.arm(order_.looks() ? std::min<Duration>(left, DrainOrder::kLookEvery) : left);
}

void Drain::on_timer(Timer&) {
  // A worker that does not answer in time must not keep the process from ending.
  if (turn_.now() >= order_.deadline()) {
    obey(order_.look(turn_.now(), {}));
    return;
  }
  timer_.arm(order_.deadline() - turn_.now());
  ask_workers();
}

void Drain::ask_workers() {
  struct Count {
    std::size_t missing;
    DrainOrder::Facts facts;
  };
  const auto count = std::make_shared<Count>(Count{workers_.size(), {}});
  for (const auto& worker : workers_) {
    worker->ask_connections([this, count](const DrainOrder::Facts& its) {
      count->facts.inbound += its.inbound;
      count->facts.outbound += its.outbound;
      count->facts.outbound_accepted += its.outbound_accepted;
      if (--count->missing == 0) on_connections_counted(count->facts);
    });
  }
}

void Drain::on_connections_counted(const DrainOrder::Facts& facts) {
  if (over_ || order_.phase() == DrainOrder::Phase::kOver) return;
  const DrainOrder::Phase before = order_.phase();
  const DrainOrder::Act act = order_.look(turn_.now(), facts);
  if (order_.phase() != before) {
    WEFT_LOG(kInfo, "drain: {}: {} connections from outside, {} of the app's own",
             name_of(order_.phase()), facts.inbound, facts.outbound);
  }
  obey(act);
}

void Drain::on_worker_drained() {
  if (begun() && ++workers_drained_ >= workers_.size()) finish();
}

void Drain::finish() {
  if (over_) return;
  over_ = true;
  timer_.cancel();
  owner_.on_drained();
}

}  // namespace weft::sidecar
