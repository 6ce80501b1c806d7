// Redirection: which tool does it, that twice is once, that nothing stays, and what the people are
// told when the kernel refuses.

#include "sidecar/redirect/redirection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "sidecar/redirect/iptables_state.h"
#include "tests/sidecar/redirect/fake_tools.h"

namespace weft::redirect {
namespace {

using testing::FakeTools;

class FakeLoopback final : public Loopback {
 public:
  bool has_ipv6() override { return ipv6; }
  bool holds_delivery_source() override { return there; }
  Status set_delivery_source(bool shall) override {
    there = shall;
    return {};
  }
  bool ipv6 = true;
  bool there = false;
};

class FakeRouting final : public PolicyRouting {
 public:
  Result<There> look(Family family) override { return there[family == Family::kV6]; }
  Status set(Family family, bool shall) override {
    there[family == Family::kV6] = shall ? There::kAll : There::kNothing;
    return {};
  }
  There there[2] = {There::kNothing, There::kNothing};
};

Options redirection_options(const Arguments& arguments) {
  const Result<Options> options = parse_options(arguments);
  EXPECT_TRUE(options) << (options ? "" : options.error().detail);
  return options.value_or(Options());
}

std::string said(const Result<std::string>& result) {
  return result ? *result : "error: " + result.error().detail;
}

std::string said(const Result<std::vector<std::string>>& result) {
  if (!result) return "error: " + result.error().detail;
  std::string out;
  for (const std::string& line : *result) out += line + "\n";
  return out;
}

TEST(Redirection, NftIsTakenFirstAndBothFamiliesAreOneLoad) {
  FakeTools tools;
  tools.install_nft();
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.apply(redirection_options({}))), "applied by nft for IPv4 and IPv6");
  EXPECT_EQ(tools.nft_tables().size(), 2U);
  EXPECT_EQ(std::ranges::count(tools.log, "nft -f -"), 1);
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "");
}

TEST(Redirection, WithoutNftIptablesDoesIt) {
  FakeTools tools;
  tools.install_iptables("-legacy");
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.apply(redirection_options({}))),
            "applied by iptables-nft for IPv4 and IPv6");
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "");
}

TEST(Redirection, AVariantOfIptablesCanBeNamed) {
  FakeTools tools;
  tools.install_nft();
  tools.install_iptables("-legacy");
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.apply(redirection_options({.loader = "iptables-legacy"}))),
            "applied by iptables-legacy for IPv4 and IPv6");
  EXPECT_EQ(said(redirection.apply(redirection_options({.loader = "iptables"}))),
            "applied by iptables-nft for IPv4 and IPv6; what iptables-legacy had is removed");
}

TEST(Redirection, TheNameIptablesIsTakenWhereItIsTheOnlyOne) {
  FakeTools tools;
  tools.install_iptables("");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, false);
  EXPECT_EQ(said(redirection.apply(redirection_options({.loader = "iptables"}))),
            "applied by iptables for IPv4; IPv6 left out: the kernel has none");
}

TEST(Redirection, NoToolIsAnErrorThatNamesThemAll) {
  FakeTools tools;
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  const std::string everything =
      "error: no tool can load rules here:\n  nft is not installed\n"
      "  iptables-save is not installed";
  EXPECT_EQ(said(redirection.apply(redirection_options({}))), everything);
  EXPECT_EQ(said(redirection.remove()), everything);
  EXPECT_EQ(said(redirection.apply(redirection_options({.loader = "nft"}))),
            "error: no tool can load rules here:\n  nft is not installed");
}

TEST(Redirection, Ipv6IsLeftOutWhereThereIsNoneUnlessItWasDemanded) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, false);
  EXPECT_EQ(said(redirection.apply(redirection_options({.ipv6 = "on"}))),
            "error: --ipv6: the kernel has no IPv6");
  EXPECT_TRUE(tools.nft_tables().empty());
  EXPECT_EQ(said(redirection.apply(redirection_options({}))),
            "applied by nft for IPv4; IPv6 left out: the kernel has none");
  EXPECT_EQ(tools.nft_tables().size(), 1U);
}

TEST(Redirection, Ipv6SwitchedOffTakesItsRulesAway) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  (void)redirection.apply(redirection_options({}));
  EXPECT_EQ(said(redirection.apply(redirection_options({.ipv6 = "off"}))),
            "applied by nft for IPv4; IPv6 left out, as told");
  EXPECT_FALSE(tools.nft_tables().contains("ip6 weft"));
  EXPECT_EQ(said(redirection.check(redirection_options({.ipv6 = "off"}))), "");
  EXPECT_EQ(said(redirection.check(redirection_options({}))),
            "ip6 weft: the table is missing\nlo: missing: ::6\n");
}

TEST(Redirection, TwiceIsOnce) {
  FakeTools tools;
  tools.install_iptables("-nft");
  tools.add_rule("iptables-nft", "nat", "PREROUTING -j THEIRS");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  const Options options = redirection_options({.dns = true, .drop_invalid = true});
  (void)redirection.apply(options);
  const std::string once = tools.saved("iptables-nft");
  EXPECT_EQ(said(redirection.apply(options)), "applied by iptables-nft for IPv4 and IPv6");
  EXPECT_EQ(tools.saved("iptables-nft"), once);
  EXPECT_NE(once.find("-A PREROUTING -j WEFT_PREROUTING\n-A PREROUTING -j THEIRS\n"),
            std::string::npos)
      << once;
}

TEST(Redirection, OtherOptionsReplaceTheFormerRules) {
  FakeTools tools;
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  (void)redirection.apply(redirection_options({.dns = true, .drop_invalid = true}));
  (void)redirection.apply(redirection_options({.exclude_inbound_ports = "22"}));
  EXPECT_EQ(said(redirection.check(redirection_options({.exclude_inbound_ports = "22"}))), "");
  EXPECT_EQ(tools.saved("iptables-nft").find("ZONE"), std::string::npos);
}

TEST(Redirection, RemoveLeavesNothingButWhatIsOthers) {
  FakeTools tools;
  tools.install_nft();
  tools.install_iptables("-nft");
  tools.install_iptables("-legacy");
  tools.add_rule("iptables-legacy", "nat", "PREROUTING -j THEIRS");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  (void)redirection.apply(redirection_options({.dns = true, .loader = "nft"}));
  // Half of an earlier try: a chain nobody calls, a call twice, a chain of another version.
  tools.add_rule("iptables-legacy", "nat", "WEFT_OUTPUT -p tcp -j REDIRECT --to-ports 15001");
  tools.add_rule("iptables-legacy", "nat", "PREROUTING -j WEFT_OLD");
  tools.add_rule("iptables-legacy", "nat", "PREROUTING -j WEFT_OLD");
  tools.add_rule("iptables-legacy", "nat", "WEFT_OLD");
  EXPECT_EQ(said(redirection.remove()), "removed by nft and iptables-legacy");
  EXPECT_TRUE(tools.nft_tables().empty());
  EXPECT_EQ(tools.saved("iptables-legacy"),
            "# Generated\n*nat\n:PREROUTING - [0:0]\n-A PREROUTING -j THEIRS\nCOMMIT\n");
  EXPECT_EQ(said(redirection.remove()), "nothing of ours was there");
}

TEST(Redirection, ApplyTakesAwayWhatAnotherToolHadPutThere) {
  FakeTools tools;
  tools.install_iptables("-legacy");
  {
    FakeLoopback lo;
    FakeRouting routing;
    Redirection earlier(tools, lo, routing, true);
    (void)earlier.apply(redirection_options({}));
  }
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.apply(redirection_options({}))),
            "applied by nft for IPv4 and IPv6; what iptables-legacy had is removed");
  EXPECT_EQ(tools.saved("iptables-legacy").find("WEFT"), std::string::npos);
}

TEST(Redirection, ALoadThatTheKernelRefusesChangesNothing) {
  FakeTools tools;
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  (void)redirection.apply(redirection_options({}));
  tools.refuse("-d fd00::/8");  // in the second family, when the first is loaded already
  EXPECT_EQ(said(redirection.apply(redirection_options(
                {.exclude_outbound_cidrs = "10.0.0.0/8,fd00::/8", .dns = true}))),
            "error: ip6tables-nft-restore: the kernel has no -d fd00::/8");
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "");
  EXPECT_EQ(tools.saved("iptables-nft").find("10.0.0.0/8"), std::string::npos);
}

TEST(Redirection, CheckSaysWhatDiffers) {
  FakeTools tools;
  tools.install_iptables("-nft");
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "no rules of ours are there\n");
  (void)redirection.apply(redirection_options({.exclude_inbound_ports = "22"}));
  tools.add_rule("iptables-nft", "nat", "WEFT_OUTPUT -j ACCEPT");
  tools.add_rule("iptables-nft", "nat", "OUTPUT -j WEFT_OUTPUT");
  EXPECT_EQ(said(redirection.check(redirection_options({.ipv6 = "off"}))),
            "IPv4 nat WEFT_INBOUND: not ours: -p tcp -m tcp --dport 22 -j RETURN\n"
            "IPv4 nat WEFT_OUTPUT: not ours: -j ACCEPT\n"
            "IPv4 nat calls: not ours: OUTPUT -j WEFT_OUTPUT\n"
            "IPv6 nat WEFT_INBOUND: not ours\n"
            "IPv6 nat WEFT_OUTPUT: not ours\n"
            "IPv6 nat WEFT_PREROUTING: not ours\n"
            "IPv6 nat calls: not ours: OUTPUT -j WEFT_OUTPUT\n"
            "IPv6 nat calls: not ours: PREROUTING -j WEFT_PREROUTING\n");
}

TEST(Redirection, CheckFindsARuleThatSomebodyTookAway) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, false);
  (void)redirection.apply(redirection_options({}));
  EXPECT_EQ(said(redirection.check(redirection_options({.dns = true}))),
            "ip weft output: missing: udp dport 53 redirect to :15053\n"
            "ip weft output: missing: tcp dport 53 redirect to :15053\n"
            "ip weft zones_in: the chain is missing\n"
            "ip weft zones_out: the chain is missing\n");
}

TEST(Redirection, TheDeliverySourceIsPutOnLoopbackAndTakenOff) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  (void)redirection.apply(redirection_options({}));
  EXPECT_TRUE(lo.there);
  lo.there = false;
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "lo: missing: ::6\n");
  (void)redirection.apply(redirection_options({}));
  (void)redirection.apply(redirection_options({.ipv6 = "off"}));
  EXPECT_FALSE(lo.there);
  (void)redirection.apply(redirection_options({}));
  (void)redirection.remove();
  EXPECT_FALSE(lo.there);
}

TEST(Redirection, LoopbackWithoutIpv6IsSaidAndNoFailure) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  lo.ipv6 = false;
  Redirection redirection(tools, lo, routing, true);
  EXPECT_EQ(said(redirection.apply(redirection_options({}))),
            "applied by nft for IPv4 and IPv6 (switched off for lo)");
  EXPECT_FALSE(lo.there);
  EXPECT_EQ(said(redirection.check(redirection_options({}))), "");
}

TEST(Redirection, TproxyRoutesMarkedPacketsBackAndLeavesNoTrace) {
  FakeTools tools;
  tools.install_nft();
  FakeLoopback lo;
  FakeRouting routing;
  Redirection redirection(tools, lo, routing, true);
  const Options tproxy = redirection_options({.mode = "tproxy"});
  EXPECT_EQ(said(redirection.apply(tproxy)), "applied by nft for IPv4 and IPv6");
  EXPECT_EQ(routing.there[0], PolicyRouting::There::kAll);
  EXPECT_EQ(routing.there[1], PolicyRouting::There::kAll);
  EXPECT_EQ(said(redirection.check(tproxy)), "");
  routing.there[0] = PolicyRouting::There::kPart;
  EXPECT_EQ(said(redirection.check(tproxy)),
            "IPv4 routing: missing: the table for marked packets, or the rule that leads to it\n");
  EXPECT_NE(said(redirection.check(redirection_options({}))).find("IPv6 routing: not ours"),
            std::string::npos);
  (void)redirection.apply(tproxy);
  EXPECT_EQ(routing.there[0], PolicyRouting::There::kAll);
  (void)redirection.apply(redirection_options({.mode = "tproxy", .ipv6 = "off"}));
  EXPECT_EQ(routing.there[1], PolicyRouting::There::kNothing);
  (void)redirection.apply(redirection_options({}));
  EXPECT_EQ(routing.there[0], PolicyRouting::There::kNothing) << "the other mode needs none";
  (void)redirection.apply(tproxy);
  EXPECT_EQ(said(redirection.remove()), "removed by nft");
  EXPECT_EQ(routing.there[0], PolicyRouting::There::kNothing);
  EXPECT_EQ(routing.there[1], PolicyRouting::There::kNothing);
  routing.there[0] = PolicyRouting::There::kPart;
  EXPECT_EQ(said(redirection.remove()), "the routing of marked packets is removed");
}

TEST(IptablesSave, TheRulesOfOthersAreNotRead) {
  const Result<IptablesState> state = parse_iptables_save(
      "# Generated by iptables-save\n*nat\n:PREROUTING ACCEPT [1:60]\n:THEIRS - [0:0]\n"
      ":WEFT_OUTPUT - [0:0]\n-A PREROUTING -p tcp -j THEIRS\n-A OUTPUT -j WEFT_OUTPUT\n"
      "-A WEFT_OUTPUT -p tcp -j REDIRECT --to-ports 15001\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n"
      "-A INPUT -i lo -j ACCEPT\nCOMMIT\n# Completed\n");
  ASSERT_TRUE(state);
  ASSERT_EQ(state->size(), 1U);
  EXPECT_EQ(state->at("nat").calls, std::vector<std::string>{"OUTPUT -j WEFT_OUTPUT"});
  EXPECT_EQ(state->at("nat").chains.at("WEFT_OUTPUT").front().text,
            "-p tcp -j REDIRECT --to-ports 15001");
}

TEST(IptablesSave, NonsenseIsRefused) {
  for (const char* text : {"hello\n", "-A OUTPUT -j WEFT_OUTPUT\n", "*nat\nhello\n"}) {
    EXPECT_FALSE(parse_iptables_save(text)) << text;
  }
}

}  // namespace
}  // namespace weft::redirect
