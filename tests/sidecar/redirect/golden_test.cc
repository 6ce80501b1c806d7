// Both printers, word for word: golden/NAME.nft, golden/NAME.v4 and NAME.v6. With WEFT_GOLDEN=write
// the files are written anew; look at the difference.

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/redirect/iptables_state.h"
#include "sidecar/redirect/print_nft.h"
#include "tests/support/tree_file.h"

namespace weft::redirect {
namespace {

struct OptionSet {
  std::string name;
  Arguments arguments;
};

const std::vector<OptionSet>& option_sets() {
  static const std::vector<OptionSet> sets = {
      {"defaults", {}},
      {"inbound-include", {.include_inbound_ports = "80,8000-8010"}},
      {"inbound-exclude", {.exclude_inbound_ports = "22,9100-9110"}},
      {"inbound-callers", {.exclude_inbound_cidrs = "192.0.2.0/24,2001:db8:1::/48"}},
      {"inbound-both", {.include_inbound_ports = "1-1024", .exclude_inbound_ports = "22"}},
      {"outbound-ports", {.exclude_outbound_ports = "25,3306,6379-6380"}},
      {"outbound-include-cidrs", {.include_outbound_cidrs = "10.0.0.0/8,fd00::/8,192.0.2.7"}},
      {"outbound-exclude-cidrs", {.exclude_outbound_cidrs = "169.254.169.254,2001:db8::/32"}},
      {"outbound-v4-only", {.include_outbound_cidrs = "10.0.0.0/8"}},
      {"interfaces", {.exclude_interfaces = "net1,eth0.100"}},
      {"dns", {.dns = true}},
      {"dns-interfaces", {.exclude_interfaces = "net1", .dns = true}},
      {"drop-invalid", {.drop_invalid = true}},
      {"tproxy", {.mode = "tproxy"}},
      {"tproxy-lists",
       {.mode = "tproxy",
        .include_inbound_ports = "80,8000-8010",
        .exclude_inbound_ports = "8005",
        .exclude_inbound_cidrs = "192.0.2.0/24,2001:db8::/32",
        .exclude_interfaces = "net1",
        .drop_invalid = true}},
      {"other-ids", {.uid = "1337", .gid = "4294967294"}},
      {"everything",
       {.include_inbound_ports = "80,443,8000-9000",
        .exclude_inbound_ports = "8443",
        .exclude_inbound_cidrs = "192.0.2.7,2001:db8::7",
        .exclude_outbound_ports = "25",
        .include_outbound_cidrs = "10.0.0.0/8,fd00::/8",
        .exclude_outbound_cidrs = "10.9.0.0/16,fd00:9::/32",
        .exclude_interfaces = "net1",
        .dns = true,
        .drop_invalid = true}},
  };
  return sets;
}

void expect_golden_rules(const std::string& name, const std::string& text) {
  weft::testing::expect_in_tree("tests/sidecar/redirect/golden/" + name, text);
}

TEST(RedirectGolden, BothPrintersSayWhatTheFilesSay) {
  for (const OptionSet& set : option_sets()) {
    const Result<Options> options = parse_options(set.arguments);
    ASSERT_TRUE(options) << set.name << ": " << options.error().detail;
    const Ruleset v4 = rules_for(*options, Family::kV4);
    const Ruleset v6 = rules_for(*options, Family::kV6);
    expect_golden_rules(set.name + ".nft", print_nft({v4, v6}));
    expect_golden_rules(set.name + ".v4", print_iptables({}, iptables_state(v4)));
    expect_golden_rules(set.name + ".v6", print_iptables({}, iptables_state(v6)));
  }
}

// What each printer prints, the parser of what its tool says reads as the same.
TEST(RedirectGolden, WhatIsPrintedReadsBackAsWhatWasMeant) {
  for (const OptionSet& set : option_sets()) {
    const Result<Options> options = parse_options(set.arguments);
    ASSERT_TRUE(options) << set.name;
    for (const Family family : {Family::kV4, Family::kV6}) {
      const Ruleset rules = rules_for(*options, family);
      EXPECT_EQ(parse_nft_table(print_nft({rules})).size(), rules.chains.size() + 1)
          << "a line outside of chains: the deletion of the table";
      NftTable read = parse_nft_table(print_nft({rules}));
      read.erase("(outside of chains)");
      EXPECT_EQ(read, nft_table(rules)) << set.name;
    }
  }
}

}  // namespace
}  // namespace weft::redirect
