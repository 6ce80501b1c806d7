#include "sidecar/proxy/chain_table.h"

namespace weft::proxy {

namespace {

bool is_whole_address(const Cidr& prefix) {
  return prefix.length == (prefix.prefix.is_v4() ? 32 : 128);
}

}  // namespace

ChainTable::ChainTable(std::shared_ptr<const config::ListenerConfig> listener)
    : listener_(std::move(listener)) {
  for (const config::FilterChain& chain : listener_->chains) {
    const config::ChainMatch& match = chain.match;
    Port& port = match.destination_port ? ports_[*match.destination_port] : any_port_;
    bool others = match.destination_prefixes.empty();
    for (const Cidr& prefix : match.destination_prefixes) {
      if (!is_whole_address(prefix)) {
        others = true;
        continue;
      }
      Chains& chains = port.exact[SocketAddress(prefix.prefix, 0)];
      // Twice in one match is once.
      if (chains.empty() || chains.back() != &chain) chains.push_back(&chain);
    }
    if (others) port.others.push_back(&chain);
  }
}

// The port counts before the address, and a whole address before every range; what is less specific
// is not asked any more, whether the rest of it would match or not.
const ChainTable::Chains& ChainTable::candidates(const SocketAddress& destination) const {
  const auto by_port = destination.is_ip() ? ports_.find(destination.port()) : ports_.end();
  const Port& port = by_port == ports_.end() ? any_port_ : by_port->second;
  if (!destination.is_ip() || port.exact.empty()) return port.others;
  const auto found = port.exact.find(SocketAddress(destination.ip(), 0));
  return found == port.exact.end() ? port.others : found->second;
}

const config::FilterChain* ChainTable::choose(const ConnectionFacts& facts) const {
  const config::FilterChain* chosen = choose_among(candidates(facts.destination), facts);
  return chosen == nullptr ? listener_->default_chain.get() : chosen;
}

bool ChainTable::names(const SocketAddress& destination) const {
  const Chains& chains = candidates(destination);
  const auto by_port = destination.is_ip() ? ports_.find(destination.port()) : ports_.end();
  return &chains != (by_port == ports_.end() ? &any_port_.others : &by_port->second.others);
}

ChainNeeds ChainTable::needs(const SocketAddress& destination) const {
  return needs_of(candidates(destination));
}

}  // namespace weft::proxy
