// The rules as a judge of packets: what happens to the first packet of a connection, for every case
// that has broken a mesh before. The same cases with real packets: tests/interop/redirect.

#include "sidecar/redirect/rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace weft::redirect {
namespace {

struct Packet {
  std::string from;  // addresses; the pod's are 10.1.0.5 and fd00::5
  std::string to;
  std::uint16_t port = 80;
  Protocol protocol = Protocol::kTcp;
  std::string interface = "eth0";
  std::uint32_t uid = 1000;
  std::uint32_t gid = 1000;
  std::uint16_t source_port = 40000;
  bool invalid = false;
  std::uint32_t mark = 0;
  std::uint32_t connection_mark = 0;
  bool is_answer = false;
};

bool fits(const Match& match, const Ruleset& rules, const Packet& packet) {
  const IpAddress from = *IpAddress::parse(packet.from);
  const IpAddress to = *IpAddress::parse(packet.to);
  if (!match.in_interface.empty() && match.in_interface != packet.interface) return false;
  if (!match.out_interface.empty() && match.out_interface != packet.interface) return false;
  if (match.protocol && *match.protocol != packet.protocol) return false;
  if (match.source_port && *match.source_port != packet.source_port) return false;
  if (match.destination_ports && (packet.port < match.destination_ports->first ||
                                  packet.port > match.destination_ports->last)) {
    return false;
  }
  if (match.from_sidecar && (packet.uid != rules.uid || packet.gid != rules.gid)) return false;
  if (match.invalid && !packet.invalid) return false;
  if (match.mark != 0 && match.mark != packet.mark) return false;
  if (match.connection_mark != 0 && match.connection_mark != packet.connection_mark) return false;
  if (match.is_answer && !packet.is_answer) return false;
  if (match.source && !match.source->contains(from)) return false;
  if (match.destination && match.destination->contains(to) == match.destination_is_not) {
    return false;
  }
  return true;
}

const Chain* chain_called(const Ruleset& rules, std::string_view name) {
  const auto found = std::ranges::find(rules.chains, name, &Chain::name);
  return found == rules.chains.end() ? nullptr : &*found;
}

// What the chain does, as words with blanks between; none when it leaves the packet alone.
std::string judged(const Ruleset& rules, std::string_view name, const Packet& packet) {
  const Chain* chain = chain_called(rules, name);
  if (chain == nullptr) return "";
  std::string out;
  for (const Rule& rule : chain->rules) {
    if (!fits(rule.match, rules, packet)) continue;
    switch (rule.verdict) {
      case Verdict::kReturn:
        return out;
      case Verdict::kDrop:
        return out + "drop";
      case Verdict::kRedirect:
        return out + std::to_string(rule.number);
      case Verdict::kTproxy:
        return out + "tproxy" + std::to_string(rule.number);
      case Verdict::kMark:
        out += "mark" + std::to_string(rule.number);
        break;
      case Verdict::kMarkConnection:
        out += "connection" + std::to_string(rule.number);
        break;
      case Verdict::kZone:
        out += "zone" + std::to_string(rule.number);
        break;
      case Verdict::kCall:
        if (std::string called = judged(rules, rule.chain, packet); !called.empty()) return called;
        break;
    }
  }
  return out;
}

Ruleset rules_with(const Arguments& arguments, Family family = Family::kV4) {
  const Result<Options> options = parse_options(arguments);
  EXPECT_TRUE(options) << (options ? "" : options.error().detail);
  return rules_for(options.value_or(Options()), family);
}

std::string sent(const Packet& packet, const Arguments& arguments = {}) {
  const bool v4 = IpAddress::parse(packet.to)->is_v4();
  return judged(rules_with(arguments, v4 ? Family::kV4 : Family::kV6), "output", packet);
}

std::string arrived(const Packet& packet, const Arguments& arguments = {}) {
  const bool v4 = IpAddress::parse(packet.to)->is_v4();
  return judged(rules_with(arguments, v4 ? Family::kV4 : Family::kV6), "prerouting", packet);
}

Packet by_sidecar(Packet packet) {
  packet.uid = pod::kUid;
  packet.gid = pod::kGid;
  return packet;
}

TEST(RedirectRules, WhatComesInGoesToTheSidecar) {
  EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 8080}), "15006");
  EXPECT_EQ(arrived({.from = "fd00::9", .to = "fd00::5", .port = 8080}), "15006");
}

TEST(RedirectRules, AdminAndStatusAreNeverCaptured) {
  for (const char* list : {"*", "15000,15020,80", "1-65535"}) {
    const Arguments arguments{.include_inbound_ports = list};
    EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 15000}, arguments), "");
    EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 15020}, arguments), "");
  }
}

TEST(RedirectRules, AnIncludeListLeavesTheRestAloneAndExcludedPortsWin) {
  const Arguments arguments{.include_inbound_ports = "80,8000-8010",
                            .exclude_inbound_ports = "8005"};
  EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 80}, arguments), "15006");
  EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 8010}, arguments), "15006");
  EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 8005}, arguments), "");
  EXPECT_EQ(arrived({.from = "10.1.0.9", .to = "10.1.0.5", .port = 9090}, arguments), "");
}

TEST(RedirectRules, ExcludedCallersAreLeftAloneOnTheWayInOnly) {
  const Arguments arguments{.exclude_inbound_cidrs = "10.9.0.0/16,2001:db8::7"};
  EXPECT_EQ(arrived({.from = "10.9.1.1", .to = "10.1.0.5"}, arguments), "");
  EXPECT_EQ(arrived({.from = "10.8.1.1", .to = "10.1.0.5"}, arguments), "15006");
  EXPECT_EQ(arrived({.from = "2001:db8::7", .to = "fd00::5"}, arguments), "");
  EXPECT_EQ(arrived({.from = "2001:db8::8", .to = "fd00::5"}, arguments), "15006");
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.9.1.1"}, arguments), "15001");
}

TEST(RedirectRules, WhatTheAppSendsGoesToTheSidecar) {
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.96.0.1"}), "15001");
  EXPECT_EQ(sent({.from = "fd00::5", .to = "fd00:96::1"}), "15001");
}

TEST(RedirectRules, WhatTheSidecarSendsIsLeftAlone) {
  EXPECT_EQ(sent(by_sidecar({.from = "10.1.0.5", .to = "10.1.0.9"})), "");
  EXPECT_EQ(sent(by_sidecar({.from = "fd00::5", .to = "fd00::9"})), "");
}

TEST(RedirectRules, OneOfTheSidecarsIdsDoesNotMakeASidecar) {
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.1.0.9", .gid = pod::kGid}), "15001");
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.1.0.9", .uid = pod::kUid}), "15001");
}

TEST(RedirectRules, TheSidecarReachesTheAppOnLoopback) {
  EXPECT_EQ(sent(by_sidecar({.from = "127.0.0.1", .to = "127.0.0.1", .interface = "lo"})), "");
  EXPECT_EQ(sent(by_sidecar({.from = "::1", .to = "::1", .interface = "lo"})), "");
}

TEST(RedirectRules, TheSidecarReachesTheAppOnThePodsAddressFromTheDeliverySource) {
  EXPECT_EQ(sent(by_sidecar({.from = "127.0.0.6", .to = "10.1.0.5", .interface = "lo"})), "");
  EXPECT_EQ(sent(by_sidecar({.from = "::6", .to = "fd00::5", .interface = "lo"})), "");
}

TEST(RedirectRules, ACallToItselfPassesEachSideOnce) {
  // To the Service, and to the pod's own address: out by the app's side of the sidecar …
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.96.0.1"}), "15001");
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.1.0.5", .interface = "lo"}), "15001");
  EXPECT_EQ(sent({.from = "fd00::5", .to = "fd00::5", .interface = "lo"}), "15001");
  // … which calls the pod, and so comes in by the other side, which delivers.
  EXPECT_EQ(sent(by_sidecar({.from = "10.1.0.5", .to = "10.1.0.5", .interface = "lo"})), "15006");
  EXPECT_EQ(sent(by_sidecar({.from = "fd00::5", .to = "fd00::5", .interface = "lo"})), "15006");
}

TEST(RedirectRules, ACallToItselfIsSubjectToTheInboundListsNotTheOutboundOnes) {
  const Packet home =
      by_sidecar({.from = "10.1.0.5", .to = "10.1.0.5", .port = 8080, .interface = "lo"});
  EXPECT_EQ(sent(home, {.exclude_inbound_ports = "8080"}), "");
  EXPECT_EQ(sent(home, {.include_inbound_ports = "80"}), "");
  EXPECT_EQ(sent(home, {.exclude_outbound_ports = "8080"}), "15006");
  EXPECT_EQ(sent(home, {.exclude_outbound_cidrs = "10.0.0.0/8"}), "15006");
}

TEST(RedirectRules, LoopbackIsPrivateToThePod) {
  EXPECT_EQ(sent({.from = "127.0.0.1", .to = "127.0.0.1", .interface = "lo"}), "");
  EXPECT_EQ(sent({.from = "127.0.0.1", .to = "127.3.2.1", .interface = "lo"}), "");
  EXPECT_EQ(sent({.from = "::1", .to = "::1", .interface = "lo"}), "");
  const Packet local_resolver{.from = "127.0.0.1",
                              .to = "127.0.0.53",
                              .port = 53,
                              .protocol = Protocol::kUdp,
                              .interface = "lo"};
  EXPECT_EQ(sent(local_resolver, {.dns = true}), "");
}

TEST(RedirectRules, ExcludedPortsRangesAndInterfacesAreLeftAlone) {
  const Packet call{.from = "10.1.0.5", .to = "192.0.2.1", .port = 3306, .interface = "net1"};
  EXPECT_EQ(sent(call, {.exclude_outbound_ports = "3300-3310"}), "");
  EXPECT_EQ(sent(call, {.exclude_outbound_ports = "3307"}), "15001");
  EXPECT_EQ(sent(call, {.exclude_outbound_cidrs = "192.0.2.0/24"}), "");
  EXPECT_EQ(sent(call, {.exclude_outbound_cidrs = "2001:db8::/32"}), "15001");
  EXPECT_EQ(sent(call, {.exclude_interfaces = "net1"}), "");
  EXPECT_EQ(arrived(call, {.exclude_interfaces = "net1"}), "");
  EXPECT_EQ(arrived(call, {.exclude_interfaces = "net2"}), "15006");
}

TEST(RedirectRules, IncludedRangesAreAllThatIsCapturedAndExcludedOnesWin) {
  const Arguments arguments{.include_outbound_cidrs = "10.0.0.0/8",
                            .exclude_outbound_cidrs = "10.9.0.0/16"};
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.96.0.1"}, arguments), "15001");
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.9.0.1"}, arguments), "");
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "192.0.2.1"}, arguments), "");
  EXPECT_EQ(sent({.from = "fd00::5", .to = "fd00::9"}, arguments), "") << "no range of IPv6";
}

TEST(RedirectRules, UdpIsNeverTouchedButForDns) {
  const Packet quic{.from = "10.1.0.5", .to = "192.0.2.1", .port = 443, .protocol = Protocol::kUdp};
  const Packet query{
      .from = "10.1.0.5", .to = "10.96.0.10", .port = 53, .protocol = Protocol::kUdp};
  EXPECT_EQ(sent(quic, {.dns = true}), "");
  EXPECT_EQ(arrived(quic, {.dns = true}), "");
  EXPECT_EQ(sent(query), "");
  EXPECT_EQ(sent(query, {.dns = true}), "15053");
  EXPECT_EQ(sent(by_sidecar(query), {.dns = true}), "");
  Packet over_tcp = query;
  over_tcp.protocol = Protocol::kTcp;
  EXPECT_EQ(sent(over_tcp), "15001");
  EXPECT_EQ(sent(over_tcp, {.dns = true}), "15053");
  EXPECT_EQ(sent(over_tcp, {.exclude_outbound_cidrs = "10.96.0.10", .dns = true}), "15053");
}

std::string zone_out(Packet packet, const Arguments& arguments) {
  packet.protocol = Protocol::kUdp;
  return judged(rules_with(arguments), "zones_out", packet);
}

TEST(RedirectRules, BothDirectionsOfAQueryAreInOneZoneAndTheSidecarsInAnother) {
  const Arguments dns{.dns = true};
  EXPECT_EQ(zone_out({.from = "10.1.0.5", .to = "10.96.0.10", .port = 53}, dns), "zone2");
  EXPECT_EQ(zone_out(by_sidecar({.from = "127.0.0.1",
                                 .to = "10.1.0.5",
                                 .port = 40000,
                                 .interface = "lo",
                                 .source_port = pod::kDnsPort}),
                     dns),
            "zone2");
  EXPECT_EQ(zone_out(by_sidecar({.from = "10.1.0.5", .to = "10.96.0.10", .port = 53}), dns),
            "zone1");
  const Packet answer{.from = "10.96.0.10",
                      .to = "10.1.0.5",
                      .port = 40000,
                      .protocol = Protocol::kUdp,
                      .source_port = 53};
  EXPECT_EQ(judged(rules_with(dns), "zones_in", answer), "zone1");
}

TEST(RedirectRules, WhatIsNotCapturedIsInNoZone) {
  const Arguments dns{.exclude_interfaces = "net1", .dns = true};
  EXPECT_EQ(zone_out({.from = "127.0.0.1", .to = "127.0.0.53", .port = 53, .interface = "lo"}, dns),
            "");
  EXPECT_EQ(
      zone_out({.from = "10.1.0.5", .to = "10.96.0.10", .port = 53, .interface = "net1"}, dns), "");
  EXPECT_EQ(zone_out({.from = "10.1.0.5", .to = "192.0.2.1", .port = 443}, dns), "");
  EXPECT_EQ(chain_called(rules_with({}), "zones_out"), nullptr);
}

// ---- tproxy ----

std::string came_transparently(const Packet& packet, Arguments arguments = {}) {
  arguments.mode = "tproxy";
  const bool v4 = IpAddress::parse(packet.to)->is_v4();
  return judged(rules_with(arguments, v4 ? Family::kV4 : Family::kV6), "transparent_in", packet);
}

TEST(RedirectRules, TransparentlyItComesInAsItIsUnderTheSameLists) {
  const Packet call{.from = "10.1.0.9", .to = "10.1.0.5", .port = 8080};
  EXPECT_EQ(came_transparently(call), "tproxy15006");
  EXPECT_EQ(came_transparently({.from = "fd00::9", .to = "fd00::5", .port = 8080}), "tproxy15006");
  EXPECT_EQ(came_transparently({.from = "10.1.0.9", .to = "10.1.0.5", .port = 15020}), "");
  EXPECT_EQ(came_transparently(call, {.include_inbound_ports = "80"}), "");
  EXPECT_EQ(came_transparently(call, {.exclude_inbound_ports = "8080"}), "");
  EXPECT_EQ(came_transparently(call, {.exclude_inbound_cidrs = "10.1.0.0/24"}), "");
  EXPECT_EQ(came_transparently(call, {.exclude_interfaces = "eth0"}), "");
  Packet answer = call;
  answer.is_answer = true;
  EXPECT_EQ(came_transparently(answer), "") << "to what the pod itself has begun";
  EXPECT_EQ(chain_called(rules_with({.mode = "tproxy"}), "prerouting"), nullptr)
      << "what is taken as it is must not be translated as well";
}

TEST(RedirectRules, TransparentlyACallToItselfStillPassesEachSideOnce) {
  const Arguments tproxy{.mode = "tproxy"};
  EXPECT_EQ(sent({.from = "10.1.0.5", .to = "10.1.0.5", .interface = "lo"}, tproxy), "15001");
  const Packet home = by_sidecar({.from = "10.1.0.5", .to = "10.1.0.5", .interface = "lo"});
  EXPECT_EQ(sent(home, tproxy), "15006");
  EXPECT_EQ(came_transparently(home), "") << "it has its way already";
}

TEST(RedirectRules, TheSidecarCallsTheAppFromTheCallersAddressAndTheAnswerComesBack) {
  const Arguments tproxy{.mode = "tproxy"};
  Packet delivery = by_sidecar({.from = "10.1.0.9", .to = "10.1.0.5", .interface = "lo"});
  EXPECT_EQ(sent(delivery, tproxy), "15006") << "without the mark it were a call to itself";
  delivery.mark = pod::kTransparentMark;
  EXPECT_EQ(sent(delivery, tproxy), "");
  const Ruleset rules = rules_with(tproxy);
  EXPECT_EQ(judged(rules, "transparent_out", delivery), "connection15006");
  Packet somebodys = delivery;
  somebodys.uid = 1000;
  EXPECT_EQ(judged(rules, "transparent_out", somebodys), "") << "the mark alone is not enough";
  Packet answer{.from = "10.1.0.5", .to = "10.1.0.9", .connection_mark = pod::kTransparentMark};
  EXPECT_EQ(judged(rules, "transparent_out", answer), "") << "what goes to the app";
  answer.is_answer = true;
  EXPECT_EQ(judged(rules, "transparent_out", answer), "mark15006");
  answer.connection_mark = 0;
  EXPECT_EQ(judged(rules, "transparent_out", answer), "") << "other connections of the app";
}

TEST(RedirectRules, InvalidPacketsAreDroppedOnlyWhenToldTo) {
  const Packet odd{.from = "10.1.0.9", .to = "10.1.0.5", .invalid = true};
  EXPECT_EQ(judged(rules_with({.drop_invalid = true}), "invalid", odd), "drop");
  Packet udp = odd;
  udp.protocol = Protocol::kUdp;
  EXPECT_EQ(judged(rules_with({.drop_invalid = true}), "invalid", udp), "");
  EXPECT_EQ(chain_called(rules_with({}), "invalid"), nullptr);
}

}  // namespace
}  // namespace weft::redirect
