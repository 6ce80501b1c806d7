// The table of chains says what asking all of them would, and makes nobody wait for another's sake.
#include "sidecar/proxy/chain_table.h"

#include <gtest/gtest.h>

#include "sidecar/core/random.h"

namespace weft::proxy {
namespace {

config::FilterChain table_chain(std::string name, config::ChainMatch match) {
  config::FilterChain made;
  made.name = std::move(name);
  made.match = std::move(match);
  return made;
}

SocketAddress table_address(const std::string& text) { return SocketAddress::parse(text).value(); }
Cidr table_range(const std::string& text) { return Cidr::parse(text).value(); }

TEST(ChainTable, SaysWhatAskingAllOfThemSays) {
  const char* const kRanges[] = {"10.0.0.1/32", "10.0.0.2/32", "10.0.0.0/24", "10.0.0.0/8",
                                 "fd00::1/128", "fd00::/64",   "0.0.0.0/0"};
  const char* const kPlaces[] = {"10.0.0.1:80",  "10.0.0.2:81",  "10.0.0.9:80", "10.9.0.1:82",
                                 "192.0.2.1:80", "[fd00::1]:80", "[fd00::9]:81"};
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Random random(seed);
    auto listener = std::make_shared<config::ListenerConfig>();
    const std::uint64_t count = 1 + random.below(8);
    for (std::uint64_t i = 0; i < count; ++i) {
      config::ChainMatch match;
      if (random.below(2) == 0)
        match.destination_port = static_cast<std::uint16_t>(80 + random.below(3));
      for (std::uint64_t n = random.below(3); n > 0; --n)
        match.destination_prefixes.push_back(table_range(kRanges[random.below(7)]));
      if (random.below(3) == 0) match.server_names = {"cart.shop"};
      if (random.below(3) == 0) match.application_protocols = {"http/1.1"};
      listener->chains.push_back(table_chain(std::to_string(i), match));
    }
    if (random.below(2) == 0) {
      listener->default_chain =
          std::make_shared<const config::FilterChain>(table_chain("default", {}));
    }
    const ChainTable table(listener);
    for (const char* place : kPlaces) {
      for (const bool http : {false, true}) {
        ConnectionFacts facts{.destination = table_address(place),
                              .source = table_address("10.0.0.7:1")};
        if (http) facts.application_protocols = {"http/1.1"};
        if (random.below(2) == 0) facts.server_name = "cart.shop";
        EXPECT_EQ(table.choose(facts), choose_chain(*listener, facts))
            << "seed " << seed << " to " << place;
      }
    }
  }
}

TEST(ChainTable, OnlyTheChainsOfADestinationMakeItsCallersWait) {
  auto listener = std::make_shared<config::ListenerConfig>();
  listener->chains = {table_chain("mail", {.destination_port = 25,
                                           .destination_prefixes = {table_range("10.0.0.1/32")}}),
                      table_chain("names", {.destination_port = 443,
                                            .destination_prefixes = {table_range("10.0.0.2/32")},
                                            .server_names = {"cart.shop"}}),
                      table_chain("http", {.application_protocols = {"http/1.1"}})};
  const ChainTable table(listener);
  const auto needs = [&](const char* place) {
    const ChainNeeds found = table.needs(table_address(place));
    return std::string(found.tls ? "tls " : "") + (found.application ? "http" : "");
  };
  EXPECT_EQ(needs("10.0.0.1:25"), "");
  EXPECT_EQ(needs("10.0.0.2:443"), "tls ");
  EXPECT_EQ(needs("10.0.0.9:443"), "") << "a port that some chain names is no other chain's";
  EXPECT_EQ(needs("10.0.0.1:80"), "http");
}

TEST(ChainTable, KnowsWhichAddressesAChainNames) {
  auto listener = std::make_shared<config::ListenerConfig>();
  listener->chains = {
      table_chain("cart",
                  {.destination_port = 80, .destination_prefixes = {table_range("10.0.0.1/32")}}),
      table_chain("all of 80", {.destination_port = 80}),
      table_chain("range",
                  {.destination_port = 81, .destination_prefixes = {table_range("10.0.0.0/24")}}),
      table_chain("any port", {.destination_prefixes = {table_range("10.0.0.3/32")}})};
  const ChainTable table(listener);
  const auto names = [&](const char* place) { return table.names(table_address(place)); };
  EXPECT_TRUE(names("10.0.0.1:80"));
  EXPECT_FALSE(names("10.0.0.2:80"));
  EXPECT_FALSE(names("10.0.0.1:81")) << "a range is for whoever is in it";
  EXPECT_TRUE(names("10.0.0.3:99"));
  EXPECT_FALSE(names("10.0.0.3:80")) << "the port counts first";
  EXPECT_FALSE(names("10.0.0.4:99"));
}

}  // namespace
}  // namespace weft::proxy
