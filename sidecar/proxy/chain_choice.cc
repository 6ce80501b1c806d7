#include "sidecar/proxy/chain_choice.h"

#include <algorithm>
#include <array>

namespace weft::proxy {

namespace {

// 0: does not match; 1: not asked for; more: the more specific, the higher.
using Score = std::uint32_t;
constexpr Score kNo = 0;
constexpr Score kAny = 1;

Score score_prefixes(const std::vector<Cidr>& prefixes, const SocketAddress& address) {
  if (prefixes.empty()) return kAny;
  Score best = kNo;
  for (const Cidr& prefix : prefixes) {
    if (address.is_ip() && prefix.contains(address.ip()))
      best = std::max(best, Score{2} + prefix.length);
  }
  return best;
}

Score score_server_name(const std::vector<std::string>& wanted, const std::string& name) {
  if (wanted.empty()) return kAny;
  Score best = kNo;
  for (const std::string& pattern : wanted) {
    if (pattern == name) return UINT32_MAX;
    if (pattern.starts_with("*.") && name.size() > pattern.size() - 1 &&
        name.ends_with(std::string_view(pattern).substr(1))) {
      best = std::max(best, static_cast<Score>(1 + pattern.size()));
    }
  }
  return best;
}

// What the connection would rather speak counts for more.
Score score_list(const std::vector<std::string>& wanted, const std::vector<std::string>& had) {
  if (wanted.empty()) return kAny;
  for (std::size_t i = 0; i < had.size(); ++i) {
    if (std::find(wanted.begin(), wanted.end(), had[i]) != wanted.end()) {
      return static_cast<Score>(2 + had.size() - i);
    }
  }
  return kNo;
}

using Scores = std::array<Score, 7>;

Scores score(const config::ChainMatch& match, const ConnectionFacts& facts) {
  Scores scores{};
  scores[0] = !match.destination_port                               ? kAny
              : *match.destination_port == facts.destination.port() ? 2
                                                                    : kNo;
  scores[1] = score_prefixes(match.destination_prefixes, facts.destination);
  scores[2] = score_server_name(match.server_names, facts.server_name);
  scores[3] = match.transport_protocol.empty()                                 ? kAny
              : match.transport_protocol == (facts.tls ? "tls" : "raw_buffer") ? 2
                                                                               : kNo;
  scores[4] = score_list(match.application_protocols, facts.application_protocols);
  scores[5] = score_prefixes(match.source_prefixes, facts.source);
  scores[6] = match.source_ports.empty() ? kAny
              : std::find(match.source_ports.begin(), match.source_ports.end(),
                          facts.source.port()) != match.source_ports.end()
                  ? 2
                  : kNo;
  return scores;
}

}  // namespace

const config::FilterChain* choose_among(std::span<const config::FilterChain* const> chains,
                                        const ConnectionFacts& facts) {
  // Narrowing criterion by criterion ends at the greatest row of scores, compared from the left; a
  // "no" in that row means that a criterion left nobody.
  const config::FilterChain* best = nullptr;
  Scores best_scores{};
  for (const config::FilterChain* chain : chains) {
    const Scores scores = score(chain->match, facts);
    if (best != nullptr && scores <= best_scores) continue;
    best = chain;
    best_scores = scores;
  }
  const bool taken = best != nullptr &&
                     std::find(best_scores.begin(), best_scores.end(), kNo) == best_scores.end();
  return taken ? best : nullptr;
}

const config::FilterChain* choose_chain(const config::ListenerConfig& listener,
                                        const ConnectionFacts& facts) {
  std::vector<const config::FilterChain*> all;
  all.reserve(listener.chains.size());
  for (const config::FilterChain& chain : listener.chains) all.push_back(&chain);
  const config::FilterChain* chosen = choose_among(all, facts);
  return chosen == nullptr ? listener.default_chain.get() : chosen;
}

ChainNeeds needs_of(std::span<const config::FilterChain* const> chains) {
  ChainNeeds needs;
  for (const config::FilterChain* chain : chains) {
    const config::ChainMatch& match = chain->match;
    needs.tls = needs.tls || !match.server_names.empty() || !match.transport_protocol.empty() ||
                (!match.application_protocols.empty() && chain->tls);
    needs.application = needs.application || (!match.application_protocols.empty() && !chain->tls);
  }
  return needs;
}

}  // namespace weft::proxy
