#include "sidecar/bootstrap.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "xds/bootstrap.h"

namespace weft::sidecar {

namespace {

constexpr std::streamoff kFileBytesMax = 16 * 1024 * 1024;

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(Fault::kInvalid, "cannot read " + path + ": " + std::strerror(errno));
  file.seekg(0, std::ios::end);
  if (file.tellg() > kFileBytesMax) return fail(Fault::kInvalid, path + " is larger than 16 MiB");
  file.seekg(0);
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) return fail(Fault::kInvalid, "cannot read " + path);
  return text.str();
}

// What a start file may say and this version does not do yet is refused, not passed over.
Status check_supported(const xds::Bootstrap& bootstrap, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    return fail(Fault::kInvalid, file + ": " + what);
  };
  if (bootstrap.ads)
    return refuse("dynamic_resources.ads_config: not supported yet, only static_resources");
  if (bootstrap.mesh)
    return refuse("bootstrap_extensions: weft.bootstrap.v1.Mesh is not supported yet");
  for (const config::ClusterConfig& cluster : bootstrap.clusters) {
    const std::string name = "cluster '" + cluster.name + "': ";
    switch (cluster.discovery) {
      case config::ClusterConfig::Discovery::kStatic:
      case config::ClusterConfig::Discovery::kOriginalDst:
        break;
      case config::ClusterConfig::Discovery::kEds:
        return refuse(name + "type EDS is not supported yet");
      case config::ClusterConfig::Discovery::kStrictDns:
      case config::ClusterConfig::Discovery::kLogicalDns:
        return refuse(name + "types STRICT_DNS and LOGICAL_DNS are not supported yet");
    }
    if (cluster.http.protocol == config::UpstreamHttp::Protocol::kAsDownstream) {
      return refuse(name + "use_downstream_protocol_config is not supported yet");
    }
  }
  return {};
}

// The node id of decisions B2: sidecar~<ip>~<workload>.<namespace>~<domain>.
void name_from_node(const std::string& node_id, Start& start) {
  const std::vector<std::string_view> parts = split(node_id, '~');
  if (parts.size() != 4) return;
  const std::size_t dot = parts[2].find('.');
  if (start.workload.empty()) start.workload = parts[2].substr(0, dot);
  if (start.name_space.empty() && dot != std::string_view::npos)
    start.name_space = parts[2].substr(dot + 1);
}

}  // namespace

Result<Start> load_start(const Flags& flags) {
  Result<std::string> text = read_file(flags.config_file);
  if (!text) return fail(text.error());
  Result<xds::Bootstrap> bootstrap = xds::parse_bootstrap(*text, flags.config_file, read_file);
  if (!bootstrap) return fail(bootstrap.error());
  if (Status supported = check_supported(*bootstrap, flags.config_file); !supported)
    return fail(supported.error());
  for (const std::string& note : bootstrap->notes)
    WEFT_LOG(kDebug, "{}: passed over: {}", flags.config_file, note);
  Start start;
  start.workers = flags.workers;
  Result<Duration> drain = parse_duration(flags.drain_time);
  if (!drain) return fail(Fault::kInvalid, "--drain-time: " + drain.error().detail);
  start.drain_timeout = *drain;
  start.admin = bootstrap->admin;
  if (!flags.admin_address.empty()) {
    Result<SocketAddress> address = SocketAddress::parse(flags.admin_address);
    if (!address) return fail(Fault::kInvalid, "--admin-address: " + address.error().detail);
    start.admin = *address;
  }
  start.node_id = bootstrap->node_id;
  start.node_cluster = bootstrap->node_cluster;
  start.service_name = bootstrap->node_cluster;
  if (bootstrap->mesh) {
    start.workload = bootstrap->mesh->workload;
    start.name_space = bootstrap->mesh->name_space;
    start.service_name = bootstrap->mesh->canonical_service;
  }
  name_from_node(start.node_id, start);
  start.listeners = std::move(bootstrap->listeners);
  start.clusters = std::move(bootstrap->clusters);
  for (xds::Secret& secret : bootstrap->secrets) {
    start.secrets.push_back({std::move(secret.name), std::move(secret.material)});
  }
  start.trace_collector = bootstrap->trace_collector;
  return start;
}

}  // namespace weft::sidecar
