#pragma once
// Rules: what shall hold in a pod's network namespace, as one model that every printer writes out
// in its tool's language. Pure; the same options always give the same rules in the same order.
//
// Netfilter asks the nat chains about the first packet of a connection only. What a rule sends
// "to a port" goes to that port of this pod (to loopback, when the pod itself was the sender), and
// the sidecar asks the kernel where it was going (net/original_dst). "The sidecar" is a sender
// whose user AND group are the sidecar's: an app that shares one of them by accident is meshed like
// any other.
//
//   prerouting: what comes from outside. Excluded interfaces and callers are left alone; TCP goes
//               to `inbound`.
//   transparent_in (in place of prerouting, with --mode tproxy): the same, but what is captured
//   goes
//               to the listener on 15006 as it is, by TPROXY. Nothing is translated, so the address
//               and the port of the caller and of the pod are the connection's own. What comes over
//               lo was sent by the pod itself and is not for here, nor is what answers its calls.
//   transparent_out (with --mode tproxy): the sidecar calls the app from the caller's address, on
//               connections with a mark of their own. Answers to them get the same mark, by which
//               policy_routing.h leads them back into the pod.
//   inbound:    15000 and 15020 are never captured (admin pages would be served to the world as
//               "the app"; the kubelet asks 15020 in the clear), nor are excluded ports; the rest,
//               or the included ports, goes to 15006.
//   output:     what the pod sends, first match first:
//     1. excluded interfaces are left alone, and with --mode tproxy the sidecar's marked
//     connections
//        to the app;
//     2. the sidecar, over lo, from pod_contract's delivery source (127.0.0.6, ::6): it delivers to
//        the app under the pod's own address, and has bound that source to say so;
//     3. the sidecar, over lo, to an address that is not loopback: it calls its own pod, because
//        the app called itself through a Service or by address. It goes to `inbound`, as the same
//        call from another pod would, so both ends of its mTLS are there: through each side once;
//     4. everything else of the sidecar is left alone: what it sends out, and its delivery to
//        127.0.0.1. Captured again it would loop;
//     5. loopback addresses are private to the pod and left alone, whoever asks;
//     6. with --dns: UDP and TCP port 53 to 15053, whatever server was meant;
//     7. excluded ports, then excluded ranges are left alone;
//     8. TCP, or TCP to included ranges, goes to 15001. That is also the app that calls its own
//        pod's address; rule 3 brings it home.
//   zones_out, zones_in (with --dns): a query of the sidecar may leave from a port that an app's
//               query used half a minute ago. In one conntrack zone it would be taken for that
//               flow and be sent to 15053 itself; so the sidecar's queries have zone 1, captured
//               ones zone 2.
//   invalid (with --drop-invalid): a packet that conntrack cannot place is not translated back. It
//               would reach the pod's own stack, which answers RST and kills a good connection.
//
// UDP but for DNS (QUIC among it), and all other protocols, are never touched.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/redirect/options.h"

namespace weft::redirect {

enum class Family : std::uint8_t { kV4, kV6 };
enum class Protocol : std::uint8_t { kTcp, kUdp };

// Where the kernel asks a chain; kNone: only other chains do.
enum class Hook : std::uint8_t {
  kNone,
  kRawPrerouting,
  kRawOutput,
  kManglePrerouting,
  kMangleOutput,  // changed marks are routed anew
  kNatPrerouting,
  kNatOutput,
};

// What a packet must be: everything that is set. Ports belong to `protocol`.
struct Match {
  std::string in_interface;
  std::string out_interface;
  std::optional<Protocol> protocol;
  std::optional<std::uint16_t> source_port;
  std::optional<PortRange> destination_ports;
  std::uint32_t mark = 0;             // of the packet; 0: any
  std::uint32_t connection_mark = 0;  // of its connection; 0: any
  bool is_answer = false;             // it goes to who began the connection
  bool from_sidecar = false;
  bool invalid = false;  // conntrack cannot place it
  std::optional<Cidr> source;
  std::optional<Cidr> destination;
  bool destination_is_not = false;  // anything but `destination`
};

enum class Verdict : std::uint8_t {
  kReturn,  // leave alone; in a called chain: go on after the call
  kDrop,
  kRedirect,        // to port `number` of this pod
  kTproxy,          // to the socket that listens on port `number` for all addresses
  kMark,            // the packet, with `number`; the next rule is asked as well
  kMarkConnection,  // its connection, likewise
  kZone,            // conntrack zone `number`; the next rule is asked as well
  kCall,            // of `chain`
};

struct Rule {
  Match match;
  Verdict verdict = Verdict::kReturn;
  std::uint16_t number = 0;
  std::string chain;
  std::string_view why;  // for readers of the printed rules
};

struct Chain {
  std::string_view name;
  Hook hook = Hook::kNone;
  std::vector<Rule> rules;
};

struct Ruleset {
  Family family = Family::kV4;
  std::uint32_t uid = 0;  // the sidecar's
  std::uint32_t gid = 0;
  std::vector<Chain> chains;  // called ones before their callers; none: nothing of ours shall hold
};

inline constexpr std::uint16_t kZoneOfSidecar = 1;
inline constexpr std::uint16_t kZoneOfCaptured = 2;

[[nodiscard]] Ruleset rules_for(const Options& options, Family family);
[[nodiscard]] inline Ruleset no_rules(Family family) { return {.family = family}; }

[[nodiscard]] std::string_view name_of(Family family);  // "IPv4", "IPv6"

}  // namespace weft::redirect
