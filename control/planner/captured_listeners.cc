#include "control/planner/captured_listeners.h"

#include <fmt/format.h>

#include <map>
#include <set>

#include "control/planner/captured_clusters.h"
#include "control/planner/defaults.h"
#include "control/planner/listener_parts.h"
#include "control/planner/route_extras.h"
#include "control/planner/routes.h"
#include "sidecar/core/pod_contract.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace lis = envoy::config::listener::v3;
namespace core = envoy::config::core::v3;
namespace hcm = envoy::extensions::filters::network::http_connection_manager::v3;
namespace lf = envoy::extensions::filters::listener;

namespace {

// behaviour.md 8.
constexpr Duration kSniff = std::chrono::milliseconds(100);

void add_inspector(const char* name, const google::protobuf::Message& config, lis::Listener& out) {
  auto& filter = *out.add_listener_filters();
  filter.set_name(name);
  pack(*filter.mutable_typed_config(), config);
}

bool has_v6(const Workload& workload) {
  bool v6 = !workload.address.is_v4();
  for (const IpAddress& address : workload.more_addresses) v6 = v6 || !address.is_v4();
  return v6;
}

IpAddress parse_ip(const char* text) { return *IpAddress::parse(text); }

lis::FilterChainMatch match_of(std::uint16_t port, const std::set<IpAddress>& addresses) {
  lis::FilterChainMatch out;
  out.mutable_destination_port()->set_value(port);
  for (const IpAddress& address : addresses) {
    auto& range = *out.add_prefix_ranges();
    range.set_address_prefix(address.to_string());
    range.mutable_prefix_len()->set_value(address.is_v4() ? 32 : 128);
  }
  return out;
}

// ---- inbound ----

class Inbound final {
 public:
  Inbound(const Mesh& mesh, const Workload& workload, Duration idle)
      : config_(*mesh.config), workload_(workload), idle_(idle) {}

  lis::Listener make(const InboundOf& inbound_of) {
    // Redirected connections come to the address of the interface that they came in by. [::] takes
    // both families (the sidecar binds it so).
    const IpAddress any = parse_ip(has_v6(workload_) ? "::" : "0.0.0.0");
    out_ = make_listener(kInboundName, workload_, {any, pod::kInboundPort}, config_, core::INBOUND);
    out_.mutable_use_original_dst()->set_value(true);
    if (workload_.transparent) out_.mutable_transparent()->set_value(true);
    add_inspector("envoy.filters.listener.original_dst", lf::original_dst::v3::OriginalDst(), out_);
    add_tls_inspector(out_);
    set(*out_.mutable_listener_filters_timeout(), defaults::kTlsHandshake);
    for (const WorkloadPort& port : workload_.ports) add_port(port, inbound_of(port));
    add_undeclared(kUndeclaredHttp2, "h2");
    add_undeclared(kUndeclaredHttp1, "http/1.1");
    auto& rest = *out_.mutable_default_filter_chain();
    rest.set_name(std::string(kUndeclaredTcp));
    require_mesh_peer(rest, false, config_);
    add_proxy(rest, std::string(kUndeclaredTcp), config_);
    return std::move(out_);
  }

 private:
  void add_port(const WorkloadPort& port, const PolicyFields& inbound) {
    const std::string cluster = inbound_cluster_name(port.port);
    const bool http =
        protocol_of(port.app_protocol, port.name, port.port, config_) != AppProtocol::kTcp;
    const bool declared = is_declared(port.app_protocol, port.name, port.port, config_);
    if (http) {
      auto& chain = *out_.add_filter_chains();
      chain.set_name(cluster);
      *chain.mutable_filter_chain_match() = match_of(port.port, {});
      if (!declared) {
        chain.mutable_filter_chain_match()->add_application_protocols("h2");
        chain.mutable_filter_chain_match()->add_application_protocols("http/1.1");
      }
      require_mesh_peer(chain, true, config_);
      hcm::HttpConnectionManager manager =
          make_manager(cluster, workload_, config_, speaks_grpc(port));
      *manager.mutable_route_config() = make_inbound_routes(port, idle_);
      set_inbound_extras(inbound, *manager.mutable_route_config());
      add_manager(chain, manager);
    }
    if (http && declared) return;
    auto& chain = *out_.add_filter_chains();
    chain.set_name(http ? cluster + "bytes" : cluster);
    *chain.mutable_filter_chain_match() = match_of(port.port, {});
    require_mesh_peer(chain, false, config_);
    add_proxy(chain, cluster, config_);
  }

  void add_undeclared(std::string_view cluster, const char* protocol) {
    auto& chain = *out_.add_filter_chains();
    chain.set_name(std::string(cluster));
    chain.mutable_filter_chain_match()->add_application_protocols(protocol);
    require_mesh_peer(chain, true, config_);
    hcm::HttpConnectionManager manager = make_manager(cluster, workload_, config_, false);
    *manager.mutable_route_config() = make_routes_to(cluster, idle_);
    add_manager(chain, manager);
  }

  const MeshConfig& config_;
  const Workload& workload_;
  const Duration idle_;
  lis::Listener out_;
};

// ---- outbound ----

class Outbound final {
 public:
  Outbound(const Mesh& mesh, const Workload& workload, const Scope& scope, bool on_demand)
      : mesh_(mesh),
        config_(*mesh.config),
        workload_(workload),
        scope_(scope),
        on_demand_(on_demand) {}

  lis::Listener make() {
    // What the app sends is redirected to loopback (iptables-extensions(8), REDIRECT), so nobody
    // else can call it.
    out_ = make_listener("outbound", workload_, {parse_ip("127.0.0.1"), pod::kOutboundPort},
                         config_, core::OUTBOUND);
    if (has_v6(workload_)) {
      set(*out_.add_additional_addresses()->mutable_address(), "::1", pod::kOutboundPort);
    }
    out_.mutable_use_original_dst()->set_value(true);
    say_how_to_find_hosts();
    add_inspector("envoy.filters.listener.original_dst", lf::original_dst::v3::OriginalDst(), out_);
    add_inspector("envoy.filters.listener.http_inspector", lf::http_inspector::v3::HttpInspector(),
                  out_);
    set(*out_.mutable_listener_filters_timeout(), kSniff);
    out_.set_continue_on_listener_filters_timeout(true);
    for (const auto& [name, service] : mesh_.services) add_service(service);
    for (const auto& [port, addresses] : declared_) {
      add_services(fmt::format("http|{}", port), match_of(port, addresses));
    }
    for (const auto& [port, addresses] : detected_) {
      lis::FilterChainMatch match = match_of(port, addresses);
      match.add_application_protocols("http/1.1");
      match.add_application_protocols("h2c");
      add_services(fmt::format("detected|{}", port), match);
    }
    add_opaque();
    for (const std::uint16_t port : ports_) {
      if (!config_.opaque_ports.contains(port)) add_direct(port);
    }
    add_direct(0);
    auto& rest = *out_.mutable_default_filter_chain();
    rest.set_name(std::string(kDirectTcp));
    add_proxy(rest, std::string(kDirectTcp), config_);
    return std::move(out_);
  }

 private:
  using Addresses = std::set<IpAddress>;

  void say_how_to_find_hosts() {
    using weft::config::v1::ListenerPolicy;
    auto& any = (*out_.mutable_metadata()
                      ->mutable_typed_filter_metadata())[ListenerPolicy::descriptor()->full_name()];
    ListenerPolicy policy;
    policy.ParseFromString(any.value());
    policy.set_hosts_are_destinations(true);
    if (on_demand_) {
      set(*policy.mutable_on_demand()->mutable_timeout(), defaults::kOnDemandWait);
      policy.mutable_on_demand()->set_waiting_max(defaults::kOnDemandWaitingMax);
    }
    pack(any, policy);
  }

  void add_service(const MeshService& service) {
    for (const MeshPort& port : service.ports) {
      if (service.service->headless) {
        if (scope_.calls(service.name())) note_headless(port);
        continue;
      }
      const Addresses addresses = free_addresses(service, port.port, taken_);
      if (addresses.empty() || !scope_.calls(service.name())) continue;
      ports_.insert(port.port);
      if (!port.is_http()) {
        add_stream_service(service, port, match_of(port.port, addresses));
        continue;
      }
      auto& all = (port.declared ? declared_ : detected_)[port.port];
      all.insert(addresses.begin(), addresses.end());
      if (!port.declared) add_bytes(service, port, match_of(port.port, addresses));
    }
  }

  // Its pods are called by their own addresses; where bytes were declared nobody waits for them.
  void note_headless(const MeshPort& port) {
    if (port.is_http()) return;
    for (const Instance& instance : port.instances) {
      if (config_.opaque_ports.contains(instance.port)) continue;
      opaque_[instance.port].insert(instance.workload->address);
    }
  }

  void add_stream_service(const MeshService& service, const MeshPort& port,
                          const lis::FilterChainMatch& match) {
    const std::string name = outbound_cluster_name(service.host, port.port);
    const auto* routes =
        mesh_.find_streams(service.name(), port.port, workload_.metadata.name.name_space);
    const int before = out_.filter_chains_size();
    if (routes != nullptr) add_streams(out_, mesh_, workload_, port, *routes, name, match);
    // A route replaces the way to the Service itself (GEP-1294), unless none of it is for this
    // caller; what it does not name is refused, and not passed on as a stranger's.
    if (out_.filter_chains_size() == before) return add_bytes(service, port, match);
    for (int at = before; at < out_.filter_chains_size(); ++at) {
      if (out_.filter_chains(at).filter_chain_match().server_names_size() == 0) return;
    }
    auto& chain = *out_.add_filter_chains();
    chain.set_name(name + "#none");
    *chain.mutable_filter_chain_match() = match;
    add_proxy(chain, "unusable", config_);
  }

  void add_bytes(const MeshService& service, const MeshPort& port,
                 const lis::FilterChainMatch& match) {
    const std::string cluster = outbound_cluster_name(service.host, port.port);
    auto& chain = *out_.add_filter_chains();
    chain.set_name(cluster);
    *chain.mutable_filter_chain_match() = match;
    add_proxy(chain, cluster, config_);
  }

  void add_services(const std::string& name, const lis::FilterChainMatch& match) {
    auto& chain = *out_.add_filter_chains();
    chain.set_name(name);
    *chain.mutable_filter_chain_match() = match;
    hcm::HttpConnectionManager manager = make_manager("outbound", workload_, config_, false);
    manager.mutable_rds()->set_route_config_name(std::string(kDestinationsName));
    set_ads(*manager.mutable_rds()->mutable_config_source());
    add_manager(chain, manager);
  }

  void add_opaque() {
    for (const std::uint16_t port : config_.opaque_ports) opaque_[port] = {};
    for (const auto& [port, addresses] : opaque_) {
      auto& chain = *out_.add_filter_chains();
      chain.set_name(fmt::format("{}|{}", kDirectTcp, port));
      *chain.mutable_filter_chain_match() = match_of(port, addresses);
      add_proxy(chain, std::string(kDirectTcp), config_);
      ports_.insert(port);
    }
  }

  // `port` 0: of all ports that no chain names.
  void add_direct(std::uint16_t port) {
    const auto add = [&](std::string_view cluster, const char* protocol) {
      auto& chain = *out_.add_filter_chains();
      chain.set_name(port == 0 ? std::string(cluster) : fmt::format("{}|{}", cluster, port));
      auto& match = *chain.mutable_filter_chain_match();
      if (port != 0) match.mutable_destination_port()->set_value(port);
      match.add_application_protocols(protocol);
      hcm::HttpConnectionManager manager = make_manager("direct", workload_, config_, false);
      // A stranger's paths are the stranger's business.
      manager.mutable_normalize_path()->set_value(false);
      manager.set_merge_slashes(false);
      *manager.mutable_route_config() = make_routes_to(cluster, defaults::kStreamIdle);
      add_manager(chain, manager);
    };
    add(kDirectHttp1, "http/1.1");
    add(kDirectHttp2, "h2c");
  }

  const Mesh& mesh_;
  const MeshConfig& config_;
  const Workload& workload_;
  const Scope& scope_;
  const bool on_demand_;
  lis::Listener out_;
  TakenAddresses taken_;
  std::map<std::uint16_t, Addresses> declared_;  // HTTP ports of Services
  std::map<std::uint16_t, Addresses> detected_;  // those of which nobody said what they speak
  std::map<std::uint16_t, Addresses> opaque_;    // no addresses: whoever is called there
  std::set<std::uint16_t> ports_;                // that some chain names
};

}  // namespace

lis::Listener make_captured_inbound(const Mesh& mesh, const Workload& workload, Duration idle,
                                    const InboundOf& inbound_of) {
  return Inbound(mesh, workload, idle).make(inbound_of);
}

lis::Listener make_captured_outbound(const Mesh& mesh, const Workload& workload, const Scope& scope,
                                     bool on_demand) {
  return Outbound(mesh, workload, scope, on_demand).make();
}

std::string captured_facts(const Mesh& mesh) {
  std::string out;
  for (const auto& [name, service] : mesh.services) {
    out += service.host + (service.service->headless ? " headless" : "");
    for (const IpAddress& address : service.service->cluster_addresses) {
      out += " " + address.to_string();
    }
    for (const MeshPort& port : service.ports) {
      out += fmt::format(" {}:{}{}", port.port, static_cast<int>(port.protocol),
                         port.declared ? "" : "?");
      if (!service.service->headless || port.is_http()) continue;
      for (const Instance& instance : port.instances) {
        out += fmt::format(" {}:{}", instance.workload->address.to_string(), instance.port);
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace weft::control
