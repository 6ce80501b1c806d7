// Listener -> ListenerConfig: addresses, listener filters, filter chains and what each chain does.

#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/from_proto.h"
#include "xds/http_settings.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/proxy_protocol.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls_inspector.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/reading.h"
#include "xds/resource.h"
#include "xds/tls_settings.h"

namespace weft::xds {

namespace lis = envoy::config::listener::v3;
namespace lf = envoy::extensions::filters::listener;
namespace nf = envoy::extensions::filters::network;

namespace {

using weft::config::v1::ListenerPolicy;

constexpr std::string_view kListenerPolicy = "weft.config.v1.ListenerPolicy";

config::ProxyProtocol read_proxy_protocol(const lf::proxy_protocol::v3::ProxyProtocol& filter,
                                          const FieldPath& path, Reading& in) {
  using Version = envoy::config::core::v3::ProxyProtocolConfig;
  config::ProxyProtocol out{.required = !filter.allow_requests_without_proxy_protocol()};
  for (const int version : filter.disallowed_versions()) {
    if (version == Version::V1) out.v1 = false;
    if (version == Version::V2) out.v2 = false;
  }
  if (!out.v1 && !out.v2) in.refuse(path / "disallowed_versions", "leaves no version");
  return out;
}

void read_listener_filter(const lis::ListenerFilter& filter, const FieldPath& path, Reading& in,
                          config::ListenerConfig& out) {
  if (filter.has_config_discovery()) return;  // refused by the walk
  if (filter.filter_disabled().any_match()) return;
  if (filter.has_filter_disabled()) {
    in.note(path / "filter_disabled", "is not applied: the filter looks at every connection");
  }
  const auto at = path / "typed_config";
  const auto type = type_of(filter.typed_config());
  lf::original_dst::v3::OriginalDst original_dst;
  lf::tls_inspector::v3::TlsInspector tls_inspector;
  lf::http_inspector::v3::HttpInspector http_inspector;
  lf::proxy_protocol::v3::ProxyProtocol proxy_protocol;
  if (type == original_dst.GetDescriptor()->full_name()) {
    out.read_original_dst = in.unpack(filter.typed_config(), at, original_dst);
  } else if (type == tls_inspector.GetDescriptor()->full_name()) {
    out.sniff_tls = in.unpack(filter.typed_config(), at, tls_inspector);
  } else if (type == http_inspector.GetDescriptor()->full_name()) {
    out.sniff_http = in.unpack(filter.typed_config(), at, http_inspector);
  } else if (type == proxy_protocol.GetDescriptor()->full_name()) {
    if (in.unpack(filter.typed_config(), at, proxy_protocol)) {
      out.proxy_protocol = read_proxy_protocol(proxy_protocol, at, in);
    }
  } else if (is_istio_telemetry(type)) {
    in.note(at, fmt::format("{} has no effect here", escape(type)));
  } else {
    in.refuse(at, type.empty() ? std::string("is required")
                               : fmt::format("unknown listener filter {}", escape(type)));
  }
}

config::ChainMatch read_match(const lis::FilterChainMatch& match, const FieldPath& path,
                              Reading& in) {
  config::ChainMatch out;
  if (match.has_destination_port()) {
    out.destination_port = static_cast<std::uint16_t>(match.destination_port().value());
  }
  for (int at = 0; at < match.prefix_ranges_size(); ++at) {
    out.destination_prefixes.push_back(
        in.cidr(match.prefix_ranges(at), path.at("prefix_ranges", at)));
  }
  for (int at = 0; at < match.source_prefix_ranges_size(); ++at) {
    out.source_prefixes.push_back(
        in.cidr(match.source_prefix_ranges(at), path.at("source_prefix_ranges", at)));
  }
  for (const auto port : match.source_ports()) {
    out.source_ports.push_back(static_cast<std::uint16_t>(port));
  }
  for (int at = 0; at < match.server_names_size(); ++at) {
    auto name = to_lower(match.server_names(at));
    const auto star = name.rfind('*');
    if (name.empty() || name == "*." || (star != std::string::npos && !name.starts_with("*.")) ||
        (star != std::string::npos && star != 0)) {
      in.refuse(path.at("server_names", at),
                fmt::format("\"{}\" is neither a name nor \"*.\" and a name", escape(name)));
    }
    out.server_names.push_back(std::move(name));
  }
  out.transport_protocol = match.transport_protocol();
  out.application_protocols.assign(match.application_protocols().begin(),
                                   match.application_protocols().end());
  if (match.source_type() != lis::FilterChainMatch::ANY) {
    in.refuse(path / "source_type", "only ANY is supported");
  }
  return out;
}

config::TcpSettings read_tcp(const nf::tcp_proxy::v3::TcpProxy& proxy, const FieldPath& path,
                             Reading& in) {
  config::TcpSettings out{.stat_prefix = proxy.stat_prefix()};
  if (proxy.has_weighted_clusters()) {
    for (const auto& cluster : proxy.weighted_clusters().clusters()) {
      out.clusters.push_back({.cluster = cluster.name(), .weight = cluster.weight()});
    }
  } else {
    out.clusters.push_back({.cluster = proxy.cluster()});
    if (proxy.has_cluster() && proxy.cluster().empty()) {
      in.refuse(path / "cluster", "must not be empty");
    }
  }
  if (proxy.has_idle_timeout()) out.idle_timeout = duration_of(proxy.idle_timeout());
  if (proxy.has_max_connect_attempts()) {
    out.connect_attempts_max = proxy.max_connect_attempts().value();
  }
  out.access_logs = read_access_logs(proxy.access_log(), path, in);
  return out;
}

// The last filter decides what the chain is; those before it must be none that would have had an
// effect.
void read_network_filters(const lis::FilterChain& chain, const FieldPath& path, Reading& in,
                          config::FilterChain& out) {
  const int last = chain.filters_size() - 1;
  if (last < 0) in.refuse(path / "filters", "must end with a HttpConnectionManager or a TcpProxy");
  for (int index = 0; index <= last; ++index) {
    const auto& filter = chain.filters(index);
    const auto item = path.at("filters", index);
    const auto at = item / "typed_config";
    if (filter.has_config_discovery()) continue;  // refused by the walk
    const auto type = type_of(filter.typed_config());
    nf::http_connection_manager::v3::HttpConnectionManager manager;
    nf::tcp_proxy::v3::TcpProxy proxy;
    const bool is_http = type == manager.GetDescriptor()->full_name();
    const bool is_tcp = type == proxy.GetDescriptor()->full_name();
    if ((is_http || is_tcp) && index != last) {
      in.refuse(item, "must be the last filter");
    } else if (is_http) {
      if (in.unpack(filter.typed_config(), at, manager))
        out.what = read_http_settings(manager, at, in);
    } else if (is_tcp) {
      if (in.unpack(filter.typed_config(), at, proxy)) out.what = read_tcp(proxy, at, in);
    } else if (is_istio_telemetry(type) && index != last) {
      in.note(at, fmt::format("{} has no effect here", escape(type)));
    } else {
      in.refuse(at, type.empty() ? std::string("is required")
                                 : fmt::format("unknown network filter {}", escape(type)));
    }
  }
}

config::FilterChain read_chain(const lis::FilterChain& chain, const FieldPath& path, Reading& in) {
  config::FilterChain out{.name = chain.name()};
  out.match = read_match(chain.filter_chain_match(), path / "filter_chain_match", in);
  if (chain.has_transport_socket_connect_timeout()) {
    out.accept_timeout = duration_of(chain.transport_socket_connect_timeout());
  }
  if (chain.has_transport_socket()) {
    out.tls = read_downstream_tls(chain.transport_socket(), path / "transport_socket", in);
    if (out.tls) out.tls->handshake_timeout = out.accept_timeout;
  }
  if (chain.use_proxy_proto().value()) {
    in.refuse(path / "use_proxy_proto", "is not supported, use the proxy_protocol listener filter");
  }
  read_network_filters(chain, path, in, out);
  return out;
}

void read_chains(const lis::Listener& listener, const FieldPath& path, Reading& in,
                 config::ListenerConfig& out) {
  if (listener.filter_chains_size() == 0 && !listener.has_default_filter_chain()) {
    in.refuse(path / "filter_chains", "needs at least 1 item");
  }
  std::map<std::string, int> matches;
  for (int index = 0; index < listener.filter_chains_size(); ++index) {
    const auto& chain = listener.filter_chains(index);
    const auto at = path.at("filter_chains", index);
    out.chains.push_back(read_chain(chain, at, in));
    const auto [same, added] = matches.emplace(serialize(chain.filter_chain_match()), index);
    if (!added) {
      in.refuse(at / "filter_chain_match",
                fmt::format("equals that of filter_chains[{}]", same->second));
    }
  }
  if (listener.has_default_filter_chain()) {
    out.default_chain = std::make_shared<const config::FilterChain>(
        read_chain(listener.default_filter_chain(), path / "default_filter_chain", in));
  }
}

void apply(ListenerPolicy::AccessLogMode mode, config::FilterChain& chain) {
  std::visit(
      [&](auto& what) {
        switch (mode) {
          case ListenerPolicy::OFF:
            what.access_logs.clear();
            break;
          case ListenerPolicy::ERRORS:
            for (auto& log : what.access_logs) log.mode = config::AccessLog::Mode::kErrors;
            break;
          default:
            break;
        }
      },
      chain.what);
}

void apply(const ListenerPolicy::Sampling& sampling, config::FilterChain& chain) {
  auto* http = std::get_if<config::HttpSettings>(&chain.what);
  if (http == nullptr) return;
  http->tracing.enabled = true;
  http->tracing.roots_per_second = static_cast<std::uint16_t>(sampling.roots_per_second());
  http->tracing.failures_per_second = static_cast<std::uint16_t>(sampling.failures_per_second());
}

void apply(const ListenerPolicy& policy, config::FilterChain& chain) {
  if (auto* http = std::get_if<config::HttpSettings>(&chain.what)) {
    http->by_destination = policy.hosts_are_destinations();
  }
  apply(policy.access_log(), chain);
  if (policy.has_sampling()) apply(policy.sampling(), chain);
}

void read_policy(const lis::Listener& listener, const FieldPath& path, Reading& in,
                 config::ListenerConfig& out) {
  const std::string key(kListenerPolicy);
  const auto* any = typed_metadata(listener.metadata(), key);
  if (any == nullptr) return;
  const auto metadata = path / "metadata";
  ListenerPolicy policy;
  if (!in.unpack(*any, metadata.at("typed_filter_metadata", key), policy)) return;
  out.connections_max = policy.connections_max();
  out.workload = {.workload = policy.workload().name(),
                  .name_space = policy.workload().namespace_(),
                  .canonical_service = policy.workload().canonical_service(),
                  .canonical_revision = policy.workload().canonical_revision()};
  if (policy.has_on_demand()) {
    out.on_demand = {.timeout = duration_of(policy.on_demand().timeout()),
                     .waiting_max = policy.on_demand().waiting_max()};
  }
  for (auto& chain : out.chains) apply(policy, chain);
  if (out.default_chain) {
    auto chain = *out.default_chain;
    apply(policy, chain);
    out.default_chain = std::make_shared<const config::FilterChain>(std::move(chain));
  }
}

void read_addresses(const lis::Listener& listener, const FieldPath& path, Reading& in,
                    config::ListenerConfig& out) {
  if (listener.has_api_listener()) {
    in.refuse(path / "api_listener", "is for proxyless clients");
    return;
  }
  if (!listener.has_address()) {
    in.refuse(path / "address", "is required");
    return;
  }
  out.address = in.address(listener.address(), path / "address");
  for (int index = 0; index < listener.additional_addresses_size(); ++index) {
    const auto at = path.at("additional_addresses", index);
    out.extra_addresses.push_back(
        in.address(listener.additional_addresses(index).address(), at / "address"));
  }
  out.bind = listener.has_bind_to_port() ? listener.bind_to_port().value()
             : listener.deprecated_v1().has_bind_to_port()
                 ? listener.deprecated_v1().bind_to_port().value()
                 : true;
}

config::Direction direction_of(const lis::Listener& listener) {
  switch (listener.traffic_direction()) {
    case envoy::config::core::v3::INBOUND:
      return config::Direction::kInbound;
    case envoy::config::core::v3::OUTBOUND:
      return config::Direction::kOutbound;
    default:
      return config::Direction::kUnspecified;
  }
}

}  // namespace

Result<config::ListenerConfig> listener_from_proto(const lis::Listener& listener,
                                                   const FromProtoOptions& options,
                                                   Findings& findings) {
  const FieldPath path;
  Reading in(options, findings);
  check(listener, path, options.unknown, findings);
  config::ListenerConfig out;
  out.name = listener.name();
  if (out.name.empty()) in.refuse(path / "name", "must not be empty");
  out.version = version_of(serialize(listener));
  out.direction = direction_of(listener);
  read_addresses(listener, path, in, out);
  out.use_original_dst = listener.use_original_dst().value();
  out.transparent = listener.transparent().value();
  for (int at = 0; at < listener.listener_filters_size(); ++at) {
    read_listener_filter(listener.listener_filters(at), path.at("listener_filters", at), in, out);
  }
  if (listener.has_listener_filters_timeout()) {
    out.sniff_timeout = duration_of(listener.listener_filters_timeout());
  }
  out.go_on_after_sniff_timeout = listener.continue_on_listener_filters_timeout();
  read_chains(listener, path, in, out);
  read_policy(listener, path, in, out);
  if (findings.refused()) return fail(findings.error());
  return out;
}

}  // namespace weft::xds
