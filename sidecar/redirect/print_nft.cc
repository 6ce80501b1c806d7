#include "sidecar/redirect/print_nft.h"

#include <fmt/format.h>

#include "sidecar/core/strings.h"

namespace weft::redirect {

namespace {

std::string_view nft_hook(Hook hook) {
  switch (hook) {
    case Hook::kNone:
      return {};
    case Hook::kRawPrerouting:
      return "type filter hook prerouting priority -300; policy accept;";
    case Hook::kRawOutput:
      return "type filter hook output priority -300; policy accept;";
    case Hook::kManglePrerouting:
      return "type filter hook prerouting priority -150; policy accept;";
    case Hook::kMangleOutput:
      return "type route hook output priority -150; policy accept;";
    case Hook::kNatPrerouting:
      return "type nat hook prerouting priority -100; policy accept;";
    case Hook::kNatOutput:
      return "type nat hook output priority -100; policy accept;";
  }
  return {};
}

std::string_view nft_protocol(Protocol protocol) {
  return protocol == Protocol::kTcp ? "tcp" : "udp";
}

std::string nft_ports(const PortRange& ports) {
  if (ports.first == ports.last) return std::to_string(ports.first);
  return fmt::format("{}-{}", ports.first, ports.last);
}

std::string nft_address(const Cidr& cidr) {
  const bool whole = cidr.length == (cidr.prefix.is_v4() ? 32 : 128);
  return whole ? cidr.prefix.to_string() : cidr.to_string();
}

std::string nft_match(const Match& match, const Ruleset& rules) {
  const std::string_view ip = rules.family == Family::kV4 ? "ip" : "ip6";
  std::string out;
  if (!match.in_interface.empty()) out += fmt::format("iifname \"{}\" ", match.in_interface);
  if (!match.out_interface.empty()) out += fmt::format("oifname \"{}\" ", match.out_interface);
  if (match.is_answer) out += "ct direction reply ";
  if (match.connection_mark != 0) out += fmt::format("ct mark 0x{:08x} ", match.connection_mark);
  if (match.mark != 0) out += fmt::format("meta mark 0x{:08x} ", match.mark);
  if (match.from_sidecar) out += fmt::format("meta skuid {} meta skgid {} ", rules.uid, rules.gid);
  if (match.source) out += fmt::format("{} saddr {} ", ip, nft_address(*match.source));
  if (match.destination) {
    out += fmt::format("{} daddr {}{} ", ip, match.destination_is_not ? "!= " : "",
                       nft_address(*match.destination));
  }
  if (match.protocol) {
    const std::string_view protocol = nft_protocol(*match.protocol);
    if (match.source_port) out += fmt::format("{} sport {} ", protocol, *match.source_port);
    if (match.destination_ports) {
      out += fmt::format("{} dport {} ", protocol, nft_ports(*match.destination_ports));
    }
    if (!match.source_port && !match.destination_ports) {
      out += fmt::format("meta l4proto {} ", protocol);
    }
  }
  if (match.invalid) out += "ct state invalid ";
  return out;
}

std::string nft_verdict(const Rule& rule) {
  switch (rule.verdict) {
    case Verdict::kReturn:
      return "return";
    case Verdict::kDrop:
      return "drop";
    case Verdict::kRedirect:
      return fmt::format("redirect to :{}", rule.number);
    case Verdict::kTproxy:
      return fmt::format("tproxy to :{}", rule.number);
    case Verdict::kMark:
      return fmt::format("meta mark set 0x{:08x}", rule.number);
    case Verdict::kMarkConnection:
      return fmt::format("ct mark set 0x{:08x}", rule.number);
    case Verdict::kZone:
      return fmt::format("ct zone set {}", rule.number);
    case Verdict::kCall:
      return "jump " + rule.chain;
  }
  return {};
}

std::string nft_rule(const Rule& rule, const Ruleset& rules) {
  return nft_match(rule.match, rules) + nft_verdict(rule);
}

void print_nft_table(const Ruleset& rules, std::string& out) {
  out += fmt::format("table {} {{\n", nft_table_name(rules.family));
  for (const Chain& chain : rules.chains) {
    out += fmt::format("\tchain {} {{\n", chain.name);
    if (chain.hook != Hook::kNone) out += fmt::format("\t\t{}\n", nft_hook(chain.hook));
    for (const Rule& rule : chain.rules) {
      out += fmt::format("\t\t# {}\n\t\t{}\n", rule.why, nft_rule(rule, rules));
    }
    out += "\t}\n";
  }
  out += "}\n";
}

}  // namespace

std::string_view nft_table_name(Family family) {
  return family == Family::kV4 ? "ip weft" : "ip6 weft";
}

std::string print_nft(const std::vector<Ruleset>& rulesets) {
  std::string out;
  for (const Ruleset& rules : rulesets) {
    // Only a table that is there can be deleted.
    out += fmt::format("table {0}\ndelete table {0}\n", nft_table_name(rules.family));
    if (!rules.chains.empty()) print_nft_table(rules, out);
  }
  return out;
}

NftTable nft_table(const Ruleset& rules) {
  NftTable table;
  for (const Chain& chain : rules.chains) {
    std::vector<std::string>& lines = table[std::string(chain.name)];
    if (chain.hook != Hook::kNone) lines.emplace_back(nft_hook(chain.hook));
    for (const Rule& rule : chain.rules) lines.push_back(nft_rule(rule, rules));
  }
  return table;
}

NftTable parse_nft_table(std::string_view listing) {
  NftTable table;
  std::vector<std::string>* chain = nullptr;
  while (!listing.empty()) {
    const std::size_t end = listing.find('\n');
    const std::string_view line = trim(listing.substr(0, end));
    listing = end == std::string_view::npos ? std::string_view{} : listing.substr(end + 1);
    if (line.empty() || line.starts_with('#') || line.starts_with("table ")) continue;
    if (line == "}") {
      chain = nullptr;
    } else if (line.starts_with("chain ") && line.ends_with(" {")) {
      chain = &table[std::string(line.substr(6, line.size() - 8))];
    } else if (chain != nullptr) {
      chain->emplace_back(line);
    } else {
      table["(outside of chains)"].emplace_back(line);
    }
  }
  return table;
}

}  // namespace weft::redirect
