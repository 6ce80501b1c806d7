#include "sidecar/redirect/rules.h"

#include <array>

namespace weft::redirect {

namespace {

constexpr PortRange kDnsPort{53, 53};

Cidr loopback_of(Family family) {
  if (family == Family::kV4) return {.prefix = IpAddress::v4(0x7f00'0000), .length = 8};
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return {.prefix = IpAddress::v6(one), .length = 128};
}

Cidr delivery_source_of(Family family) {
  if (family == Family::kV4) {
    return {.prefix = *IpAddress::parse(pod::kDeliverySource), .length = 32};
  }
  return {.prefix = *IpAddress::parse(pod::kDeliverySourceV6), .length = 128};
}

bool is_of(Family family, const Cidr& cidr) {
  return cidr.prefix.is_v4() == (family == Family::kV4);
}

Rule redirected(Match match, std::uint16_t port, std::string_view why) {
  return {.match = std::move(match), .verdict = Verdict::kRedirect, .number = port, .why = why};
}

Rule left_alone(Match match, std::string_view why) {
  return {.match = std::move(match), .why = why};
}

void add_excluded_callers(const Options& options, Family family, Chain& chain) {
  for (const std::string& name : options.exclude_interfaces) {
    chain.rules.push_back(left_alone({.in_interface = name}, "an excluded interface"));
  }
  for (const Cidr& cidr : options.exclude_inbound_cidrs) {
    if (is_of(family, cidr)) {
      chain.rules.push_back(left_alone({.source = cidr}, "an excluded caller"));
    }
  }
}

Chain prerouting(const Options& options, Family family) {
  Chain chain{.name = "prerouting", .hook = Hook::kNatPrerouting};
  add_excluded_callers(options, family, chain);
  chain.rules.push_back({.match = {.protocol = Protocol::kTcp},
                         .verdict = Verdict::kCall,
                         .chain = "inbound",
                         .why = "what comes from outside"});
  return chain;
}

// By which verdict they come to the inbound port is the chain's business.
void add_inbound_ports(const Options& options, Verdict verdict, Chain& chain) {
  const auto except = [&chain](PortRange ports, std::string_view why) {
    chain.rules.push_back(
        left_alone({.protocol = Protocol::kTcp, .destination_ports = ports}, why));
  };
  const auto capture = [&](Match match, std::string_view why) {
    chain.rules.push_back(
        {.match = std::move(match), .verdict = verdict, .number = pod::kInboundPort, .why = why});
  };
  except({pod::kAdminPort, pod::kAdminPort}, "the admin pages are not for others");
  except({pod::kStatusPort, pod::kStatusPort}, "the kubelet's questions come in the clear");
  for (const PortRange& ports : options.exclude_inbound_ports) except(ports, "an excluded port");
  if (!options.include_inbound_ports) {
    return capture({.protocol = Protocol::kTcp}, "to the sidecar's inside");
  }
  for (const PortRange& ports : *options.include_inbound_ports) {
    capture({.protocol = Protocol::kTcp, .destination_ports = ports}, "an included port");
  }
}

Chain inbound(const Options& options) {
  Chain chain{.name = "inbound"};
  add_inbound_ports(options, Verdict::kRedirect, chain);
  return chain;
}

// One chain, since chains that are called live in the table of nat, where TPROXY cannot be.
Chain transparent_in(const Options& options, Family family) {
  Chain chain{.name = "transparent_in", .hook = Hook::kManglePrerouting};
  chain.rules.push_back(left_alone({.in_interface = "lo"}, "the pod's own"));
  // TPROXY takes every packet to a transparent socket, or (iptables) drops it: also those for which
  // the pod waits.
  chain.rules.push_back(left_alone({.protocol = Protocol::kTcp, .is_answer = true},
                                   "answers to what the pod has called"));
  add_excluded_callers(options, family, chain);
  add_inbound_ports(options, Verdict::kTproxy, chain);
  return chain;
}

Chain transparent_out() {
  Chain chain{.name = "transparent_out", .hook = Hook::kMangleOutput};
  chain.rules.push_back(
      {.match = {.protocol = Protocol::kTcp, .mark = pod::kTransparentMark, .from_sidecar = true},
       .verdict = Verdict::kMarkConnection,
       .number = pod::kTransparentMark,
       .why = "the sidecar calls the app from the caller's address"});
  chain.rules.push_back({.match = {.protocol = Protocol::kTcp,
                                   .connection_mark = pod::kTransparentMark,
                                   .is_answer = true},
                         .verdict = Verdict::kMark,
                         .number = pod::kTransparentMark,
                         .why = "the app's answer comes back to the sidecar"});
  return chain;
}

void add_rules_of_the_sidecar(Chain& chain, Family family) {
  const Cidr loopback = loopback_of(family);
  chain.rules.push_back(left_alone(
      {.out_interface = "lo", .from_sidecar = true, .source = delivery_source_of(family)},
      "the sidecar delivers to the app under the pod's address"));
  chain.rules.push_back({.match = {.out_interface = "lo",
                                   .protocol = Protocol::kTcp,
                                   .from_sidecar = true,
                                   .destination = loopback,
                                   .destination_is_not = true},
                         .verdict = Verdict::kCall,
                         .chain = "inbound",
                         .why = "the app called itself: in by the same door as from outside"});
  chain.rules.push_back(left_alone({.from_sidecar = true}, "the sidecar's own"));
}

Chain output(const Options& options, Family family) {
  const Cidr loopback = loopback_of(family);
  Chain chain{.name = "output", .hook = Hook::kNatOutput};
  for (const std::string& name : options.exclude_interfaces) {
    chain.rules.push_back(left_alone({.out_interface = name}, "an excluded interface"));
  }
  if (options.mode == Mode::kTproxy) {
    chain.rules.push_back(left_alone({.mark = pod::kTransparentMark, .from_sidecar = true},
                                     "the sidecar delivers to the app from the caller's address"));
  }
  add_rules_of_the_sidecar(chain, family);
  chain.rules.push_back(left_alone({.destination = loopback}, "loopback is private to the pod"));
  if (options.dns) {
    for (const Protocol protocol : {Protocol::kUdp, Protocol::kTcp}) {
      chain.rules.push_back(redirected({.protocol = protocol, .destination_ports = kDnsPort},
                                       pod::kDnsPort, "names are the sidecar's to resolve"));
    }
  }
  for (const PortRange& ports : options.exclude_outbound_ports) {
    chain.rules.push_back(
        left_alone({.protocol = Protocol::kTcp, .destination_ports = ports}, "an excluded port"));
  }
  for (const Cidr& cidr : options.exclude_outbound_cidrs) {
    if (is_of(family, cidr)) {
      chain.rules.push_back(left_alone({.destination = cidr}, "an excluded range"));
    }
  }
  if (!options.include_outbound_cidrs) {
    chain.rules.push_back(redirected({.protocol = Protocol::kTcp}, pod::kOutboundPort,
                                     "the rest, to the sidecar's outside"));
    return chain;
  }
  for (const Cidr& cidr : *options.include_outbound_cidrs) {
    if (!is_of(family, cidr)) continue;
    chain.rules.push_back(redirected({.protocol = Protocol::kTcp, .destination = cidr},
                                     pod::kOutboundPort, "an included range"));
  }
  return chain;
}

Rule in_zone(Match match, std::uint16_t zone, std::string_view why) {
  return {.match = std::move(match), .verdict = Verdict::kZone, .number = zone, .why = why};
}

// Must agree with `output` on which queries are captured: both directions of a flow have one zone.
Chain zones_out(const Options& options, Family family) {
  Chain chain{.name = "zones_out", .hook = Hook::kRawOutput};
  for (const std::string& name : options.exclude_interfaces) {
    chain.rules.push_back(left_alone({.out_interface = name}, "an excluded interface"));
  }
  chain.rules.push_back(
      left_alone({.destination = loopback_of(family)}, "loopback is private to the pod"));
  chain.rules.push_back(
      in_zone({.protocol = Protocol::kUdp, .destination_ports = kDnsPort, .from_sidecar = true},
              kZoneOfSidecar, "the sidecar's query"));
  chain.rules.push_back(
      in_zone({.protocol = Protocol::kUdp, .source_port = pod::kDnsPort, .from_sidecar = true},
              kZoneOfCaptured, "the sidecar's answer to the app"));
  chain.rules.push_back(left_alone({.from_sidecar = true}, "the sidecar's own"));
  chain.rules.push_back(in_zone({.protocol = Protocol::kUdp, .destination_ports = kDnsPort},
                                kZoneOfCaptured, "a captured query"));
  return chain;
}

Chain zones_in(const Options& options) {
  Chain chain{.name = "zones_in", .hook = Hook::kRawPrerouting};
  for (const std::string& name : options.exclude_interfaces) {
    chain.rules.push_back(left_alone({.in_interface = name}, "an excluded interface"));
  }
  chain.rules.push_back(in_zone({.protocol = Protocol::kUdp, .source_port = kDnsPort.first},
                                kZoneOfSidecar, "the answer to the sidecar"));
  return chain;
}

Chain invalid() {
  return {.name = "invalid",
          .hook = Hook::kManglePrerouting,
          .rules = {{.match = {.protocol = Protocol::kTcp, .invalid = true},
                     .verdict = Verdict::kDrop,
                     .why = "the pod would answer it with a reset"}}};
}

}  // namespace

Ruleset rules_for(const Options& options, Family family) {
  Ruleset rules{.family = family, .uid = options.uid, .gid = options.gid};
  if (options.dns) {
    rules.chains.push_back(zones_in(options));
    rules.chains.push_back(zones_out(options, family));
  }
  const bool transparent = options.mode == Mode::kTproxy;
  if (transparent) {
    rules.chains.push_back(transparent_in(options, family));
    rules.chains.push_back(transparent_out());
  }
  // After transparent_in, to be asked before it: of two chains with one hook, the one that was
  // loaded last comes first, in both tools.
  if (options.drop_invalid) rules.chains.push_back(invalid());
  rules.chains.push_back(inbound(options));
  if (!transparent) rules.chains.push_back(prerouting(options, family));
  rules.chains.push_back(output(options, family));
  return rules;
}

std::string_view name_of(Family family) { return family == Family::kV4 ? "IPv4" : "IPv6"; }

}  // namespace weft::redirect
