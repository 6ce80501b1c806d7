#pragma once
// Pool: connections from one worker to one endpoint, and the requests waiting for them.
//
// State = list: connecting, ready (has free streams), busy, draining. A waiting request holds a Ticket; dropping it leaves the
// queue, in any state. HTTP/1: one stream a connection, newest idle first. HTTP/2: one connection until the peer's stream
// limit, then another (decisions D13). Invariant: a request waits only while every connection is busy or connecting.
// Owner: Endpoint. Thread: its worker.

#include <memory>
#include <variant>

#include "sidecar/core/dialer.h"
#include "sidecar/core/intrusive_list.h"
#include "sidecar/http/connection.h"

namespace weft::upstream {

class TicketHolder {
 public:
  // A free stream, for use before returning: open() at once or leave it to the next in line.
  virtual void on_connection_ready(http::ClientConnection& connection) = 0;
  // kConnect, kConnectTimeout, kTls…, kLimit (evicted or waited too long).
  virtual void on_ticket_failed(const Error& error) = 0;

 protected:
  ~TicketHolder() = default;
};

// A place in the queue. Exactly one call to the holder, never from inside acquire(); none after it is dropped.
class Ticket : public ListNode<Ticket> {
 public:
  virtual ~Ticket() = default;
};

// A ready connection at once; or a Ticket; or a refusal (kLimit: pending or connections full).
using Acquired = std::variant<http::ClientConnection*, std::unique_ptr<Ticket>, Error>;

}  // namespace weft::upstream
