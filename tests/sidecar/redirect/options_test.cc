// Every flag of `weft-sidecar redirect`: what it takes, and what it says to a mistake.

#include "sidecar/redirect/options.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::redirect {
namespace {

std::string mistakes_in(const Arguments& arguments) {
  const Result<Options> options = parse_options(arguments);
  return options ? "" : options.error().detail;
}

Options options_from(const Arguments& arguments) {
  const Result<Options> options = parse_options(arguments);
  EXPECT_TRUE(options) << (options ? "" : options.error().detail);
  return options.value_or(Options());
}

std::string ports_in(const std::vector<PortRange>& ranges) {
  std::string out;
  for (const PortRange& range : ranges) {
    out += std::to_string(range.first) + "-" + std::to_string(range.last) + " ";
  }
  return out;
}

std::string cidrs_in(const std::vector<Cidr>& cidrs) {
  std::string out;
  for (const Cidr& cidr : cidrs) out += cidr.to_string() + " ";
  return out;
}

std::string repeated(const std::string& item, std::size_t times) {
  std::string out = item;
  for (std::size_t i = 1; i < times; ++i) out += "," + item;
  return out;
}

TEST(RedirectOptions, WithoutFlagsEverythingIsCaptured) {
  const Options options = options_from({});
  EXPECT_FALSE(options.include_inbound_ports);
  EXPECT_FALSE(options.include_outbound_cidrs);
  EXPECT_EQ(ports_in(options.exclude_inbound_ports), "");
  EXPECT_EQ(options.uid, 5150U);
  EXPECT_EQ(options.gid, 5150U);
  EXPECT_FALSE(options.dns);
  EXPECT_FALSE(options.drop_invalid);
  EXPECT_EQ(options.ipv6, Ipv6::kAuto);
  EXPECT_EQ(options.loader, Loader::kAuto);
}

TEST(RedirectOptions, PortsAreSortedAndRangesThatTouchAreJoined) {
  const Options options =
      options_from({.include_inbound_ports = "8080, 80,81 ,100-200,150-300,65535",
                    .exclude_inbound_ports = "22",
                    .exclude_outbound_ports = "1-65535,7"});
  EXPECT_EQ(ports_in(*options.include_inbound_ports), "80-81 100-300 8080-8080 65535-65535 ");
  EXPECT_EQ(ports_in(options.exclude_inbound_ports), "22-22 ");
  EXPECT_EQ(ports_in(options.exclude_outbound_ports), "1-65535 ");
}

TEST(RedirectOptions, APortIsANumberFrom1To65535) {
  for (const char* text : {"0", "65536", "-1", "80-", "-80", "90-80", "http", "80;reject", "+80",
                           "0x50", "80 90", "80\nCOMMIT", "1-2-3", "99999999999999999999"}) {
    const std::string said = mistakes_in({.exclude_inbound_ports = text});
    EXPECT_TRUE(said.starts_with("--exclude-inbound-ports: '")) << text << ": " << said;
    EXPECT_NE(said.find("is no port"), std::string::npos) << said;
    EXPECT_EQ(said.find('\n'), std::string::npos) << "a message is one line: " << said;
  }
}

TEST(RedirectOptions, AnEmptyItemIsAMistakeAndSoIsAnEmptyIncludeList) {
  EXPECT_EQ(mistakes_in({.exclude_outbound_ports = "80,,90"}),
            "--exclude-outbound-ports: an empty item in '80,,90'");
  EXPECT_EQ(mistakes_in({.exclude_outbound_ports = "80,"}),
            "--exclude-outbound-ports: an empty item in '80,'");
  EXPECT_EQ(mistakes_in({.include_inbound_ports = ""}),
            "--include-inbound-ports: is empty; * stands for all");
  EXPECT_EQ(mistakes_in({.include_outbound_cidrs = " "}),
            "--include-outbound-cidrs: is empty; * stands for all");
  EXPECT_EQ(mistakes_in({.exclude_outbound_cidrs = ""}), "");
}

TEST(RedirectOptions, ListsHaveAnEnd) {
  EXPECT_EQ(mistakes_in({.exclude_inbound_ports = repeated("80", Options::kPortsMax)}), "");
  EXPECT_EQ(mistakes_in({.exclude_inbound_ports = repeated("80", Options::kPortsMax + 1)}),
            "--exclude-inbound-ports: 65 items are too many, at most 64");
  EXPECT_EQ(mistakes_in({.include_outbound_cidrs = repeated("::/0", Options::kCidrsMax + 1)}),
            "--include-outbound-cidrs: 65 items are too many, at most 64");
  EXPECT_EQ(mistakes_in({.exclude_interfaces = repeated("eth1", Options::kInterfacesMax + 1)}),
            "--exclude-interfaces: 17 items are too many, at most 16");
}

TEST(RedirectOptions, RangesOfAddressesAreOfBothFamiliesAndLoseTheirHostBits) {
  const Options options = options_from(
      {.include_outbound_cidrs = "fd00::1/8,10.1.2.3/8",
       .exclude_outbound_cidrs = "10.9.0.0/16,10.9.8.0/24,10.9.0.0/16,192.0.2.7,2001:db8::5"});
  EXPECT_EQ(cidrs_in(*options.include_outbound_cidrs), "10.0.0.0/8 fd00::/8 ");
  EXPECT_EQ(cidrs_in(options.exclude_outbound_cidrs), "10.9.0.0/16 2001:db8::5/128 192.0.2.7/32 ");
}

TEST(RedirectOptions, ARangeOfAddressesMustBeOne) {
  for (const char* text :
       {"10.0.0.0/33", "10.0.0/8", "fe80::/129", "fe80::1%eth0", "cart.shop", "10.0.0.0/", "/8",
        "10.0.0.0/-1", "10.0.0.0/8 -j ACCEPT", "*,10.0.0.0/8"}) {
    const std::string said = mistakes_in({.exclude_outbound_cidrs = text});
    EXPECT_TRUE(said.starts_with("--exclude-outbound-cidrs: '")) << text << ": " << said;
  }
  EXPECT_EQ(mistakes_in({.exclude_outbound_cidrs = "::ffff:10.0.0.1"}),
            "--exclude-outbound-cidrs: '::ffff:10.0.0.1' is IPv4 written as IPv6, which no packet "
            "carries");
}

TEST(RedirectOptions, AnInterfaceNameIsPlain) {
  EXPECT_EQ(options_from({.exclude_interfaces = "net1,eth0.100,net1"}).exclude_interfaces,
            (std::vector<std::string>{"eth0.100", "net1"}));
  for (const char* text : {"eth+", "eth*", "a/b", "eth0 -j ACCEPT", "\"", "sixteen-letters-", ".",
                           "..", "eth0;", "\xc3\xa4"}) {
    const std::string said = mistakes_in({.exclude_interfaces = text});
    EXPECT_NE(said.find("is no interface name"), std::string::npos) << text << ": " << said;
  }
  EXPECT_EQ(mistakes_in({.exclude_interfaces = "lo"}),
            "--exclude-interfaces: lo is the way between the sidecar and the app");
}

TEST(RedirectOptions, TheSidecarIsNeitherRootNorNobody) {
  EXPECT_EQ(options_from({.uid = "1000", .gid = "2000"}).uid, 1000U);
  EXPECT_EQ(mistakes_in({.uid = "0"}), "--uid: 0 is root, whose traffic is not the sidecar's");
  EXPECT_EQ(mistakes_in({.gid = "4294967295"}), "--gid: '4294967295' is no id (1-4294967294)");
  EXPECT_EQ(mistakes_in({.uid = "weft"}), "--uid: 'weft' is no id (1-4294967294)");
}

TEST(RedirectOptions, ChoicesNameWhatThereIs) {
  EXPECT_EQ(options_from({.ipv6 = "off", .loader = "iptables"}).loader, Loader::kIptables);
  EXPECT_EQ(mistakes_in({.ipv6 = "yes"}), "--ipv6: 'yes' is none of: auto, on, off");
  EXPECT_EQ(mistakes_in({.loader = "ebpf"}),
            "--loader: 'ebpf' is none of: auto, nft, iptables, iptables-nft, iptables-legacy");
  EXPECT_EQ(mistakes_in({.mode = "bridge"}), "--mode: 'bridge' is none of: redirect, tproxy");
  EXPECT_EQ(options_from({}).mode, Mode::kRedirect);
  EXPECT_EQ(options_from({.mode = "tproxy"}).mode, Mode::kTproxy);
}

TEST(RedirectOptions, DnsIsNotCapturedAndExcludedAtOnce) {
  EXPECT_EQ(mistakes_in({.exclude_outbound_ports = "1-1024", .dns = true}),
            "--exclude-outbound-ports: holds 53, which --dns captures");
  EXPECT_EQ(mistakes_in({.exclude_outbound_ports = "1-1024"}), "");
}

TEST(RedirectOptions, AllMistakesAreToldAtOnce) {
  EXPECT_EQ(mistakes_in({.exclude_inbound_ports = "x", .ipv6 = "y", .uid = "z"}),
            "--exclude-inbound-ports: 'x' is no port (1-65535) and no range of them (8000-8010)\n"
            "--ipv6: 'y' is none of: auto, on, off\n"
            "--uid: 'z' is no id (1-4294967294)");
}

}  // namespace
}  // namespace weft::redirect
