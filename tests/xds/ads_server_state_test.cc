// The server's half of ADS, rule by rule of the reference (2.2 state of the world, 2.3 delta, 2.4
// order, 2.10 istiod).
#include <gtest/gtest.h>

#include "tests/xds/ads_server_rig.h"
#include "tests/xds/ads_text.h"
#include "xds/client_state.h"
#include "xds/server_state.h"
#include "xds/wire.h"

namespace weft::xds {
namespace {

using testing::Content;
using testing::full_name;
using testing::resource;
using testing::resources_of;
using testing::Server;
using testing::type_url;

namespace discovery = envoy::service::discovery::v3;

using Sotw = Server::Sotw;
using Delta = Server::Delta;

// ---- state of the world ----

TEST(SotwServer, AnswersTheFirstRequestWithEverything) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "x"}, {"b", "y"}}}});
  EXPECT_EQ(server.hears("Cluster", Sotw{}), "Cluster n=1 a=x b=y\n");
  EXPECT_EQ(server.acks("Cluster", "1"), "");
  EXPECT_TRUE(server.state.settled());
}

TEST(SotwServer, AnswersThatThereAreNone) {
  Server server(Variant::kSotw);
  EXPECT_EQ(server.hears("Listener", Sotw{}), "Listener n=1\n");
  EXPECT_EQ(server.hears("Route", Sotw{.names = {"80"}}), "");
}

TEST(SotwServer, SendsOnlyWhatIsNamed) {
  Server server(Variant::kSotw,
                {{"Cluster", {{"a", "x"}, {"b", "y"}}}, {"Endpoints", {{"a", "1"}, {"b", "2"}}}});
  EXPECT_EQ(server.hears("Cluster", Sotw{.names = {"b", "nowhere"}}), "Cluster n=1 b=y\n");
  EXPECT_EQ(server.acks("Cluster", "1"), "");
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a", "nowhere"}}),
            "ClusterLoadAssignment n=2 a=1\n");
}

TEST(SotwServer, EmptyNamesMeanNothingOnceSomethingWasNamed) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "x"}, {"b", "y"}}}});
  (void)server.hears("Cluster", Sotw{.names = {"a"}});
  (void)server.hears("Cluster", Sotw{.version = server.version_of("Cluster"), .nonce = "1"});
  server.has({{"Cluster", {{"a", "x2"}, {"b", "y2"}}}});
  EXPECT_EQ(server.says(), "");
  EXPECT_EQ(server.report_of("Cluster").everything, false);
}

TEST(SotwServer, KeepsOneResponseOfATypeUnanswered) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "1"}}}});
  (void)server.hears("Cluster", Sotw{});
  server.has({{"Cluster", {{"a", "2"}}}});
  EXPECT_EQ(server.says(), "");
  server.has({{"Cluster", {{"a", "3"}}}});
  EXPECT_EQ(server.says(), "");
  // Changes coalesced: the newest state, once.
  EXPECT_EQ(server.acks("Cluster", "1"), "Cluster n=2 a=3\n");
  EXPECT_EQ(server.acks("Cluster", "2"), "");
}

TEST(SotwServer, IgnoresAnswersToAnythingOlder) {
  Server server(Variant::kSotw, {{"Endpoints", {{"a", "1"}, {"b", "1"}}}});
  server.wants["Endpoints"] = {"a"};
  (void)server.hears("Endpoints", Sotw{.names = {"a"}});
  (void)server.acks("Endpoints", "1");
  server.has({{"Endpoints", {{"a", "2"}, {"b", "1"}}}});
  EXPECT_EQ(server.says(), "ClusterLoadAssignment n=2 a=2\n");
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a", "b"}, .nonce = "1"}), "");
  EXPECT_TRUE(server.state.awaits_answer());
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a", "b"}, .nonce = "2"}),
            "ClusterLoadAssignment n=3 b=1\n");
}

TEST(SotwServer, SendsNewlyNamedResourcesThoughNothingChanged) {
  Server server(Variant::kSotw, {{"Endpoints", {{"a", "1"}, {"b", "2"}}}});
  (void)server.hears("Endpoints", Sotw{.names = {"a", "b"}});
  (void)server.hears("Endpoints", Sotw{.names = {"a"}, .nonce = "1"});
  // b was sent before, and is sent again: the client dropped it meanwhile.
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a", "b"}, .nonce = "1"}),
            "ClusterLoadAssignment n=2 b=2\n");
}

TEST(SotwServer, SendsTheWholeSetOfClustersButOnlyChangedEndpoints) {
  Server server(Variant::kSotw,
                {{"Cluster", {{"a", "1"}, {"b", "1"}}}, {"Endpoints", {{"a", "1"}, {"b", "1"}}}});
  server.wants["Endpoints"] = {"a", "b"};
  (void)server.converses(server.hears("Cluster", Sotw{}));
  (void)server.converses(server.hears("Endpoints", Sotw{.names = {"a", "b"}}));
  server.has(
      {{"Cluster", {{"a", "1"}, {"b", "1"}, {"c", "1"}}}, {"Endpoints", {{"a", "1"}, {"b", "2"}}}});
  EXPECT_EQ(server.converses(server.says()),
            "Cluster n=3 a=1 b=1 c=1\nClusterLoadAssignment n=4 b=2\n");
}

TEST(SotwServer, DoesNotRepeatWhatWasRefused) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "1"}}}});
  (void)server.hears("Cluster", Sotw{});
  EXPECT_EQ(server.acks("Cluster", "1", "no such policy"), "");
  EXPECT_TRUE(server.state.refused());
  EXPECT_TRUE(server.state.settled());
  EXPECT_EQ(server.report_of("Cluster").refused_why, "no such policy");
  server.has({{"Cluster", {{"a", "1"}}}, {"Route", {{"r", "1"}}}});
  EXPECT_EQ(server.says(), "");
  server.has({{"Cluster", {{"a", "2"}}}});
  EXPECT_EQ(server.says(), "Cluster n=2 a=2\n");
  (void)server.acks("Cluster", "2");
  EXPECT_FALSE(server.state.refused());
}

TEST(SotwServer, SaysNothingToAClientThatHoldsThisVersion) {
  const Content content{{"Cluster", {{"a", "1"}}}};
  Server before(Variant::kSotw, content);
  (void)before.hears("Cluster", Sotw{});
  const std::string clusters = before.version_of("Cluster");

  Server after(Variant::kSotw, content);
  EXPECT_EQ(after.hears("Cluster", Sotw{.version = clusters}), "");
  EXPECT_TRUE(after.state.settled());
  after.has({{"Cluster", {{"a", "2"}}}});
  EXPECT_EQ(after.says(), "Cluster n=1 a=2\n");
  Server other(Variant::kSotw, content);
  EXPECT_EQ(other.hears("Cluster", Sotw{.version = "17"}), "Cluster n=1 a=1\n");
}

// It had a and b at that version, let b go, lost the stream, and took b up again.
TEST(SotwServer, TellsNamesWhateverVersionAClientSaysItHolds) {
  const Content content{{"Cluster", {{"a", "1"}, {"b", "1"}}}, {"Endpoints", {{"a", "1"}}}};
  Server before(Variant::kSotw, content);
  (void)before.hears("Cluster", Sotw{.names = {"a", "b"}});
  const std::string both = before.version_of("Cluster");
  (void)before.acks("Cluster", "1");
  (void)before.hears("Endpoints", Sotw{.names = {"a"}});
  const std::string endpoints = before.version_of("Endpoints");

  Server at_once(Variant::kSotw, content);
  EXPECT_EQ(at_once.hears("Cluster", Sotw{.version = both, .names = {"a", "b"}}),
            "Cluster n=1 a=1 b=1\n");
  // The second request is on its way before the answer to the first arrives, so it has no nonce.
  Server crossing(Variant::kSotw, content);
  EXPECT_EQ(crossing.hears("Cluster", Sotw{.version = both, .names = {"a"}}), "Cluster n=1 a=1\n");
  EXPECT_EQ(crossing.hears("Cluster", Sotw{.version = both, .names = {"a", "b"}}),
            "Cluster n=2 a=1 b=1\n");
  Server other(Variant::kSotw, content);
  EXPECT_EQ(other.hears("Endpoints", Sotw{.version = endpoints, .names = {"a"}}),
            "ClusterLoadAssignment n=1 a=1\n");
}

TEST(SotwServer, KeepsARemovedClusterUntilTheRoutesWereTold) {
  Server server(Variant::kSotw, {{"Cluster", {{"old", "1"}}}, {"Route", {{"80", "to old"}}}});
  server.wants["Route"] = {"80"};
  (void)server.converses(server.hears("Cluster", Sotw{}));
  (void)server.converses(server.hears("Route", Sotw{.names = {"80"}}));
  server.has({{"Cluster", {{"new", "1"}}}, {"Route", {{"80", "to new"}}}});
  EXPECT_EQ(server.converses(server.says()),
            "Cluster n=3 new=1 old=1\n"
            "RouteConfiguration n=4 80=to new\n"
            "Cluster n=5 new=1\n");
  EXPECT_TRUE(server.state.settled());
}

TEST(SotwServer, AClusterThatComesBackIsNotRemoved) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  (void)server.hears("Cluster", Sotw{});
  server.has({{"Cluster", {{"a", "1"}}}});
  server.has({{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  EXPECT_EQ(server.converses(server.acks("Cluster", "1")), "Cluster n=2 a=1 b=1\n");
}

TEST(SotwServer, StartsATypeAfreshWhenARequestHasNoNonce) {
  Server server(Variant::kSotw, {{"Endpoints", {{"a", "1"}}}});
  (void)server.hears("Endpoints", Sotw{.names = {"a"}});
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a"}}), "ClusterLoadAssignment n=2 a=1\n");
}

TEST(SotwServer, TakesANonceOfAnEarlierStreamForNone) {
  Server server(Variant::kSotw, {{"Endpoints", {{"a", "1"}}}});
  EXPECT_EQ(server.hears("Endpoints", Sotw{.names = {"a"}, .nonce = "77"}),
            "ClusterLoadAssignment n=1 a=1\n");
}

TEST(SotwServer, PassesOverTypesItHasNot) {
  Server server(Variant::kSotw, {{"Cluster", {{"a", "1"}}}});
  EXPECT_EQ(server.hears("some.other.Type", Sotw{.names = {"a"}}), "");
  EXPECT_EQ(server.hears("Cluster", Sotw{}), "Cluster n=1 a=1\n");
  discovery::DiscoveryRequest typeless;
  EXPECT_EQ(to_string(server.state.on_request(typeless).error()),
            "protocol: a request without type_url");
}

// ---- delta ----

TEST(DeltaServer, SendsWhatIsSubscribedAndTheAbsenceOfTheRest) {
  Server server(Variant::kDelta, {{"Route", {{"80", "x"}, {"90", "y"}}}});
  EXPECT_EQ(server.hears("Route", Delta{.subscribe = {"80", "81"}}),
            "RouteConfiguration n=1 80=x -81\n");
  EXPECT_EQ(server.acks("Route", "1"), "");
  // Absent names stay subscribed.
  server.has({{"Route", {{"80", "x"}, {"81", "z"}}}});
  EXPECT_EQ(server.says(), "RouteConfiguration n=2 81=z\n");
}

TEST(DeltaServer, TakesSilenceForEverythingOfCompleteTypesOnly) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}}}, {"Route", {{"80", "x"}}}});
  EXPECT_EQ(server.hears("Cluster", Delta{}), "Cluster n=1 a=1\n");
  EXPECT_EQ(server.acks("Cluster", "1"), "");
  EXPECT_EQ(server.hears("Route", Delta{}), "");
  EXPECT_EQ(server.hears("Route", Delta{.subscribe = {"*"}}), "RouteConfiguration n=2 80=x\n");
}

TEST(DeltaServer, AnswersThatThereAreNone) {
  Server server(Variant::kDelta);
  EXPECT_EQ(server.hears("Listener", Delta{}), "Listener n=1\n");
  EXPECT_EQ(server.acks("Listener", "1"), "");
}

TEST(DeltaServer, SendsOnlyWhatChanged) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}, {"b", "1"}, {"c", "1"}}}});
  (void)server.converses(server.hears("Cluster", Delta{}));
  server.has({{"Cluster", {{"a", "1"}, {"b", "2"}, {"d", "1"}}}});
  EXPECT_EQ(server.converses(server.says()), "Cluster n=2 b=2 d=1\nCluster n=3 -c\n");
}

TEST(DeltaServer, SendsAgainWhatIsSubscribedAgain) {
  Server server(Variant::kDelta, {{"Endpoints", {{"a", "1"}}}});
  (void)server.converses(server.hears("Endpoints", Delta{.subscribe = {"a"}}));
  EXPECT_EQ(server.hears("Endpoints", Delta{.subscribe = {"a"}}),
            "ClusterLoadAssignment n=2 a=1\n");
}

TEST(DeltaServer, ResumesFromTheVersionsTheClientHolds) {
  const Content content{{"Cluster", {{"a", "1"}, {"b", "2"}, {"d", "1"}}},
                        {"Endpoints", {{"a", "1"}, {"b", "1"}}}};
  const auto version = [](std::string_view type, std::string_view name, std::string_view text) {
    return resource(type, name, text).version;
  };
  Server server(Variant::kDelta, content);
  EXPECT_EQ(server.hears("Cluster", Delta{.holds = {{"a", version("Cluster", "a", "1")},
                                                    {"b", version("Cluster", "b", "1")},
                                                    {"c", version("Cluster", "c", "1")}}}),
            "Cluster n=1 b=2 d=1\n");
  EXPECT_EQ(server.acks("Cluster", "1"), "Cluster n=2 -c\n");
  EXPECT_EQ(server.acks("Cluster", "2"), "");
  EXPECT_EQ(server.hears("Endpoints", Delta{.subscribe = {"a", "b"},
                                            .holds = {{"a", version("Endpoints", "a", "1")}}}),
            "ClusterLoadAssignment n=3 b=1\n");
}

TEST(DeltaServer, SaysNothingToAClientThatHoldsEverything) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}}}});
  EXPECT_EQ(server.hears("Cluster", Delta{.holds = {{"a", resource("Cluster", "a", "1").version}}}),
            "");
  EXPECT_TRUE(server.state.settled());
}

TEST(DeltaServer, ChangesTheSubscriptionWhateverTheNonceSays) {
  Server server(Variant::kDelta, {{"Endpoints", {{"a", "1"}, {"b", "1"}}}});
  (void)server.hears("Endpoints", Delta{.subscribe = {"a"}});
  EXPECT_EQ(server.hears("Endpoints", Delta{.subscribe = {"b"}, .nonce = "stale"}), "");
  EXPECT_EQ(server.acks("Endpoints", "1"), "ClusterLoadAssignment n=2 b=1\n");
  EXPECT_EQ(server.hears("Endpoints", Delta{.unsubscribe = {"a", "unheard-of"}, .nonce = "2"}), "");
  server.has({{"Endpoints", {{"a", "2"}, {"b", "2"}}}});
  EXPECT_EQ(server.says(), "ClusterLoadAssignment n=3 b=2\n");
}

TEST(DeltaServer, TellsOnceMoreWhatTheWildcardStillHolds) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  (void)server.converses(server.hears("Cluster", Delta{.subscribe = {"*", "a"}}));
  EXPECT_EQ(server.converses(server.hears("Cluster", Delta{.unsubscribe = {"a", "x"}})),
            "Cluster n=2 a=1\nCluster n=3 -x\n");
}

TEST(DeltaServer, KeepsNamedResourcesWhenTheWildcardGoes) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  (void)server.converses(server.hears("Cluster", Delta{.subscribe = {"*", "a"}}));
  EXPECT_EQ(server.hears("Cluster", Delta{.unsubscribe = {"*"}}), "");
  server.has({{"Cluster", {{"a", "2"}, {"b", "2"}}}});
  EXPECT_EQ(server.says(), "Cluster n=2 a=2\n");
}

TEST(DeltaServer, DoesNotRepeatWhatWasRefused) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}}}});
  (void)server.hears("Cluster", Delta{});
  EXPECT_EQ(server.acks("Cluster", "1", "bad"), "");
  server.has({{"Cluster", {{"a", "1"}, {"b", "1"}}}});
  EXPECT_EQ(server.says(), "Cluster n=2 b=1\n");
  const auto report = server.report_of("Cluster");
  EXPECT_EQ(report.refusals, 1U);
  EXPECT_EQ(report.refused_why, "bad");
  EXPECT_EQ(report.told_generation, 2U);
  EXPECT_EQ(report.answered_generation, 1U);
}

TEST(DeltaServer, TellsAPushInAnOrderInWhichNothingIsMissing) {
  Content content{{"Cluster", {{"old", "1"}, {"same", "1"}}},
                  {"Endpoints", {{"old", "1"}, {"same", "1"}}},
                  {"Listener", {{"in", "1"}}},
                  {"Route", {{"80", "to old"}}},
                  {"Secret", {{"tls", "1"}}},
                  {"Generation", {{"generation", "1"}}}};
  Server server(Variant::kDelta, content);
  (void)server.hears("Cluster", Delta{});
  (void)server.hears("Listener", Delta{});
  (void)server.hears("Generation", Delta{.subscribe = {"generation"}});
  (void)server.hears("Endpoints", Delta{.subscribe = {"old", "same"}});
  (void)server.hears("Route", Delta{.subscribe = {"80"}});
  (void)server.hears("Secret", Delta{.subscribe = {"tls"}});
  EXPECT_EQ(server.converses("Cluster n=1\n"),
            "Cluster n=1\n"
            "ClusterLoadAssignment n=2 old=1 same=1\n"
            "Listener n=3 in=1\n"
            "RouteConfiguration n=4 80=to old\n"
            "Secret n=5 tls=1\n"
            "Generation n=6 generation=1\n");
  EXPECT_EQ(server.state.settled_generation(), 1U);

  server.has({{"Cluster", {{"new", "1"}, {"same", "1"}}},
              {"Endpoints", {{"new", "1"}, {"same", "1"}}},
              {"Listener", {{"in", "2"}}},
              {"Route", {{"80", "to new"}}},
              {"Secret", {{"tls", "2"}}},
              {"Generation", {{"generation", "2"}}}});
  EXPECT_EQ(server.says(), "Cluster n=7 new=1\n");
  // The client hears of a new cluster and asks for its endpoints before it answers.
  EXPECT_EQ(server.hears("Endpoints", Delta{.subscribe = {"new"}}), "");
  EXPECT_EQ(server.converses(server.acks("Cluster", "7")),
            "ClusterLoadAssignment n=8 new=1\n"
            "Listener n=9 in=2\n"
            "RouteConfiguration n=10 80=to new\n"
            "Secret n=11 tls=2\n"
            "Cluster n=12 -old\n"
            "ClusterLoadAssignment n=13 -old\n"
            "Generation n=14 generation=2\n");
  EXPECT_EQ(server.state.settled_generation(), 2U);
}

TEST(DeltaServer, ClosesWhatIsToldLateWithTheSameGeneration) {
  Server server(Variant::kDelta,
                {{"Endpoints", {{"a", "1"}}}, {"Generation", {{"generation", "1"}}}});
  (void)server.converses(server.hears("Generation", Delta{.subscribe = {"generation"}}));
  EXPECT_EQ(server.converses(server.hears("Endpoints", Delta{.subscribe = {"a"}})),
            "ClusterLoadAssignment n=2 a=1\nGeneration n=3 generation=1\n");
}

TEST(DeltaServer, SendsTheEndpointsOfAChangedClusterAgain) {
  Server server(Variant::kDelta,
                {{"Cluster", {{"a", "1"}, {"b", "1"}}}, {"Endpoints", {{"a", "1"}, {"b", "1"}}}});
  (void)server.converses(server.hears("Cluster", Delta{}));
  (void)server.converses(server.hears("Endpoints", Delta{.subscribe = {"a", "b"}}));
  server.has({{"Cluster", {{"a", "2"}, {"b", "1"}}}, {"Endpoints", {{"a", "1"}, {"b", "1"}}}});
  EXPECT_EQ(server.converses(server.says()), "Cluster n=3 a=2\nClusterLoadAssignment n=4 a=1\n");
}

TEST(DeltaServer, AClientThatDoesNotAnswerIsOvertaken) {
  Server server(Variant::kDelta, {{"Cluster", {{"a", "1"}}}, {"Route", {{"80", "x"}}}});
  EXPECT_EQ(server.hears("Cluster", Delta{}), "Cluster n=1 a=1\n");
  EXPECT_EQ(server.hears("Route", Delta{.subscribe = {"80"}}), "");
  EXPECT_TRUE(server.state.awaits_answer());
  server.state.stop_waiting();
  EXPECT_EQ(server.says(), "RouteConfiguration n=2 80=x\n");
  EXPECT_FALSE(server.state.settled());
  server.has({{"Cluster", {{"a", "2"}}}, {"Route", {{"80", "x"}}}});
  EXPECT_EQ(server.says(), "");
  (void)server.acks("Route", "2");
  EXPECT_EQ(server.acks("Cluster", "1"), "Cluster n=3 a=2\n");
  (void)server.acks("Cluster", "3");
  EXPECT_TRUE(server.state.settled());
}

TEST(DeltaServer, CutsALongResponseAtAResource) {
  testing::Named many;
  for (int i = 0; i < 10'000; ++i) {
    std::string number = std::to_string(i);
    number.insert(0, 5 - number.size(), '0');
    many.emplace_back("cluster-" + number, std::string(1024, 'x'));
  }
  Server server(Variant::kDelta, {{"Cluster", many}});
  discovery::DeltaDiscoveryRequest request;
  request.set_type_url(type_url("Cluster"));
  ASSERT_TRUE(server.state.on_request(request));
  int told = 0;
  int responses = 0;
  while (const auto bytes = server.state.next_response()) {
    EXPECT_LE(bytes->size(), ServerState::kDeltaBytes + 64);
    EXPECT_FALSE(server.state.next_response());
    discovery::DeltaDiscoveryResponse response;
    ASSERT_TRUE(response.ParseFromString(*bytes));
    told += response.resources_size();
    ++responses;
    request.set_response_nonce(response.nonce());
    ASSERT_TRUE(server.state.on_request(request));
  }
  EXPECT_EQ(told, 10'000);
  EXPECT_GE(responses, 5);
  EXPECT_LE(responses, 7);
  EXPECT_TRUE(server.state.settled());
}

TEST(DeltaServer, HoldsItsLimits) {
  Server server(Variant::kDelta);
  discovery::DeltaDiscoveryRequest request;
  request.set_type_url(type_url("Endpoints"));
  for (std::size_t i = 0; i <= ServerState::kNamesMax; ++i)
    request.add_resource_names_subscribe(std::to_string(i));
  EXPECT_EQ(to_string(server.state.on_request(request).error()),
            "limit: a subscription to more than 100000 names");
  std::string last;
  for (std::size_t i = 0; i <= ServerState::kTypesMax; ++i)
    last = server.hears("type" + std::to_string(i), Delta{.subscribe = {"a"}});
  EXPECT_EQ(last, "limit: more than 32 types on one stream");
}

// ---- the set ----

TEST(ResourceSet, SharesWhatDidNotChange) {
  const auto first = make_resource_set(
      1, resources_of({{"Cluster", {{"a", "1"}, {"b", "1"}}}, {"Route", {{"80", "x"}}}}), nullptr);
  const auto second = make_resource_set(
      2, resources_of({{"Cluster", {{"a", "1"}, {"b", "2"}}}, {"Route", {{"80", "x"}}}}),
      first.get());
  EXPECT_EQ(first->find(full_name("Route")), second->find(full_name("Route")));
  const auto* before = first->find(full_name("Cluster"));
  const auto* after = second->find(full_name("Cluster"));
  EXPECT_EQ(before->resources.at("a"), after->resources.at("a"));
  EXPECT_NE(before->resources.at("b"), after->resources.at("b"));
  EXPECT_NE(before->digest, after->digest);
  EXPECT_EQ(second->find("nothing"), nullptr);
}

}  // namespace
}  // namespace weft::xds
