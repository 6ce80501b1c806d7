#pragma once
// PausedSockets: the sockets that nobody reads from at present, looked after once a second.
//
// libuv watches a socket only for whom wants its bytes, so a reset of a paused one would stay
// unseen until somebody reads again, which may be never. Asking the kernel about all of them is one
// call, and none while there are none. Owner: a Loop. Thread: its loop's.

#include "sidecar/core/intrusive_list.h"
#include "sidecar/core/timers.h"

namespace weft::net {

class PausedSocket : public ListNode<PausedSocket> {
 public:
  [[nodiscard]] virtual int watched_fd() const = 0;
  // The peer has reset the connection. The error is still the socket's to take; it may unlink
  // itself, and raises its event later.
  virtual void on_reset_seen() = 0;

 protected:
  ~PausedSocket() = default;
};

class PausedSockets final : private TimerSink {
 public:
  static constexpr Duration kLookEvery = std::chrono::seconds(1);

  explicit PausedSockets(Timers& timers) : look_(timers, *this) {}

  // Until it is unlinked.
  void add(PausedSocket& socket);

 private:
  void on_timer(Timer& timer) override;

  IntrusiveList<PausedSocket> sockets_;
  Timer look_;
};

}  // namespace weft::net
