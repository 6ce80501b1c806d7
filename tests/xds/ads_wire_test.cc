// AdsClient and AdsServer over HTTP/2 in memory: the two ends as programs use them.
#include <gtest/gtest.h>

#include "tests/xds/ads_text.h"
#include "tests/xds/wire_rig.h"
#include "xds/ads_client.h"
#include "xds/ads_server.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

using namespace std::chrono_literals;
using testing::full_name;
using testing::WireRig;

Resource cluster(const std::string& name, int seconds) {
  envoy::config::cluster::v3::Cluster made;
  made.set_name(name);
  made.set_type(envoy::config::cluster::v3::Cluster::EDS);
  made.mutable_eds_cluster_config()->mutable_eds_config()->mutable_ads();
  made.mutable_connect_timeout()->set_seconds(seconds);
  return make_resource(name, made);
}

Resource endpoints(const std::string& name, const std::string& address) {
  envoy::config::endpoint::v3::ClusterLoadAssignment made;
  made.set_cluster_name(name);
  auto& socket = *made.add_endpoints()
                      ->add_lb_endpoints()
                      ->mutable_endpoint()
                      ->mutable_address()
                      ->mutable_socket_address();
  socket.set_address(address);
  socket.set_port_value(80);
  return make_resource(name, made);
}

Resource generation(std::uint64_t number) {
  weft::config::v1::Generation made;
  made.set_number(number);
  return make_resource("generation", made);
}

// One set for every node, given out by the next turn.
class Table final : public Catalog, public Flushable {
 public:
  explicit Table(Turn& turn) : turn_(turn) {}

  void put(std::vector<Resource> resources) {
    base_ = resources;
    set_ = make_resource_set(++number, std::move(resources), set_.get());
    for (Asked* one : asked_) one->told = false;
    turn_.enlist(*this);
  }
  // What is told besides to whoever wants that destination.
  void put_at(const std::string& destination, std::vector<Resource> resources) {
    weft::config::v1::Destination made;
    made.set_name(destination);
    resources.push_back(make_resource(destination, made));
    at_[destination] = std::move(resources);
  }
  std::unique_ptr<Subscription> subscribe(const NodeInfo& node, Subscriber& subscriber) override {
    nodes.push_back(node);
    turn_.enlist(*this);
    return std::make_unique<Asked>(*this, subscriber);
  }
  void flush() override {
    for (Asked* one : std::vector<Asked*>(asked_)) {
      if (set_ == nullptr || one->told) continue;
      one->told = true;
      one->subscriber.on_resources(set_);
    }
  }

  std::uint64_t number = 0;
  std::vector<NodeInfo> nodes;

 private:
  struct Asked final : Subscription {
    Asked(Table& owner, Subscriber& who) : table(owner), subscriber(who) {
      table.asked_.push_back(this);
    }
    ~Asked() override { std::erase(table.asked_, this); }
    std::shared_ptr<const ResourceSet> want(
        const std::set<std::string, std::less<>>& destinations) override {
      std::vector<Resource> resources = table.base_;
      for (const std::string& name : destinations) {
        const auto found = table.at_.find(name);
        if (found == table.at_.end()) continue;
        resources.insert(resources.end(), found->second.begin(), found->second.end());
      }
      return make_resource_set(table.number, std::move(resources), table.set_.get());
    }
    Table& table;
    Subscriber& subscriber;
    bool told = false;
  };

  Turn& turn_;
  std::vector<Resource> base_;
  std::map<std::string, std::vector<Resource>> at_;
  std::shared_ptr<const ResourceSet> set_;
  std::vector<Asked*> asked_;
};

// A sidecar that believes everything but what `refuse` names, and writes down what it hears.
class Sidecar final : public AdsClient::Owner {
 public:
  Sidecar(WireRig& rig, Variant variant, std::string id = "sidecar-1", std::uint64_t seed = 7)
      : random(seed), client(rig.turn, rig, random, *this, options(variant, id)) {
    client.subscribe(full_name("Cluster"), Interest{.everything = true});
    client.subscribe(full_name("Generation"), Interest{.names = {"generation"}});
    client.start();
  }

  std::vector<Refusal> on_resources(std::string_view type,
                                    std::vector<AdsClient::Arrival>&& changed,
                                    const std::vector<std::string>& removed) override {
    std::vector<Refusal> refusals;
    for (auto& arrival : changed) {
      if (arrival.name == refuse) {
        refusals.push_back({arrival.name, "the port is in use"});
        continue;
      }
      ++shown;
      (type == full_name("Cluster") ? clusters : assigned)
          .insert_or_assign(arrival.name, arrival.version);
    }
    for (const auto& name : removed)
      (type == full_name("Cluster") ? clusters : assigned).erase(name);
    if (type == full_name("Cluster")) {
      Interest wanted;
      for (const auto& [name, version] : clusters) wanted.names.insert(name);
      client.subscribe(full_name("Endpoints"), std::move(wanted));
    }
    return refusals;
  }
  void on_generation(const Generation& closing) override {
    history += std::to_string(closing.number) + ":" + std::to_string(clusters.size()) + "/" +
               std::to_string(assigned.size()) + " ";
  }
  void on_ads_connected() override { history += "up "; }
  void on_ads_disconnected(const Error&) override { history += "down "; }

  Random random;
  std::map<std::string, std::string> clusters;
  std::map<std::string, std::string> assigned;
  std::string refuse;
  std::string history;
  std::size_t shown = 0;
  AdsClient client;

 private:
  static AdsClient::Options options(Variant variant, const std::string& id) {
    AdsClient::Options made{.variant = variant, .authority = "weft-control:15012"};
    made.node.set_id(id);
    auto& weft = *(*made.node.mutable_metadata()->mutable_fields())["weft"].mutable_struct_value();
    (*weft.mutable_fields())["admin"].set_string_value("127.0.0.1:15000");
    made.wall_clock = [] { return WallTime(1000s); };
    return made;
  }
};

AdsServer::Authorize anybody() {
  return [](const NodeInfo&) { return Status{}; };
}

struct Mesh {
  explicit Mesh(Variant variant, std::size_t piece = SIZE_MAX, AdsServer::Options options = {})
      : rig(piece),
        table(rig.turn),
        server(rig.turn, table, anybody(), std::move(options)),
        sidecar(rig, variant) {
    server.serve(rig.service);
  }
  WireRig rig;
  Table table;
  AdsServer server;
  Sidecar sidecar;
};

class Ads : public ::testing::TestWithParam<Variant> {};
INSTANTIATE_TEST_SUITE_P(Both, Ads, ::testing::Values(Variant::kSotw, Variant::kDelta),
                         [](const auto& made) {
                           return made.param == Variant::kSotw ? "Sotw" : "Delta";
                         });

TEST_P(Ads, BringsAConfigurationAndClosesItWithItsGeneration) {
  Mesh mesh(GetParam());
  mesh.table.put({cluster("a", 1), cluster("b", 1), endpoints("a", "10.0.0.1"),
                  endpoints("b", "10.0.0.2"), generation(1)});
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.clusters.size(), 2U);
  EXPECT_EQ(mesh.sidecar.assigned.size(), 2U);
  // The Generation came when everything had come.
  EXPECT_EQ(mesh.sidecar.history, "up 1:2/2 ");
  EXPECT_TRUE(mesh.sidecar.client.stats().connected);
  EXPECT_EQ(mesh.sidecar.client.stats().control_plane, "weft");

  mesh.table.put({cluster("b", 2), cluster("c", 1), endpoints("b", "10.0.0.3"),
                  endpoints("c", "10.0.0.4"), generation(2)});
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.history,
            "up 1:2/2 2:2/" + std::to_string(mesh.sidecar.assigned.size()) + " ");
  EXPECT_TRUE(mesh.sidecar.clusters.contains("c"));
  EXPECT_FALSE(mesh.sidecar.clusters.contains("a"));

  const auto report = mesh.server.report();
  ASSERT_EQ(report.size(), 1U);
  EXPECT_EQ(report[0].node.id, "sidecar-1");
  EXPECT_EQ(report[0].node.metadata.at("weft.admin"), "127.0.0.1:15000");
  EXPECT_TRUE(report[0].settled);
  EXPECT_EQ(report[0].settled_generation, 2U);
  EXPECT_EQ(report[0].behind, Duration::zero());
  EXPECT_EQ(report[0].since_answer, Duration::zero());
  EXPECT_FALSE(report[0].refused);
}

TEST(AdsDestinations, BringWhatBelongsToThemAndStayOverReconnects) {
  Mesh mesh(Variant::kDelta);
  mesh.table.put({cluster("always", 1), endpoints("always", "10.0.0.9"), generation(1)});
  mesh.table.put_at("10.96.0.1:80", {cluster("a", 1), endpoints("a", "10.0.0.1")});
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.history, "up 1:1/1 ");
  const std::string type(message_name(kDestinationType));
  mesh.sidecar.client.subscribe(type, Interest{.names = {"10.96.0.1:80", "10.96.0.9:80"}});
  mesh.rig.run();
  // Its endpoints and the Destination itself; all of it belongs to one push.
  EXPECT_EQ(mesh.sidecar.history, "up 1:1/1 1:2/3 ");
  const auto records = [&] { return *mesh.sidecar.client.state().report().at(type).records; };
  EXPECT_TRUE(records().at("10.96.0.1:80").held);
  EXPECT_TRUE(records().at("10.96.0.9:80").absent) << "nobody is there, and that is said";
  const std::size_t shown = mesh.sidecar.shown;

  // Said late, what is wanted would be taken away before it is told again.
  mesh.rig.cut();
  mesh.rig.pass(10s);
  EXPECT_TRUE(mesh.sidecar.client.stats().connected);
  EXPECT_TRUE(mesh.sidecar.clusters.contains("a"));
  EXPECT_EQ(mesh.sidecar.shown, shown) << "and nothing was told again";

  mesh.sidecar.client.subscribe(type, Interest{.names = {"10.96.0.9:80"}});
  mesh.rig.run();
  EXPECT_FALSE(mesh.sidecar.clusters.contains("a"));
  EXPECT_TRUE(mesh.sidecar.clusters.contains("always"));
}

TEST_P(Ads, DoesNotCareHowBytesArrive) {
  for (const std::size_t piece : {1UL, 7UL, 1000UL}) {
    Mesh mesh(GetParam(), piece);
    mesh.table.put({cluster("a", 1), endpoints("a", "10.0.0.1"), generation(1)});
    mesh.rig.run();
    EXPECT_EQ(mesh.sidecar.history, "up 1:1/1 ") << piece;
  }
}

TEST_P(Ads, RefusesInPartAndSaysWhy) {
  Mesh mesh(GetParam());
  mesh.sidecar.refuse = "b";
  mesh.table.put({cluster("a", 1), cluster("b", 1), cluster("c", -5), generation(1)});
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.clusters.size(), 1U);
  EXPECT_TRUE(mesh.sidecar.clusters.contains("a"));
  EXPECT_EQ(mesh.sidecar.client.stats().rejected, 1U);
  EXPECT_EQ(mesh.sidecar.client.state().report().find(full_name("Cluster"))->second.refused, 2U);
  const auto report = mesh.server.report();
  ASSERT_EQ(report.size(), 1U);
  EXPECT_TRUE(report[0].refused);
  EXPECT_TRUE(report[0].settled);
  std::string why;
  for (const auto& type : report[0].types) why += type.refused_why;
  EXPECT_NE(why.find("Cluster 'b': the port is in use"), std::string::npos) << why;
  EXPECT_NE(why.find("Cluster 'c': connect_timeout"), std::string::npos) << why;
}

TEST_P(Ads, ComesBackAndIsShownOnlyWhatChangedMeanwhile) {
  Mesh mesh(GetParam());
  mesh.table.put({cluster("a", 1), cluster("b", 1), endpoints("a", "10.0.0.1"),
                  endpoints("b", "10.0.0.2"), generation(1)});
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.shown, 4U);
  mesh.rig.cut();
  EXPECT_FALSE(mesh.sidecar.client.stats().connected);
  EXPECT_EQ(mesh.sidecar.clusters.size(), 2U);  // what was accepted stays
  EXPECT_EQ(mesh.server.streams(), 0U);
  mesh.table.put({cluster("a", 1), cluster("b", 2), endpoints("a", "10.0.0.1"),
                  endpoints("b", "10.0.0.2"), generation(2)});
  mesh.rig.pass(5s);
  EXPECT_TRUE(mesh.sidecar.client.stats().connected);
  EXPECT_EQ(mesh.sidecar.shown, 5U);
  EXPECT_EQ(mesh.sidecar.history, "up 1:2/2 down up 2:2/2 ");
}

TEST_P(Ads, CarriesTenThousandClusters) {
  Mesh mesh(GetParam(), 64 * 1024);
  std::vector<Resource> many;
  for (int i = 0; i < 10'000; ++i)
    many.push_back(
        cluster("outbound|80||service-" + std::to_string(i) + ".shop.svc.cluster.local", 1));
  many.push_back(generation(1));
  mesh.table.put(many);
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.clusters.size(), 10'000U);
  EXPECT_TRUE(mesh.server.report()[0].settled);
  many[77] = cluster(many[77].name, 9);
  many.back() = generation(2);
  mesh.sidecar.shown = 0;
  mesh.table.put(many);
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.shown, 1U);
}

TEST(AdsClient, ComesBackSoonAfterAStreamThatServed) {
  Mesh mesh(Variant::kDelta);
  mesh.table.put({cluster("a", 1)});
  mesh.rig.run();
  for (int i = 0; i < 10; ++i) {
    mesh.rig.pass(20s, 100ms);
    mesh.rig.cut();
    mesh.rig.pass(600ms);
    EXPECT_EQ(mesh.rig.dials, i + 2);
    EXPECT_TRUE(mesh.sidecar.client.stats().connected);
  }
}

TEST(AdsClient, AFleetDoesNotComeBackInOneMoment) {
  WireRig rig;
  Table table(rig.turn);
  AdsServer server(rig.turn, table, anybody(), {});
  server.serve(rig.service);
  table.put({cluster("a", 1)});
  std::vector<std::unique_ptr<Sidecar>> fleet;
  for (int i = 0; i < 50; ++i) {
    const std::string id = "sidecar-" + std::to_string(i);
    fleet.push_back(
        std::make_unique<Sidecar>(rig, Variant::kDelta, id, 100 + static_cast<std::uint64_t>(i)));
  }
  rig.pass(20s, 100ms);
  rig.cut();
  const int before = rig.dials;
  rig.pass(250ms, 10ms);
  EXPECT_GT(rig.dials - before, 15);
  EXPECT_LT(rig.dials - before, 35);
}

TEST(AdsClient, TriesOftenAtFirstAndSeldomLater) {
  WireRig rig;
  rig.reachable = false;
  Sidecar sidecar(rig, Variant::kDelta);
  rig.run();
  rig.pass(60s);
  const int first_minute = rig.dials;
  // Full jitter up to 4 s is 2 s on average.
  EXPECT_GE(first_minute, 20);
  EXPECT_LE(first_minute, 60);
  rig.pass(600s);
  const int later = rig.dials - first_minute;
  EXPECT_GE(later, 25);
  EXPECT_LE(later, 70);
  EXPECT_FALSE(sidecar.client.stats().connected);
  EXPECT_EQ(sidecar.history, "");
}

TEST(AdsClient, DoesNotStormAServerThatHangsUpAfterItsFirstAnswer) {
  Mesh mesh(Variant::kDelta);
  mesh.table.put({cluster("a", 1)});
  for (int second = 0; second < 120; ++second) {
    mesh.rig.pass(1s);
    mesh.rig.cut();
  }
  EXPECT_LE(mesh.rig.dials, 60);
}

TEST(AdsClient, StopsInSilence) {
  Mesh mesh(Variant::kDelta);
  mesh.table.put({cluster("a", 1)});
  mesh.rig.run();
  mesh.sidecar.client.stop();
  mesh.rig.pass(60s, 1s);
  EXPECT_EQ(mesh.sidecar.history, "up ");
  EXPECT_EQ(mesh.rig.dials, 1);
  EXPECT_EQ(mesh.server.streams(), 0U);
}

TEST(AdsServer, SendsAwayWhoMayNotAsk) {
  WireRig rig;
  Table table(rig.turn);
  AdsServer server(rig.turn, table,
                   [](const NodeInfo& node) -> Status {
                     if (node.id == "sidecar-1")
                       return fail(Fault::kDenied, "sidecar-1 is somebody else's");
                     return {};
                   },
                   {});
  server.serve(rig.service);
  table.put({cluster("a", 1)});
  Sidecar refused(rig, Variant::kDelta, "sidecar-1");
  Sidecar served(rig, Variant::kDelta, "sidecar-2");
  rig.run();
  EXPECT_TRUE(refused.clusters.empty());
  EXPECT_EQ(refused.client.stats().last_error,
            "upstream denied: PERMISSION_DENIED: sidecar-1 is somebody else's");
  EXPECT_EQ(served.clusters.size(), 1U);
  ASSERT_EQ(table.nodes.size(), 1U);  // the catalog was not even asked
  EXPECT_EQ(table.nodes[0].id, "sidecar-2");
}

TEST(AdsServer, AsksWhoIsThere) {
  Mesh mesh(Variant::kDelta);
  Sidecar nameless(mesh.rig, Variant::kDelta, "");
  mesh.rig.run();
  EXPECT_EQ(nameless.client.stats().last_error,
            "upstream invalid: INVALID_ARGUMENT: the first request of a stream must hold node.id");
}

TEST(AdsServer, AdmitsAFleetAtABoundedRateAndInOrder) {
  WireRig rig;
  Table table(rig.turn);
  AdsServer server(rig.turn, table, anybody(),
                   {.admissions_per_second = 20, .admissions_burst = 10});
  server.serve(rig.service);
  table.put({cluster("a", 1)});
  std::vector<std::unique_ptr<Sidecar>> fleet;
  for (int i = 0; i < 50; ++i)
    fleet.push_back(
        std::make_unique<Sidecar>(rig, Variant::kDelta, "sidecar-" + std::to_string(i)));
  rig.run();
  EXPECT_EQ(table.nodes.size(), 10U);
  rig.pass(1s);
  EXPECT_GE(table.nodes.size(), 28U);
  EXPECT_LE(table.nodes.size(), 31U);
  rig.pass(2s);
  EXPECT_EQ(table.nodes.size(), 50U);
  EXPECT_EQ(table.nodes[49].id, "sidecar-49");
  for (const auto& one : fleet) EXPECT_EQ(one->clusters.size(), 1U);
}

TEST(AdsServer, HoldsNoMoreStreamsThanItMay) {
  WireRig rig;
  Table table(rig.turn);
  AdsServer server(rig.turn, table, anybody(), {.streams_max = 1});
  server.serve(rig.service);
  Sidecar first(rig, Variant::kDelta, "sidecar-1");
  rig.run();
  Sidecar second(rig, Variant::kDelta, "sidecar-2");
  rig.run();
  EXPECT_EQ(server.streams(), 1U);
  EXPECT_EQ(second.client.stats().last_error, "upstream reset: UNAVAILABLE: too many streams");
}

TEST(AdsServer, DrainsIntoAReconnect) {
  Mesh mesh(Variant::kDelta);
  mesh.table.put({cluster("a", 1)});
  mesh.rig.run();
  mesh.server.drain();
  mesh.rig.run();
  EXPECT_EQ(mesh.sidecar.history, "up down ");
  EXPECT_EQ(mesh.sidecar.clusters.size(), 1U);
}

}  // namespace
}  // namespace weft::xds
