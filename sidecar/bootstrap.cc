#include "sidecar/bootstrap.h"

#include "sidecar/core/log.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"
#include "sidecar/file.h"
#include "xds/bootstrap.h"

namespace weft::sidecar {

namespace {

// What a start file may say and this version does not do yet is refused, not passed over.
Status check_supported(const xds::Bootstrap& bootstrap, const std::string& file) {
  const auto refuse = [&](const std::string& what) {
    return fail(Fault::kInvalid, file + ": " + what);
  };
  for (const config::ClusterConfig& cluster : bootstrap.clusters) {
    const std::string name = "cluster '" + cluster.name + "': ";
    switch (cluster.discovery) {
      case config::ClusterConfig::Discovery::kStatic:
      case config::ClusterConfig::Discovery::kStrictDns:
      case config::ClusterConfig::Discovery::kLogicalDns:
      case config::ClusterConfig::Discovery::kOriginalDst:
        break;
      case config::ClusterConfig::Discovery::kEds:
        if (!bootstrap.ads) return refuse(name + "type EDS needs dynamic_resources.ads_config");
        break;
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

// The flags' addresses, else the start file's, else where the redirect rules look for it.
Status choose_dns(const Flags& flags, Start& start) {
  std::vector<SocketAddress> addresses;
  for (const std::string& text : flags.dns_addresses) {
    const Result<SocketAddress> address = SocketAddress::parse(text);
    if (!address) return fail(Fault::kInvalid, "--dns-address: " + address.error().detail);
    addresses.push_back(*address);
  }
  if (addresses.empty() && start.mesh) addresses = start.mesh->dns_addresses;
  if (addresses.empty() && flags.dns) {
    for (const char* loopback : {"127.0.0.1", "::1"})
      addresses.emplace_back(*IpAddress::parse(loopback), pod::kDnsPort);
  }
  if (addresses.empty()) return {};
  start.dns.emplace();
  start.dns->addresses = std::move(addresses);
  start.dns->upstream.channel.resolv_conf = flags.resolv_conf;
  return {};
}

Result<DrainOrder::Options> drain_of(const Flags& flags) {
  const Result<Duration> timeout = parse_duration(flags.drain_time);
  if (!timeout) return fail(Fault::kInvalid, "--drain-time: " + timeout.error().detail);
  const Result<Duration> delay = parse_duration(flags.drain_delay);
  if (!delay) return fail(Fault::kInvalid, "--drain-delay: " + delay.error().detail);
  if (flags.drain_order != "together" && flags.drain_order != "outbound-last")
    return fail(Fault::kInvalid, "--drain-order: want together or outbound-last");
  return DrainOrder::Options{
      .delay = *delay, .outbound_last = flags.drain_order == "outbound-last", .timeout = *timeout};
}

Result<Start> start_from(const std::string& text, const std::string& source, const Flags& flags) {
  Result<xds::Bootstrap> bootstrap = xds::parse_bootstrap(text, source, read_file);
  if (!bootstrap) return fail(bootstrap.error());
  if (Status supported = check_supported(*bootstrap, source); !supported)
    return fail(supported.error());
  for (const std::string& note : bootstrap->notes)
    WEFT_LOG(kDebug, "{}: passed over: {}", source, note);
  Start start;
  start.workers = flags.workers;
  start.faults = !flags.no_faults;
  start.buffer_bytes = std::uint64_t{flags.buffer_mebibytes} * 1024 * 1024;
  const Result<DrainOrder::Options> drain = drain_of(flags);
  if (!drain) return fail(drain.error());
  start.drain = *drain;
  start.admin = bootstrap->admin;
  if (!flags.admin_address.empty()) {
    Result<SocketAddress> address = SocketAddress::parse(flags.admin_address);
    if (!address) return fail(Fault::kInvalid, "--admin-address: " + address.error().detail);
    start.admin = *address;
  }
  start.node_id = bootstrap->node_id;
  start.node_cluster = bootstrap->node_cluster;
  start.node_zone = bootstrap->node_zone;
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
    // Joined contexts are known by the versions of their parts.
    if (secret.material.version.empty()) secret.material.version = secret.version;
    start.secrets.push_back(
        {std::move(secret.name), std::move(secret.material), std::move(secret.peer_names)});
  }
  start.trace_collector = bootstrap->trace_collector;
  start.node = bootstrap->node;
  start.ads = std::move(bootstrap->ads);
  start.mesh = std::move(bootstrap->mesh);
  if (Status dns = choose_dns(flags, start); !dns) return fail(dns.error());
  return start;
}

}  // namespace

bool starts_from_environment(const Flags& flags) {
  return flags.mesh ||
         (flags.config_file.empty() && flags.environment(pod::kControlVariable) != nullptr);
}

Result<Start> load_start(const Flags& flags) {
  if (!starts_from_environment(flags)) {
    if (flags.config_file.empty())
      return fail(Fault::kInvalid, "neither a start file (-c) nor a pod's environment (--mesh)");
    const Result<std::string> text = read_file(flags.config_file);
    if (!text) return fail(text.error());
    return start_from(*text, flags.config_file, flags);
  }
  const Result<PodBootstrap> pod = read_pod_environment(flags.environment);
  if (!pod) return fail(pod.error());
  Result<Start> start = start_from(pod->start_file, "the start made from the environment", flags);
  if (!start) return start;
  StatusServer::Options status{.probes = pod->probes, .app = pod->addresses.front()};
  for (const IpAddress& address : pod->addresses)
    status.addresses.emplace_back(address, pod::kStatusPort);
  start->status = std::move(status);
  return start;
}

}  // namespace weft::sidecar
