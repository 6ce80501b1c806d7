// Ring hash and Maglev: places that others find too, and how little moves.

#include <gtest/gtest.h>

#include <map>

#include "sidecar/core/murmurhash2.h"
#include "sidecar/core/xxhash.h"
#include "sidecar/upstream/maglev.h"
#include "sidecar/upstream/ring_hash.h"
#include "tests/sidecar/upstream/place.h"

namespace weft::upstream {
namespace {

using config::BalancerKind;
using testing::candidates;
using testing::Place;
using testing::places;

constexpr BalancerKind kBoth[] = {BalancerKind::kRingHash, BalancerKind::kMaglev};

std::uint64_t key(int i) { return xxh64("user-" + std::to_string(i)); }

std::vector<Endpoint*> owners(Balancer& balancer, int keys) {
  std::vector<Endpoint*> out;
  for (int i = 0; i < keys; ++i) out.push_back(balancer.pick({.hash = key(i)}));
  return out;
}

int moved(const std::vector<Endpoint*>& before, const std::vector<Endpoint*>& after,
          const Endpoint* lost = nullptr) {
  int count = 0;
  for (std::size_t i = 0; i < before.size(); ++i)
    count += before[i] != after[i] && before[i] != lost ? 1 : 0;
  return count;
}

// The ring that Envoy's own tests publish for six hosts and twelve points.
TEST(RingHash, PutsPointsWhereEnvoyDoes) {
  Random random(1);
  RingHash ring({.kind = BalancerKind::kRingHash, .ring_size_min = 12}, random);
  const auto all = places(6);
  ring.set(candidates(all), {});
  const std::vector<std::pair<std::uint64_t, int>> published{
      {833437586790550860U, 94},   {928266305478181108U, 92},   {1033482794131418490U, 90},
      {3551244743356806947U, 95},  {3851675632748031481U, 93},  {5583722120771150861U, 91},
      {6311230543546372928U, 91},  {7700377290971790572U, 93},  {13144177310400110813U, 95},
      {13444792449719432967U, 92}, {15516499411664133160U, 94}, {16117243373044804889U, 90}};
  ASSERT_EQ(ring.points().size(), published.size());
  for (std::size_t i = 0; i < published.size(); ++i) {
    EXPECT_EQ(ring.points()[i].hash, published[i].first);
    EXPECT_EQ(ring.points()[i].member + 90, static_cast<unsigned>(published[i].second));
  }
  EXPECT_EQ(ring.pick({.hash = 0}), all[4].get());
  EXPECT_EQ(ring.pick({.hash = 833437586790550861U}), all[2].get());
  EXPECT_EQ(ring.pick({.hash = 16117243373044804890U}), all[4].get()) << "round the end";
}

TEST(Maglev, FillsTheTableAsEnvoyDoes) {
  Random random(1);
  Maglev maglev({.kind = BalancerKind::kMaglev, .maglev_table_size = 7}, random);
  const auto all = places(6);
  maglev.set(candidates(all), {});
  const std::vector<std::uint32_t> published{92, 94, 90, 91, 95, 90, 93};
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(maglev.table()[i] + 90, published[i]);
  EXPECT_EQ(maglev.pick({.hash = 14}), all[2].get());
}

TEST(Maglev, DoesNotDependOnTheOrderInWhichEndpointsAreTold) {
  Random random(1);
  const config::Balancing settings{.kind = BalancerKind::kMaglev, .maglev_table_size = 1009};
  Maglev one(settings, random);
  Maglev other(settings, random);
  const auto all = places(8);
  std::vector<Candidate> order = candidates(all);
  one.set(order, {});
  std::reverse(order.begin(), order.end());
  other.set(order, {});
  EXPECT_EQ(owners(one, 500), owners(other, 500));
}

TEST(HashBalancers, FollowTheKeyAndNothingElse) {
  for (const BalancerKind kind : kBoth) {
    Random first(1);
    Random second(2);
    const auto all = places(20);
    const auto one = make_balancer({.kind = kind}, first);
    const auto other = make_balancer({.kind = kind}, second);
    one->set(candidates(all), {});
    other->set(candidates(all), {});
    EXPECT_EQ(owners(*one, 1000), owners(*other, 1000));
  }
}

TEST(HashBalancers, ALostEndpointMovesItsOwnKeysOnlyAndOverAllOthers) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(10);
    const auto balancer = make_balancer({.kind = kind}, random);
    std::vector<Candidate> some = candidates(all);
    balancer->set(some, {});
    const auto before = owners(*balancer, 20'000);
    some[4].usable = false;
    balancer->set(some, {});
    const auto without = owners(*balancer, 20'000);
    EXPECT_EQ(moved(before, without, all[4].get()), 0);
    std::map<Endpoint*, int> heirs;
    for (std::size_t i = 0; i < before.size(); ++i) {
      if (before[i] == all[4].get()) ++heirs[without[i]];
    }
    EXPECT_EQ(heirs.size(), 9U) << "not all to one neighbour";
    some[4].usable = true;
    balancer->set(some, {});
    EXPECT_EQ(owners(*balancer, 20'000), before) << "and they come back";
  }
}

TEST(HashBalancers, ARemovedEndpointMovesLittleMoreThanItsShare) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(10);
    const auto balancer = make_balancer({.kind = kind}, random);
    std::vector<Candidate> some = candidates(all);
    balancer->set(some, {});
    const auto before = owners(*balancer, 20'000);
    some.erase(some.begin() + 4);
    balancer->set(some, {});
    // A ring of at least 1,024 points gives the rest a few more each; a table is filled anew.
    EXPECT_LT(moved(before, owners(*balancer, 20'000), all[4].get()), 20'000 * 12 / 100);
  }
}

TEST(HashBalancers, HonourWeights) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(4);
    const auto balancer = make_balancer({.kind = kind, .ring_size_min = 16'384}, random);
    std::vector<Candidate> weighted = candidates(all);
    for (std::size_t i = 0; i < 4; ++i) weighted[i].weight = i + 1;
    balancer->set(weighted, {});
    std::map<Endpoint*, int> counts;
    for (Endpoint* owner : owners(*balancer, 100'000)) ++counts[owner];
    for (std::size_t i = 0; i < 4; ++i)
      EXPECT_NEAR(counts[all[i].get()], 10'000 * (static_cast<int>(i) + 1), 1200);
  }
}

TEST(HashBalancers, GoAnywhereWithoutAHash) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(10);
    const auto balancer = make_balancer({.kind = kind}, random);
    balancer->set(candidates(all), {});
    std::map<Endpoint*, int> counts;
    for (int i = 0; i < 1000; ++i) ++counts[balancer->pick({})];
    EXPECT_EQ(counts.size(), 10U);
  }
}

TEST(HashBalancers, BoundTheLoadOfAHotKey) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(10);
    const auto balancer = make_balancer({.kind = kind, .bounded_load_percent = 125}, random);
    balancer->set(candidates(all), {});
    Endpoint* owner = balancer->pick({.hash = key(1)});
    std::uint32_t active = 0;
    for (; active < 1000; ++active) {
      static_cast<Place*>(balancer->pick({.hash = key(1), .active = active}))->begin();
    }
    EXPECT_EQ(owner->load().active(), 125U) << "its bound, and not more";
    for (const auto& place : all) EXPECT_LE(place->load().active(), 125U);
    EXPECT_EQ(balancer->pick({.hash = key(1), .active = 10'000}), owner) << "it has room again";
  }
}

TEST(HashBalancers, StillAnswerWhenNearlyAllAreAway) {
  for (const BalancerKind kind : kBoth) {
    Random random(1);
    const auto all = places(500);
    const auto balancer = make_balancer({.kind = kind}, random);
    std::vector<Candidate> some = candidates(all);
    for (std::size_t i = 2; i < some.size(); ++i) some[i].usable = false;
    balancer->set(some, {});
    std::map<Endpoint*, int> counts;
    for (Endpoint* owner : owners(*balancer, 1000)) ++counts[owner];
    EXPECT_EQ(counts.size(), 2U);
    EXPECT_GT(counts[all[0].get()], 200);
    EXPECT_GT(counts[all[1].get()], 200);
  }
}

TEST(HashBalancers, AreNamedByHashKeyThenHostNameThenAddress) {
  Random random(1);
  RingHash ring({.kind = BalancerKind::kRingHash, .ring_size_min = 1, .hash_by_host_name = true},
                random);
  config::Endpoint with_key;
  with_key.hash_key = "key";
  with_key.hostname = "host";
  config::Endpoint with_host;
  with_host.hostname = "host";
  Place a("1.1.1.1:1", with_key);
  Place b("1.1.1.1:2", with_host);
  Place c("1.1.1.1:3");
  for (const auto& [place, name] :
       {std::pair{&a, "key_0"}, std::pair{&b, "host_0"}, std::pair{&c, "1.1.1.1:3_0"}}) {
    ring.set(std::vector<Candidate>{{place, 1}}, {});
    ASSERT_EQ(ring.points().size(), 1U);
    EXPECT_EQ(ring.points()[0].hash, xxh64(name));
  }
}

TEST(RingHash, HasABoundWhateverTheWeightsAsk) {
  Random random(1);
  RingHash ring({.kind = BalancerKind::kRingHash}, random);
  const auto all = places(5000);
  std::vector<Candidate> weighted = candidates(all);
  ring.set(weighted, {});
  EXPECT_EQ(ring.points().size(), 5000U);
  weighted[0].weight = 4'000'000'000;
  ring.set(weighted, {});
  EXPECT_LE(ring.points().size(), config::kRingPointsMax + 1);
}

TEST(MurmurHash2, IsWhatTheStandardLibraryComputes) {
  for (const std::string_view text :
       {"", "a", "1234567", "12345678", "123456789", "127.0.0.1:90_0"})
    EXPECT_EQ(murmurhash2(text), std::hash<std::string_view>()(text)) << text;
}

}  // namespace
}  // namespace weft::upstream
