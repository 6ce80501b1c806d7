#pragma once
// TlsContexts: the TLS contexts one worker uses, built by the main loop before a Snapshot is posted
// (decisions C4).
//
// Keyed by the TlsReference inside the Snapshot they belong to, whose lifetime they share. A
// reference without material has no entry: connections that need it are refused until its secret
// comes.

#include <memory>
#include <unordered_map>

#include "sidecar/config/tls_reference.h"
#include "tls/context.h"

namespace weft::upstream {

struct TlsContexts {
  std::unordered_map<const config::TlsReference*, std::shared_ptr<const tls::ServerContext>>
      servers;
  std::unordered_map<const config::TlsReference*, std::shared_ptr<const tls::ClientContext>>
      clients;
};

}  // namespace weft::upstream
