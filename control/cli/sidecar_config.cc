#include "control/cli/sidecar_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/authority.h"
#include "control/cli/command.h"
#include "control/planner/node.h"
#include "control/registry.h"
#include "control/sources/yaml_directory.h"

namespace weft::control::cli {

namespace {

// As JSON, which is YAML and knows how to quote.
std::string json_text(std::string_view text) { return nlohmann::json(std::string(text)).dump(); }

std::string app_ports(const Workload& workload) {
  std::string out;
  for (const WorkloadPort& port : workload.ports) {
    out += (out.empty() ? "" : ", ") + std::to_string(port.app_port);
  }
  return out;
}

}  // namespace

std::string make_sidecar_config(const Mesh& mesh, const Workload& workload,
                                const SidecarConfigOptions& options) {
  const std::string address = workload.address.to_string();
  const ObjectName& name = workload.metadata.name;
  const std::string& trust_domain = mesh.config->trust_domain;
  const SocketAddress admin(workload.address, Workload::kAdminPort);
  return fmt::format(
      R"(# Start file of the sidecar of Workload {name}; run it with: weft-sidecar -c FILE
node:
  id: {id}
  cluster: {cluster}
  locality: {{region: {region}, zone: {zone}}}
  metadata: {{weft: {{admin: {admin}}}}}
admin:
  address: {{socket_address: {{address: {address}, port_value: {admin_port}}}}}
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
    type: STATIC
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
        - endpoint: {{address: {{socket_address: {{address: {control_ip}, port_value: {control_port}}}}}}}
bootstrap_extensions:
- name: weft.mesh
  typed_config:
    "@type": type.googleapis.com/weft.bootstrap.v1.Mesh
    ca_cluster: weft-control
{token}    trust_domain: {trust_domain}
    namespace: {name_space}
    service_account: {service_account}
    workload: {workload}
    canonical_service: {canonical_service}
    canonical_revision: {canonical_revision}
    local_app_ports: [{app_ports}]
)",
      fmt::arg("name", name.to_string()), fmt::arg("id", json_text(Node::make_id(address, name))),
      fmt::arg("cluster",
               json_text(fmt::format("{}.{}", workload.canonical_service(), name.name_space))),
      fmt::arg("region", json_text(workload.region)), fmt::arg("zone", json_text(workload.zone)),
      fmt::arg("admin", json_text(admin.to_string())), fmt::arg("address", json_text(address)),
      fmt::arg("admin_port", Workload::kAdminPort),
      fmt::arg("control_id",
               json_text(fmt::format("spiffe://{}/ns/{}/sa/{}", trust_domain,
                                     Authority::kOwnNamespace, Authority::kOwnAccount))),
      fmt::arg("control_ip", json_text(options.control.ip().to_string())),
      fmt::arg("control_port", options.control.port()),
      fmt::arg("token", options.token_file.empty()
                            ? std::string()
                            : fmt::format("    token_file: {}\n", json_text(options.token_file))),
      fmt::arg("trust_domain", json_text(trust_domain)),
      fmt::arg("name_space", json_text(name.name_space)),
      fmt::arg("service_account", json_text(workload.service_account)),
      fmt::arg("workload", json_text(name.name)),
      fmt::arg("canonical_service", json_text(workload.canonical_service())),
      fmt::arg("canonical_revision", json_text(workload.canonical_revision())),
      fmt::arg("app_ports", app_ports(workload)));
}

namespace {

struct Options {
  std::string workload;
  std::string config_dir;
  std::string control = "127.0.0.1:15012";
  std::string token_file;
};

ObjectName parse_name(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return {"default", text};
  return {text.substr(0, slash), text.substr(slash + 1)};
}

int run(const Options& options) {
  const Result<SocketAddress> control = SocketAddress::parse(options.control);
  if (!control || !control->is_ip()) {
    return complain("--control: want an address and a port, as 127.0.0.1:15012");
  }
  Result<std::vector<SourceFile>> files = YamlDirectory::read_all(options.config_dir);
  if (!files) return complain(files.error().detail);
  Registry registry;
  registry.set_files(std::move(*files));
  const Mesh& mesh = *registry.mesh();
  const auto found = mesh.workloads.find(parse_name(options.workload));
  if (found == mesh.workloads.end()) {
    for (const Problem& problem : registry.problems()) fmt::print(stderr, "{}\n", problem.text);
    return complain(fmt::format("there is no Workload {} in {}",
                                parse_name(options.workload).to_string(), options.config_dir));
  }
  if (!found->second->sidecar) {
    return complain(fmt::format("Workload {} has sidecar: false", found->first.to_string()));
  }
  fmt::print("{}", make_sidecar_config(mesh, *found->second,
                                       {.control = *control, .token_file = options.token_file}));
  return kOk;
}

}  // namespace

void add_sidecar_config(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("sidecar-config", "Print the start file of a Workload's sidecar");
  auto options = std::make_shared<Options>();
  command->add_option("--workload", options->workload, "NAMESPACE/NAME of the Workload")
      ->required();
  command
      ->add_option("--config-dir", options->config_dir,
                   "Where its YAML is; weft-control's --config-dir")
      ->required();
  command->add_option("--control", options->control, "Address of weft-control, its --listen")
      ->capture_default_str();
  command->add_option("--token-file", options->token_file,
                      "File with its join token, as the sidecar will find it");
  command->footer(
      "Example:\n"
      "  weft token create --namespace shop --service-account cart --state-dir state > cart.token\n"
      "  weft sidecar-config --workload shop/cart-v1-a --config-dir shop --token-file cart.token > "
      "cart.yaml\n"
      "  weft-sidecar -c cart.yaml");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
