#pragma once
// Two sidecars that know each other by certificate: caller -> client's sidecar -> mTLS -> server's
// sidecar -> origin; the configuration of both, for tests that are about what is carried over it.
//
// The identities are spiffe://cluster.local/ns/shop/sa/{client,server}. Owner: a test.

#include <string>

#include "tests/mesh/mesh.h"
#include "tls/key.h"

namespace weft::mesh_test {

struct Authority {
  explicit Authority(std::string domain_in);
  [[nodiscard]] TlsMaterial material(const std::string& account, const std::string& roots) const;
  [[nodiscard]] TlsMaterial material(const std::string& account) const {
    return material(account, root);
  }
  std::string domain;
  tls::Key key;
  std::string root;
};

// The callee's side: wants a certificate of cluster.local, forwards everything to "app".
[[nodiscard]] config::ListenerConfig inbound(const TlsMaterial& material);
// The caller's side: everything to "server", by HTTP/2 over mTLS.
[[nodiscard]] config::ListenerConfig outbound();
[[nodiscard]] config::ClusterConfig to_server(const TlsMaterial& material,
                                              const SocketAddress& server);

}  // namespace weft::mesh_test
