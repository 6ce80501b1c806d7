// All checks of a sidecar, with a network made of counters: who is asked, how many at a time, what
// is told.
#include "sidecar/upstream/health_checks.h"

#include <gtest/gtest.h>

#include <set>

namespace weft::upstream {
namespace {

using namespace std::chrono_literals;

// Connections end as the test says.
class CheckNetwork final : public Connector {
 public:
  struct Dialing final : Dial {
    Dialing(CheckNetwork& network_in, SocketAddress address_in, DialHolder& holder_in)
        : network(network_in), address(std::move(address_in)), holder(holder_in) {
      network.open.insert(this);
    }
    ~Dialing() override { network.open.erase(this); }
    CheckNetwork& network;
    SocketAddress address;
    DialHolder& holder;
  };
  std::unique_ptr<Dial> connect(const SocketAddress& address, const ConnectOptions&,
                                DialHolder& holder) override {
    ++dials;
    auto dialing = std::make_unique<Dialing>(*this, address, holder);
    most_open = std::max(most_open, open.size());
    return dialing;
  }
  // Of all that are under way.
  void refuse_all() {
    const std::vector<Dialing*> now(open.begin(), open.end());
    for (Dialing* dialing : now) {
      dialing->holder.on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
    }
  }
  std::set<Dialing*> open;
  std::size_t most_open = 0;
  std::size_t dials = 0;
};

struct Checks final : HealthChecks::Owner {
  void on_checked(const std::string& cluster, const SocketAddress& address, bool passes) override {
    told.push_back(cluster + " " + address.to_string() + (passes ? " passes" : " fails"));
  }
  std::shared_ptr<const tls::ClientContext> tls_for_checks(const config::ClusterConfig&) override {
    return nullptr;
  }
  void pass(Duration time) {
    turn.advance(turn.now() + time);
    for (int i = 0; i < 4; ++i) turn.end();
  }
  void apply(std::uint32_t endpoints, std::shared_ptr<const config::HealthCheck> check) {
    auto config = std::make_shared<config::ClusterConfig>();
    config->name = "cart";
    config->health_check = std::move(check);
    auto set = std::make_shared<config::EndpointSet>();
    for (std::uint32_t i = 0; i < endpoints; ++i) {
      config::Endpoint endpoint;
      endpoint.address =
          SocketAddress(IpAddress::v4(0x0a000001U), static_cast<std::uint16_t>(1000 + i));
      set->endpoints.push_back(std::move(endpoint));
    }
    config::Snapshot snapshot;
    snapshot.clusters.emplace("cart", config::ClusterEntry{config, set});
    checks->apply(snapshot);
    pass(10ms);
  }

  CheckNetwork network;  // outlives the dials that are buried with the turn
  Turn turn{TimePoint(1h)};
  Random random{3};
  telemetry::Shard shard{telemetry::Shard::Options{}};
  SharedLimitsTable limits;
  std::vector<std::string> told;
  std::unique_ptr<HealthChecks> checks = std::make_unique<HealthChecks>(
      HealthChecks::Services{turn, network, random, shard, limits}, *this);
};

std::shared_ptr<config::HealthCheck> tcp_check() {
  auto check = std::make_shared<config::HealthCheck>();
  check->kind = config::HealthCheck::Kind::kTcp;
  check->timeout = 1s;
  check->interval_unused = check->interval_unused_passing = 5s;
  return check;
}

TEST(HealthChecks, OneCheckAtATimeOfAnEndpoint) {
  Checks rig;
  rig.apply(1, tcp_check());
  EXPECT_EQ(rig.network.dials, 1U);
  rig.pass(900ms);
  EXPECT_EQ(rig.network.dials, 1U) << "it is under way";
  rig.pass(200ms);
  EXPECT_EQ(rig.network.open.size(), 0U) << "its time is up";
  EXPECT_EQ(rig.told, std::vector<std::string>{"cart 10.0.0.1:1000 fails"});
  rig.pass(4s);
  EXPECT_EQ(rig.network.dials, 1U);
  rig.pass(2s);
  EXPECT_EQ(rig.network.dials, 2U);
  rig.network.refuse_all();
  EXPECT_EQ(rig.told.size(), 1U) << "only what is new is told";
}

TEST(HealthChecks, AllTogetherAreBoundedAndEachHasItsTurn) {
  Checks rig;
  rig.apply(300, tcp_check());
  EXPECT_EQ(rig.network.open.size(), HealthChecks::kUnderWayMax);
  for (int i = 0; i < 5; ++i) {
    rig.network.refuse_all();
    rig.pass(1ms);
  }
  EXPECT_EQ(rig.network.dials, 300U);
  EXPECT_EQ(rig.told.size(), 300U);
  // A dial that has failed is buried at the end of the turn in which the next one begins.
  EXPECT_LE(rig.network.most_open, 2 * HealthChecks::kUnderWayMax);
}

TEST(HealthChecks, AnEndpointThatGoesAwayGivesItsTurnToAnother) {
  Checks rig;
  rig.apply(100, tcp_check());
  EXPECT_EQ(rig.network.dials, 64U);
  rig.apply(30, tcp_check());
  EXPECT_EQ(rig.network.open.size(), 30U) << "those that stay";
  rig.network.refuse_all();
  EXPECT_EQ(rig.told.size(), 30U);
  rig.apply(30, nullptr);
  rig.pass(1h);
  EXPECT_EQ(rig.network.open.size(), 0U);
}

TEST(HealthChecks, EndsInTheMiddleOfManyChecks) {
  Checks rig;
  rig.apply(100, tcp_check());
  rig.checks.reset();
  EXPECT_EQ(rig.network.open.size(), 0U);
  rig.pass(1h);
  EXPECT_TRUE(rig.told.empty());
}

}  // namespace
}  // namespace weft::upstream
