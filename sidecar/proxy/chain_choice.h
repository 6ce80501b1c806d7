#pragma once
// choose_chain: which filter chain of a listener takes a connection, from what is known about it.
// Pure.
//
// After envoy.config.listener.v3.FilterChainMatch: criteria count in a fixed order, the more
// specific value of an earlier one beats everything later: destination port, destination address
// (longest prefix), server name (exact, then longest wildcard), transport protocol, application
// protocols, source address, source port.

#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/listener_config.h"

namespace weft::proxy {

struct ConnectionFacts {
  SocketAddress destination;
  SocketAddress source;
  std::string server_name;  // lower case
  bool tls = false;
  std::vector<std::string>
      application_protocols;  // ALPN offered, or what was sniffed: "http/1.1", "h2c"
};

// Null: no chain takes it and there is no default.
[[nodiscard]] const config::FilterChain* choose_chain(const config::ListenerConfig& listener,
                                                      const ConnectionFacts& facts);

// What has to be known before choosing.
struct ChainNeeds {
  bool tls = false;          // whether it is TLS, and then the ClientHello
  bool application = false;  // for plain connections, whether it is HTTP
};
[[nodiscard]] ChainNeeds needs_of(const config::ListenerConfig& listener);

}  // namespace weft::proxy
