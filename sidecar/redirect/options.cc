#include "sidecar/redirect/options.h"

#include <net/if.h>

#include <algorithm>
#include <limits>
#include <string_view>

#include "sidecar/core/strings.h"

namespace weft::redirect {

namespace {

constexpr std::uint16_t kDnsQuestions = 53;

// Gathers the mistakes of all flags, so that one run shows them all.
class Mistakes {
 public:
  void add(std::string_view flag, const std::string& what) {
    if (!text_.empty()) text_ += '\n';
    text_ += std::string(flag) + ": " + what;
  }
  [[nodiscard]] bool none() const { return text_.empty(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string quoted(std::string_view text) { return "'" + escape(text, 64) + "'"; }

// The items of a list; none for an empty text. An empty item is a mistake: "80,,90" was meant to be
// something else.
std::vector<std::string_view> items_of(std::string_view flag, std::string_view text,
                                       std::size_t items_max, Mistakes& mistakes) {
  if (trim(text).empty()) return {};
  std::vector<std::string_view> items = split(text, ',');
  if (items.size() > items_max) {
    mistakes.add(flag, std::to_string(items.size()) + " items are too many, at most " +
                           std::to_string(items_max));
    return {};
  }
  for (const std::string_view item : items) {
    if (item.empty()) {
      mistakes.add(flag, "an empty item in " + quoted(text));
      return {};
    }
  }
  return items;
}

std::optional<std::uint16_t> port_in(std::string_view text) {
  const std::optional<std::uint64_t> number = parse_u64(text);
  if (!number || *number < 1 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

std::optional<PortRange> range_in(std::string_view item) {
  const std::size_t dash = item.find('-');
  const std::optional<std::uint16_t> first = port_in(trim(item.substr(0, dash)));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return PortRange{*first, *first};
  const std::optional<std::uint16_t> last = port_in(trim(item.substr(dash + 1)));
  if (!last || *last < *first) return std::nullopt;
  return PortRange{*first, *last};
}

// Sorted, and what overlaps or touches joined.
std::vector<PortRange> joined_ranges(std::vector<PortRange> ranges) {
  std::ranges::sort(ranges);
  std::vector<PortRange> out;
  for (const PortRange& range : ranges) {
    if (!out.empty() && std::uint32_t{range.first} <= std::uint32_t{out.back().last} + 1) {
      out.back().last = std::max(out.back().last, range.last);
    } else {
      out.push_back(range);
    }
  }
  return out;
}

std::vector<PortRange> ports_of(std::string_view flag, std::string_view text, Mistakes& mistakes) {
  std::vector<PortRange> ranges;
  for (const std::string_view item : items_of(flag, text, Options::kPortsMax, mistakes)) {
    if (const std::optional<PortRange> range = range_in(item)) {
      ranges.push_back(*range);
    } else {
      mistakes.add(flag, quoted(item) + " is no port (1-65535) and no range of them (8000-8010)");
    }
  }
  return joined_ranges(std::move(ranges));
}

// Sorted, without those that lie in another one.
std::vector<Cidr> joined_cidrs(std::vector<Cidr> cidrs) {
  std::ranges::sort(cidrs);
  std::vector<Cidr> out;
  for (const Cidr& cidr : cidrs) {
    const bool covered = std::ranges::any_of(cidrs, [&cidr](const Cidr& other) {
      return other.length < cidr.length && other.contains(cidr.prefix);
    });
    if (!covered && (out.empty() || out.back() != cidr)) out.push_back(cidr);
  }
  return out;
}

std::vector<Cidr> cidrs_of(std::string_view flag, std::string_view text, Mistakes& mistakes) {
  std::vector<Cidr> cidrs;
  for (const std::string_view item : items_of(flag, text, Options::kCidrsMax, mistakes)) {
    const Result<Cidr> cidr = Cidr::parse(item);
    if (!cidr) {
      mistakes.add(flag, quoted(item) + " is no address and no range of them (10.0.0.0/8)");
    } else if (cidr->prefix.is_v4() != cidr->prefix.unmapped().is_v4()) {
      mistakes.add(flag, quoted(item) + " is IPv4 written as IPv6, which no packet carries");
    } else {
      cidrs.push_back(*cidr);
    }
  }
  return joined_cidrs(std::move(cidrs));
}

// Fewer characters than the kernel takes: a name becomes part of a script, and '+' and '*' mean
// "whatever follows" to the tools.
bool is_interface_name(std::string_view name) {
  if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@';
  });
}

std::vector<std::string> interfaces_of(std::string_view flag, std::string_view text,
                                       Mistakes& mistakes) {
  std::vector<std::string> names;
  for (const std::string_view item : items_of(flag, text, Options::kInterfacesMax, mistakes)) {
    if (!is_interface_name(item)) {
      mistakes.add(flag, quoted(item) + " is no interface name");
    } else if (item == "lo") {
      mistakes.add(flag, "lo is the way between the sidecar and the app");
    } else {
      names.emplace_back(item);
    }
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::uint32_t id_of(std::string_view flag, std::string_view text, Mistakes& mistakes) {
  constexpr std::uint64_t kIdMax = std::numeric_limits<std::uint32_t>::max() - 1;  // -1: nobody
  const std::optional<std::uint64_t> id = parse_u64(text);
  if (!id || *id > kIdMax) {
    mistakes.add(flag, quoted(text) + " is no id (1-" + std::to_string(kIdMax) + ")");
    return 0;
  }
  if (*id == 0) mistakes.add(flag, "0 is root, whose traffic is not the sidecar's");
  return static_cast<std::uint32_t>(*id);
}

template <typename T>
T choice_of(std::string_view flag, std::string_view text,
            const std::vector<std::pair<std::string_view, T>>& choices, Mistakes& mistakes) {
  std::string names;
  for (const auto& [name, value] : choices) {
    if (text == name) return value;
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  mistakes.add(flag, quoted(text) + " is none of: " + names);
  return choices.front().second;
}

bool holds_port(const std::vector<PortRange>& ranges, std::uint16_t port) {
  return std::ranges::any_of(
      ranges, [port](const PortRange& range) { return range.first <= port && port <= range.last; });
}

}  // namespace

Result<Options> parse_options(const Arguments& in) {
  Mistakes mistakes;
  Options out;
  out.mode = choice_of<Mode>("--mode", in.mode,
                             {{"redirect", Mode::kRedirect}, {"tproxy", Mode::kTproxy}}, mistakes);
  if (trim(in.include_inbound_ports).empty()) {
    mistakes.add("--include-inbound-ports", "is empty; * stands for all");
  } else if (trim(in.include_inbound_ports) != "*") {
    out.include_inbound_ports =
        ports_of("--include-inbound-ports", in.include_inbound_ports, mistakes);
  }
  out.exclude_inbound_ports =
      ports_of("--exclude-inbound-ports", in.exclude_inbound_ports, mistakes);
  out.exclude_inbound_cidrs =
      cidrs_of("--exclude-inbound-cidrs", in.exclude_inbound_cidrs, mistakes);
  out.exclude_outbound_ports =
      ports_of("--exclude-outbound-ports", in.exclude_outbound_ports, mistakes);
  if (trim(in.include_outbound_cidrs).empty()) {
    mistakes.add("--include-outbound-cidrs", "is empty; * stands for all");
  } else if (trim(in.include_outbound_cidrs) != "*") {
    out.include_outbound_cidrs =
        cidrs_of("--include-outbound-cidrs", in.include_outbound_cidrs, mistakes);
  }
  out.exclude_outbound_cidrs =
      cidrs_of("--exclude-outbound-cidrs", in.exclude_outbound_cidrs, mistakes);
  out.exclude_interfaces = interfaces_of("--exclude-interfaces", in.exclude_interfaces, mistakes);
  out.dns = in.dns;
  out.drop_invalid = in.drop_invalid;
  out.ipv6 = choice_of<Ipv6>(
      "--ipv6", in.ipv6, {{"auto", Ipv6::kAuto}, {"on", Ipv6::kOn}, {"off", Ipv6::kOff}}, mistakes);
  out.loader = choice_of<Loader>("--loader", in.loader,
                                 {{"auto", Loader::kAuto},
                                  {"nft", Loader::kNft},
                                  {"iptables", Loader::kIptables},
                                  {"iptables-nft", Loader::kIptablesNft},
                                  {"iptables-legacy", Loader::kIptablesLegacy}},
                                 mistakes);
  out.uid = id_of("--uid", in.uid, mistakes);
  out.gid = id_of("--gid", in.gid, mistakes);
  if (out.dns && holds_port(out.exclude_outbound_ports, kDnsQuestions)) {
    mistakes.add("--exclude-outbound-ports", "holds 53, which --dns captures");
  }
  if (!mistakes.none()) return fail(Fault::kInvalid, mistakes.text());
  return out;
}

}  // namespace weft::redirect
