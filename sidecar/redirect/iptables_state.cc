#include "sidecar/redirect/iptables_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "sidecar/core/strings.h"

namespace weft::redirect {

namespace {

constexpr std::string_view kPrefix = "WEFT_";

struct Place {
  std::string_view table;
  std::string_view chain;
};

Place place_of(Hook hook) {
  switch (hook) {
    case Hook::kNone:
      return {.table = "nat"};
    case Hook::kRawPrerouting:
      return {.table = "raw", .chain = "PREROUTING"};
    case Hook::kRawOutput:
      return {.table = "raw", .chain = "OUTPUT"};
    case Hook::kManglePrerouting:
      return {.table = "mangle", .chain = "PREROUTING"};
    case Hook::kMangleOutput:
      return {.table = "mangle", .chain = "OUTPUT"};
    case Hook::kNatPrerouting:
      return {.table = "nat", .chain = "PREROUTING"};
    case Hook::kNatOutput:
      return {.table = "nat", .chain = "OUTPUT"};
  }
  return {};
}

std::string iptables_chain(std::string_view name) {
  std::string out(kPrefix);
  for (const char c : name) out += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return out;
}

std::string iptables_ports(const PortRange& ports) {
  if (ports.first == ports.last) return std::to_string(ports.first);
  return fmt::format("{}:{}", ports.first, ports.last);
}

std::string iptables_match(const Match& match, const Ruleset& rules) {
  std::string out;
  if (match.source) out += fmt::format("-s {} ", match.source->to_string());
  if (match.destination) {
    out += fmt::format("{}-d {} ", match.destination_is_not ? "! " : "",
                       match.destination->to_string());
  }
  if (!match.in_interface.empty()) out += fmt::format("-i {} ", match.in_interface);
  if (!match.out_interface.empty()) out += fmt::format("-o {} ", match.out_interface);
  if (match.protocol) {
    const std::string_view protocol = *match.protocol == Protocol::kTcp ? "tcp" : "udp";
    out += fmt::format("-p {} ", protocol);
    if (match.source_port || match.destination_ports) out += fmt::format("-m {} ", protocol);
    if (match.source_port) out += fmt::format("--sport {} ", *match.source_port);
    if (match.destination_ports) {
      out += fmt::format("--dport {} ", iptables_ports(*match.destination_ports));
    }
  }
  if (match.mark != 0) out += fmt::format("-m mark --mark {:#x} ", match.mark);
  if (match.connection_mark != 0) {
    out += fmt::format("-m connmark --mark {:#x} ", match.connection_mark);
  }
  if (match.is_answer) out += "-m conntrack --ctdir REPLY ";
  if (match.from_sidecar) {
    out += fmt::format("-m owner --uid-owner {} --gid-owner {} ", rules.uid, rules.gid);
  }
  if (match.invalid) out += "-m conntrack --ctstate INVALID ";
  return out;
}

std::string iptables_verdict(const Rule& rule, Family family) {
  switch (rule.verdict) {
    case Verdict::kReturn:
      return "-j RETURN";
    case Verdict::kDrop:
      return "-j DROP";
    case Verdict::kRedirect:
      return fmt::format("-j REDIRECT --to-ports {}", rule.number);
    case Verdict::kTproxy:
      return fmt::format("-j TPROXY --on-port {} --on-ip {} --tproxy-mark 0x0/0x0", rule.number,
                         family == Family::kV4 ? "0.0.0.0" : "::");
    case Verdict::kMark:
      return fmt::format("-j MARK --set-xmark {:#x}/0xffffffff", rule.number);
    case Verdict::kMarkConnection:
      return fmt::format("-j CONNMARK --set-xmark {:#x}/0xffffffff", rule.number);
    case Verdict::kZone:
      return fmt::format("-j CT --zone {}", rule.number);
    case Verdict::kCall:
      return "-j " + iptables_chain(rule.chain);
  }
  return {};
}

// The name after -j or -g, or nothing.
std::string_view target_of(std::string_view rule) {
  for (const std::string_view flag : {" -j ", " -g "}) {
    const std::size_t at = rule.find(flag);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = rule.substr(at + flag.size());
    return rest.substr(0, rest.find(' '));
  }
  return {};
}

tl::unexpected<Error> bad_save(std::string_view line) {
  return fail(Fault::kInvalid, "iptables-save prints what it never does: '" + escape(line) + "'");
}

Status read_save_line(std::string_view line, std::string& table, IptablesState& out) {
  if (line.starts_with('*')) {
    table = line.substr(1);
    return {};
  }
  if (table.empty()) return bad_save(line);
  if (line == "COMMIT") {
    table.clear();
    return {};
  }
  if (line.starts_with(':')) {
    const std::string_view name = line.substr(1, line.find(' ') - 1);
    if (name.starts_with(kPrefix)) out[table].chains[std::string(name)];
    return {};
  }
  if (!line.starts_with("-A ")) return bad_save(line);
  const std::string_view rule = line.substr(3);
  const std::size_t space = rule.find(' ');
  if (space == std::string_view::npos) return {};  // a rule that matches all and does nothing
  const std::string_view chain = rule.substr(0, space);
  if (chain.starts_with(kPrefix)) {
    out[table].chains[std::string(chain)].push_back({.text = std::string(rule.substr(space + 1))});
  } else if (target_of(rule).starts_with(kPrefix)) {
    out[table].calls.emplace_back(rule);
  }
  return {};
}

void print_table(std::string_view name, const IptablesTable& current, const IptablesTable& wanted,
                 std::string& out) {
  std::set<std::string_view> chains;
  for (const auto& [chain, rules] : current.chains) chains.insert(chain);
  for (const auto& [chain, rules] : wanted.chains) chains.insert(chain);
  out += fmt::format("*{}\n", name);
  for (const std::string_view chain : chains) out += fmt::format(":{} - [0:0]\n", chain);
  for (const std::string& call : current.calls) out += fmt::format("-D {}\n", call);
  for (const auto& [chain, rules] : wanted.chains) {
    for (const IptablesRule& rule : rules) {
      if (!rule.why.empty()) out += fmt::format("# {}\n", rule.why);
      out += fmt::format("-A {} {}\n", chain, rule.text);
    }
  }
  for (const std::string& call : wanted.calls) out += fmt::format("-I {}\n", call);
  for (const std::string_view chain : chains) {
    if (!wanted.chains.contains(std::string(chain))) out += fmt::format("-X {}\n", chain);
  }
  out += "COMMIT\n";
}

}  // namespace

IptablesState iptables_state(const Ruleset& rules) {
  IptablesState state;
  for (const Chain& chain : rules.chains) {
    const Place place = place_of(chain.hook);
    const std::string name = iptables_chain(chain.name);
    IptablesTable& table = state[std::string(place.table)];
    std::vector<IptablesRule>& lines = table.chains[name];
    for (const Rule& rule : chain.rules) {
      lines.push_back(
          {.text = iptables_match(rule.match, rules) + iptables_verdict(rule, rules.family),
           .why = std::string(rule.why)});
    }
    if (!place.chain.empty()) table.calls.push_back(fmt::format("{} -j {}", place.chain, name));
  }
  return state;
}

Result<IptablesState> parse_iptables_save(std::string_view text) {
  IptablesState state;
  std::string table;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = trim(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    if (line.empty() || line.starts_with('#')) continue;
    if (Status read = read_save_line(line, table, state); !read) return fail(read.error());
  }
  return state;
}

std::string print_iptables(const IptablesState& current, const IptablesState& wanted) {
  // nat last: capturing begins when what belongs to it is there.
  static constexpr std::array<std::string_view, 3> kTables = {"raw", "mangle", "nat"};
  static const IptablesTable kNothing{};
  std::set<std::string, std::less<>> names;
  for (const auto& [name, table] : current) names.insert(name);
  for (const auto& [name, table] : wanted) names.insert(name);
  std::vector<std::string> order;
  for (const std::string_view name : kTables) {
    if (const auto found = names.find(name); found != names.end()) {
      order.push_back(*found);
      names.erase(found);
    }
  }
  order.insert(order.begin(), names.begin(), names.end());
  std::string out;
  for (const std::string& name : order) {
    const auto before = current.find(name);
    const auto after = wanted.find(name);
    print_table(name, before == current.end() ? kNothing : before->second,
                after == wanted.end() ? kNothing : after->second, out);
  }
  return out;
}

}  // namespace weft::redirect
