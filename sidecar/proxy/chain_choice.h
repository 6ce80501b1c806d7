#pragma once
// choose_chain: which filter chain of a listener takes a connection, from what is known about it.
// Pure.
//
// After envoy.config.listener.v3.FilterChainMatch: criteria count in a fixed order: destination
// port, destination address (longest prefix), server name (exact, then longest wildcard), transport
// protocol, application protocols (in the order of the connection's own), source address, source
// port. Each keeps the chains that are most specific about it, and the choice never goes back: a
// chain for "cart.shop" and HTTP/2 keeps a connection to "cart.shop" from the chain for any name,
// also when it offers no HTTP/2.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sidecar/config/listener_config.h"

namespace weft::proxy {

struct ConnectionFacts {
  SocketAddress destination;
  SocketAddress source;
  std::string server_name;  // lower case; empty matches only chains that name none
  bool tls = false;
  std::vector<std::string>
      application_protocols;  // ALPN offered, or what was sniffed: "http/1.1", "h2c"
};

// Null: no chain takes it and there is no default.
[[nodiscard]] const config::FilterChain* choose_chain(const config::ListenerConfig& listener,
                                                      const ConnectionFacts& facts);
// The same among these, without a default.
[[nodiscard]] const config::FilterChain* choose_among(
    std::span<const config::FilterChain* const> chains, const ConnectionFacts& facts);

// What has to be known before choosing.
struct ChainNeeds {
  bool tls = false;          // whether it is TLS, and then the ClientHello
  bool application = false;  // for plain connections, whether it is HTTP
};
[[nodiscard]] ChainNeeds needs_of(std::span<const config::FilterChain* const> chains);

}  // namespace weft::proxy
