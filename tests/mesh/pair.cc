#include "tests/mesh/pair.h"

#include "tls/issue.h"

namespace weft::mesh_test {

Authority::Authority(std::string domain_in)
    : domain(std::move(domain_in)),
      key(tls::Key::generate().value()),
      root(tls::make_root(key, {.trust_domain = domain}).value()) {}

TlsMaterial Authority::material(const std::string& account, const std::string& roots) const {
  const tls::Key leaf = tls::Key::generate().value();
  const SpiffeId id = SpiffeId::make(domain, "shop", account).value();
  return {.version = domain + account,
          .chain_pem = tls::sign_leaf({key, root}, leaf, {.id = id}).value(),
          .key_pem = leaf.private_pem(),
          .roots_pem = roots};
}

config::ListenerConfig inbound(const TlsMaterial& material) {
  config::ListenerConfig listener = http_listener("in", routes({to("/", "app")}));
  listener.direction = config::Direction::kInbound;
  listener.workload = {.workload = "cart-v1",
                       .name_space = "shop",
                       .canonical_service = "cart",
                       .canonical_revision = "v1"};
  http_of(listener).upgrades = {"websocket", "connect"};
  config::TlsReference tls;
  tls.inline_material = material;
  tls.settings.alpn = {"h2", "http/1.1"};
  tls.settings.require_peer_certificate = true;
  tls.settings.peer_names = {{.type = SanMatcher::Type::kUri,
                              .how = SanMatcher::How::kPrefix,
                              .value = "spiffe://cluster.local/",
                              .ignore_case = false}};
  listener.chains.front().tls = tls;
  return listener;
}

config::ListenerConfig outbound() {
  config::ListenerConfig listener = http_listener("in", routes({to("/", "server")}));
  listener.workload = {.workload = "web-v2",
                       .name_space = "shop",
                       .canonical_service = "web",
                       .canonical_revision = "v2"};
  http_of(listener).upgrades = {"websocket", "connect"};
  return listener;
}

config::ClusterConfig to_server(const TlsMaterial& material, const SocketAddress& server) {
  config::ClusterConfig remote = cluster("server", {server});
  config::TlsReference tls;
  tls.inline_material = material;
  tls.settings.alpn = {"h2"};
  tls.settings.peer_names = {{.type = SanMatcher::Type::kUri,
                              .how = SanMatcher::How::kExact,
                              .value = "spiffe://cluster.local/ns/shop/sa/server",
                              .ignore_case = false}};
  remote.tls = tls;
  remote.mesh_peer = true;
  remote.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  return remote;
}

}  // namespace weft::mesh_test
