#pragma once
// Listening: bind_listeners makes the descriptors (on the main loop, before a configuration is
// acknowledged, so that a port in use is refused by name), and an Acceptor takes connections from
// one of them on a worker's loop.
//
// Out of descriptors: an Acceptor with a reserve takes the last ones and then spends that (the
// admin port stays reachable); any other stops before the last ones (net/descriptors.h), or at a
// failure, and looks again every kRetry; the waiting connections stay in the kernel's queue.
// Nothing spins, everything is counted. Owner: Listener. Thread: its loop's. Destroying it closes
// the descriptor; what waits in its queue is reset by the kernel, unless drain() has taken it
// first.

#include <cstdint>
#include <memory>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/result.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/owned_fd.h"
#include "sidecar/net/socket.h"
#include "sidecar/net/socket_options.h"

namespace weft::net {

struct ListenOptions {
  bool reuse_port =
      false;  // several descriptors on one address; the kernel spreads connections by hash
  std::uint32_t backlog = 4096;  // the kernel cuts it to net.core.somaxconn
  bool transparent = false;      // accept for addresses that are not ours (needs CAP_NET_ADMIN)
  bool free_bind = false;        // bind an address that does not exist yet
  bool v6_only = false;
  std::uint32_t fast_open = 0;  // TCP Fast Open queue; 0: off
  std::uint32_t unix_mode = 0600;
  SocketOptions accepted;  // handed down to every connection
};

// A bound and listening descriptor. A stale Unix socket (nobody answers) is replaced.
[[nodiscard]] Result<OwnedFd> bind_listener(const SocketAddress& address,
                                            const ListenOptions& options = {});

// `count` of them on one address, port 0 chosen once. A port that anybody else holds is refused,
// even when they would share it: the first descriptor is bound alone and shares only with the
// others.
[[nodiscard]] Result<std::vector<OwnedFd>> bind_listeners(const SocketAddress& address,
                                                          std::uint32_t count,
                                                          const ListenOptions& options = {});

// Where a bound descriptor is: how the number behind port 0 is learnt.
[[nodiscard]] SocketAddress local_address_of(int fd);

class Acceptor final {
 public:
  class Owner {
   public:
    virtual void on_accept(std::unique_ptr<Socket> socket) = 0;
    // After drain(): nothing waits any more and the descriptor is closed. The last event.
    virtual void on_drained(Acceptor& acceptor) = 0;
    // Accepting stops, or has to go on waiting, for want of descriptors.
    virtual void on_shortage() {}

   protected:
    ~Owner() = default;
  };
  struct Options {
    std::uint32_t per_turn_max = 64;        // connections taken before others have their turn
    std::uint32_t reserve_descriptors = 0;  // kept open to be spent when the process has no more
  };
  struct Stats {
    Counter accepted;
    Counter refused_by_kernel;   // gone before we came, or forbidden by a firewall
    Counter out_of_descriptors;  // failures to accept, and looks that found too few
  };
  static constexpr std::chrono::milliseconds kRetry{250};

  Acceptor(Loop& loop, OwnedFd listener, Owner& owner, Options options);
  Acceptor(Loop& loop, OwnedFd listener, Owner& owner)
      : Acceptor(loop, std::move(listener), owner, Options()) {}
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Leaves connections in the kernel's queue.
  void pause();
  void resume();
  // Takes what waits (also when paused), closes, tells the owner.
  void drain();

  [[nodiscard]] const SocketAddress& address() const;
  [[nodiscard]] const Stats& stats() const;

 private:
  struct Core;
  struct CloseCore {
    void operator()(Core* core) const;
  };
  std::unique_ptr<Core, CloseCore> core_;
};

}  // namespace weft::net
