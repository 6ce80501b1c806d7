// Which filter chain takes a connection: Envoy's order, its wildcards, and no way back.
#include "sidecar/proxy/chain_choice.h"

#include <gtest/gtest.h>

namespace weft::proxy {
namespace {

config::FilterChain chain(std::string name, config::ChainMatch match) {
  config::FilterChain made;
  made.name = std::move(name);
  made.match = std::move(match);
  return made;
}

std::string choose(const config::ListenerConfig& listener, ConnectionFacts facts) {
  facts.destination =
      SocketAddress::parse("10.0.0.1:" + std::to_string(facts.destination.port())).value();
  if (facts.source.is_none()) facts.source = SocketAddress::parse("10.0.0.2:1").value();
  const config::FilterChain* chosen = choose_chain(listener, facts);
  return chosen == nullptr ? "nobody" : chosen->name;
}

ConnectionFacts named(std::string server_name, std::vector<std::string> alpn = {}) {
  ConnectionFacts facts;
  facts.server_name = std::move(server_name);
  facts.tls = true;
  facts.application_protocols = std::move(alpn);
  return facts;
}

TEST(ChainChoice, TakesTheMostSpecificChain) {
  config::ListenerConfig listener;
  listener.chains = {chain("any", {}), chain("tls", {.transport_protocol = "tls"}),
                     chain("wildcard", {.server_names = {"*.shop"}}),
                     chain("name", {.server_names = {"cart.shop"}}),
                     chain("port", {.destination_port = 99})};
  EXPECT_EQ(choose(listener, {}), "any");
  EXPECT_EQ(choose(listener, {.tls = true}), "tls");
  EXPECT_EQ(choose(listener, named("web.shop")), "wildcard");
  EXPECT_EQ(choose(listener, named("cart.shop")), "name");
  EXPECT_EQ(
      choose(listener, {.destination = SocketAddress(IpAddress(), 99), .server_name = "cart.shop"}),
      "port");
}

TEST(ChainChoice, ANameMatchesExactlyThenByItsLongestSuffix) {
  config::ListenerConfig listener;
  listener.chains = {chain("shop", {.server_names = {"*.shop"}}),
                     chain("eu", {.server_names = {"*.eu.shop", "eu.example"}}),
                     chain("cart", {.server_names = {"pay.shop", "cart.eu.shop"}})};
  const std::pair<const char*, const char*> rows[] = {
      {"a.shop", "shop"},       {"a.b.c.shop", "shop"},
      {"eu.shop", "shop"},  // a wildcard does not stand for nothing
      {"a.eu.shop", "eu"},      {"a.b.eu.shop", "eu"},
      {"cart.eu.shop", "cart"}, {"pay.shop", "cart"},
      {"eu.example", "eu"},     {"a.eu.example", "nobody"},
      {"shop", "nobody"},       {".shop", "nobody"},
      {"ashop", "nobody"},                           // a suffix begins at a dot
      {"xeu.shop", "shop"},     {"*.shop", "shop"},  // a name like another
      {"a.shop.", "nobody"},    {"a.shop.example", "nobody"},
      {"", "nobody"},
  };
  for (const auto& [name, expected] : rows)
    EXPECT_EQ(choose(listener, named(name)), expected) << name;
}

TEST(ChainChoice, WithoutANameOnlyAChainThatAsksForNoneIsLeft) {
  config::ListenerConfig listener;
  listener.chains = {chain("name", {.server_names = {"*.shop"}}), chain("rest", {})};
  EXPECT_EQ(choose(listener, named("")), "rest");
  EXPECT_EQ(choose(listener, named("elsewhere")), "rest");
  listener.chains.pop_back();
  listener.default_chain = std::make_shared<const config::FilterChain>(chain("default", {}));
  EXPECT_EQ(choose(listener, named("")), "default");
}

TEST(ChainChoice, NeverGoesBack) {
  config::ListenerConfig listener;
  listener.chains = {
      chain("any", {}),
      chain("cart-h2", {.server_names = {"cart.shop"}, .application_protocols = {"h2"}}),
      chain("shop", {.server_names = {"*.shop"}}),
      chain("near", {.source_prefixes = {Cidr::parse("10.0.0.0/8").value()}}),
  };
  EXPECT_EQ(choose(listener, named("cart.shop", {"h2"})), "cart-h2");
  EXPECT_EQ(choose(listener, named("cart.shop", {"http/1.1"})), "nobody")
      << "the name was matched; the wildcard and the rest are out of question";
  EXPECT_EQ(choose(listener, named("cart.shop")), "nobody");
  EXPECT_EQ(choose(listener, named("web.shop")), "shop");
  EXPECT_EQ(choose(listener, named("elsewhere")), "near");
  ConnectionFacts far = named("elsewhere");
  far.source = SocketAddress::parse("192.0.2.1:1").value();
  EXPECT_EQ(choose(listener, far), "any");
}

TEST(ChainChoice, TheProtocolOfferedFirstWins) {
  config::ListenerConfig listener;
  listener.chains = {chain("one", {.application_protocols = {"http/1.1", "http/1.0"}}),
                     chain("two", {.application_protocols = {"h2"}})};
  EXPECT_EQ(choose(listener, named("a", {"h2", "http/1.1"})), "two");
  EXPECT_EQ(choose(listener, named("a", {"http/1.1", "h2"})), "one");
  EXPECT_EQ(choose(listener, named("a", {"spdy", "h2"})), "two");
  EXPECT_EQ(choose(listener, named("a", {"spdy"})), "nobody");
}

}  // namespace
}  // namespace weft::proxy
