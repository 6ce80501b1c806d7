#include "sidecar/config/start_file.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace weft::config {

namespace {

// As JSON, which is YAML and knows how to quote.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// For a comment, which nothing quotes.
std::string in_one_line(std::string text) {
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  return text;
}

// "    token_file: …" and the like: what is only there where there is something to say.
std::string optional_lines(const StartFile& file) {
  std::string out;
  if (!file.token_file.empty()) out += fmt::format("    token_file: {}\n", quoted(file.token_file));
  std::string roots;
  for (const std::string& root : file.roots_sha256) {
    roots += (roots.empty() ? "" : ", ") + quoted(root);
  }
  if (!roots.empty()) out += fmt::format("    trust_root_spki_sha256: [{}]\n", roots);
  return out;
}

std::string metadata_line(const StartFile& file) {
  std::string said;
  if (file.tells_admin) said = fmt::format("admin: {}", quoted(file.admin.to_string()));
  if (!file.node.empty()) said += (said.empty() ? "node: " : ", node: ") + quoted(file.node);
  return said.empty() ? said : fmt::format("  metadata: {{weft: {{{}}}}}\n", said);
}

std::string app_ports_line(const StartFile& file) {
  std::string ports;
  for (const std::uint16_t port : file.app_ports) {
    ports += (ports.empty() ? "" : ", ") + std::to_string(port);
  }
  return ports.empty() ? std::string() : fmt::format("    local_app_ports: [{}]\n", ports);
}

}  // namespace

std::string write_start_file(const StartFile& file) {
  const std::string metadata = metadata_line(file);
  return fmt::format(
      R"(# {title}
node:
  id: {id}
  cluster: {cluster}
  locality: {{region: {region}, zone: {zone}}}
{metadata}admin:
  address: {{socket_address: {{address: {admin_ip}, port_value: {admin_port}}}}}
dynamic_resources:
  lds_config: {{ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s}}
  cds_config: {{ads: {{}}, resource_api_version: V3, initial_fetch_timeout: 0s}}
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
    - envoy_grpc: {{cluster_name: weft-control}}
static_resources:
  clusters:
  - name: weft-control
    type: {discovery}
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    upstream_connection_options: {{tcp_keepalive: {{keepalive_time: 30, keepalive_interval: 10, keepalive_probes: 3}}}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}
          alpn_protocols: [h2]
          tls_certificate_sds_secret_configs: [{{name: default}}]
          combined_validation_context:
            default_validation_context:
              match_typed_subject_alt_names:
              - {{san_type: URI, matcher: {{exact: {control_id}}}}}
            validation_context_sds_secret_config: {{name: ROOTCA}}
    load_assignment:
      cluster_name: weft-control
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {control_host}, port_value: {control_port}}}}}}}
bootstrap_extensions:
- name: weft.mesh
  typed_config:
    "@type": type.googleapis.com/weft.bootstrap.v1.Mesh
    ca_cluster: weft-control
{optional}    trust_domain: {trust_domain}
    namespace: {name_space}
    service_account: {service_account}
    workload: {workload}
    canonical_service: {canonical_service}
    canonical_revision: {canonical_revision}
{app_ports})",
      fmt::arg("title", in_one_line(file.title)), fmt::arg("id", quoted(file.node_id)),
      fmt::arg("cluster", quoted(file.cluster)), fmt::arg("region", quoted(file.region)),
      fmt::arg("zone", quoted(file.zone)), fmt::arg("metadata", metadata),
      fmt::arg("admin_ip", quoted(file.admin.ip().to_string())),
      fmt::arg("admin_port", file.admin.port()),
      fmt::arg("discovery", IpAddress::parse(file.control_host) ? "STATIC" : "STRICT_DNS"),
      fmt::arg("control_id", quoted(file.control_id)),
      fmt::arg("control_host", quoted(file.control_host)),
      fmt::arg("control_port", file.control_port), fmt::arg("optional", optional_lines(file)),
      fmt::arg("trust_domain", quoted(file.trust_domain)),
      fmt::arg("name_space", quoted(file.name_space)),
      fmt::arg("service_account", quoted(file.service_account)),
      fmt::arg("workload", quoted(file.workload)),
      fmt::arg("canonical_service", quoted(file.canonical_service)),
      fmt::arg("canonical_revision", quoted(file.canonical_revision)),
      fmt::arg("app_ports", app_ports_line(file)));
}

}  // namespace weft::config
