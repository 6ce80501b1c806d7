#include "sidecar/redirect/redirection.h"

#include <unistd.h>

#include <utility>

#include "sidecar/redirect/iptables_tool.h"
#include "sidecar/redirect/nft_tool.h"

namespace weft::redirect {

namespace {

bool belongs_to(const Tool& tool, Loader loader) {
  switch (loader) {
    case Loader::kAuto:
      return true;
    case Loader::kNft:
      return tool.name() == "nft";
    case Loader::kIptables:
      return tool.name() != "nft";
    case Loader::kIptablesNft:
      return tool.name() == "iptables-nft";
    case Loader::kIptablesLegacy:
      return tool.name() == "iptables-legacy";
  }
  return true;
}

// The name "iptables" is one of the two others where those exist: as a third tool it would find
// their rules and take them for another's.
std::vector<std::unique_ptr<Tool>> tools_of(Programs& programs) {
  std::vector<std::unique_ptr<Tool>> tools;
  tools.push_back(std::make_unique<NftTool>(programs));
  bool named = false;
  for (const char* variant : {"-nft", "-legacy"}) {
    if (!programs.has(std::string("iptables") + variant + "-restore")) continue;
    named = true;
    tools.push_back(std::make_unique<IptablesTool>(programs, variant));
  }
  if (!named) tools.push_back(std::make_unique<IptablesTool>(programs, ""));
  return tools;
}

}  // namespace

Redirection::Redirection(Programs& programs, Loopback& loopback, PolicyRouting& routing,
                         bool kernel_has_ipv6)
    : loopback_(loopback),
      routing_(routing),
      kernel_has_ipv6_(kernel_has_ipv6),
      tools_(tools_of(programs)) {}

Result<std::vector<Ruleset>> Redirection::wanted(const Options& options) const {
  std::vector<Ruleset> rulesets{rules_for(options, Family::kV4)};
  if (!kernel_has_ipv6_) {
    if (options.ipv6 == Ipv6::kOn) return fail(Fault::kInvalid, "--ipv6: the kernel has no IPv6");
    return rulesets;
  }
  rulesets.push_back(options.ipv6 == Ipv6::kOff ? no_rules(Family::kV6)
                                                : rules_for(options, Family::kV6));
  return rulesets;
}

std::vector<Ruleset> Redirection::nothing() const {
  std::vector<Ruleset> rulesets{no_rules(Family::kV4)};
  if (kernel_has_ipv6_) rulesets.push_back(no_rules(Family::kV6));
  return rulesets;
}

Result<std::vector<Tool*>> Redirection::usable_tools(Loader loader) {
  std::vector<Tool*> usable;
  std::string reasons;
  for (const std::unique_ptr<Tool>& tool : tools_) {
    if (!belongs_to(*tool, loader)) continue;
    if (const Status use = tool->usable(); use) {
      usable.push_back(tool.get());
    } else {
      reasons += "\n  " + use.error().detail;
    }
  }
  if (reasons.empty()) reasons = "\n  the one named is not installed";
  if (usable.empty()) return fail(Fault::kInvalid, "no tool can load rules here:" + reasons);
  return usable;
}

Result<bool> Redirection::holds_anything(Tool& tool) {
  const Result<std::vector<std::string>> there = tool.differences(nothing());
  if (!there) return fail(there.error());
  return !there->empty();
}

std::vector<Family> Redirection::families() const {
  if (!kernel_has_ipv6_) return {Family::kV4};
  return {Family::kV4, Family::kV6};
}

bool Redirection::routes_marked(const Options& options, Family family) {
  if (options.mode != Mode::kTproxy) return false;
  return family == Family::kV4 || (options.ipv6 != Ipv6::kOff && loopback_.has_ipv6());
}

Status Redirection::set_routing(const Options& options) {
  for (const Family family : families()) {
    const bool wanted = routes_marked(options, family);
    const Result<PolicyRouting::There> there = routing_.look(family);
    if (!there) return fail(there.error());
    const auto shall = wanted ? PolicyRouting::There::kAll : PolicyRouting::There::kNothing;
    if (*there == shall) continue;
    if (Status set = routing_.set(family, wanted); !set) return set;
  }
  return {};
}

Status Redirection::check_routing(const Options& options, std::vector<std::string>& lines) {
  for (const Family family : families()) {
    const Result<PolicyRouting::There> there = routing_.look(family);
    if (!there) return fail(there.error());
    const std::string where = std::string(name_of(family)) + " routing: ";
    if (!routes_marked(options, family)) {
      if (*there != PolicyRouting::There::kNothing) lines.push_back(where + "not ours: the table");
    } else if (*there != PolicyRouting::There::kAll) {
      lines.push_back(where +
                      "missing: the table for marked packets, or the rule that leads to it");
    }
  }
  return {};
}

Result<std::string> Redirection::apply(const Options& options) {
  const Result<std::vector<Ruleset>> rulesets = wanted(options);
  if (!rulesets) return fail(rulesets.error());
  const Result<std::vector<Tool*>> tools = usable_tools(options.loader);
  if (!tools) return fail(tools.error());
  Tool& chosen = *tools->front();
  if (Status loaded = chosen.load(*rulesets); !loaded) return fail(loaded.error());

  std::string said = "applied by " + chosen.name() + " for IPv4";
  if (!kernel_has_ipv6_) {
    said += "; IPv6 left out: the kernel has none";
  } else {
    said += options.ipv6 == Ipv6::kOff ? "; IPv6 left out, as told" : " and IPv6";
    if (!loopback_.has_ipv6()) {
      said += " (switched off for lo)";
    } else if (Status set = loopback_.set_delivery_source(options.ipv6 != Ipv6::kOff); !set) {
      return fail(Fault::kInternal, said + ", but " + set.error().detail);
    }
  }
  if (Status set = set_routing(options); !set) {
    return fail(Fault::kInternal, said + ", but " + set.error().detail);
  }
  for (const std::unique_ptr<Tool>& other : tools_) {
    if (other.get() == &chosen || !other->usable()) continue;
    const Result<bool> holds = holds_anything(*other);
    if (holds && !*holds) continue;
    if (Status removed = other->load(nothing()); !removed) {
      return fail(Fault::kInternal, said + ", but what " + other->name() +
                                        " had before stays: " + removed.error().detail);
    }
    said += "; what " + other->name() + " had is removed";
  }
  return said;
}

Result<std::vector<std::string>> Redirection::check(const Options& options) {
  const Result<std::vector<Ruleset>> rulesets = wanted(options);
  if (!rulesets) return fail(rulesets.error());
  const Result<std::vector<Tool*>> tools = usable_tools(options.loader);
  if (!tools) return fail(tools.error());
  // Whoever holds rules is the one to compare with; two of them is a finding of its own.
  Tool* holder = nullptr;
  std::vector<std::string> lines;
  for (Tool* tool : *tools) {
    const Result<bool> holds = holds_anything(*tool);
    if (!holds) return fail(holds.error());
    if (!*holds) continue;
    if (holder == nullptr) {
      holder = tool;
    } else {
      lines.push_back(tool->name() + " holds rules as well as " + holder->name());
    }
  }
  if (holder == nullptr) return std::vector<std::string>{"no rules of ours are there"};
  Result<std::vector<std::string>> differences = holder->differences(*rulesets);
  if (!differences) return differences;
  lines.insert(lines.end(), differences->begin(), differences->end());
  if (kernel_has_ipv6_ && options.ipv6 != Ipv6::kOff && loopback_.has_ipv6() &&
      !loopback_.holds_delivery_source()) {
    lines.push_back(std::string("lo: missing: ") + pod::kDeliverySourceV6);
  }
  if (Status routing = check_routing(options, lines); !routing) return fail(routing.error());
  return lines;
}

Result<std::string> Redirection::remove() {
  const Result<std::vector<Tool*>> tools = usable_tools(Loader::kAuto);
  if (!tools) return fail(tools.error());
  std::string said;
  for (Tool* tool : *tools) {
    const Result<bool> holds = holds_anything(*tool);
    if (!holds) return fail(holds.error());
    if (!*holds) continue;
    if (Status removed = tool->load(nothing()); !removed) return fail(removed.error());
    said += (said.empty() ? "removed by " : " and ") + tool->name();
  }
  if (loopback_.has_ipv6() && loopback_.holds_delivery_source()) {
    if (Status taken = loopback_.set_delivery_source(false); !taken) return fail(taken.error());
    if (said.empty()) said = "the address on lo is removed";
  }
  for (const Family family : families()) {
    const Result<PolicyRouting::There> there = routing_.look(family);
    if (!there) return fail(there.error());
    if (*there == PolicyRouting::There::kNothing) continue;
    if (Status taken = routing_.set(family, false); !taken) return fail(taken.error());
    if (said.empty()) said = "the routing of marked packets is removed";
  }
  return said.empty() ? "nothing of ours was there" : said;
}

bool kernel_has_ipv6() { return ::access("/proc/net/if_inet6", F_OK) == 0; }

}  // namespace weft::redirect
