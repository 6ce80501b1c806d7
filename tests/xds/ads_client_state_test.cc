// The client's half of ADS, rule by rule of the reference (2.2 state of the world, 2.3 delta, 2.7
// bad input).
#include <gtest/gtest.h>

#include "tests/xds/ads_text.h"
#include "xds/client_state.h"

namespace weft::xds {
namespace {

using testing::delta_response;
using testing::full_name;
using testing::Named;
using testing::resource;
using testing::said_by;
using testing::sotw_response;

namespace discovery = envoy::service::discovery::v3;

constexpr WallTime kNow{std::chrono::seconds(1'000)};

Interest everything() { return Interest{.everything = true}; }
Interest names(std::set<std::string, std::less<>> wanted) {
  return Interest{.names = std::move(wanted)};
}

envoy::config::core::v3::Node node() {
  envoy::config::core::v3::Node made;
  made.set_id("sidecar-1");
  return made;
}

class Client {
 public:
  explicit Client(Variant variant) : state(variant, node()) { state.open(); }

  void wants(std::string_view type, Interest interest) {
    state.subscribe(full_name(type), std::move(interest));
  }
  std::string says() { return said_by(state); }

  // What the owner is shown, and what the client answers when the owner refuses `refusals`.
  template <typename Response>
  std::string hears(Response response, std::vector<Refusal> refusals = {}) {
    ClientState::Update update = state.read(std::move(response));
    std::string out = "shown:";
    for (const auto& change : update.changed) out += " " + change.name + "@" + change.version;
    for (const auto& name : update.removed) out += " -" + name;
    if (update.ignored > 0) out += " ignored " + std::to_string(update.ignored);
    state.conclude(std::move(update), std::move(refusals), kNow);
    return out + "\n" + says();
  }

  // "a@1 b!2(why) c?": held, refused, absent.
  std::string knows(std::string_view type) {
    const auto report = state.report();
    const auto at = report.find(full_name(type));
    if (at == report.end()) return "nothing";
    std::string out;
    for (const auto& [name, record] : *at->second.records) {
      out += (out.empty() ? "" : " ") + name;
      if (record.held) out += "@" + record.version;
      if (!record.refused_why.empty())
        out += "!" + record.refused_version + "(" + record.refused_why + ")";
      if (record.absent) out += "?";
    }
    return out;
  }

  ClientState state;
};

// ---- state of the world ----

TEST(SotwClient, AsksOnceWithTheNodeAndAnswersWithTheVersion) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  client.wants("Listener", everything());
  EXPECT_EQ(client.says(), "Cluster v= [] node=sidecar-1\nListener v= []\n");
  EXPECT_EQ(client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}, {"b", "y"}})),
            "shown: a@1 b@1\nCluster v=1 [] n=n1\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1 b@1");
}

TEST(SotwClient, SaysNothingNewWhenNothingChanged) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  client.wants("Cluster", everything());
  EXPECT_EQ(client.says(), "");
}

TEST(SotwClient, IsNotShownWhatItHoldsAlready) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(client.hears(sotw_response("Cluster", "2", "n2", {{"a", "x"}, {"b", "z"}})),
            "shown: b@2\nCluster v=2 [] n=n2\n");
  EXPECT_EQ(client.knows("Cluster"), "a@2 b@2");
}

TEST(SotwClient, TakesAbsenceOfClustersAndListenersForDeletion) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(client.hears(sotw_response("Cluster", "2", "n2", {{"b", "y"}})),
            "shown: -a\nCluster v=2 [] n=n2\n");
  EXPECT_EQ(client.hears(sotw_response("Cluster", "3", "n3", {})),
            "shown: -b\nCluster v=3 [] n=n3\n");
  EXPECT_EQ(client.knows("Cluster"), "");
}

TEST(SotwClient, TakesAbsenceOfEndpointsAndRoutesForNothing) {
  Client client(Variant::kSotw);
  client.wants("Endpoints", names({"a", "b"}));
  EXPECT_EQ(client.says(), "ClusterLoadAssignment v= [a b] node=sidecar-1\n");
  (void)client.hears(sotw_response("Endpoints", "1", "n1", {{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(client.hears(sotw_response("Endpoints", "2", "n2", {{"b", "z"}})),
            "shown: b@2\nClusterLoadAssignment v=2 [a b] n=n2\n");
  EXPECT_EQ(client.knows("Endpoints"), "a@1 b@2");
}

TEST(SotwClient, SaysThatANamedClusterIsNotThere) {
  Client client(Variant::kSotw);
  client.wants("Cluster", names({"a", "gone"}));
  (void)client.says();
  EXPECT_EQ(client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}})),
            "shown: a@1 -gone\nCluster v=1 [a gone] n=n1\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1 gone?");
  EXPECT_EQ(client.hears(sotw_response("Cluster", "2", "n2", {{"a", "x"}})),
            "shown:\nCluster v=2 [a gone] n=n2\n");
}

TEST(SotwClient, RefusesTheBadByNameAndKeepsTheirLastGoodVersion) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(
      client.hears(sotw_response("Cluster", "2", "n2", {{"a", "x2"}, {"b", "y2"}, {"c", "z"}}),
                   {{"b", "lb_policy: no such policy"}}),
      "shown: a@2 b@2 c@2\n"
      "Cluster v=1 [] n=n2 error 3: Cluster 'b': lb_policy: no such policy\n");
  EXPECT_EQ(client.knows("Cluster"), "a@2 b@1!2(lb_policy: no such policy) c@2");
  // Mended: accepted whole, and the version moves on.
  EXPECT_EQ(
      client.hears(sotw_response("Cluster", "3", "n3", {{"a", "x2"}, {"b", "y3"}, {"c", "z"}})),
      "shown: b@3\nCluster v=3 [] n=n3\n");
  EXPECT_EQ(client.knows("Cluster"), "a@3 b@3 c@3");
}

TEST(SotwClient, ForgetsARefusalWhenTheServerReturnsToWhatItHolds) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}}));
  (void)client.hears(sotw_response("Cluster", "2", "n2", {{"a", "bad"}}), {{"a", "no"}});
  EXPECT_EQ(client.hears(sotw_response("Cluster", "3", "n3", {{"a", "x"}})),
            "shown:\nCluster v=3 [] n=n3\n");
  EXPECT_EQ(client.knows("Cluster"), "a@3");
}

TEST(SotwClient, JudgesARefusedResourceAgainWhenItComesAgain) {
  Client client(Variant::kSotw);
  client.wants("Listener", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Listener", "1", "n1", {{"a", "x"}}),
                     {{"a", "port 80 is in use"}});
  EXPECT_EQ(client.hears(sotw_response("Listener", "1", "n2", {{"a", "x"}})),
            "shown: a@1\nListener v=1 [] n=n2\n");
}

TEST(SotwClient, ARefusedResourceIsNotTakenForDeleted) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}, {"b", "y"}}));
  EXPECT_EQ(client.hears(sotw_response("Cluster", "2", "n2", {{"a", "1"}, {"a", "2"}, {"b", "y"}})),
            "shown:\nCluster v=1 [] n=n2 error 3: Cluster 'a': is there more than once\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1!2(is there more than once) b@2");
}

TEST(SotwClient, RefusesForeignTypesAndNamelessResources) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "1", "n1", {{"a", "x"}}));
  auto response = sotw_response("Cluster", "2", "n2", {{"b", "y"}});
  *response.add_resources() = resource("Route", "r", "z").body;
  *response.add_resources() = resource("Cluster", "", "z").body;
  response.add_resources()->set_type_url("nonsense");
  // Something without a name may be any of ours: nothing is deleted.
  EXPECT_EQ(client.hears(std::move(response)),
            "shown: b@2\n"
            "Cluster v=1 [] n=n2 error 3: Cluster 'r': is a "
            "envoy.config.route.v3.RouteConfiguration among resources of "
            "another type; has no name; has no name\n");
  EXPECT_EQ(
      client.knows("Cluster"),
      "a@1 b@2 r!2(is a envoy.config.route.v3.RouteConfiguration among resources of another type)");
}

TEST(SotwClient, UnwrapsResources) {
  Client client(Variant::kSotw);
  client.wants("Secret", names({"a", "b"}));
  (void)client.says();
  discovery::DiscoveryResponse response = sotw_response("Secret", "1", "n1", {});
  discovery::Resource wrapped;
  wrapped.set_name("a");
  wrapped.set_version("7");
  *wrapped.mutable_resource() = resource("Secret", "a", "x").body;
  response.add_resources()->PackFrom(wrapped);
  auto* broken = response.add_resources();
  broken->set_type_url("type.googleapis.com/envoy.service.discovery.v3.Resource");
  broken->set_value("\xff\xff");
  EXPECT_EQ(client.hears(std::move(response)),
            "shown: a@7\nSecret v= [a b] n=n1 error 3: is no Resource, though it says so\n");
  EXPECT_EQ(client.knows("Secret"), "a@7");
}

TEST(SotwClient, TakesAWrapperWithoutBodyForASignOfLife) {
  Client client(Variant::kSotw);
  client.wants("Secret", names({"a"}));
  (void)client.says();
  (void)client.hears(sotw_response("Secret", "1", "n1", {{"a", "x"}}));
  const auto heartbeat = [](std::string_view version) {
    discovery::DiscoveryResponse response = sotw_response("Secret", "2", "n2", {});
    discovery::Resource wrapped;
    wrapped.set_name("a");
    wrapped.set_version(std::string(version));
    response.add_resources()->PackFrom(wrapped);
    return response;
  };
  EXPECT_EQ(client.hears(heartbeat("1")), "shown:\nSecret v=2 [a] n=n2\n");
  EXPECT_EQ(client.hears(heartbeat("9")),
            "shown:\nSecret v=2 [a] n=n2 error 3: Secret 'a': has no body\n");
}

TEST(SotwClient, IgnoresWhatItDidNotAskFor) {
  Client client(Variant::kSotw);
  client.wants("Endpoints", names({"a"}));
  (void)client.says();
  EXPECT_EQ(client.hears(sotw_response("Endpoints", "1", "n1", {{"a", "x"}, {"z", "y"}})),
            "shown: a@1 ignored 1\nClusterLoadAssignment v=1 [a] n=n1\n");
}

TEST(SotwClient, AnswersATypeNobodyWatches) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  EXPECT_EQ(client.hears(sotw_response("Route", "1", "n1", {})),
            "shown:\nRouteConfiguration v=1 [] n=n1\n");
  EXPECT_EQ(client.hears(sotw_response("Route", "1", "n2", {{"r", "x"}})),
            "shown: ignored 1\nRouteConfiguration v= [] n=n2 error 3: nobody asked for "
            "envoy.config.route.v3.RouteConfiguration\n");
  // Asked for after all: a first request of its own.
  client.wants("Route", names({"r"}));
  EXPECT_EQ(client.says(), "RouteConfiguration v= [r]\n");
}

TEST(SotwClient, ChangesItsSubscriptionWithTheLatestNonce) {
  Client client(Variant::kSotw);
  client.wants("Endpoints", names({"a"}));
  (void)client.says();
  (void)client.hears(sotw_response("Endpoints", "1", "n1", {{"a", "x"}}));
  client.wants("Endpoints", names({"a", "b"}));
  client.wants("Endpoints", names({"a", "b", "c"}));
  EXPECT_EQ(client.says(), "ClusterLoadAssignment v=1 [a b c] n=n1\n");
  client.wants("Endpoints", names({}));
  EXPECT_EQ(client.says(), "ClusterLoadAssignment v=1 [] n=n1\n");
  EXPECT_EQ(client.knows("Endpoints"), "");
}

TEST(SotwClient, AnswersEveryResponseInOrderAndSaysTheNamesWithThem) {
  Client client(Variant::kSotw);
  client.wants("Endpoints", names({"a"}));
  (void)client.says();
  auto first = client.state.read(sotw_response("Endpoints", "1", "n1", {{"a", "x"}}));
  client.state.conclude(std::move(first), {}, kNow);
  auto second = client.state.read(sotw_response("Endpoints", "2", "n2", {{"a", "bad"}}));
  client.state.conclude(std::move(second), {{"a", "no"}}, kNow);
  client.wants("Endpoints", names({"a", "b"}));
  EXPECT_EQ(client.says(),
            "ClusterLoadAssignment v=1 [a b] n=n1\n"
            "ClusterLoadAssignment v=1 [a b] n=n2 error 3: ClusterLoadAssignment 'a': no\n");
}

TEST(SotwClient, AsksForEndpointsBeforeItAnswersTheClusters) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  auto update = client.state.read(sotw_response("Cluster", "1", "n1", {{"a", "x"}}));
  client.wants("Endpoints", names({"a"}));
  client.state.conclude(std::move(update), {}, kNow);
  EXPECT_EQ(client.says(), "ClusterLoadAssignment v= [a]\nCluster v=1 [] n=n1\n");
}

TEST(SotwClient, ResumesWithTheVersionItHoldsAndNoNonce) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  client.wants("Endpoints", names({"a"}));
  (void)client.says();
  (void)client.hears(sotw_response("Cluster", "5", "n1", {{"a", "x"}, {"b", "y"}}));
  client.state.close();
  client.state.open();
  EXPECT_EQ(client.says(), "Cluster v=5 [] node=sidecar-1\nClusterLoadAssignment v= [a]\n");
  // Deletion while it was away is noticed, and what is unchanged is not shown again.
  EXPECT_EQ(client.hears(sotw_response("Cluster", "4", "n1", {{"b", "y"}})),
            "shown: -a\nCluster v=4 [] n=n1\n");
}

TEST(SotwClient, AnswersOfTheLastStreamAreNotSentOnTheNext) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  auto update = client.state.read(sotw_response("Cluster", "1", "n1", {{"a", "x"}}));
  client.state.conclude(std::move(update), {}, kNow);
  client.state.open();
  EXPECT_EQ(client.says(), "Cluster v=1 [] node=sidecar-1\n");
}

TEST(SotwClient, SaysEverythingByNameOnceItHasNamedSomething) {
  Client client(Variant::kSotw);
  client.wants("Cluster", names({"a"}));
  EXPECT_EQ(client.says(), "Cluster v= [a] node=sidecar-1\n");
  client.wants("Cluster", everything());
  EXPECT_EQ(client.says(), "Cluster v= [*]\n");
  client.wants("Route", everything());
  EXPECT_EQ(client.says(), "RouteConfiguration v= [*]\n");
}

TEST(SotwClient, BoundsWhatItSaysAboutRefusals) {
  Client client(Variant::kSotw);
  client.wants("Cluster", everything());
  (void)client.says();
  Named many;
  std::vector<Refusal> refusals;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "cluster-" + std::to_string(i);
    many.emplace_back(name, "x");
    refusals.push_back({name, std::string(100, 'y') + "\xc3\xa9\n"});
  }
  auto update = client.state.read(sotw_response("Cluster", "1", "n1", many));
  client.state.conclude(std::move(update), refusals, kNow);
  const auto request = std::get<discovery::DiscoveryRequest>(*client.state.next_request());
  const std::string& text = request.error_detail().message();
  EXPECT_LE(text.size(), ClientState::kNackBytesMax);
  EXPECT_TRUE(text.starts_with("Cluster 'cluster-0': yyy"));
  EXPECT_NE(text.find("yy?? ; Cluster 'cluster-1'"), std::string::npos) << text.substr(0, 300);
  EXPECT_NE(text.find(" more"), std::string::npos);
  EXPECT_EQ(text.find_first_not_of("abcdefghijklmnopqrstuvwxyzC'?;:-. 0123456789"),
            std::string::npos);
}

// ---- delta ----

TEST(DeltaClient, SubscribesAcceptsAndRemovesByName) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  client.wants("Endpoints", names({"a", "b"}));
  EXPECT_EQ(client.says(), "Cluster node=sidecar-1\nClusterLoadAssignment +a +b\n");
  EXPECT_EQ(client.hears(delta_response("Cluster", "n1", {{"a", "1"}, {"b", "1"}})),
            "shown: a@1 b@1\nCluster n=n1\n");
  EXPECT_EQ(client.hears(delta_response("Cluster", "n2", {{"b", "2"}}, {"a", "unheard-of"})),
            "shown: b@2 -a\nCluster n=n2\n");
  EXPECT_EQ(client.knows("Cluster"), "b@2");
}

TEST(DeltaClient, KeepsAskingForWhatDoesNotExist) {
  Client client(Variant::kDelta);
  client.wants("Route", names({"80"}));
  (void)client.says();
  EXPECT_EQ(client.hears(delta_response("Route", "n1", {}, {"80"})),
            "shown: -80\nRouteConfiguration n=n1\n");
  EXPECT_EQ(client.knows("Route"), "80?");
  EXPECT_EQ(client.hears(delta_response("Route", "n2", {}, {"80"})),
            "shown:\nRouteConfiguration n=n2\n");
  EXPECT_EQ(client.hears(delta_response("Route", "n3", {{"80", "1"}})),
            "shown: 80@1\nRouteConfiguration n=n3\n");
  EXPECT_EQ(client.knows("Route"), "80@1");
}

TEST(DeltaClient, SaysOnlyWhatChangedInItsSubscription) {
  Client client(Variant::kDelta);
  client.wants("Endpoints", names({"a", "b"}));
  (void)client.says();
  client.wants("Endpoints", names({"b", "c"}));
  EXPECT_EQ(client.says(), "ClusterLoadAssignment +c -a\n");
  client.wants("Endpoints", names({"b", "c", "d"}));
  client.wants("Endpoints", names({"b", "c"}));
  EXPECT_EQ(client.says(), "");
}

TEST(DeltaClient, AsksAgainForWhatItForgot) {
  Client client(Variant::kDelta);
  client.wants("Endpoints", names({"a"}));
  (void)client.says();
  (void)client.hears(delta_response("Endpoints", "n1", {{"a", "1"}}));
  client.wants("Endpoints", names({}));
  client.wants("Endpoints", names({"a"}));
  EXPECT_EQ(client.says(), "ClusterLoadAssignment +a\n");
  EXPECT_EQ(client.hears(delta_response("Endpoints", "n2", {{"a", "1"}})),
            "shown: a@1\nClusterLoadAssignment n=n2\n");
}

TEST(DeltaClient, KeepsSubscriptionsAndAnswersApart) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  (void)client.says();
  auto update = client.state.read(delta_response("Cluster", "n1", {{"a", "1"}}));
  client.wants("Cluster", Interest{.everything = true, .names = {"x"}});
  client.wants("Endpoints", names({"a"}));
  client.state.conclude(std::move(update), {{"a", "no"}}, kNow);
  EXPECT_EQ(client.says(),
            "Cluster +x\nClusterLoadAssignment +a\nCluster n=n1 error 3: Cluster 'a': no\n");
}

TEST(DeltaClient, LeavesTheWildcardByName) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(delta_response("Cluster", "n1", {{"a", "1"}, {"b", "1"}}));
  client.wants("Cluster", names({"a"}));
  EXPECT_EQ(client.says(), "Cluster +a -*\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1");
}

TEST(DeltaClient, NamesTheWildcardWhereSilenceWouldNotDo) {
  Client client(Variant::kDelta);
  client.wants("Cluster", Interest{.everything = true, .names = {"x"}});
  client.wants("Secret", everything());
  EXPECT_EQ(client.says(), "Cluster +* +x node=sidecar-1\nSecret +*\n");
}

TEST(DeltaClient, ResumesWithTheVersionsItHolds) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  client.wants("Endpoints", names({"a", "b"}));
  (void)client.says();
  (void)client.hears(delta_response("Cluster", "n1", {{"a", "1"}, {"b", "2"}}));
  (void)client.hears(delta_response("Cluster", "n2", {{"a", "bad"}, {"c", "bad"}}),
                     {{"a", "no"}, {"c", "no"}});
  (void)client.hears(delta_response("Endpoints", "n3", {{"a", "7"}}, {"b"}));
  client.state.close();
  client.state.open();
  EXPECT_EQ(client.says(), "Cluster {a=1 b=2} node=sidecar-1\nClusterLoadAssignment +a +b {a=7}\n");
  EXPECT_EQ(client.hears(delta_response("Cluster", "n1", {}, {"b"})), "shown: -b\nCluster n=n1\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1!bad(no) c!bad(no)");
}

TEST(DeltaClient, RefusesContradictions) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  (void)client.says();
  (void)client.hears(delta_response("Cluster", "n1", {{"a", "1"}}));
  EXPECT_EQ(client.hears(delta_response("Cluster", "n2", {{"a", "2"}, {"b", "1"}}, {"a"})),
            "shown: b@1\nCluster n=n2 error 3: Cluster 'a': is sent and removed in one response\n");
  EXPECT_EQ(client.knows("Cluster"), "a@1!(is sent and removed in one response) b@1");
  auto misnamed = delta_response("Cluster", "n3", {{"c", "1"}});
  misnamed.mutable_resources(0)->set_name("d");
  EXPECT_EQ(client.hears(std::move(misnamed)),
            "shown:\nCluster n=n3 error 3: Cluster 'd': is named 'c' inside\n");
}

TEST(DeltaClient, SaysNothingAboutATypeItNeverAskedFor) {
  // An answer would be the type's first request, and ask for everything.
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  (void)client.says();
  EXPECT_EQ(client.hears(delta_response("Listener", "n1", {{"l", "1"}})), "shown: ignored 1\n");
}

TEST(DeltaClient, KnowsTheGenerationThoughItHasNoName) {
  Client client(Variant::kDelta);
  client.wants("Generation", names({"generation"}));
  (void)client.says();
  EXPECT_EQ(client.hears(delta_response("Generation", "n1", {{"generation", "1"}})),
            "shown: generation@1\nGeneration n=n1\n");
}

TEST(DeltaClient, HoldsTenThousandAndIsShownTheOneThatChanged) {
  Client client(Variant::kDelta);
  client.wants("Cluster", everything());
  (void)client.says();
  Named many;
  for (int i = 0; i < 10'000; ++i) many.emplace_back("c" + std::to_string(i), "1");
  auto first = client.state.read(delta_response("Cluster", "n1", many));
  EXPECT_EQ(first.changed.size(), 10'000U);
  client.state.conclude(std::move(first), {}, kNow);
  many[77].second = "2";
  auto second = client.state.read(delta_response("Cluster", "n2", many));
  ASSERT_EQ(second.changed.size(), 1U);
  EXPECT_EQ(second.changed[0].name, "c77");
}

}  // namespace
}  // namespace weft::xds
