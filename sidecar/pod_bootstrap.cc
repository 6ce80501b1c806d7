#include "sidecar/pod_bootstrap.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

// The control plane's own identity, which it has in every trust domain.
constexpr const char* kControlPath = "/ns/weft-system/sa/weft-control";

// As JSON, which is YAML and knows how to quote.
std::string json_quoted(std::string_view text) {
  return nlohmann::json(std::string(text))
      .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

bool is_digest(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (to_lower(c) >= 'a' && to_lower(c) <= 'f');
         });
}

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  bool is_address = false;
};

std::optional<HostPort> read_host_port(std::string_view text) {
  if (const Result<SocketAddress> address = SocketAddress::parse(text);
      address && address->is_ip()) {
    return HostPort{address->ip().to_string(), address->port(), true};
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_name(text.substr(0, colon))) return std::nullopt;
  const std::optional<std::uint64_t> port = parse_u64(text.substr(colon + 1));
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return HostPort{std::string(text.substr(0, colon)), static_cast<std::uint16_t>(*port), false};
}

// The variables, one by one.
class PodVariables final {
 public:
  explicit PodVariables(const Environment& environment) : environment_(environment) {}

  [[nodiscard]] std::string optional(const char* name) const {
    const char* value = environment_(name);
    return value == nullptr ? std::string() : std::string(trim(value));
  }
  [[nodiscard]] std::string require(const char* name) {
    std::string value = optional(name);
    if (value.empty()) refuse(name, "is not set");
    return value;
  }
  [[nodiscard]] std::string name(const char* variable) {
    std::string value = require(variable);
    if (!value.empty() && !is_name(value)) {
      refuse(variable, fmt::format("'{}' is no name", escape(value, 80)));
    }
    return value;
  }
  void refuse(const char* name, std::string_view what) {
    mistakes_ += fmt::format("{}{}: {}", mistakes_.empty() ? "" : "\n", name, what);
  }
  [[nodiscard]] const std::string& mistakes() const { return mistakes_; }

 private:
  const Environment& environment_;
  std::string mistakes_;
};

std::vector<IpAddress> read_addresses(PodVariables& variables) {
  std::vector<IpAddress> out;
  const std::string text = variables.require(pod::kPodAddressesVariable);
  if (text.empty()) return out;
  for (const std::string_view item : split(text, ',')) {
    if (const Result<IpAddress> address = IpAddress::parse(item); address) {
      out.push_back(*address);
    } else {
      variables.refuse(pod::kPodAddressesVariable,
                       fmt::format("'{}' is no address", escape(item, 80)));
    }
  }
  return out;
}

std::string read_roots(PodVariables& variables) {
  std::string out;
  const std::string text = variables.optional(pod::kRootsVariable);
  if (text.empty()) return out;
  for (const std::string_view item : split(text, ',')) {
    if (!is_digest(item)) {
      variables.refuse(pod::kRootsVariable,
                       fmt::format("'{}' is no SHA-256 in hex", escape(item, 80)));
    }
    out += (out.empty() ? "" : ", ") + json_quoted(item);
  }
  return out;
}

}  // namespace

Result<PodBootstrap> read_pod_environment(const Environment& environment) {
  PodVariables variables(environment);
  PodBootstrap out;
  const std::string name = variables.name(pod::kPodNameVariable);
  const std::string name_space = variables.name(pod::kPodNamespaceVariable);
  const std::string account = variables.name(pod::kServiceAccountVariable);
  const std::string trust_domain = variables.name(pod::kTrustDomainVariable);
  out.addresses = read_addresses(variables);
  const std::string control_text = variables.require(pod::kControlVariable);
  const std::optional<HostPort> control = read_host_port(control_text);
  if (!control && !control_text.empty()) {
    variables.refuse(pod::kControlVariable,
                     fmt::format("want host:port, found '{}'", escape(control_text, 80)));
  }
  const std::string roots = read_roots(variables);
  std::string service = variables.optional(pod::kCanonicalServiceVariable);
  std::string revision = variables.optional(pod::kCanonicalRevisionVariable);
  if (service.empty()) service = name;
  if (revision.empty()) revision = "latest";
  Result<std::vector<AppProbe>> probes = read_app_probes(variables.optional(pod::kProbesVariable));
  if (!probes) variables.refuse(pod::kProbesVariable, probes.error().detail);
  if (!variables.mistakes().empty()) return fail(Fault::kInvalid, variables.mistakes());
  out.probes = std::move(*probes);
  out.start_file = fmt::format(
      R"(# Start of the sidecar of pod {full_name}, made from its environment
node:
  id: {id}
  cluster: {cluster}
  locality: {{region: {region}, zone: {zone}}}
admin:
  address: {{socket_address: {{address: 127.0.0.1, port_value: {admin_port}}}}}
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
    upstream_connection_options: {{tcp_keepalive: {{keepalive_time: 30}}}}
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
    token_file: {token}
    trust_root_spki_sha256: [{roots}]
    trust_domain: {trust_domain}
    namespace: {name_space}
    service_account: {account}
    workload: {workload}
    canonical_service: {service}
    canonical_revision: {revision}
)",
      fmt::arg("full_name", name_space + "/" + name),
      fmt::arg("id", json_quoted(fmt::format("sidecar~{}~{}.{}~{}.svc.cluster.local",
                                             out.addresses.front().to_string(), name, name_space,
                                             name_space))),
      fmt::arg("cluster", json_quoted(fmt::format("{}.{}", service, name_space))),
      fmt::arg("region", json_quoted(variables.optional(pod::kRegionVariable))),
      fmt::arg("zone", json_quoted(variables.optional(pod::kZoneVariable))),
      fmt::arg("admin_port", pod::kAdminPort),
      fmt::arg("discovery", control->is_address ? "STATIC" : "STRICT_DNS"),
      fmt::arg("control_id", json_quoted(fmt::format("spiffe://{}{}", trust_domain, kControlPath))),
      fmt::arg("control_host", json_quoted(control->host)), fmt::arg("control_port", control->port),
      fmt::arg("token", json_quoted(pod::kTokenFile)), fmt::arg("roots", roots),
      fmt::arg("trust_domain", json_quoted(trust_domain)),
      fmt::arg("name_space", json_quoted(name_space)), fmt::arg("account", json_quoted(account)),
      fmt::arg("workload", json_quoted(name)), fmt::arg("service", json_quoted(service)),
      fmt::arg("revision", json_quoted(revision)));
  return out;
}

}  // namespace weft::sidecar
