// All clusters of a worker: which of them live and from when, how a push reaches them, and how much
// of it in one turn.
#include "sidecar/upstream/cluster_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "sidecar/upstream/unused_cluster.h"

namespace weft::upstream {
namespace {

using namespace std::chrono_literals;

// Dials that nobody answers.
class SilentNetwork final : public Connector {
 public:
  struct Dialing final : Dial {};
  std::unique_ptr<Dial> connect(const SocketAddress&, const ConnectOptions&, DialHolder&) override {
    ++dials;
    return std::make_unique<Dialing>();
  }
  std::size_t dials = 0;
};

struct NoMailbox final : Mailbox {
  void post(const std::string&, Note) override {}
};

std::shared_ptr<config::ClusterConfig> named(const std::string& name) {
  auto config = std::make_shared<config::ClusterConfig>();
  config->name = name;
  config->version = "1";
  return config;
}

std::shared_ptr<const config::EndpointSet> endpoints(std::size_t count, std::uint16_t first = 1) {
  auto set = std::make_shared<config::EndpointSet>();
  for (std::size_t i = 0; i < count; ++i) {
    config::Endpoint endpoint;
    endpoint.address =
        SocketAddress(IpAddress::v4(0x0a000001U), static_cast<std::uint16_t>(first + i));
    set->endpoints.push_back(std::move(endpoint));
  }
  return set;
}

class Worker {
 public:
  void apply() {
    auto next = std::make_shared<config::Snapshot>();
    next->clusters.insert(told.begin(), told.end());
    for (const auto& [name, entry] : told) {
      if (config::is_eager(*entry.config)) next->eager.push_back(name);
    }
    set->apply(next, nullptr);
    snapshot = next;
  }
  void pass(Duration time = 10ms) {
    turn.advance(turn.now() + time);
    for (int i = 0; i < 4; ++i) turn.end();
  }
  // The clusters that live, and their versions.
  [[nodiscard]] std::string alive() const {
    std::string out;
    for (const auto& state : set->describe())
      out += (out.empty() ? "" : " ") + state.name + "/" + state.version;
    return out;
  }
  // As if all were asked for.
  void use_all() {
    for (const auto& [name, entry] : told) ASSERT_TRUE(set->find(name)) << name;
  }
  // A new version of each, with as many endpoints elsewhere.
  void change_all(const std::string& version) {
    for (auto& [name, entry] : told) {
      auto config = std::make_shared<config::ClusterConfig>(*entry.config);
      config->version = version;
      entry = {config, endpoints(entry.endpoints->endpoints.size(), 1000)};
    }
  }
  // Steps of a turn each until nothing is behind; the most that one of them brought.
  std::size_t run_steps(std::size_t& most) {
    std::size_t steps = 0;
    for (std::size_t before = set->behind(); before != 0 && steps < 1000; ++steps) {
      pass();
      most = std::max(most, before - set->behind());
      before = set->behind();
    }
    return steps;
  }

  SilentNetwork network;
  NoMailbox mailbox;
  Random random{3};
  telemetry::Registry registry{telemetry::Registry::Options{}};
  telemetry::Shard& shard{registry.add_shard()};
  SharedLimitsTable limits;
  Turn turn{TimePoint(1h)};  // buries what refers to the others
  std::map<std::string, config::ClusterEntry> told;
  std::shared_ptr<const config::Snapshot> snapshot;
  std::unique_ptr<ClusterSet> set = ClusterSet::make({.turn = turn,
                                                      .connector = network,
                                                      .random = random,
                                                      .shard = shard,
                                                      .limits = limits,
                                                      .mailbox = &mailbox});
};

TEST(ClusterSet, AClusterLivesFromItsFirstRequest) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(2)};
  worker.told["till"] = {named("till"), endpoints(1)};
  worker.apply();
  EXPECT_EQ(worker.alive(), "");
  EXPECT_FALSE(worker.set->find("nobody"));
  EXPECT_EQ(worker.alive(), "");
  {
    const ClusterRef cart = worker.set->find("cart");
    ASSERT_TRUE(cart);
    EXPECT_NE(cart->pick({}), nullptr);
  }
  EXPECT_EQ(worker.alive(), "cart/1");
  EXPECT_EQ(worker.network.dials, 0U);
}

TEST(ClusterSet, ItKeepsWhatItHasOverPushesThatDoNotConcernIt) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(2)};
  worker.told["till"] = {named("till"), endpoints(1)};
  worker.apply();
  const ClusterRef cart = worker.set->find("cart");
  const Endpoint* first = cart->pick({});
  worker.told["till"] = {named("till"), endpoints(3)};
  worker.apply();
  EXPECT_EQ(worker.set->behind(), 0U);
  const ClusterRef again = worker.set->find("cart");
  EXPECT_EQ(&*again, &*cart);
  const Endpoint* other = again->pick({});
  EXPECT_NE(first, other);
  EXPECT_EQ(again->pick({}), first) << "in turn, where it was";
}

TEST(ClusterSet, WhoHasWorkBeforeRequestsLivesAtOnce) {
  Worker worker;
  auto warm = named("warm");
  warm->http.idle_connections_min = 2;
  auto checked = named("checked");
  checked->health_check = std::make_shared<config::HealthCheck>();
  auto slow = named("slow");
  slow->balancing.slow_start.window = 1min;
  worker.told["cart"] = {named("cart"), endpoints(2)};
  worker.told["warm"] = {warm, endpoints(3)};
  worker.told["checked"] = {checked, endpoints(2)};
  worker.told["slow"] = {slow, endpoints(1)};
  worker.apply();
  EXPECT_EQ(worker.alive(), "checked/1 slow/1 warm/1");
  EXPECT_EQ(worker.network.dials, 6U) << "connections are ready before anybody asks";
  worker.set->note_check("checked", endpoints(2)->endpoints[1].address, false);
  EXPECT_EQ(worker.set->describe()[0].endpoints[0].state, "ready");
  EXPECT_EQ(worker.set->describe()[0].endpoints[1].state, "failing_check");
}

TEST(ClusterSet, OneThatBecomesEagerWhileItSleepsWakes) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(2)};
  worker.apply();
  EXPECT_EQ(worker.alive(), "");
  auto warm = named("cart");
  warm->version = "2";
  warm->http.idle_connections_min = 1;
  worker.told["cart"].config = warm;
  worker.apply();
  EXPECT_EQ(worker.alive(), "cart/2");
  EXPECT_EQ(worker.network.dials, 2U);
}

TEST(ClusterSet, APushTakesStepsOfABoundedSize) {
  constexpr std::size_t kMany = 400;
  constexpr std::size_t kEach = 10;
  Worker worker;
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::string name = "s" + std::to_string(i);
    worker.told[name] = {named(name), endpoints(kEach)};
  }
  worker.apply();
  worker.use_all();
  worker.change_all("2");
  worker.apply();
  const std::size_t at_once = kMany - worker.set->behind();
  EXPECT_GT(at_once, 0U);
  EXPECT_LE(at_once, ClusterSet::kStepMax / (ClusterSet::kClusterShare + kEach) + 1);
  std::size_t most = 0;
  const std::size_t steps = worker.run_steps(most);
  EXPECT_LE(most, ClusterSet::kStepMax / (ClusterSet::kClusterShare + kEach) + 1);
  EXPECT_GE(steps, kMany / at_once - 1);
  EXPECT_EQ(worker.set->behind(), 0U);
  for (const auto& state : worker.set->describe()) EXPECT_EQ(state.version, "2");
}

TEST(ClusterSet, EagerOnesTakeTheSameSteps) {
  Worker worker;
  for (std::size_t i = 0; i < 200; ++i) {
    auto config = named("s" + std::to_string(i));
    config->health_check = std::make_shared<config::HealthCheck>();
    worker.told[config->name] = {config, endpoints(10)};
  }
  worker.apply();
  const std::size_t at_once = worker.set->describe().size();
  EXPECT_GT(at_once, 0U);
  EXPECT_LE(at_once, ClusterSet::kStepMax / (ClusterSet::kClusterShare + 10) + 1);
  // What is told of one that has not had its turn reaches it.
  std::string late;
  for (const auto& [name, entry] : worker.told) {
    const auto states = worker.set->describe();
    const bool lives = std::any_of(states.begin(), states.end(),
                                   [&](const auto& state) { return state.name == name; });
    if (!lives) late = name;
  }
  worker.set->note_check(late, endpoints(1)->endpoints[0].address, false);
  for (int i = 0; i < 40; ++i) worker.pass();
  const auto states = worker.set->describe();
  ASSERT_EQ(states.size(), 200U);
  for (const auto& state : states)
    EXPECT_EQ(state.endpoints[0].state, state.name == late ? "failing_check" : "ready");
}

TEST(ClusterSet, WhoIsAskedForIsNeverBehind) {
  Worker worker;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::string name = "s" + std::to_string(i);
    worker.told[name] = {named(name), endpoints(10)};
  }
  worker.apply();
  worker.use_all();
  worker.change_all("2");
  worker.told.erase("s7");
  worker.apply();
  ASSERT_GT(worker.set->behind(), 0U);
  EXPECT_FALSE(worker.set->find("s7")) << "it is configured no longer";
  const std::size_t behind = worker.set->behind();
  std::size_t brought = 0;
  for (const auto& [name, entry] : worker.told) {
    const ClusterRef cluster = worker.set->find(name);
    ASSERT_TRUE(cluster);
    EXPECT_EQ(cluster->config().version, "2") << name;
    const Endpoint* endpoint = cluster->pick({});
    ASSERT_NE(endpoint, nullptr);
    EXPECT_GE(endpoint->config().address.port(), 1000) << name;
    ++brought;
  }
  EXPECT_EQ(brought, 199U);
  EXPECT_EQ(worker.set->behind(), 0U) << behind << " were brought by those who asked";
}

TEST(ClusterSet, WhatIsRemovedGoesWithItsLastReference) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(2)};
  worker.apply();
  ClusterRef cart = worker.set->find("cart");
  Result<Permit> permit = cart->admit(*cart->pick({}));
  ASSERT_TRUE(permit);
  worker.told.clear();
  worker.apply();
  worker.pass();
  EXPECT_EQ(worker.alive(), "");
  EXPECT_FALSE(worker.set->find("cart"));
  EXPECT_EQ(cart->config().name, "cart") << "a request is under way there";
  permit->release();
  cart.reset();
  worker.pass();
  // And it may come back as somebody else.
  worker.told["cart"] = {named("cart"), endpoints(1)};
  worker.apply();
  EXPECT_EQ(worker.alive(), "");
  EXPECT_TRUE(worker.set->find("cart"));
}

// Whoever stays keeps its requests and failures, wherever it stands in the new list.
TEST(ClusterSet, EndpointsAreKnownByTheirAddresses) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(4)};
  worker.apply();
  const ClusterRef cart = worker.set->find("cart");
  std::map<std::string, const Endpoint*> before;
  for (int i = 0; i < 4; ++i) {
    const Endpoint* endpoint = cart->pick({});
    before[endpoint->address_text()] = endpoint;
  }
  ASSERT_EQ(before.size(), 4U);
  // One has gone from the middle, another came first, the rest have turned round.
  auto next = std::make_shared<config::EndpointSet>(*endpoints(1, 1000));
  const auto old = endpoints(4);
  for (const std::size_t i : {3U, 1U, 0U}) next->endpoints.push_back(old->endpoints[i]);
  worker.told["cart"].endpoints = next;
  worker.apply();
  const ClusterRef again = worker.set->find("cart");
  std::map<std::string, const Endpoint*> after;
  for (int i = 0; i < 4; ++i) {
    const Endpoint* endpoint = again->pick({});
    after[endpoint->address_text()] = endpoint;
  }
  ASSERT_EQ(after.size(), 4U);
  for (const std::size_t i : {0U, 1U, 3U}) {
    const std::string address = old->endpoints[i].address.to_string();
    EXPECT_EQ(after[address], before[address]) << address;
  }
  EXPECT_FALSE(after.contains(old->endpoints[2].address.to_string()));
}

TEST(ClusterSet, WhoAnswersIsCalledByItsPresentNames) {
  Worker worker;
  const auto told_as = [&](const std::string& workload, const std::string& name_space) {
    auto config = named("cart");
    config->labels.service_namespace = name_space;
    auto set = std::make_shared<config::EndpointSet>(*endpoints(1));
    set->endpoints[0].workload = workload;
    worker.told["cart"] = {config, set};
    worker.apply();
    const telemetry::PeerLabels& names =
        telemetry::labels_of(worker.set->find("cart")->pick({})->peer());
    return std::string(telemetry::text_of(names.workload)) + "." +
           std::string(telemetry::text_of(names.workload_namespace));
  };
  EXPECT_EQ(told_as("cart-1", "shop"), "cart-1.shop");
  EXPECT_EQ(told_as("cart-1", "shop"), "cart-1.shop");
  EXPECT_EQ(told_as("cart-2", "shop"), "cart-2.shop") << "another pod at its address";
  EXPECT_EQ(told_as("cart-2", "test"), "cart-2.test");
  // The cluster alone.
  auto config = named("cart");
  config->labels.service_namespace = "last";
  worker.told["cart"].config = config;
  worker.apply();
  const telemetry::PeerId peer = worker.set->find("cart")->pick({})->peer();
  EXPECT_EQ(telemetry::text_of(telemetry::labels_of(peer).workload_namespace), "last");
}

TEST(ClusterSet, AddressesOfSleepingClustersAreKnown) {
  Worker worker;
  auto out = named("passthrough");
  out->discovery = config::ClusterConfig::Discovery::kOriginalDst;
  out->known_destinations = {.deny_unknown = true};
  worker.told["passthrough"] = {out, endpoints(0)};
  worker.told["cart"] = {named("cart"), endpoints(1)};
  worker.apply();
  const ClusterRef cluster = worker.set->find("passthrough");
  const SocketAddress known(IpAddress::v4(0x0a000001U), 9999);
  const SocketAddress unknown(IpAddress::v4(0x0a000002U), 9999);
  EXPECT_NE(cluster->pick({.original_destination = &known}), nullptr);
  EXPECT_EQ(cluster->pick({.original_destination = &unknown}), nullptr);
  EXPECT_EQ(worker.alive(), "passthrough/1") << "asking who is there wakes nobody";
  worker.told.erase("cart");
  worker.apply();
  EXPECT_EQ(worker.set->find("passthrough")->pick({.original_destination = &known}), nullptr);
}

TEST(ClusterSet, WhoSleepsIsOnThePagesAsConfigured) {
  Worker worker;
  auto till = named("till");
  till->labels.service = "till.shop";
  till->labels.backend = "till-v1";
  till->limits.requests_max = 7;
  till->breaker.emplace();
  auto ill = std::make_shared<config::EndpointSet>(*endpoints(3));
  ill->endpoints[1].health = config::Endpoint::Health::kUnhealthy;
  ill->endpoints[2].health = config::Endpoint::Health::kDegraded;
  worker.told["till"] = {till, ill};
  worker.apply();
  const auto metric = [&](const std::string& line) {
    const ConfiguredDestinations known(*worker.snapshot);
    const std::string page = worker.registry.scrape(worker.turn.now(), &known);
    const std::string labels = "{destination_service=\"till.shop\",backend=\"till-v1\",";
    const auto brace = line.find('{');
    return page.find(line.substr(0, brace) + labels + line.substr(brace + 1) + "\n") !=
           std::string::npos;
  };
  EXPECT_TRUE(metric("weft_endpoints{state=\"healthy\"} 1"));
  EXPECT_TRUE(metric("weft_endpoints{state=\"unhealthy\"} 2"));
  EXPECT_TRUE(metric("weft_limit_max{limit=\"requests\"} 7"));
  EXPECT_FALSE(metric("weft_limit_in_use{limit=\"requests\"} 1"));
  const auto asleep = describe_unused(*worker.snapshot);
  ASSERT_EQ(asleep.size(), 1U);
  EXPECT_EQ(asleep[0].name, "till");
  EXPECT_EQ(asleep[0].version, "1");
  EXPECT_EQ(asleep[0].breaker->state, "closed");
  const ClusterRef ref = worker.set->find("till");
  const auto awake = worker.set->describe();
  ASSERT_EQ(awake.size(), 1U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(asleep[0].endpoints[i].address, awake[0].endpoints[i].address);
    EXPECT_EQ(asleep[0].endpoints[i].state, awake[0].endpoints[i].state);
    EXPECT_EQ(asleep[0].endpoints[i].weight, awake[0].endpoints[i].weight);
  }
  const Result<Permit> permit = ref->admit(*ref->pick({}));
  ASSERT_TRUE(permit);
  EXPECT_TRUE(metric("weft_limit_in_use{limit=\"requests\"} 1")) << "now a thread counts";
  EXPECT_TRUE(metric("weft_endpoints{state=\"unhealthy\"} 2"));
}

TEST(ClusterSet, NotesFromOtherWorkersWakeNobody) {
  Worker worker;
  worker.told["cart"] = {named("cart"), endpoints(1)};
  worker.apply();
  worker.set->on_note("cart", Mailbox::Note::kPlaceWanted);
  worker.set->on_note("nobody", Mailbox::Note::kPlaceFree);
  EXPECT_EQ(worker.alive(), "");
}

}  // namespace
}  // namespace weft::upstream
