// Clusters whose endpoints are what clients ask for: each destination is one, at most so many, for
// a minute after its last use; what is in use stays.
#include "sidecar/upstream/original_destinations.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sidecar/core/pod_contract.h"
#include "sidecar/upstream/cluster_set.h"
#include "tests/support/memory_transport.h"

namespace weft::upstream {
namespace {

using namespace std::chrono_literals;
using weft::testing::MemoryPipe;

// Connections are made when the test says.
class PassingNetwork final : public Connector {
 public:
  struct Dialing final : Dial {
    Dialing(PassingNetwork& network_in, DialHolder& holder_in)
        : network(network_in), holder(holder_in) {
      network.open.push_back(this);
    }
    ~Dialing() override { std::erase(network.open, this); }
    PassingNetwork& network;
    DialHolder& holder;
  };
  explicit PassingNetwork(Turn& turn) : turn_(turn) {}
  std::unique_ptr<Dial> connect(const SocketAddress& address, const ConnectOptions& options,
                                DialHolder& holder) override {
    dials.push_back(options.source.to_string() + " to " + address.to_string() +
                    (options.transparent_mark == pod::kTransparentMark ? " transparently" : ""));
    return std::make_unique<Dialing>(*this, holder);
  }
  void refuse_all() {
    const std::vector<Dialing*> now = open;
    for (Dialing* dialing : now) {
      dialing->holder.on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
    }
  }
  void connect_all() {
    const std::vector<Dialing*> now = open;
    for (Dialing* dialing : now) {
      pipes.push_back(std::make_unique<MemoryPipe>(turn_));
      dialing->holder.on_dialed(pipes.back()->take_left());
    }
  }
  std::vector<Dialing*> open;
  std::vector<std::unique_ptr<MemoryPipe>> pipes;
  std::vector<std::string> dials;  // source, destination, how

 private:
  Turn& turn_;
};

class PassingWaiter final : public TicketHolder {
 public:
  void on_connection_ready(http::ClientConnection&) override { ready = true; }
  void on_ticket_failed(const Error& error) override { failed = to_string(error); }
  bool ready = false;
  std::string failed;
};

class PassingCluster : public ::testing::Test {
 protected:
  PassingCluster() { apply(std::nullopt, {}); }

  // What is known of who is where, by the endpoints of another cluster.
  struct Known {
    std::string address;
    std::string identity;
  };
  void apply(std::optional<config::KnownDestinations> known, const std::vector<Known>& who) {
    auto passing = std::make_shared<config::ClusterConfig>();
    passing->name = "direct";
    passing->discovery = config::ClusterConfig::Discovery::kOriginalDst;
    passing->known_destinations = known;
    passing->limits.connections_max = passing->limits.requests_max = 100'000;
    passing->limits.pending_max = 100'000;
    auto others = std::make_shared<config::ClusterConfig>();
    others->name = "others";
    auto set = std::make_shared<config::EndpointSet>();
    for (const Known& one : who) {
      config::Endpoint endpoint;
      endpoint.address = *SocketAddress::parse(one.address);
      endpoint.identity = one.identity;
      set->endpoints.push_back(std::move(endpoint));
    }
    auto snapshot = std::make_shared<config::Snapshot>();
    snapshot->clusters.emplace("direct", config::ClusterEntry{passing, nullptr});
    snapshot->clusters.emplace("others", config::ClusterEntry{others, set});
    set_->apply(std::move(snapshot), std::make_shared<const TlsContexts>());
    pass(0s);
  }
  void pass(Duration time) {
    turn_.advance(turn_.now() + time);
    for (int i = 0; i < 8; ++i) turn_.end();
  }
  // First they are told to, then they wait for the other side.
  void let_connections_end() {
    pass(0s);
    pass(10s);
  }
  // "10.0.0.0" and so on, port 80.
  static SocketAddress place(std::uint32_t number) {
    return {IpAddress::v4(0x0a00'0000U + number), 80};
  }
  Endpoint* pick(const SocketAddress& address) {
    ClusterRef cluster = set_->find("direct");
    return cluster->pick({.original_destination = &address});
  }
  std::string why_none(const SocketAddress& address) {
    return set_->find("direct")->why_none({.original_destination = &address}).detail;
  }
  // A request that is under way for as long as the permit is held.
  Permit use(const SocketAddress& address) {
    ClusterRef cluster = set_->find("direct");
    Endpoint* endpoint = cluster->pick({.original_destination = &address});
    if (endpoint == nullptr) return {};
    Result<Permit> permit = cluster->admit(*endpoint);
    return permit ? std::move(*permit) : Permit();
  }
  // One whose connection is kept after it.
  void use_and_keep_connection(const SocketAddress& address) {
    ClusterRef cluster = set_->find("direct");
    Endpoint* endpoint = cluster->pick({.original_destination = &address});
    ASSERT_NE(endpoint, nullptr);
    Result<Permit> permit = cluster->admit(*endpoint);
    ASSERT_TRUE(permit);
    PassingWaiter waiter;
    const Acquired acquired = cluster->acquire(*endpoint, waiter, config::Priority::kNormal);
    network_.connect_all();
    pass(0s);
    EXPECT_TRUE(waiter.ready) << waiter.failed;
  }
  std::size_t endpoints() const {
    for (const ClusterSet::ClusterState& cluster : set_->describe()) {
      if (cluster.name == "direct") return cluster.endpoints.size();
    }
    return 0;
  }

  // The app behind an inbound listener that keeps its callers' addresses.
  void apply_keeping() {
    auto app = std::make_shared<config::ClusterConfig>();
    app->name = "direct";
    app->discovery = config::ClusterConfig::Discovery::kOriginalDst;
    app->local_app = app->keep_source = true;
    app->local_app_elsewhere = {*SocketAddress::parse("127.0.0.1:80")};
    app->source = *SocketAddress::parse("127.0.0.6:0");
    app->source_other = *SocketAddress::parse("[::6]:0");
    auto snapshot = std::make_shared<config::Snapshot>();
    snapshot->clusters.emplace("direct", config::ClusterEntry{app, nullptr});
    set_->apply(std::move(snapshot), std::make_shared<const TlsContexts>());
    pass(0s);
  }
  // What is dialed for a call from there.
  std::string dialed(const std::string& source, const std::string& to = "10.0.0.1:80") {
    const SocketAddress from = *SocketAddress::parse(source);
    const SocketAddress address = *SocketAddress::parse(to);
    ClusterRef cluster = set_->find("direct");
    Endpoint* endpoint = cluster->pick({.original_destination = &address, .source = &from});
    if (endpoint == nullptr) return "nobody";
    Result<Permit> permit = cluster->admit(*endpoint);
    PassingWaiter waiter;
    const std::size_t before = network_.dials.size();
    const Acquired acquired = cluster->acquire(*endpoint, waiter, config::Priority::kNormal);
    const bool reused = std::holds_alternative<http::ClientConnection*>(acquired);
    network_.connect_all();
    pass(0s);
    if (reused) return "kept";
    return network_.dials.size() == before ? "nothing" : network_.dials.back();
  }

  Turn turn_{TimePoint(1h)};
  PassingNetwork network_{turn_};
  Random random_{7};
  telemetry::Shard shard_{telemetry::Shard::Options{}};
  SharedLimitsTable limits_;
  std::unique_ptr<ClusterSet> set_ =
      ClusterSet::make({turn_, network_, random_, shard_, limits_, {}, nullptr});
};

TEST_F(PassingCluster, ADestinationIsOneEndpointHoweverOftenItIsAskedFor) {
  Endpoint* first = pick(place(1));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first->address_text(), "10.0.0.1:80");
  EXPECT_EQ(pick(place(1)), first);
  EXPECT_NE(pick(place(2)), first);
  EXPECT_EQ(pick({IpAddress::v4(0x0a00'0001U), 81})->address_text(), "10.0.0.1:81");
  EXPECT_EQ(endpoints(), 3U);
}

TEST_F(PassingCluster, WithoutADestinationThereIsNobody) {
  ClusterRef cluster = set_->find("direct");
  EXPECT_EQ(cluster->pick({}), nullptr);
  EXPECT_EQ(cluster->why_none({}).fault, Fault::kNoEndpoint);
}

TEST_F(PassingCluster, WhoWasNotAskedForForAMinuteIsForgotten) {
  (void)pick(place(1));
  pass(59s);
  EXPECT_EQ(endpoints(), 1U);
  (void)pick(place(2));
  pass(2s);
  EXPECT_EQ(endpoints(), 1U);
  EXPECT_EQ(pick(place(2))->address_text(), "10.0.0.2:80");
  pass(2 * OriginalDestinations::kKept);
  EXPECT_EQ(endpoints(), 0U);
}

TEST_F(PassingCluster, WhatIsInUseStaysHoweverLongItTakes) {
  Permit permit = use(place(1));
  ASSERT_TRUE(permit);
  pass(10 * OriginalDestinations::kKept);
  EXPECT_EQ(endpoints(), 1U);
  permit.release();
  pass(2 * OriginalDestinations::kKept);
  EXPECT_EQ(endpoints(), 0U);
}

TEST_F(PassingCluster, AKeptConnectionKeepsNobody) {
  use_and_keep_connection(place(1));
  EXPECT_EQ(endpoints(), 1U);
  pass(2 * OriginalDestinations::kKept);
  EXPECT_EQ(endpoints(), 0U);
  let_connections_end();
  EXPECT_FALSE(network_.pipes[0]->is_alive(MemoryPipe::End::kLeft));
}

TEST_F(PassingCluster, TheOneThatWasIdleForLongestMakesRoom) {
  for (std::uint32_t i = 0; i < OriginalDestinations::kMax; ++i) {
    ASSERT_NE(pick(place(i)), nullptr);
    turn_.advance(turn_.now() + 1ms);
  }
  Endpoint* second = pick(place(1));
  (void)pick(place(0));  // used again: not the oldest any more
  ASSERT_NE(pick(place(5000)), nullptr);
  EXPECT_EQ(endpoints(), OriginalDestinations::kMax);
  EXPECT_EQ(pick(place(1)), second);
  pass(0s);
  EXPECT_EQ(endpoints(), OriginalDestinations::kMax);
}

// A destination of a minute ago, whose connection waits for more, is not in anybody's way.
TEST_F(PassingCluster, OneWithAKeptConnectionMakesRoomAsWell) {
  for (std::uint32_t i = 0; i < OriginalDestinations::kMax; ++i) {
    use_and_keep_connection(place(i));
    pass(1ms);
  }
  EXPECT_EQ(endpoints(), OriginalDestinations::kMax);
  EXPECT_NE(pick(place(5000)), nullptr) << why_none(place(5000));
  let_connections_end();
  EXPECT_FALSE(network_.pipes[0]->is_alive(MemoryPipe::End::kLeft)) << "the first one was let go";
  EXPECT_TRUE(network_.pipes[1]->is_alive(MemoryPipe::End::kLeft));
}

TEST_F(PassingCluster, WhenAllAreInUseTheNextIsRefusedAndSaysWhy) {
  std::vector<Permit> held;
  for (std::uint32_t i = 0; i < OriginalDestinations::kMax; ++i) held.push_back(use(place(i)));
  EXPECT_EQ(pick(place(5000)), nullptr);
  EXPECT_EQ(why_none(place(5000)), "more than 1024 destinations of direct are in use");
  EXPECT_NE(pick(place(7)), nullptr) << "those that are there go on";
  held.erase(held.begin());
  EXPECT_NE(pick(place(5000)), nullptr);
}

TEST_F(PassingCluster, APushKeepsThemAll) {
  Endpoint* first = pick(place(1));
  Permit permit = use(place(2));
  apply(std::nullopt, {{"10.9.0.1:80", "spiffe://a/b"}});
  EXPECT_EQ(endpoints(), 2U);
  EXPECT_EQ(pick(place(1)), first);
}

TEST_F(PassingCluster, StrangersAreRefusedByNameWhereTheyAreDenied) {
  apply(config::KnownDestinations{.deny_unknown = true}, {{"10.0.0.1:15006", "spiffe://a/cart"}});
  EXPECT_NE(pick(place(1)), nullptr) << "known by its address, whatever the port";
  EXPECT_EQ(pick(place(2)), nullptr);
  EXPECT_EQ(why_none(place(2)),
            "nobody of the mesh is known at 10.0.0.2:80, and unknown is denied");
  EXPECT_EQ(endpoints(), 1U) << "who is refused takes no place";
}

TEST_F(PassingCluster, EachCallerHasConnectionsOfItsOwnWhereAddressesAreKept) {
  apply_keeping();
  EXPECT_EQ(dialed("10.7.7.7:4000"), "10.7.7.7:0 to 10.0.0.1:80 transparently");
  EXPECT_EQ(dialed("10.8.8.8:4000"), "10.8.8.8:0 to 10.0.0.1:80 transparently");
  EXPECT_EQ(dialed("10.7.7.7:4001"), "kept") << "the caller's next connection";
  EXPECT_EQ(dialed("[fd00::7]:4000", "[fd00::1]:80"), "[fd00::7]:0 to [fd00::1]:80 transparently");
  EXPECT_EQ(endpoints(), 3U);
  pass(2 * OriginalDestinations::kKept);
  EXPECT_EQ(endpoints(), 0U);
}

// Under these addresses the rules would take it for the pod calling itself once more.
TEST_F(PassingCluster, ThePodsOwnCallsAreDeliveredFromTheDeliverySource) {
  apply_keeping();
  EXPECT_EQ(dialed("10.0.0.1:4000"), "127.0.0.6:0 to 10.0.0.1:80");
  EXPECT_EQ(dialed("[fd00::1]:4000", "[fd00::1]:80"), "[::6]:0 to [fd00::1]:80");
  EXPECT_EQ(dialed("127.0.0.1:4000"), "kept") << "the pod's own as well";
}

TEST_F(PassingCluster, AnAppThatIsNotOnThePodsAddressIsLookedForFromTheDeliverySource) {
  apply_keeping();
  const SocketAddress from = *SocketAddress::parse("10.7.7.7:4000");
  const SocketAddress address = *SocketAddress::parse("10.0.0.1:80");
  ClusterRef cluster = set_->find("direct");
  Endpoint* endpoint = cluster->pick({.original_destination = &address, .source = &from});
  ASSERT_NE(endpoint, nullptr);
  Result<Permit> permit = cluster->admit(*endpoint);
  PassingWaiter waiter;
  const Acquired acquired = cluster->acquire(*endpoint, waiter, config::Priority::kNormal);
  network_.refuse_all();
  pass(0s);
  EXPECT_EQ(network_.dials, (std::vector<std::string>{"10.7.7.7:0 to 10.0.0.1:80 transparently",
                                                      "127.0.0.6:0 to 127.0.0.1:80"}));
  network_.connect_all();
  pass(0s);
  EXPECT_TRUE(waiter.ready) << waiter.failed;
}

// Addresses are used again.
TEST_F(PassingCluster, WhoIsAtAnAddressNowIsNotServedByItsFormerOwnersConnections) {
  apply(config::KnownDestinations{}, {});
  use_and_keep_connection(place(1));
  apply(config::KnownDestinations{}, {{"10.0.0.1:15006", "spiffe://a/cart"}});
  Endpoint* now = pick(place(1));
  ASSERT_NE(now, nullptr);
  EXPECT_EQ(now->config().identity, "spiffe://a/cart");
  let_connections_end();
  EXPECT_FALSE(network_.pipes[0]->is_alive(MemoryPipe::End::kLeft));
}

}  // namespace
}  // namespace weft::upstream
