// Sidecars of a mesh are counted once each, whichever replica of weft-control they are connected
// to.

#include "control/replica_view.h"

#include <gtest/gtest.h>

#include "control/sidecar_counts.h"
#include "tests/control/objects.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;

const ObjectKey kSplit{Kind::kHttpRoute, {"shop", "split"}};

// A mesh of four sidecars, two of them in another namespace, and an app without one.
Mesh make_fleet() {
  Mesh mesh;
  for (const char* name : {"cart-a", "cart-b"}) {
    auto workload = std::make_shared<Workload>();
    workload->metadata.name = {"shop", name};
    mesh.workloads[workload->metadata.name] = workload;
  }
  for (const char* name : {"desk-a", "desk-b", "plain"}) {
    auto workload = std::make_shared<Workload>();
    workload->metadata.name = {"office", name};
    workload->sidecar = std::string(name) != "plain";
    mesh.workloads[workload->metadata.name] = workload;
  }
  return mesh;
}

ClientReport client(const std::string& workload, std::uint64_t generation,
                    Duration connected = 1min, bool refused = false) {
  ClientReport out{
      .node = workload, .workload = workload, .generation = generation, .connected = connected};
  if (refused) out.refused.push_back({"Cluster", "no"});
  return out;
}

std::string counted(const SidecarCounts& counts, const std::string& space = "",
                    std::uint64_t version = 3, std::uint64_t since = 10) {
  const SidecarCount count = counts.count(
      {.client_namespace = space, .object = kSplit, .version = version, .since = since});
  return std::to_string(count.have) + "+" + std::to_string(count.refused) + " of " +
         std::to_string(count.all);
}

TEST(SidecarCounts, AreOfThoseThatAnsweredSince) {
  const Mesh mesh = make_fleet();
  const SidecarCounts counts(
      mesh, {client("shop/cart-a", 10), client("shop/cart-b", 9),
             client("office/desk-a", 12, 1min, true), client("", 99), client("shop/gone", 12)});
  EXPECT_EQ(counted(counts), "1+1 of 4");
  EXPECT_EQ(counted(counts, "shop"), "1+0 of 2");
  EXPECT_EQ(counted(counts, "office"), "0+1 of 2");
  EXPECT_EQ(counted(counts, "nowhere"), "0+0 of 0");
  EXPECT_EQ(counted(counts, "", 3, 9), "2+1 of 4");
  EXPECT_EQ(counted(counts, "", 3, 13), "0+0 of 4");
}

// Each replica numbers by itself: what ours has since 10, the other one has since 700.
TEST(SidecarCounts, TakeOthersByTheirOwnNumbers) {
  const Mesh mesh = make_fleet();
  ReplicaViews others(1);
  others[0].sidecars["office/desk-a"] = {.generation = 700};
  others[0].sidecars["office/desk-b"] = {.generation = 699};
  others[0].objects[kSplit] = {.version = 3, .since = 700};
  const std::vector<ClientReport> ours = {client("shop/cart-a", 10), client("shop/cart-b", 10)};
  EXPECT_EQ(counted(SidecarCounts(mesh, ours, others)), "3+0 of 4");
  EXPECT_EQ(counted(SidecarCounts(mesh, ours, others), "office"), "1+0 of 2");
  // It has not heard of the newest text, or of the object.
  EXPECT_EQ(counted(SidecarCounts(mesh, ours, others), "", 4), "2+0 of 4");
  others[0].objects.clear();
  EXPECT_EQ(counted(SidecarCounts(mesh, ours, others)), "2+0 of 4");
}

TEST(SidecarCounts, ASidecarThatHasMovedCountsWhereItIsNow) {
  const Mesh mesh = make_fleet();
  ReplicaViews others(1);
  others[0].objects[kSplit] = {.version = 3, .since = 700};
  // The stream to the other one is dead, and nobody has noticed there yet.
  others[0].sidecars["shop/cart-a"] = {.generation = 800, .connected = 1h};
  EXPECT_EQ(counted(SidecarCounts(mesh, {client("shop/cart-a", 9, 1s)}, others), "shop"),
            "0+0 of 2");
  others[0].sidecars["shop/cart-a"] = {.generation = 800, .connected = 1ms};
  EXPECT_EQ(counted(SidecarCounts(mesh, {client("shop/cart-a", 9, 1s)}, others), "shop"),
            "1+0 of 2");
}

TEST(ReplicaView, SurvivesTheWay) {
  ReplicaView view;
  view.sidecars["shop/cart-a"] = {
      .generation = 1'769'860'800'123, .refused = true, .connected = 1500ms};
  view.sidecars["shop/cart-a"].since_answer = 250ms;
  view.sidecars["shop/cart-a"].refusals = {{"Cluster", "no"}, {"Listener", "nor that"}};
  view.sidecars["shop/cart-b"] = {.generation = 7};
  view.generation = 1'769'860'800'124;
  view.objects[{Kind::kVirtualService, {"shop", "cart"}}] = {.version = 2, .since = 9};
  view.objects[kSplit] = {.version = 3, .since = 1'769'860'800'000};
  view.objects[{Kind::kMeshConfig, {"", "default"}}] = {.version = 1, .since = 7};
  const std::optional<ReplicaView> read = parse_replica_view(replica_view_text(view));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, view);
}

TEST(ReplicaView, OfAnEarlierVersionIsReadAsFarAsItGoes) {
  const auto view = parse_replica_view(R"({"sidecars":[["shop/cart-a",5,false,1]],"objects":[]})");
  ASSERT_TRUE(view);
  EXPECT_EQ(view->generation, 0u);
  EXPECT_EQ(view->sidecars.at("shop/cart-a").generation, 5u);
  EXPECT_FALSE(view->sidecars.at("shop/cart-a").since_answer);
}

TEST(ReplicaView, TellsOfSoManyRefusalsAndNoLongerOnes) {
  ClientReport bad = client("shop/cart-a", 4);
  for (std::size_t i = 0; i < ReplicaView::kRefusalsMax + 5; ++i) {
    bad.refused.push_back({"Cluster", std::string(5000, 'x')});
  }
  const ReplicaView view = make_replica_view(Registry(), {bad});
  const auto& refusals = view.sidecars.at("shop/cart-a").refusals;
  EXPECT_EQ(refusals.size(), ReplicaView::kRefusalsMax);
  EXPECT_EQ(refusals[0].why.size(), ReplicaView::kRefusalBytesMax);
  EXPECT_TRUE(view.sidecars.at("shop/cart-a").refused);
  EXPECT_TRUE(parse_replica_view(replica_view_text(view)));
}

TEST(ReplicaView, OfNonsenseThereIsNone) {
  for (const char* text :
       {"", "null", "[]", "{}", "<html>", R"({"sidecars":[]})", R"({"sidecars":{},"objects":[]})",
        R"({"sidecars":[7],"objects":[]})", R"({"sidecars":[["a",1,0,1]],"objects":[]})",
        R"({"sidecars":[["a",-1,false,1]],"objects":[]})",
        R"({"sidecars":[["a",1,false]],"objects":[]})",
        R"({"sidecars":[],"objects":[["HTTPRoute","shop","x",1]]})",
        R"({"sidecars":[],"objects":[["HTTPRoute","shop",7,1,1]]})",
        R"({"sidecars":[],"objects":[],"generation":"9"})",
        R"({"sidecars":[],"objects":[],"answered":[["a"]]})",
        R"({"sidecars":[],"objects":[],"answered":{}})",
        R"({"sidecars":[],"objects":[],"refusals":[["a","b",7]]})"}) {
    EXPECT_FALSE(parse_replica_view(text)) << text;
  }
  EXPECT_TRUE(
      parse_replica_view(R"({"sidecars":[],"objects":[["Later","shop","x",1,1]],"more":1})"))
      << "of a newer one";
  std::string many = R"({"objects":[],"sidecars":[)";
  for (std::size_t i = 0; i <= ReplicaView::kSidecarsMax; ++i) {
    many += (i == 0 ? "[\"s" : ",[\"s") + std::to_string(i) + "\",1,false,1]";
  }
  EXPECT_FALSE(parse_replica_view(many + "]}"));
}

TEST(ReplicaView, IsWhatTheReplicaHolds) {
  Registry registry;
  KeyedChange change{.key = kSplit, .text = KeyedChange::Text{.json = "{}"}};
  auto route = std::make_shared<HttpRoute>();
  route->metadata.name = kSplit.name;
  route->metadata.generation = 5;
  change.text->object = std::shared_ptr<const HttpRoute>(route);
  ASSERT_TRUE(registry.apply({change}));
  const ReplicaView view = make_replica_view(registry, {client("shop/cart-a", 4)});
  EXPECT_EQ(view.objects.at(kSplit),
            (ReplicaView::Held{.version = 5, .since = registry.mesh()->generation}));
  EXPECT_EQ(view.sidecars.at("shop/cart-a").generation, 4u);
  // What is there now is refused: nobody can have it.
  KeyedChange bad{.key = kSplit, .text = KeyedChange::Text{.json = "{}", .mistakes = {"no"}}};
  registry.apply({bad});
  EXPECT_TRUE(make_replica_view(registry, {}).objects.empty());
}

}  // namespace
}  // namespace weft::control
