#include "sidecar/proxy/connection_splits.h"

#include <fmt/format.h>

#include <utility>

namespace weft::proxy {

namespace {

// Null where there is nothing to choose.
const config::TcpSettings* splitting(const config::FilterChain& chain) {
  const auto* tcp = std::get_if<config::TcpSettings>(&chain.what);
  return tcp == nullptr || tcp->clusters.size() < 2 ? nullptr : tcp;
}

// A chain's name says nothing: some have none, and a control plane may count them.
std::string split_key(const config::FilterChain& chain, const config::TcpSettings& tcp) {
  const config::ChainMatch& match = chain.match;
  std::string out = fmt::format("port {}", match.destination_port.value_or(0));
  for (const Cidr& prefix : match.destination_prefixes) out += " to " + prefix.to_string();
  for (const Cidr& prefix : match.source_prefixes) out += " from " + prefix.to_string();
  for (const std::uint16_t port : match.source_ports) out += fmt::format(" from {}", port);
  for (const std::string& name : match.server_names) out += "\nname " + name;
  for (const std::string& name : match.application_protocols) out += "\nspeaks " + name;
  out += "\nover " + match.transport_protocol;
  for (const config::WeightedCluster& cluster : tcp.clusters)
    out += fmt::format("\n{} {}", cluster.weight, cluster.cluster);
  return out;
}

}  // namespace

void ConnectionSplits::configure(std::shared_ptr<const config::ListenerConfig> listener) {
  std::map<std::string, config::Split> before = std::exchange(schedules_, {});
  chains_.clear();
  const auto add = [&](const config::FilterChain& chain, std::string_view where) {
    const config::TcpSettings* tcp = splitting(chain);
    if (tcp == nullptr) return;
    std::string key = split_key(chain, *tcp).insert(0, where);
    auto old = before.extract(key);
    const auto place =
        old.empty()
            ? schedules_.try_emplace(std::move(key), config::Split(tcp->clusters, random_)).first
            : schedules_.insert(std::move(old)).position;
    chains_.emplace(&chain, &place->second);
  };
  for (const config::FilterChain& chain : listener->chains) add(chain, "");
  if (listener->default_chain != nullptr) add(*listener->default_chain, "default ");
  listener_ = std::move(listener);
}

std::size_t ConnectionSplits::choose(const config::FilterChain& chain) {
  const config::TcpSettings* tcp = splitting(chain);
  if (tcp == nullptr) return 0;
  const auto found = chains_.find(&chain);
  if (found != chains_.end()) return found->second->next();
  // Nobody goes on with its schedule.
  std::uint64_t total = 0;
  for (const config::WeightedCluster& cluster : tcp->clusters) total += cluster.weight;
  std::uint64_t draw = random_.below(total);
  std::size_t index = 0;
  while (draw >= tcp->clusters[index].weight) draw -= tcp->clusters[index++].weight;
  return index;
}

}  // namespace weft::proxy
