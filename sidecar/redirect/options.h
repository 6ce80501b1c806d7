#pragma once
// Options: which of a pod's traffic the kernel shall bring to its sidecar, and the parser of the
// command line's words for it.
//
// The words come from an annotation of somebody's pod and end up in a script that root loads: each
// is parsed to a number, an address or a checked name, and nothing is ever passed on as text. Lists
// are sorted, overlaps are joined, so that the same wish always gives the same rules. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/result.h"

namespace weft::redirect {

// As written. A list has commas between; "*" stands for all.
struct Arguments {
  std::string mode = "redirect";
  std::string include_inbound_ports = "*";
  std::string exclude_inbound_ports;
  std::string exclude_inbound_cidrs;
  std::string exclude_outbound_ports;
  std::string include_outbound_cidrs = "*";
  std::string exclude_outbound_cidrs;
  std::string exclude_interfaces;
  bool dns = false;
  std::string ipv6 = "auto";
  std::string loader = "auto";
  bool drop_invalid = false;
  std::string uid = std::to_string(pod::kUid);
  std::string gid = std::to_string(pod::kGid);
};

struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  auto operator<=>(const PortRange&) const = default;
};

// kTproxy: connections from outside come to the sidecar as they are (TPROXY), and the app may be
// called from their callers' addresses. What the pod sends is redirected as in kRedirect.
enum class Mode : std::uint8_t { kRedirect, kTproxy };
enum class Ipv6 : std::uint8_t { kAuto, kOn, kOff };  // kAuto: where the kernel has it
// kIptables: whichever of the two there is, or what the system calls iptables.
enum class Loader : std::uint8_t { kAuto, kNft, kIptables, kIptablesNft, kIptablesLegacy };

struct Options {
  static constexpr std::size_t kPortsMax = 64;  // numbers and ranges in one list, as written
  static constexpr std::size_t kCidrsMax = 64;
  static constexpr std::size_t kInterfacesMax = 16;

  Mode mode = Mode::kRedirect;
  std::optional<std::vector<PortRange>> include_inbound_ports;  // nothing: all
  std::vector<PortRange> exclude_inbound_ports;                 // wins over the include list
  std::vector<Cidr> exclude_inbound_cidrs;                      // whose calls are left alone
  std::vector<PortRange> exclude_outbound_ports;
  std::optional<std::vector<Cidr>> include_outbound_cidrs;  // nothing: all
  std::vector<Cidr> exclude_outbound_cidrs;                 // wins over the include list
  std::vector<std::string> exclude_interfaces;              // both directions
  bool dns = false;           // UDP and TCP port 53 of everybody but the sidecar
  bool drop_invalid = false;  // what conntrack cannot place, see rules.h
  Ipv6 ipv6 = Ipv6::kAuto;
  Loader loader = Loader::kAuto;
  std::uint32_t uid = pod::kUid;  // of the sidecar
  std::uint32_t gid = pod::kGid;
};

// kInvalid: every mistake on a line of its own, each beginning with the flag.
[[nodiscard]] Result<Options> parse_options(const Arguments& arguments);

}  // namespace weft::redirect
