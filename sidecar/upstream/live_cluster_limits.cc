// What of a cluster is limited and waited for: connections, places in line, who gives way.

#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

using telemetry::LimitKind;

// How long a worker may go on with a connection of its own while another one waits for a place.
constexpr Duration kPlaceKept = std::chrono::milliseconds(20);

}  // namespace

// ---- places in line ----

bool LiveCluster::take_pending(config::Priority priority) {
  if (limits_->pending.take(config_->limits.pending_max)) {
    count_waiting(+1);
    return true;
  }
  if (config_->limits.when_full == config::WhenFull::kReject) return false;
  return make_room(priority);
}

// Lines of this worker only: a line has one thread. Who gives way leaves his place in the count.
bool LiveCluster::make_room(config::Priority newcomer) {
  const config::WhenFull when_full = config_->limits.when_full;
  Ticket* loser = nullptr;
  Pool* line = nullptr;
  const auto look = [&](Pool& pool) {
    Ticket* found = pool.loser(when_full, newcomer);
    if (found == nullptr) return;
    const bool later = when_full == config::WhenFull::kDropLowest;
    const bool better =
        loser == nullptr || found->priority() > loser->priority() ||
        (found->priority() == loser->priority() &&
         (later ? found->since() > loser->since() : found->since() < loser->since()));
    if (!better) return;
    loser = found;
    line = &pool;
  };
  for (const auto& endpoint : endpoints_) look(endpoint->pool());
  if (loser == nullptr) return false;
  line->displace(*loser);
  return true;
}

void LiveCluster::give_pending(Duration waited, Pool::Left why) {
  metrics_->queue.observe(waited);
  if (why == Pool::Left::kExpired) metrics_->refused(telemetry::Refusal::kQueueTimeout).add();
  if (why == Pool::Left::kGaveWay) {
    metrics_->refused(telemetry::Refusal::kLimit).add();
    return;
  }
  limits_->pending.give();
  count_waiting(-1);
}

void LiveCluster::count_waiting(int change) {
  waiting_ = static_cast<std::uint32_t>(static_cast<int>(waiting_) + change);
  const auto pending = static_cast<std::int64_t>(limits_->pending.value());
  metrics_->limit_in_use(LimitKind::kPending).set(pending);
  metrics_->limit_high_water(LimitKind::kPending).raise(pending);
  if (waiting_ == 0 && wants_place_) be_content();
}

// ---- connections ----

bool LiveCluster::take_connection(bool needed) {
  SharedCount& connections = limits_->connections;
  const std::uint32_t max = config_->limits.connections_max;
  if (!connections.take(max)) {
    if (!needed) return false;
    close_an_idle_one();
    if (services_.mailbox == nullptr) return false;
    if (!std::exchange(wants_place_, true)) limits_->places.want(*services_.mailbox, name_);
    if (!connections.take(max)) return false;
  }
  if (!limits_->used.load(std::memory_order_relaxed))
    limits_->used.store(true, std::memory_order_relaxed);
  const auto in_use = static_cast<std::int64_t>(connections.value());
  metrics_->limit_in_use(LimitKind::kConnections).set(in_use);
  metrics_->limit_high_water(LimitKind::kConnections).raise(in_use);
  return true;
}

void LiveCluster::give_connection() {
  limits_->connections.give();
  metrics_->limit_in_use(LimitKind::kConnections)
      .set(static_cast<std::int64_t>(limits_->connections.value()));
  if (limits_->places.others_want(wants_place_)) {
    // Those who wait here have their turn again after the others.
    if (waiting_ == 0 || services_.turn.now() - place_given_ >= kPlaceKept) return pass_place_on();
  }
  offer_place();
}

// To those who wait here.
void LiveCluster::offer_place() {
  if (waiting_ == 0 || std::exchange(making_room_, true)) return;
  // Those who wait at an endpoint that was removed since came first.
  for (const auto& endpoint : leaving_) endpoint->poke();
  for (const auto& endpoint : endpoints_) endpoint->poke();
  making_room_ = false;
}

void LiveCluster::pass_place_on() {
  if (services_.mailbox == nullptr) return;
  place_given_ = services_.turn.now();
  if (waiting_ != 0 && !std::exchange(wants_place_, true))
    limits_->places.want(*services_.mailbox, name_);
  limits_->places.pass_on(*services_.mailbox, name_);
}

void LiveCluster::be_content() {
  wants_place_ = false;
  limits_->places.content(*services_.mailbox);
}

void LiveCluster::close_an_idle_one() {
  if (std::exchange(making_room_, true)) return;
  for (const auto& endpoint : endpoints_) {
    if (endpoint->pool().close_idle()) break;
  }
  making_room_ = false;
}

// A connection that has done its work is not to be kept from a worker that has none.
bool LiveCluster::gives_place_away() const {
  return limits_->places.others_want(wants_place_) &&
         (waiting_ == 0 || services_.turn.now() - place_given_ >= kPlaceKept);
}

void LiveCluster::on_note(Mailbox::Note note) {
  switch (note) {
    case Mailbox::Note::kPlaceFree:
      if (waiting_ == 0) {
        pass_place_on();
      } else {
        offer_place();
      }
      return;
    case Mailbox::Note::kPlaceWanted:
      close_an_idle_one();
      return;
  }
}

}  // namespace weft::upstream
