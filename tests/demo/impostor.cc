#include "tests/demo/impostor.h"

#include <fmt/format.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"

namespace weft::demo {

namespace {

// As JSON, which is YAML and knows how to quote.
std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace

std::string impostor_yaml(const SocketAddress& address, const TlsMaterial& material) {
  const std::string ip = address.ip().to_string();
  return fmt::format(R"(node: {{id: impostor, cluster: impostor}}
admin: {{address: {{socket_address: {{address: {ip}, port_value: 15000}}}}}}
static_resources:
  listeners:
  - name: impostor
    address: {{socket_address: {{address: {ip}, port_value: {port}}}}}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          require_client_certificate: true
          common_tls_context:
            alpn_protocols: [h2]
            tls_certificates:
            - certificate_chain: {{inline_string: {chain}}}
              private_key: {{inline_string: {key}}}
            validation_context: {{trusted_ca: {{inline_string: {roots}}}}}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: impostor
          codec_type: AUTO
          route_config:
            name: impostor
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{prefix: "/"}}
                direct_response: {{status: 200, body: {{inline_string: "believed"}}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
)",
                     fmt::arg("ip", ip), fmt::arg("port", address.port()),
                     fmt::arg("chain", quoted(material.chain_pem)),
                     fmt::arg("key", quoted(material.key_pem)),
                     fmt::arg("roots", quoted(material.roots_pem)));
}

Result<Child> start_impostor(const Stage& stage, const TlsMaterial& material) {
  const SocketAddress address = stage.shop().vault();
  const std::string file = stage.directory() + "/run/impostor.yaml";
  std::ofstream(file, std::ios::trunc) << impostor_yaml(address, material);
  Result<Child> child = Child::start({.arguments = {stage.program("weft-sidecar"), "-c", file},
                                      .output = stage.log_file("impostor")});
  if (!child) return child;
  const SocketAddress admin(address.ip(), 15000);
  const bool ready =
      wait_until(std::chrono::seconds(5), [&] { return get(admin, "/ready").has_value(); });
  if (!ready)
    return fail(Fault::kTimeout, "the impostor does not listen\n" + stage.last_words("impostor"));
  return child;
}

}  // namespace weft::demo
