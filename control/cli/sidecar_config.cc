#include "control/cli/sidecar_config.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "control/authority.h"
#include "control/cli/command.h"
#include "control/planner/node.h"
#include "control/registry.h"
#include "control/sources/yaml_directory.h"
#include "sidecar/config/start_file.h"

namespace weft::control::cli {

std::string make_sidecar_config(const Mesh& mesh, const Workload& workload,
                                const SidecarConfigOptions& options) {
  const std::string address = workload.address.to_string();
  const ObjectName& name = workload.metadata.name;
  const std::string& trust_domain = mesh.config->trust_domain;
  std::vector<std::uint16_t> app_ports;
  app_ports.reserve(workload.ports.size());
  for (const WorkloadPort& port : workload.ports) app_ports.push_back(port.app_port);
  return config::write_start_file(
      {.title = fmt::format(
           "Start file of the sidecar of Workload {}; run it with: weft-sidecar -c FILE",
           name.to_string()),
       .node_id = Node::make_id(address, name),
       .cluster = fmt::format("{}.{}", workload.canonical_service(), name.name_space),
       .region = workload.region,
       .zone = workload.zone,
       .node = workload.node,
       .admin = SocketAddress(workload.address, Workload::kAdminPort),
       .tells_admin = true,
       .control_host = options.control.ip().to_string(),
       .control_port = options.control.port(),
       .control_id = fmt::format("spiffe://{}/ns/{}/sa/{}", trust_domain, Authority::kOwnNamespace,
                                 Authority::kOwnAccount),
       .token_file = options.token_file,
       .trust_domain = trust_domain,
       .name_space = name.name_space,
       .service_account = workload.service_account,
       .workload = name.name,
       .canonical_service = workload.canonical_service(),
       .canonical_revision = workload.canonical_revision(),
       .app_ports = std::move(app_ports)});
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
