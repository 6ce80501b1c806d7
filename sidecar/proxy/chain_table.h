#pragma once
// ChainTable: a listener's filter chains by the destinations they are for, so that a listener with
// a chain for each of a thousand Services asks the few that a connection's destination leaves.
//
// What it says is what choose_chain says of all chains. Owner: Listener, and every Session that has
// not chosen yet. Immutable. Memory: an entry for each destination port and each whole address that
// a chain names.

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "sidecar/config/listener_config.h"
#include "sidecar/proxy/chain_choice.h"

namespace weft::proxy {

class ChainTable final {
 public:
  explicit ChainTable(std::shared_ptr<const config::ListenerConfig> listener);

  // As choose_chain. What it returns lives as long as the listener's configuration.
  [[nodiscard]] const config::FilterChain* choose(const ConnectionFacts& facts) const;
  // Whether some chain is for that very address; the others are for whoever is there.
  [[nodiscard]] bool names(const SocketAddress& destination) const;
  // What has to be known of a connection to there. A chain for somebody else makes nobody wait.
  [[nodiscard]] ChainNeeds needs(const SocketAddress& destination) const;

 private:
  using Chains = std::vector<const config::FilterChain*>;
  // Of one destination port, or of those that no chain names.
  struct Port {
    std::unordered_map<SocketAddress, Chains, SocketAddressHash> exact;  // port 0
    Chains others;  // for ranges of addresses, and for all
  };
  [[nodiscard]] const Chains& candidates(const SocketAddress& destination) const;

  std::shared_ptr<const config::ListenerConfig> listener_;
  std::unordered_map<std::uint16_t, Port> ports_;
  Port any_port_;
};

}  // namespace weft::proxy
