#pragma once
// LoadSlot and LoadConnection: what a Load sends through. A slot holds at most one request in
// flight; an HTTP/1.1 connection is one slot, an HTTP/2 connection has one for each stream it may
// keep open.
//
// Owner: Load owns connections, connections own their slots. Thread: one. A slot that is started
// keeps its request until it answers or fails, whatever the connection has to do for it (open, wait
// for settings), and then reports itself idle.

#include <memory>
#include <vector>

#include "tests/bench/poller.h"

namespace weft::bench {

class Load;

class LoadSlot {
 public:
  // Sends the request that was due at `intended`, opening the connection when there is none.
  virtual void start(Clock::time_point intended) = 0;
  [[nodiscard]] bool has_request() const { return has_request_; }
  [[nodiscard]] Clock::time_point intended() const { return intended_; }

 protected:
  ~LoadSlot() = default;
  Clock::time_point intended_{};
  bool has_request_ = false;
};

class LoadConnection : public Poller::Handler {
 public:
  virtual ~LoadConnection() = default;
  virtual void open() = 0;
  // Open, and requests may be sent.
  [[nodiscard]] virtual bool ready() const = 0;
  // Sends what its slots queued since the last turn.
  virtual void flush() = 0;
  [[nodiscard]] virtual std::vector<LoadSlot*> slots() = 0;
};

[[nodiscard]] std::unique_ptr<LoadConnection> make_http1_connection(Load& load);
[[nodiscard]] std::unique_ptr<LoadConnection> make_http2_connection(Load& load);

}  // namespace weft::bench
