// What every balancer promises, and round robin, random and least request of their own.

#include "sidecar/upstream/balancer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <vector>

#include "tests/sidecar/upstream/place.h"

namespace weft::upstream {
namespace {

using config::BalancerKind;
using testing::candidates;
using testing::Place;
using testing::places;

constexpr BalancerKind kAll[] = {BalancerKind::kRoundRobin, BalancerKind::kLeastRequest,
                                 BalancerKind::kRandom,     BalancerKind::kPeakEwma,
                                 BalancerKind::kRingHash,   BalancerKind::kMaglev};

std::string picks(Balancer& balancer, const std::map<const Endpoint*, char>& names, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += names.at(balancer.pick({}));
  return out;
}

TEST(Balancers, PickNobodyWhenThereIsNobody) {
  for (const BalancerKind kind : kAll) {
    Random random(1);
    const auto balancer = make_balancer({.kind = kind}, random);
    EXPECT_EQ(balancer->pick({}), nullptr);
    Place a("a");
    balancer->set(std::vector<Candidate>{{&a, 0}}, {});
    EXPECT_EQ(balancer->pick({}), nullptr) << "weight 0 is never picked";
    balancer->set(std::vector<Candidate>{{&a, 1, false}}, {});
    EXPECT_EQ(balancer->pick({}), nullptr) << "nor who may not be used";
    balancer->set(std::vector<Candidate>{{&a, 1}}, {});
    EXPECT_EQ(balancer->pick({}), &a);
    balancer->set({}, {});
    EXPECT_EQ(balancer->pick({}), nullptr);
  }
}

TEST(Balancers, PreferWhatWasNotTriedAndStillAnswerWhenAllWere) {
  for (const BalancerKind kind : kAll) {
    Random random(2);
    const auto balancer = make_balancer({.kind = kind}, random);
    const auto all = places(4);
    balancer->set(candidates(all), {});
    Tried tried;
    for (std::size_t left = 4; left-- > 1;) {
      tried.add(*all[left]);
      for (std::uint64_t i = 0; i < 50; ++i) {
        Endpoint* picked = balancer->pick({.tried = &tried, .hash = i * 0x9e3779b97f4a7c15});
        EXPECT_FALSE(tried.contains(*picked)) << static_cast<int>(kind);
      }
    }
    tried.add(*all[0]);
    EXPECT_NE(balancer->pick({.tried = &tried}), nullptr);
  }
}

TEST(Balancers, AvoidTheTriedAmongUnequalWeightsToo) {
  for (const BalancerKind kind : kAll) {
    Random random(3);
    const auto balancer = make_balancer({.kind = kind}, random);
    const auto all = places(100);
    std::vector<Candidate> weighted = candidates(all);
    for (std::size_t i = 0; i < weighted.size(); ++i) weighted[i].weight = i % 7 + 1;
    balancer->set(weighted, {});
    Tried tried;
    for (std::size_t i = 0; i < 6; ++i) tried.add(*all[i]);
    for (std::uint64_t i = 0; i < 1000; ++i) {
      EXPECT_FALSE(
          tried.contains(*balancer->pick({.tried = &tried, .hash = i * 0x9e3779b97f4a7c15})));
    }
  }
}

TEST(Balancers, NeverUseWhoMayNotBeUsedAndTakeThemBack) {
  for (const BalancerKind kind : kAll) {
    Random random(4);
    const auto balancer = make_balancer({.kind = kind}, random);
    const auto all = places(5);
    std::vector<Candidate> some = candidates(all);
    some[2].usable = false;
    balancer->set(some, {});
    for (std::uint64_t i = 0; i < 200; ++i)
      EXPECT_NE(balancer->pick({.hash = i << 56}), all[2].get());
    some[2].usable = true;
    balancer->set(some, {});
    bool seen = false;
    for (std::uint64_t i = 0; i < 200; ++i)
      seen |= balancer->pick({.hash = i << 56}) == all[2].get();
    EXPECT_TRUE(seen) << static_cast<int>(kind);
  }
}

TEST(RoundRobin, IsSmoothAndExactByWeight) {
  Random random(5);
  const auto balancer = make_balancer({}, random);
  Place a;
  Place b;
  Place c;
  const std::map<const Endpoint*, char> names{{&a, 'a'}, {&b, 'b'}, {&c, 'c'}};
  balancer->set(std::vector<Candidate>{{&a, 5}, {&b, 1}, {&c, 1}}, {});
  // The start is anywhere in the cycle, which repeats.
  const std::string seven = picks(*balancer, names, 7);
  EXPECT_EQ(picks(*balancer, names, 14), seven + seven);
  EXPECT_EQ(std::count(seven.begin(), seven.end(), 'a'), 5);
  EXPECT_EQ((seven + seven).find("aaaaa"), std::string::npos) << "a a b a c a a, from anywhere";

  balancer->set(std::vector<Candidate>{{&a, 90}, {&b, 10}}, {});
  const std::string hundred = picks(*balancer, names, 100);
  EXPECT_EQ(std::count(hundred.begin(), hundred.end(), 'b'), 10);
  balancer->set(std::vector<Candidate>{{&a, 100}, {&b, 0}}, {});
  EXPECT_EQ(picks(*balancer, names, 1000).find('b'), std::string::npos);
}

TEST(RoundRobin, RotatesEqualsFromSomewhere) {
  std::map<char, int> first;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    const auto balancer = make_balancer({}, random);
    Place a;
    Place b;
    Place c;
    const std::map<const Endpoint*, char> names{{&a, 'a'}, {&b, 'b'}, {&c, 'c'}};
    balancer->set(std::vector<Candidate>{{&a, 4}, {&b, 4}, {&c, 4}}, {});
    const std::string three = picks(*balancer, names, 3);
    EXPECT_EQ(picks(*balancer, names, 6), three + three);
    ++first[three[0]];
  }
  EXPECT_EQ(first.size(), 3U) << "sidecars do not all begin with the same one";
}

// Running values outlive a change of the set (patterns-b GW-20): nobody may be left without.
TEST(RoundRobin, GoesOnWhenTheHeavyOneIsLostInMidCycle) {
  Random random(6);
  const auto balancer = make_balancer({}, random);
  Place heavy;
  Place light;
  balancer->set(std::vector<Candidate>{{&heavy, 99}, {&light, 1}}, {});
  for (int lost_after = 0; lost_after < 120; ++lost_after) {
    for (int i = 0; i < lost_after; ++i) ASSERT_NE(balancer->pick({}), nullptr);
    balancer->set(std::vector<Candidate>{{&light, 1}}, {});
    for (int i = 0; i < 50; ++i) ASSERT_EQ(balancer->pick({}), &light);
    balancer->set(std::vector<Candidate>{{&heavy, 99}, {&light, 1}}, {});
  }
  int on_light = 0;
  for (int i = 0; i < 10'000; ++i) on_light += balancer->pick({}) == &light ? 1 : 0;
  EXPECT_NEAR(on_light, 100, 1);
}

TEST(RoundRobin, IsExactOverACycleOfThousandsToo) {
  Random random(7);
  const auto balancer = make_balancer({}, random);
  const auto all = places(2000);
  std::vector<Candidate> weighted = candidates(all);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < weighted.size(); ++i) total += weighted[i].weight = i % 5 + 1;
  balancer->set(weighted, {});
  for (int cycle = 0; cycle < 5; ++cycle) {
    std::map<const Endpoint*, std::uint64_t> counts;
    for (std::uint64_t i = 0; i < total; ++i) ++counts[balancer->pick({})];
    for (const Candidate& candidate : weighted)
      ASSERT_EQ(counts[candidate.endpoint], candidate.weight);
  }
}

TEST(RandomChoice, SharesByWeight) {
  Random random(8);
  const auto balancer = make_balancer({.kind = BalancerKind::kRandom}, random);
  Place a;
  Place b;
  balancer->set(std::vector<Candidate>{{&a, 3}, {&b, 1}}, {});
  int on_a = 0;
  for (int i = 0; i < 10'000; ++i) on_a += balancer->pick({}) == &a ? 1 : 0;
  EXPECT_NEAR(on_a, 7500, 200);
}

// Each share of a million is what chance allows: within five standard deviations, and all together
// no further off than one seed in a million would be (chi squared, nine degrees of freedom).
TEST(RandomChoice, AMillionPicksAreAsFarFromTheirSharesAsChanceHasIt) {
  constexpr int kPicks = 1'000'000;
  Random random(11);
  const auto balancer = make_balancer({.kind = BalancerKind::kRandom}, random);
  std::vector<std::unique_ptr<Place>> pool;
  std::vector<Candidate> weighted;
  double total = 0;
  for (std::uint32_t weight = 1; weight <= 10; ++weight) {
    pool.push_back(std::make_unique<Place>());
    weighted.push_back({pool.back().get(), weight});
    total += weight;
  }
  balancer->set(weighted, {});
  std::map<const Endpoint*, int> picked;
  const Endpoint* before = nullptr;
  int repeated = 0;
  for (int i = 0; i < kPicks; ++i) {
    const Endpoint* one = balancer->pick({});
    ++picked[one];
    repeated += one == before ? 1 : 0;
    before = one;
  }
  double chi_squared = 0;
  double twice = 0;  // the chance that a pick is that of before
  for (std::uint32_t weight = 1; weight <= 10; ++weight) {
    const double share = weight / total;
    const double wanted = kPicks * share;
    const int got = picked[pool[weight - 1].get()];
    EXPECT_NEAR(got, wanted, 5 * std::sqrt(wanted * (1 - share))) << "weight " << weight;
    chi_squared += (got - wanted) * (got - wanted) / wanted;
    twice += share * share;
  }
  EXPECT_LT(chi_squared, 45);
  EXPECT_GT(chi_squared, 0.4) << "and no nearer than chance has it either: that would be a pattern";
  EXPECT_NEAR(repeated, kPicks * twice, 5 * std::sqrt(kPicks * twice * (1 - twice)))
      << "one pick says nothing of the next";
}

TEST(LeastRequest, AvoidsTheBusy) {
  Random random(3);
  const auto balancer = make_balancer({.kind = BalancerKind::kLeastRequest}, random);
  Place busy;
  Place idle;
  for (int i = 0; i < 10; ++i) busy.begin();
  balancer->set(std::vector<Candidate>{{&busy, 1}, {&idle, 1}}, {});
  int on_busy = 0;
  for (int i = 0; i < 1000; ++i) on_busy += balancer->pick({}) == &busy ? 1 : 0;
  // Only when both draws are the busy one.
  EXPECT_NEAR(on_busy, 250, 60);
}

TEST(LeastRequest, HonoursWeightsWithAndWithoutLoad) {
  Random random(9);
  const auto balancer = make_balancer({.kind = BalancerKind::kLeastRequest}, random);
  Place heavy;
  Place light;
  balancer->set(std::vector<Candidate>{{&heavy, 3}, {&light, 1}}, {});
  int on_heavy = 0;
  for (int i = 0; i < 10'000; ++i) on_heavy += balancer->pick({}) == &heavy ? 1 : 0;
  EXPECT_NEAR(on_heavy, 7500, 200) << "nothing under way";
  // Everything stays: what is under way is shared by weight.
  for (int i = 0; i < 400; ++i) static_cast<Place*>(balancer->pick({}))->begin();
  EXPECT_NEAR(heavy.load().active(), 300, 12);
}

}  // namespace
}  // namespace weft::upstream
