#pragma once
// dial_endpoint: one connection to one endpoint of a configured cluster, in the clear or with TLS
// as the cluster says, within its deadlines; behind a PROXY header where the cluster sends one.
//
// Whoever dials for traffic counts connections first (LiveEndpoint); the main loop's own calls do
// not (ClusterDialer). Owner of the Dial: the caller; dropping it cancels. Thread: that of the
// Turn.

#include <memory>
#include <string>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/cluster.h"
#include "tls/context.h"

namespace weft::upstream {

// What one connection wants otherwise than its cluster.
struct DialWishes {
  bool plain = false;         // no TLS
  bool raw = false;           // no ALPN: the bytes are of no protocol that the cluster speaks
  std::string identity = {};  // the only one that the peer may have; empty: as the cluster says
  // Somebody else's address that it comes from; null: the cluster's own.
  const IpAddress* transparent_source = nullptr;
};

// `context`: null while the cluster's certificate is not here, which refuses a cluster with TLS.
// `caller`: empty when the connection is for ourselves.
[[nodiscard]] std::unique_ptr<Dial> dial_endpoint(Turn& turn, Connector& connector,
                                                  const config::ClusterConfig& cluster,
                                                  const SocketAddress& address,
                                                  std::shared_ptr<const tls::ClientContext> context,
                                                  const Caller& caller, DialHolder& holder,
                                                  const DialWishes& wishes = {});

// Fails at the end of the turn, as every Dial answers later than its call.
[[nodiscard]] std::unique_ptr<Dial> refuse_dial(Turn& turn, DialHolder& holder, Error why);

}  // namespace weft::upstream
