// Both halves of ADS told each other's words, over histories with cut streams and bad resources.

#include <gtest/gtest.h>

#include "tests/xds/ads_server_rig.h"
#include "tests/xds/ads_text.h"
#include "xds/client_state.h"
#include "xds/wire.h"

namespace weft::xds {
namespace {

using testing::Content;
using testing::full_name;
using testing::Server;

namespace discovery = envoy::service::discovery::v3;

struct World {
  Variant variant;
  Server server;
  ClientState client;
  std::map<std::string, std::map<std::string, std::string>>
      holds;  // what the client was shown and took

  explicit World(Variant v) : variant(v), server(v), client(v, {}) {}

  template <typename Response, typename Request>
  void deliver(const std::string& bytes) {
    Response response;
    ASSERT_TRUE(response.ParseFromString(bytes));
    auto update = client.read(std::move(response));
    std::vector<Refusal> refusals;
    for (const auto& change : update.changed) {
      const std::string text(peek_field(change.body.value(), 900).value_or(""));
      if (text == "bad") {
        refusals.push_back({change.name, "is bad"});
      } else {
        holds[update.type][change.name] = text;
      }
    }
    for (const auto& name : update.removed) holds[update.type].erase(name);
    if (update.type == full_name("Cluster")) {
      Interest endpoints;
      for (const auto& [name, text] : holds[update.type]) endpoints.names.insert(name);
      std::erase_if(holds[full_name("Endpoints")],
                    [&](const auto& item) { return !endpoints.covers(item.first); });
      client.subscribe(full_name("Endpoints"), std::move(endpoints));
    }
    client.conclude(std::move(update), std::move(refusals), WallTime{});
  }
  void settle() {
    for (int quiet = 0; quiet < 2;) {
      bool moved = false;
      while (const auto request = client.next_request()) {
        moved = true;
        std::visit([&](const auto& message) { ASSERT_TRUE(server.state.on_request(message)); },
                   *request);
      }
      while (const auto bytes = server.state.next_response()) {
        moved = true;
        if (variant == Variant::kSotw) {
          deliver<discovery::DiscoveryResponse, discovery::DiscoveryRequest>(*bytes);
        } else {
          deliver<discovery::DeltaDiscoveryResponse, discovery::DeltaDiscoveryRequest>(*bytes);
        }
      }
      quiet = moved ? 0 : quiet + 1;
    }
  }
  void reconnect() {
    server.state = ServerState(variant, "weft");
    server.state.on_resources(server.set);
    client.open();
  }
  [[nodiscard]] std::string shows(const std::string& type) {
    std::string out;
    for (const auto& [name, text] : holds[full_name(type)]) out += name + "=" + text + " ";
    return out;
  }
};

class BothEnds : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Ads, BothEnds, ::testing::Values(Variant::kSotw, Variant::kDelta),
                         [](const auto& made) {
                           return made.param == Variant::kSotw ? "Sotw" : "Delta";
                         });

TEST_P(BothEnds, TheClientEndsWithWhatTheServerHasAfterAnyHistory) {
  std::uint64_t seed = 1;
  const auto roll = [&seed](std::uint64_t bound) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (seed >> 33) % bound;
  };
  World world(GetParam());
  world.client.subscribe(full_name("Cluster"), Interest{.everything = true});
  world.client.open();
  Content content;
  for (int step = 0; step < 400; ++step) {
    std::map<std::string, std::string> clusters;
    std::map<std::string, std::string> endpoints;
    for (std::uint64_t i = roll(12); i > 0; --i) {
      const std::string name = "c" + std::to_string(roll(10));
      clusters[name] = std::to_string(roll(3));
      endpoints[name] = std::to_string(roll(3));
    }
    content["Cluster"] = {clusters.begin(), clusters.end()};
    content["Endpoints"] = {endpoints.begin(), endpoints.end()};
    world.server.has(content);
    if (roll(3) == 0) world.reconnect();
    if (roll(2) == 0) continue;  // changes pile up
    world.settle();
    std::string expected;
    for (const auto& [name, text] : clusters) expected += name + "=" + text + " ";
    ASSERT_EQ(world.shows("Cluster"), expected) << "step " << step;
    expected.clear();
    for (const auto& [name, text] : endpoints) expected += name + "=" + text + " ";
    ASSERT_EQ(world.shows("Endpoints"), expected) << "step " << step;
    ASSERT_TRUE(world.server.state.settled());
  }
}

TEST_P(BothEnds, ABadResourceStaysOutAndTheOthersApply) {
  World world(GetParam());
  world.client.subscribe(full_name("Cluster"), Interest{.everything = true});
  world.client.open();
  world.server.has({{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  world.settle();
  world.server.has({{"Cluster", {{"a", "2"}, {"b", "bad"}, {"c", "1"}}}});
  world.settle();
  EXPECT_EQ(world.shows("Cluster"), "a=2 b=1 c=1 ");
  EXPECT_TRUE(world.server.state.refused());
  EXPECT_EQ(world.server.report_of("Cluster").refused_why, "Cluster 'b': is bad");
  world.reconnect();
  world.settle();
  EXPECT_EQ(world.shows("Cluster"), "a=2 b=1 c=1 ");
  world.server.has({{"Cluster", {{"a", "2"}, {"b", "3"}, {"c", "1"}}}});
  world.settle();
  EXPECT_EQ(world.shows("Cluster"), "a=2 b=3 c=1 ");
  EXPECT_FALSE(world.server.state.refused());
}

}  // namespace
}  // namespace weft::xds
