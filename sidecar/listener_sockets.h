#pragma once
// ListenerSockets: the listening descriptors of this process, bound on the main loop before a
// listener is accepted, so that a port in use refuses that listener by name (decisions B7). One
// descriptor per address and worker.
//
// Owner: Publisher. Thread: main loop. A descriptor belongs to the worker it was taken for; the
// table remembers which addresses are in use, and release() forgets one once no listener wants it.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sidecar/config/listener_config.h"
#include "sidecar/net/acceptor.h"

namespace weft::sidecar {

// Where a listener's socket is found: by its address, so that a renamed listener keeps its socket;
// port 0 by name as well.
[[nodiscard]] std::string socket_key(const config::ListenerConfig& listener,
                                     const SocketAddress& address);

class ListenerSockets final {
 public:
  explicit ListenerSockets(std::uint32_t workers) : workers_(workers) {}

  // Binds every address of the listener that is not bound yet; none of them when one fails.
  Status bind(const config::ListenerConfig& listener);
  // The descriptor for one worker, once; empty when that worker has it already.
  [[nodiscard]] net::OwnedFd take(const std::string& key, std::uint32_t worker);
  // Where a bound socket is (port 0 resolved); none() when unknown.
  [[nodiscard]] SocketAddress address_of(const std::string& key) const;
  // Forgets the addresses that are not in `wanted`.
  void keep_only(const std::vector<std::string>& wanted);

 private:
  struct Entry {
    SocketAddress address;
    std::vector<net::OwnedFd> descriptors;
  };
  const std::uint32_t workers_;
  std::map<std::string, Entry> entries_;
};

}  // namespace weft::sidecar
