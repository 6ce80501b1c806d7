#include "sidecar/upstream/pool.h"

#include <algorithm>

#include "sidecar/core/log.h"

namespace weft::upstream {

namespace {

// After an idle connection could not be made.
constexpr Duration kRedialIdle = std::chrono::seconds(1);

}  // namespace

Ticket::Ticket(Pool& pool, Turn& turn, TicketHolder& holder, config::Priority priority)
    : pool_(&pool),
      holder_(holder),
      patience_(turn.timers(), *this),
      since_(turn.now()),
      priority_(priority) {}

Ticket::~Ticket() {
  if (pool_ != nullptr) pool_->leave_queue(*this, Pool::Left::kCancelled);
}

void Ticket::on_timer(Timer&) {
  pool_->leave_queue(*this, Pool::Left::kExpired);
  holder_.on_ticket_failed(Error{Fault::kLimit, Side::kLocal, "waited too long for a connection"});
}

// One connection on its way.
class Pool::Dialing final : public DialHolder {
 public:
  explicit Dialing(Pool& pool) : pool_(pool) { dial_ = pool.owner_.dial(*this); }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    pool_.on_dial_done(*this, std::move(transport));
  }
  void on_dial_failed(const Error& error) override { pool_.on_dial_failed(*this, error); }

 private:
  Pool& pool_;
  std::unique_ptr<Dial> dial_;
};

Pool::Pool(Turn& turn, Owner& owner) : turn_(turn), owner_(owner), upkeep_(turn.timers(), *this) {}

Pool::~Pool() {
  // Tickets may outlive us by the rest of this turn; they must not look back.
  while (Ticket* ticket = waiting_.front()) {
    waiting_.remove(*ticket);
    ticket->pool_ = nullptr;
    ticket->patience_.cancel();
    owner_.give_pending(turn_.now() - ticket->since_, Left::kCancelled);
  }
  for (std::size_t i = 0; i < connections_.size() + dialing_.size(); ++i) owner_.give_connection();
}

Acquired Pool::acquire(TicketHolder& holder, config::Priority priority) {
  if (draining_) return Error{Fault::kDraining, Side::kLocal, "the endpoint is being removed"};
  // Nobody overtakes those who wait.
  if (waiting_.empty()) {
    if (http::ClientConnection* ready = find_ready()) {
      if (idle_min_ != 0) dial_idle(1);
      return ready;
    }
  }
  if (!owner_.take_pending(priority))
    return Error{Fault::kLimit, Side::kLocal, "too many requests wait for a connection"};
  auto ticket = std::make_unique<Ticket>(*this, turn_, holder, priority);
  if (owner_.pending_timeout() > Duration::zero()) ticket->patience_.arm(owner_.pending_timeout());
  waiting_.push(*ticket);
  dial_if_needed();
  return ticket;
}

http::ClientConnection* Pool::find_ready() {
  for (auto member = connections_.rbegin(); member != connections_.rend(); ++member) {
    if (member->connection->available() == 0) continue;
    http::ClientConnection* connection = member->connection.get();
    hand_out(*member);
    return connection;
  }
  return nullptr;
}

void Pool::hand_out(Member& member) {
  ++member.handed_out;
  // Newest use last, so that what is needed least goes idle longest and is closed by its timer.
  const auto index = &member - connections_.data();
  std::rotate(connections_.begin() + index, connections_.begin() + index + 1, connections_.end());
}

Pool::Member* Pool::member_of(const http::ClientConnection& connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const Member& member) { return member.connection.get() == &connection; });
  return found == connections_.end() ? nullptr : &*found;
}

void Pool::dial_if_needed() {
  // HTTP/1 needs one connection per waiting request, HTTP/2 one for all of them.
  const std::size_t wanted =
      owner_.multiplexes() ? std::min<std::size_t>(waiting_.size(), 1) : waiting_.size();
  while (dialing_.size() < wanted && owner_.take_connection(true)) begin_dial();
  if (idle_min_ != 0) dial_idle(0);
  owner_.on_pool_changed();
}

void Pool::begin_dial() { dialing_.push_back(std::make_unique<Dialing>(*this)); }

// ---- connections for requests to come ----

void Pool::keep_idle(std::uint32_t count) {
  idle_min_ = count;
  if (count != 0) dial_idle(0);
}

void Pool::dial_idle(std::size_t given) {
  if (draining_ || turn_.now() < redial_at_) return;
  const auto ready = static_cast<std::size_t>(
      std::count_if(connections_.begin(), connections_.end(),
                    [](const Member& member) { return member.connection->available() != 0; }));
  const bool shared = owner_.multiplexes();
  if (shared && ready != 0) return;
  const std::size_t wanted = shared ? 1 : waiting_.size() + idle_min_ + given;
  while (ready + dialing_.size() < wanted && owner_.take_connection(false)) begin_dial();
}

// ---- age ----

void Pool::tend() {
  TimePoint next = TimePoint::max();
  for (const Member& member : connections_) {
    if (!member.connection->draining()) next = std::min(next, member.ends_at);
  }
  if (redial_at_ > turn_.now()) next = std::min(next, redial_at_);
  if (next == TimePoint::max()) {
    upkeep_.cancel();
  } else {
    upkeep_.arm_at(next);
  }
}

void Pool::on_timer(Timer&) {
  for (const Member& member : connections_) {
    if (member.ends_at <= turn_.now() && !member.connection->draining()) member.connection->drain();
  }
  tend();
  // For those who wait as well, whose connection may just have been told to end.
  dial_if_needed();
}

// ---- dials ----

void Pool::on_dial_done(Dialing& dialing, std::unique_ptr<Transport> transport) {
  const auto found = std::find_if(dialing_.begin(), dialing_.end(),
                                  [&](const auto& d) { return d.get() == &dialing; });
  WEFT_ASSERT(found != dialing_.end());
  turn_.retire(std::move(*found));
  dialing_.erase(found);
  const http::Protocol protocol = owner_.protocol_of(*transport);
  connections_.push_back(Member{std::make_unique<http::ClientConnection>(
      turn_, std::move(transport), protocol, owner_.connection_options(), *this)});
  if (const Duration age = owner_.connection_age(); age > Duration::zero()) {
    connections_.back().ends_at = turn_.now() + age;
    tend();
  }
  serve();
}

void Pool::on_dial_failed(Dialing& dialing, const Error& error) {
  const auto found = std::find_if(dialing_.begin(), dialing_.end(),
                                  [&](const auto& d) { return d.get() == &dialing; });
  WEFT_ASSERT(found != dialing_.end());
  turn_.retire(std::move(*found));
  dialing_.erase(found);
  // With nothing else to hope for everybody hears it; otherwise only the one this connection was
  // meant for. They hear it before the connection is given back, which lets those who still wait
  // dial again.
  const bool last_hope = connections_.empty() && dialing_.empty();
  const std::size_t waiting = waiting_.size();
  fail_waiting(error, last_hope || owner_.multiplexes() ? waiting
                      : dialing_.size() < waiting       ? 1
                                                        : 0);
  if (idle_min_ != 0) {
    redial_at_ = turn_.now() + kRedialIdle;
    tend();
  }
  owner_.give_connection();
  dial_if_needed();
  report_if_drained();
}

void Pool::fail_waiting(const Error& error, std::size_t count) {
  // Those who join while the others hear it are not meant.
  while (count-- > 0) {
    Ticket* ticket = waiting_.front();
    if (ticket == nullptr) return;
    leave_queue(*ticket, Left::kFailed);
    ticket->holder_.on_ticket_failed(error);
  }
}

void Pool::serve() {
  while (Ticket* ticket = waiting_.front()) {
    http::ClientConnection* ready = find_ready();
    if (ready == nullptr) break;
    leave_queue(*ticket, Left::kServed);
    ticket->holder_.on_connection_ready(*ready);
  }
  dial_if_needed();
  end_if_draining();
}

// Connections stay while somebody waits for one. drain() may end an idle one only later, in an
// event of its own, so the vector is stable here.
void Pool::end_if_draining() {
  if (!draining_ || !waiting_.empty()) return;
  for (Member& member : connections_) {
    if (!member.connection->draining()) member.connection->drain();
  }
}

void Pool::displace(Ticket& ticket) {
  leave_queue(ticket, Left::kGaveWay);
  displaced_.push_back(ticket);
  turn_.enlist(*this);
}

void Pool::flush() {
  while (Ticket* ticket = displaced_.pop_front()) {
    ticket->holder_.on_ticket_failed(
        Error{Fault::kLimit, Side::kLocal, "gave way where too many wait for a connection"});
  }
  report_if_drained();
}

void Pool::leave_queue(Ticket& ticket, Left why) {
  if (ticket.pool_ == nullptr) return;
  ticket.pool_ = nullptr;
  ticket.patience_.cancel();
  waiting_.remove(ticket);
  owner_.give_pending(turn_.now() - ticket.since_, why);
  // It may be the last thing a draining pool held; a call down raises no event.
  if (draining_ && waiting_.empty()) turn_.enlist(*this);
}

void Pool::on_capacity(http::ClientConnection& connection) {
  Member* member = member_of(connection);
  if (member == nullptr) return;
  if (owner_.spent(member->handed_out) && !connection.draining()) connection.drain();
  serve();
}

void Pool::on_connection_done(http::ClientConnection& connection, const Error& reason) {
  if (reason.fault == Fault::kProtocol || reason.fault == Fault::kHeadTooLarge ||
      reason.fault == Fault::kFlood) {
    WEFT_LOG_LIMITED(kInfo, "upstream {}: ended the connection: {}",
                     connection.transport().peer_address().to_string(), to_string(reason));
  }
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&](const Member& member) { return member.connection.get() == &connection; });
  WEFT_ASSERT(found != connections_.end());
  turn_.retire(std::move(found->connection));
  connections_.erase(found);
  owner_.give_connection();
  dial_if_needed();
  report_if_drained();
}

bool Pool::close_idle() {
  for (Member& member : connections_) {
    if (member.connection->streams() == 0 && !member.connection->draining()) {
      member.connection->drain();
      return true;
    }
  }
  return false;
}

void Pool::close_all_idle() {
  // Once over the list: a connection that is closing already has nothing left to be told, and says
  // so to nobody.
  for (Member& member : connections_) {
    if (member.connection->streams() == 0) member.connection->drain();
  }
}

void Pool::drain() {
  if (draining_) return;
  draining_ = true;
  end_if_draining();
}

void Pool::report_if_drained() {
  if (over_) return;
  end_if_draining();
  owner_.on_pool_changed();
  if (!draining_ || !empty()) return;
  over_ = true;
  owner_.on_pool_drained(*this);
}

}  // namespace weft::upstream
