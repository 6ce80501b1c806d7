#pragma once
// Pool: connections from one worker to one endpoint, and the requests waiting for them.
//
// State = list: dialing, ready (has a free stream), busy, leaving. A waiting request holds a
// Ticket; dropping it leaves the queue, in any state. HTTP/1: one stream a connection, newest idle
// first. HTTP/2: one connection until the peer's stream limit, then another (decisions D13).
// Invariant: a request waits only while every connection is busy or being dialed, or the cluster
// may have no more of them. A connection ends gracefully when it is old, or has carried enough;
// some may be kept ready for requests to come. Owner: LiveEndpoint. Thread: its worker.

#include <cstdint>
#include <memory>
#include <variant>
#include <vector>

#include "sidecar/core/dialer.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/slab.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/connection.h"
#include "sidecar/upstream/waiting_line.h"

namespace weft::upstream {

class Pool;

class TicketHolder {
 public:
  // A free stream, for use before returning: open() at once or leave it to the next in line.
  virtual void on_connection_ready(http::ClientConnection& connection) = 0;
  // kConnect, kConnectTimeout, kTls…, kLimit (waited too long, or gave way to another).
  virtual void on_ticket_failed(const Error& error) = 0;

 protected:
  ~TicketHolder() = default;
};

// A place in the queue. Exactly one call to the holder, never from inside acquire(); none after it
// is dropped.
class Ticket final : public ListNode<Ticket>, public TimerSink, public SlabAllocated<Ticket> {
 public:
  Ticket(Pool& pool, Turn& turn, TicketHolder& holder, config::Priority priority);
  ~Ticket();
  [[nodiscard]] config::Priority priority() const { return priority_; }
  [[nodiscard]] TimePoint since() const { return since_; }
  void on_timer(Timer& timer) override;

 private:
  friend class Pool;
  Pool* pool_;  // null once it has left the line
  TicketHolder& holder_;
  Timer patience_;
  TimePoint since_;
  const config::Priority priority_;
};

// A ready connection at once; or a Ticket; or a refusal (kLimit).
using Acquired = std::variant<http::ClientConnection*, std::unique_ptr<Ticket>, Error>;

class Pool final : public http::ClientConnection::Owner, public Flushable, public TimerSink {
 public:
  // Why a ticket has left the line. Who gave way leaves his place to the one he gave way to.
  enum class Left : std::uint8_t { kServed, kCancelled, kExpired, kFailed, kGaveWay };

  // What a pool needs of its cluster; it outlives the pool.
  class Owner {
   public:
    [[nodiscard]] virtual std::unique_ptr<Dial> dial(DialHolder& holder) = 0;
    // Chooses by configuration and by what TLS negotiated.
    [[nodiscard]] virtual http::Protocol protocol_of(const Transport& transport) const = 0;
    [[nodiscard]] virtual http::ConnectionOptions connection_options() const = 0;
    [[nodiscard]] virtual bool multiplexes()
        const = 0;  // several streams a connection are expected
    // A connection that was given out so often takes no more requests.
    [[nodiscard]] virtual bool spent(std::uint64_t handed_out) = 0;
    // How old the connection that was just made may get; zero: as old as it likes.
    [[nodiscard]] virtual Duration connection_age() = 0;
    [[nodiscard]] virtual Duration pending_timeout() const = 0;  // zero: none
    // Limits of the whole cluster. A connection counts from dialing to its end. `needed`: somebody
    // waits for it, so that idle ones elsewhere may be closed for it.
    [[nodiscard]] virtual bool take_connection(bool needed) = 0;
    virtual void give_connection() = 0;
    // A place in line, or that of somebody who gives way.
    [[nodiscard]] virtual bool take_pending(config::Priority priority) = 0;
    virtual void give_pending(Duration waited, Left why) = 0;
    virtual void on_pool_changed() = 0;  // for gauges
    // The pool has been drained and holds nothing any more.
    virtual void on_pool_drained(Pool& pool) = 0;

   protected:
    ~Owner() = default;
  };

  Pool(Turn& turn, Owner& owner);
  ~Pool();

  [[nodiscard]] Acquired acquire(TicketHolder& holder, config::Priority priority);
  // From now on this many connections are ready for requests to come; for HTTP/2 one is enough.
  void keep_idle(std::uint32_t count);
  // Who gives way here to a newcomer, and that he does: he hears kLimit at the end of the turn.
  [[nodiscard]] Ticket* loser(config::WhenFull when_full, config::Priority newcomer) {
    return waiting_.loser(when_full, newcomer);
  }
  void displace(Ticket& ticket);
  // No new requests; those that wait are still served, since they were sent here when this was the
  // right place; connections end when their streams have. on_pool_drained follows, unless empty()
  // already.
  void drain();
  [[nodiscard]] bool empty() const {
    return connections_.empty() && dialing_.empty() && waiting_.empty();
  }
  // A place under the cluster's connection limit has become free: dial for those who wait.
  void poke() { dial_if_needed(); }
  // Closes one idle connection to make room under the cluster's limit; false when there is none.
  bool close_idle();
  // Closes all that are idle now (the process drains).
  void close_all_idle();

  [[nodiscard]] std::size_t connections() const { return connections_.size(); }
  [[nodiscard]] std::size_t dialing() const { return dialing_.size(); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

  void flush() override;
  void on_timer(Timer& timer) override;
  void on_capacity(http::ClientConnection& connection) override;
  void on_connection_done(http::ClientConnection& connection, const Error& reason) override;

 private:
  friend class Ticket;
  class Dialing;
  struct Member {
    std::unique_ptr<http::ClientConnection> connection;
    std::uint64_t handed_out = 0;
    TimePoint ends_at = TimePoint::max();
  };

  [[nodiscard]] http::ClientConnection* find_ready();
  void hand_out(Member& member);
  [[nodiscard]] Member* member_of(const http::ClientConnection& connection);
  void dial_if_needed();
  void on_dial_done(Dialing& dialing, std::unique_ptr<Transport> transport);
  void on_dial_failed(Dialing& dialing, const Error& error);
  void serve();
  void begin_dial();
  // `given`: of the ready ones, those that the caller is about to use.
  void dial_idle(std::size_t given);
  void tend();
  void leave_queue(Ticket& ticket, Left why);
  void fail_waiting(const Error& error, std::size_t count);
  void end_if_draining();
  void report_if_drained();

  Turn& turn_;
  Owner& owner_;
  std::vector<Member> connections_;  // newest use last
  std::vector<std::unique_ptr<Dialing>> dialing_;
  WaitingLine waiting_;
  IntrusiveList<Ticket> displaced_;  // to be told at the end of the turn
  Timer upkeep_;                     // a connection gets old; idle ones are dialed again
  TimePoint redial_at_{};
  std::uint32_t idle_min_ = 0;
  bool draining_ = false;
  bool over_ = false;  // on_pool_drained was told
};

}  // namespace weft::upstream
