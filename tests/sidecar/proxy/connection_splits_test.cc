#include "sidecar/proxy/connection_splits.h"

#include <gtest/gtest.h>

#include <cmath>

namespace weft::proxy {
namespace {

config::FilterChain split_chain(std::uint16_t port, std::uint32_t stable, std::uint32_t canary) {
  config::FilterChain chain;
  chain.match.destination_port = port;
  config::TcpSettings tcp;
  tcp.clusters = {{.cluster = "stable", .weight = stable, .edits = {}},
                  {.cluster = "canary", .weight = canary, .edits = {}}};
  chain.what = std::move(tcp);
  return chain;
}

std::shared_ptr<const config::ListenerConfig> listening(std::vector<config::FilterChain> chains) {
  auto listener = std::make_shared<config::ListenerConfig>();
  listener->chains = std::move(chains);
  return listener;
}

int to_canary(ConnectionSplits& splits, const config::FilterChain& chain, int connections) {
  int canary = 0;
  for (int i = 0; i < connections; ++i) canary += splits.choose(chain) == 1 ? 1 : 0;
  return canary;
}

TEST(ConnectionSplits, AreExactToOneConnectionAtEveryMoment) {
  for (const auto& [stable, canary] : {std::pair{99U, 1U}, {95U, 5U}, {667U, 333U}, {999U, 1U}}) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      Random random(seed);
      ConnectionSplits splits(random);
      const auto listener = listening({split_chain(5432, stable, canary)});
      splits.configure(listener);
      int got = 0;
      for (int i = 1; i <= 3000; ++i) {
        got += to_canary(splits, listener->chains[0], 1);
        ASSERT_LE(std::abs(got - static_cast<double>(i) * canary / (stable + canary)), 1)
            << canary << " after " << i << ", seed " << seed;
      }
    }
  }
}

TEST(ConnectionSplits, OfChainsAreEachTheirOwn) {
  Random random(7);
  ConnectionSplits splits(random);
  const auto listener = listening({split_chain(1, 3, 1), split_chain(2, 3, 1)});
  splits.configure(listener);
  EXPECT_EQ(splits.schedules(), 2U);
  int first = 0;
  int second = 0;
  for (int i = 0; i < 400; ++i) {
    first += to_canary(splits, listener->chains[0], 1);
    second += to_canary(splits, listener->chains[1], 1);
  }
  EXPECT_EQ(first, 100);
  EXPECT_EQ(second, 100);
}

TEST(ConnectionSplits, GoOnOverAPushThatLeavesThemAlone) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    ConnectionSplits splits(random);
    int canary = 0;
    for (int push = 0; push < 40; ++push) {
      // Each push brings another object, and another neighbour.
      const auto listener = listening(
          {split_chain(static_cast<std::uint16_t>(100 + push), 1, 1), split_chain(5432, 9, 1)});
      splits.configure(listener);
      EXPECT_EQ(splits.schedules(), 2U) << "what is gone is forgotten";
      canary += to_canary(splits, listener->chains[1], 5);
    }
    EXPECT_EQ(canary, 20) << seed;
  }
}

TEST(ConnectionSplits, OfOtherWeightsBeginAnew) {
  Random random(3);
  ConnectionSplits splits(random);
  const auto before = listening({split_chain(5432, 9, 1)});
  splits.configure(before);
  const auto after = listening({split_chain(5432, 1, 1)});
  splits.configure(after);
  EXPECT_EQ(splits.schedules(), 1U);
  EXPECT_EQ(to_canary(splits, after->chains[0], 100), 50);
}

TEST(ConnectionSplits, AConnectionOfAnOlderConfigurationDrawsByItsWeights) {
  Random random(11);
  ConnectionSplits splits(random);
  const auto old = listening({split_chain(5432, 3, 1)});
  splits.configure(old);
  splits.configure(listening({}));
  EXPECT_EQ(splits.schedules(), 0U);
  EXPECT_NEAR(to_canary(splits, old->chains[0], 4000), 1000, 150);
}

TEST(ConnectionSplits, KnowTheDefaultChainAndThatOneClusterIsNoSplit) {
  Random random(5);
  ConnectionSplits splits(random);
  config::FilterChain one = split_chain(1, 1, 1);
  std::get<config::TcpSettings>(one.what).clusters.pop_back();
  auto listener = std::make_shared<config::ListenerConfig>(*listening({one}));
  listener->default_chain = std::make_shared<const config::FilterChain>(split_chain(0, 4, 1));
  splits.configure(listener);
  EXPECT_EQ(splits.schedules(), 1U);
  EXPECT_EQ(splits.choose(listener->chains[0]), 0U);
  EXPECT_EQ(to_canary(splits, *listener->default_chain, 100), 20);
}

TEST(ConnectionSplits, WorkersDoNotStartInStep) {
  int first_is_canary = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed * 7919 + 1);
    ConnectionSplits splits(random);
    const auto listener = listening({split_chain(5432, 9, 1)});
    splits.configure(listener);
    first_is_canary += to_canary(splits, listener->chains[0], 1);
  }
  EXPECT_NEAR(first_is_canary, 100, 45);
}

}  // namespace
}  // namespace weft::proxy
