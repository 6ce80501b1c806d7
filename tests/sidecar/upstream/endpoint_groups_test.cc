// Priorities, health, localities and slow start: who may be used, and how much goes where.

#include "sidecar/upstream/endpoint_groups.h"

#include <gtest/gtest.h>

#include <map>

#include "sidecar/core/xxhash.h"
#include "sidecar/upstream/slow_start.h"
#include "tests/sidecar/upstream/place.h"

namespace weft::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = EndpointGroups::State;
using testing::Place;

// ---- the arithmetic of priorities ----

std::string loads(std::vector<PriorityHealth> priorities, double panic = 0) {
  std::string out;
  for (const PriorityLoad& load : spread_over_priorities(priorities, 140, panic)) {
    if (!out.empty()) out += ' ';
    out += std::to_string(load.healthy);
    if (load.degraded != 0) out += "+" + std::to_string(load.degraded);
    if (load.panic) out += '!';
  }
  return out;
}

PriorityHealth of_hundred(std::uint32_t healthy, std::uint32_t degraded = 0) {
  return {.total = 100, .healthy = healthy, .degraded = degraded};
}

// The table that Envoy's documentation prints.
TEST(PriorityLoads, AreEnvoysTable) {
  const std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string>> rows{
      {100, 100, "100 0"}, {72, 72, "100 0"}, {71, 71, "99 1"},  {50, 50, "70 30"},
      {25, 100, "35 65"},  {25, 25, "50 50"}, {100, 0, "100 0"}, {0, 100, "0 100"}};
  for (const auto& [first, second, expected] : rows)
    EXPECT_EQ(loads({of_hundred(first), of_hundred(second)}), expected) << first << "/" << second;
}

TEST(PriorityLoads, GoOnThroughThreePriorities) {
  EXPECT_EQ(loads({of_hundred(20), of_hundred(20), of_hundred(100)}), "28 28 44");
  EXPECT_EQ(loads({of_hundred(0), of_hundred(0), of_hundred(10)}), "0 0 100");
  EXPECT_EQ(loads({of_hundred(0), of_hundred(0)}), "0 0") << "nobody, and nobody panics";
}

TEST(PriorityLoads, DegradedComeAfterAllHealthy) {
  EXPECT_EQ(loads({of_hundred(50, 50), of_hundred(100)}), "70 30");
  EXPECT_EQ(loads({of_hundred(50, 50)}), "70+30");
  EXPECT_EQ(loads({of_hundred(0, 100)}), "0+100");
}

TEST(PriorityLoads, PanicOnlyWhenAllTogetherAreTooFew) {
  EXPECT_EQ(loads({of_hundred(10), of_hundred(100)}, 50), "14 86") << "the second bears it";
  EXPECT_EQ(loads({of_hundred(45), of_hundred(30)}, 50), "63 37");
  EXPECT_EQ(loads({of_hundred(30), of_hundred(30)}, 50), "50! 50!");
  EXPECT_EQ(loads({of_hundred(0), of_hundred(0)}, 50), "50! 50!");
  EXPECT_EQ(loads({of_hundred(30), {.total = 300, .healthy = 0}}, 50), "25! 75!") << "by number";
  EXPECT_EQ(loads({of_hundred(30)}, 50), "100!");
  EXPECT_EQ(loads({of_hundred(60)}, 50), "100");
  EXPECT_EQ(loads({}, 50), "");
}

TEST(SlowStart, RampsFromAMinimumToAll) {
  const config::SlowStart settings{.window = seconds(60)};
  EXPECT_DOUBLE_EQ(slow_start_share(settings, seconds(0)), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(settings, seconds(3)), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(settings, seconds(30)), 0.5);
  EXPECT_DOUBLE_EQ(slow_start_share(settings, seconds(60)), 1.0);
  EXPECT_DOUBLE_EQ(slow_start_share({}, seconds(0)), 1.0);
  const config::SlowStart eager{.window = seconds(60), .aggression = 2.0};
  EXPECT_NEAR(slow_start_share(eager, seconds(15)), 0.5, 1e-9);
}

// ---- the groups ----

struct Groups {
  explicit Groups(config::Balancing balancing = {}, std::uint64_t seed = 1)
      : random(seed), groups(balancing, random) {}

  Place& add(std::string name, State state = State::kReady, config::Endpoint endpoint = {}) {
    places.push_back(std::make_unique<Place>(std::move(name), std::move(endpoint)));
    members.push_back({.endpoint = places.back().get(), .state = state});
    return *places.back();
  }
  void set() {
    setting.localities = localities;
    groups.set(members, setting, {});
  }
  std::string ask(const Ask& ask = {}) {
    const Endpoint* endpoint = groups.pick(ask);
    return endpoint == nullptr ? "-" : endpoint->address_text();
  }
  std::map<std::string, int> shares(int count) {
    std::map<std::string, int> out;
    for (int i = 0; i < count; ++i) ++out[ask()];
    return out;
  }

  Random random;
  EndpointGroups groups;
  EndpointGroups::Setting setting{.panic_percent = 0};
  std::vector<config::Locality> localities;
  std::vector<std::unique_ptr<Place>> places;
  std::vector<EndpointGroups::Member> members;
};

config::Endpoint at_priority(std::uint32_t priority) {
  config::Endpoint out;
  out.priority = priority;
  return out;
}

config::Endpoint in_zone(std::string_view zone, std::uint32_t locality = 0) {
  config::Endpoint out;
  out.zone = zone;
  out.locality = locality;
  return out;
}

TEST(Groups, SpillOverToTheNextPriorityAsItsHealthFalls) {
  Groups rig;
  for (const char* name : {"a", "b"}) rig.add(name, State::kReady, at_priority(0));
  for (const char* name : {"c", "d"}) rig.add(name, State::kReady, at_priority(7));
  rig.set();
  EXPECT_EQ(rig.shares(1000)["c"], 0);
  rig.members[1].state = State::kEjected;  // 1.4 x 50 %
  rig.set();
  auto shares = rig.shares(10'000);
  EXPECT_NEAR(shares["a"], 7000, 200);
  EXPECT_NEAR(shares["c"] + shares["d"], 3000, 200);
  EXPECT_EQ(shares["b"], 0);
  rig.members[0].state = State::kNotReady;
  rig.set();
  EXPECT_EQ(rig.shares(100)["a"], 0);
}

TEST(Groups, ARetryGoesToAnotherPriorityOnceAllWereTried) {
  Groups rig;
  Place& a = rig.add("a");
  Place& b = rig.add("b");
  Place& c = rig.add("c", State::kReady, at_priority(1));
  rig.set();
  Tried tried;
  tried.add(a);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.ask({.tried = &tried}), "b");
  tried.add(b);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(rig.ask({.tried = &tried}), "c");
  tried.add(c);
  EXPECT_NE(rig.ask({.tried = &tried}), "-");
}

TEST(Groups, UseNobodyWhoIsNotReadyEvenInPanic) {
  Groups rig;
  rig.add("ready");
  rig.add("ejected", State::kEjected);
  rig.add("not-ready", State::kNotReady);
  rig.add("not-ready", State::kNotReady);
  rig.set();
  EXPECT_EQ(rig.shares(100)["ready"], 100) << "panic is off";
  rig.setting.panic_percent = 50;
  rig.set();
  EXPECT_TRUE(rig.groups.panics());
  auto shares = rig.shares(100);
  EXPECT_EQ(shares["ready"], 50);
  EXPECT_EQ(shares["ejected"], 50);
}

TEST(Groups, AnswerNobodyWhenNobodyIsReady) {
  Groups rig;
  rig.set();
  EXPECT_EQ(rig.ask(), "-");
  rig.add("a", State::kNotReady);
  rig.add("b", State::kEjected);
  rig.set();
  EXPECT_EQ(rig.ask(), "-");
}

TEST(Groups, WhoDrainsIsUsedOnlyWhenNobodyElseIsLeft) {
  Groups rig;
  rig.add("ready");
  rig.add("draining", State::kDraining);
  rig.set();
  EXPECT_EQ(rig.shares(100)["draining"], 0);
  rig.members[0].state = State::kNotReady;
  rig.set();
  EXPECT_EQ(rig.shares(100)["draining"], 100);
  EXPECT_EQ(rig.groups.available(), 0U);
}

TEST(Groups, DegradedAreTheSecondChoice) {
  Groups rig;
  rig.add("healthy");
  rig.add("degraded", State::kDegraded);
  rig.set();
  auto shares = rig.shares(10'000);
  EXPECT_NEAR(shares["healthy"], 7000, 200) << "half of them bear 1.4 x 50 %";
  rig.members[0].state = State::kEjected;
  rig.set();
  EXPECT_EQ(rig.shares(100)["degraded"], 100);
}

TEST(Groups, WeightLocalitiesAndLowerThemWithTheirHealth) {
  Groups rig({.localities = config::LocalityPreference::kWeighted});
  rig.localities = {{.zone = "x", .weight = 3}, {.zone = "y", .weight = 1}, {.zone = "z"}};
  rig.add("x1", State::kReady, in_zone("x", 0));
  rig.add("x2", State::kReady, in_zone("x", 0));
  rig.add("y1", State::kReady, in_zone("y", 1));
  rig.add("z1", State::kReady, in_zone("z", 2));
  rig.set();
  auto shares = rig.shares(400);
  EXPECT_EQ(shares["x1"] + shares["x2"], 300) << "exact, whatever the number of endpoints";
  EXPECT_EQ(shares["y1"], 100);
  EXPECT_EQ(shares["z1"], 0) << "no weight, no traffic";
  rig.members[1].state = State::kEjected;  // 3 x 0.7 against 1
  rig.set();
  shares = rig.shares(310);
  EXPECT_NEAR(shares["x1"], 210, 1);
  EXPECT_NEAR(shares["y1"], 100, 1);
}

TEST(Groups, WeightLocalitiesOnARingToo) {
  Groups rig({.kind = config::BalancerKind::kRingHash,
              .ring_size_min = 16'384,
              .localities = config::LocalityPreference::kWeighted});
  rig.localities = {{.zone = "x", .weight = 3}, {.zone = "y", .weight = 1}};
  for (int i = 0; i < 6; ++i) rig.add("x", State::kReady, in_zone("x", 0));
  rig.add("y", State::kReady, in_zone("y", 1));
  for (std::size_t i = 0; i < 6; ++i) {
    config::Endpoint endpoint = in_zone("x", 0);
    endpoint.hash_key = "x" + std::to_string(i);
    rig.places[i] = std::make_unique<Place>("x", endpoint);
    rig.members[i].endpoint = rig.places[i].get();
  }
  rig.set();
  int on_y = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i)
    on_y += rig.ask({.hash = xxh64(std::to_string(i))}) == "y" ? 1 : 0;
  EXPECT_NEAR(on_y, 2500, 400);
}

TEST(Groups, PreferTheOwnZoneWhileItBearsIt) {
  Groups rig({.localities = config::LocalityPreference::kOwnZone});
  rig.setting.own_zone = "b";
  rig.add("near1", State::kReady, in_zone("b"));
  rig.add("near2", State::kReady, in_zone("b"));
  for (const char* name : {"far1", "far2", "far3"}) rig.add(name, State::kReady, in_zone("a"));
  rig.set();
  auto shares = rig.shares(1000);
  EXPECT_EQ(shares["near1"] + shares["near2"], 1000);
  rig.members[0].state = State::kEjected;
  rig.set();
  shares = rig.shares(10'000);
  EXPECT_NEAR(shares["near2"], 7000, 200);
  rig.members[1].state = State::kNotReady;
  rig.set();
  EXPECT_EQ(rig.shares(100)["near2"], 0);
  rig.setting.own_zone = "";
  rig.members[0].state = rig.members[1].state = State::kReady;
  rig.set();
  EXPECT_EQ(rig.shares(1000)["far1"], 200) << "a sidecar that does not know its zone";
}

TEST(Groups, OfTheOwnZoneStayWithinTheirPriority) {
  Groups rig({.localities = config::LocalityPreference::kOwnZone});
  rig.setting.own_zone = "b";
  config::Endpoint near = in_zone("b");
  near.priority = 1;
  rig.add("near", State::kReady, near);
  rig.add("far", State::kReady, in_zone("a"));
  rig.set();
  EXPECT_EQ(rig.shares(100)["far"], 100) << "what the control plane ordered comes first";
}

TEST(Groups, ANewEndpointStartsSlowly) {
  Groups rig({.slow_start = {.window = seconds(60)}});
  rig.add("old");
  rig.add("new");
  rig.members[1].share = 0.1;
  rig.set();
  auto shares = rig.shares(1100);
  EXPECT_NEAR(shares["new"], 100, 1);
  rig.members[1].share = 0.5;
  rig.set();
  EXPECT_NEAR(rig.shares(1500)["new"], 500, 1);
  rig.members[1].share = 1;
  rig.set();
  EXPECT_NEAR(rig.shares(1000)["new"], 500, 1);
}

TEST(Groups, ARingKeepsItsKeysWhenSomebodyIsEjected) {
  Groups rig({.kind = config::BalancerKind::kRingHash});
  for (int i = 0; i < 10; ++i) rig.add("10.0.0.1:" + std::to_string(i));
  rig.set();
  std::vector<std::string> before;
  for (std::uint64_t i = 0; i < 2000; ++i)
    before.push_back(rig.ask({.hash = xxh64(std::to_string(i))}));
  rig.members[3].state = State::kEjected;
  rig.set();
  for (std::uint64_t i = 0; i < 2000; ++i) {
    const std::string now = rig.ask({.hash = xxh64(std::to_string(i))});
    if (before[i] == "10.0.0.1:3") {
      EXPECT_NE(now, before[i]);
    } else {
      EXPECT_EQ(now, before[i]);
    }
  }
}

}  // namespace
}  // namespace weft::upstream
