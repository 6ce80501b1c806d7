// The status of routes: each parentRef as it was written, what became of it, and of which
// generation that is said.

#include "control/route_status.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "control/cli/status.h"
#include "control/kubernetes/facts.h"
#include "control/mesh_page.h"
#include "sidecar/config/document.h"
#include "tests/control/route_rig.h"

namespace weft::control {
namespace {

using nlohmann::json;
using testing::route_shop;

// Of the rig's Services: a has ports 80 (http) and 9000 (tcp), b has 80 and 81 (tcp).
std::string status_route(const std::string& kind, const std::string& parents,
                         const std::string& backend = "{name: b, port: 80}",
                         const std::string& metadata = "name: r, namespace: shop") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {" + metadata +
         "}\nspec: {parentRefs: [" + parents + "], rules: [{backendRefs: [" + backend +
         "]}]}\n---\n";
}

std::string service_parent(const std::string& rest) {
  return "{group: \"\", kind: Service, " + rest + "}";
}

// "HTTPRoute shop/r @3", then "  {parentRef}: Accepted yes/Reason: message" for each condition.
std::string told_of_routes(const Registry& registry) {
  std::string out;
  for (const RouteStatus& status : route_statuses(registry)) {
    out += status.route.to_string() + " @" + std::to_string(status.generation) + "\n";
    for (const RouteParentStatus& parent : status.parents) {
      for (const RouteCondition& one : parent.conditions) {
        out += "  " + parent_ref_json(parent.parent).dump() + " " + one.type +
               (one.holds ? "" : " not") + " " + one.reason + ": " + one.message + "\n";
      }
    }
  }
  return out;
}

std::string told_of_text(const std::string& routes) {
  Registry registry;
  registry.set_files({{.name = "t.yaml", .text = route_shop() + routes}});
  EXPECT_TRUE(registry.problems().empty()) << registry.problems().front().text;
  return told_of_routes(registry);
}

TEST(RouteStatus, RepeatsEachParentRefAsItWasWritten) {
  Registry registry;
  registry.set_files(
      {{.name = "t.yaml",
        .text = route_shop() +
                status_route("HTTPRoute",
                             "{group: \"\", kind: Service, name: a, port: 80}, "
                             "{group: core, kind: Service, name: b, namespace: shop, sectionName: "
                             "http}, {name: some-gateway}")}});
  const auto all = route_statuses(registry);
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].parents.size(), 2u) << "a Gateway is somebody else's";
  EXPECT_EQ(parent_ref_json(all[0].parents[0].parent),
            json({{"group", ""}, {"kind", "Service"}, {"name", "a"}, {"port", 80}}));
  EXPECT_EQ(parent_ref_json(all[0].parents[1].parent), json({{"group", "core"},
                                                             {"kind", "Service"},
                                                             {"name", "b"},
                                                             {"namespace", "shop"},
                                                             {"sectionName", "http"}}));
}

TEST(RouteStatus, SaysOfEachParentRefWhetherAndWhereItHolds) {
  const std::string parents =
      service_parent("name: a") + ", " + service_parent("name: b, port: 81") + ", " +
      service_parent("name: b, sectionName: admin") + ", " + service_parent("name: nobody");
  const std::string well = "ResolvedRefs ResolvedRefs: \n";
  const auto line = [](const std::string& rest) {
    return R"(  {"group":"","kind":"Service",)" + rest;
  };
  EXPECT_EQ(
      told_of_text(status_route("HTTPRoute", parents)),
      "HTTPRoute shop/r @1\n" +
          line(R"("name":"a"} Accepted Accepted: holds at port 80 for every client)") + "\n" +
          line(R"("name":"a"} )") + well +
          line(R"("name":"b","port":81} Accepted not NotAllowedByListeners: port 81 of Service )") +
          "shop/b is not HTTP\n" + line(R"("name":"b","port":81} )") + well +
          line(
              R"("name":"b","sectionName":"admin"} Accepted not NoMatchingParent: Service shop/b )") +
          "has no port admin\n" + line(R"("name":"b","sectionName":"admin"} )") + well +
          line(R"("name":"nobody"} Accepted not NoMatchingParent: there is no Service )") +
          "shop/nobody\n" + line(R"("name":"nobody"} )") + well);
}

TEST(RouteStatus, OfAConsumersRouteNamesItsClients) {
  const std::string told = told_of_text(
      status_route("HTTPRoute", service_parent("name: a, namespace: shop"),
                   "{name: b, namespace: shop, port: 80}", "name: r, namespace: other"));
  EXPECT_NE(told.find("Accepted Accepted: holds at port 80 for clients of other\n"),
            std::string::npos)
      << told;
}

TEST(RouteStatus, IsSaidOfEveryKind) {
  const std::string told = told_of_text(
      status_route("TCPRoute", service_parent("name: a"), "{name: b, port: 81}",
                   "name: t, namespace: shop") +
      status_route("GRPCRoute", service_parent("name: a"), "{name: b, port: 80}",
                   "name: g, namespace: shop") +
      "apiVersion: gateway.networking.k8s.io/v1\nkind: TLSRoute\nmetadata: {name: s, namespace: "
      "shop}\nspec: {parentRefs: [" +
      service_parent("name: b") +
      "], hostnames: [x.example], rules: [{backendRefs: [{name: b, port: 81}]}]}\n");
  for (const char* one : {"GRPCRoute shop/g @1\n", "TLSRoute shop/s @1\n", "TCPRoute shop/t @1\n",
                          R"("name":"a"} Accepted Accepted: holds at port 80 for)",
                          R"("name":"b"} Accepted Accepted: holds at port 81 for)",
                          R"("name":"a"} Accepted Accepted: holds at port 9000 for)"}) {
    EXPECT_NE(told.find(one), std::string::npos) << one << "\n" << told;
  }
}

// GEP-1294: kinds on one port do not merge. What is lost is lost at that port alone.
TEST(RouteStatus, OfAnotherKindsLoserIsConflictedPortByPort) {
  const std::string more_ports =
      "apiVersion: v1\nkind: Service\nmetadata: {name: two, namespace: shop}\nspec: {selector: "
      "{app: a}, ports: [{name: http, port: 80}, {name: grpc-x, port: 90}]}\n---\n";
  const std::string loser = status_route(
      "HTTPRoute", service_parent("name: two") + ", " + service_parent("name: two, port: 90"));
  const std::string winner = status_route("GRPCRoute", service_parent("name: two, port: 90"),
                                          "{name: b, port: 80}", "name: g, namespace: shop");
  const std::string told = told_of_text(more_ports + loser + winner);
  EXPECT_NE(told.find(R"("name":"two"} Accepted Accepted: holds at port 80 for every client; )"
                      "port 90: GRPCRoute shop/g holds instead"),
            std::string::npos)
      << told;
  EXPECT_NE(told.find(R"("name":"two","port":90} Accepted not Conflicted: )"
                      "port 90: GRPCRoute shop/g holds instead"),
            std::string::npos)
      << told;
  EXPECT_NE(
      told.find("GRPCRoute shop/g @1\n  {\"group\":\"\",\"kind\":\"Service\",\"name\":\"two\","
                "\"port\":90} Accepted Accepted: holds at port 90 for every client\n"),
      std::string::npos)
      << told;
}

TEST(RouteStatus, GivesTheGatewayApisReasonsForWhatLeadsNowhere) {
  const auto reason = [](const std::string& kind, const std::string& parent,
                         const std::string& backend) {
    Registry registry;
    registry.set_files(
        {{.name = "t.yaml", .text = route_shop() + status_route(kind, parent, backend)}});
    const auto all = route_statuses(registry);
    if (all.size() != 1 || all[0].parents.size() != 1) return std::string("no status");
    const auto& conditions = all[0].parents[0].conditions;
    EXPECT_TRUE(conditions[0].holds) << "it is accepted all the same";
    return (conditions[1].holds ? "" : "not ") + conditions[1].reason;
  };
  const std::string a = service_parent("name: a");
  EXPECT_EQ(reason("HTTPRoute", a, "{name: b, port: 80}"), "ResolvedRefs");
  EXPECT_EQ(reason("HTTPRoute", a, "{name: gone, port: 80}"), "not BackendNotFound");
  EXPECT_EQ(reason("HTTPRoute", a, "{name: b, port: 82}"), "not BackendNotFound");
  EXPECT_EQ(reason("HTTPRoute", a, "{group: x.io, kind: Foo, name: b}"), "not InvalidKind");
  EXPECT_EQ(reason("HTTPRoute", a, "{name: b, port: 81}"), "not UnsupportedProtocol");
  EXPECT_EQ(reason("TCPRoute", a, "{name: b, port: 80}"), "not UnsupportedProtocol");
}

TEST(RouteStatus, NamesFourOfManyMistakesAndCountsTheRest) {
  std::string backends;
  for (int i = 0; i < 6; ++i) {
    backends +=
        (i == 0 ? "" : ", ") + std::string("{name: no-") + std::to_string(i) + ", port: 80}";
  }
  const std::string told =
      told_of_text(status_route("HTTPRoute", service_parent("name: a"), backends));
  EXPECT_NE(told.find("rules[0].backendRefs[3]: there is no Service shop/no-3; and 2 more\n"),
            std::string::npos)
      << told;
}

std::string counted_route(int generation, const std::string& rest) {
  return status_route("HTTPRoute", service_parent("name: a, port: 80"),
                      "{name: b, port: 80" + rest + "}",
                      "name: r, namespace: shop, generation: " + std::to_string(generation));
}

TEST(RouteStatus, IsOfTheGenerationThatWasSeenLast) {
  Registry registry;
  const auto set = [&](const std::string& route) {
    registry.set_files(
        {{.name = "s.yaml", .text = route_shop()}, {.name = "r.yaml", .text = route}});
    return told_of_routes(registry);
  };
  const std::string parent = R"(  {"group":"","kind":"Service","name":"a","port":80} )";
  const std::string well = "ResolvedRefs ResolvedRefs: \n";
  EXPECT_EQ(set(counted_route(3, "")), "HTTPRoute shop/r @3\n" + parent +
                                           "Accepted Accepted: holds at port 80 for every " +
                                           "client\n" + parent + well);
  // Something else in the mesh changes: it is still said of the third.
  registry.set_files({{.name = "s.yaml", .text = route_shop()},
                      {.name = "r.yaml", .text = counted_route(3, "")},
                      {.name = "x.yaml",
                       .text = "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {ports: "
                               "[{port: 80}]}\n"}});
  EXPECT_EQ(route_statuses(registry)[0].generation, 3u);
  // The fourth is bad: that is what its status has to say, whatever is in force.
  EXPECT_EQ(set(counted_route(4, ", weight: -1")),
            "HTTPRoute shop/r @4\n" + parent +
                "Accepted not UnsupportedValue: r.yaml:4:120: spec.rules[0].backendRefs[0].weight: "
                "want a number from 0 to 1000000, found -1; the version before holds\n" +
                parent + well);
  EXPECT_EQ(set(counted_route(5, ", weight: 1")),
            "HTTPRoute shop/r @5\n" + parent + "Accepted Accepted: holds at port 80 for every " +
                "client\n" + parent + well);
}

TEST(RouteStatus, OfATextThatNeverHeldIsRefusedAlone) {
  Registry registry;
  registry.set_files({{.name = "t.yaml", .text = route_shop() + counted_route(1, ", weight: -1")}});
  const auto all = route_statuses(registry);
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].parents.size(), 1u);
  ASSERT_EQ(all[0].parents[0].conditions.size(), 1u) << "nobody has looked where it leads";
  EXPECT_EQ(all[0].parents[0].conditions[0].reason, "UnsupportedValue");
  EXPECT_EQ(all[0].parents[0].conditions[0].message.find("the version before"), std::string::npos);
}

// One text of two is bad: the other holds, and there is nothing to complain of in its status.
TEST(RouteStatus, IsOfTheTextThatHoldsWhereTwoFilesHaveOne) {
  Registry registry;
  registry.set_files({{.name = "s.yaml", .text = route_shop()},
                      {.name = "1.yaml", .text = counted_route(1, ", weight: -1")},
                      {.name = "2.yaml", .text = counted_route(2, "")}});
  const auto all = route_statuses(registry);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].generation, 2u);
  EXPECT_TRUE(all[0].parents[0].conditions[0].holds);
}

// ---- from Kubernetes ----

KeyedChange kube_change(std::uint64_t generation, int weight) {
  json object = json::parse(R"({"metadata": {"name": "r", "namespace": "shop", "uid": "u"},
      "spec": {"parentRefs": [{"group": "", "kind": "Service", "name": "a", "port": 80}],
               "rules": [{"backendRefs": [{"name": "b", "port": 80}]}]},
      "status": {"parents": []}})");
  object["metadata"]["generation"] = generation;
  object["spec"]["rules"][0]["backendRefs"][0]["weight"] = weight;
  const json document =
      kube::plain_document(std::move(object), "HTTPRoute", "gateway.networking.k8s.io/v1");
  const auto read = config::parse_documents(document.dump(), "r");
  EXPECT_TRUE(read && read->size() == 1);
  ReadObject one = read_object(read->front());
  return {.key = {Kind::kHttpRoute, {"shop", "r"}},
          .text = KeyedChange::Text{.json = document.dump(),
                                    .object = one.object,
                                    .mistakes = one.mistakes,
                                    .notes = one.notes,
                                    .refused_route = one.refused_route}};
}

TEST(RouteStatus, FollowsTheGenerationThatKubernetesCounts) {
  Registry registry;
  registry.apply({kube_change(7, 1)});
  auto all = route_statuses(registry);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].generation, 7u);
  EXPECT_EQ(all[0].parents[0].conditions[0].reason, "NoMatchingParent");
  EXPECT_FALSE(registry.apply({kube_change(8, -1)}));
  all = route_statuses(registry);
  EXPECT_EQ(all[0].generation, 8u);
  EXPECT_EQ(all[0].parents[0].conditions[0].reason, "UnsupportedValue");
  EXPECT_TRUE(registry.apply({kube_change(9, 2)}));
  all = route_statuses(registry);
  EXPECT_EQ(all[0].generation, 9u);
  EXPECT_EQ(all[0].parents[0].conditions[0].reason, "NoMatchingParent");
  EXPECT_TRUE(registry.apply({{.key = {Kind::kHttpRoute, {"shop", "r"}}, .text = {}}}));
  EXPECT_TRUE(route_statuses(registry).empty());
}

// ---- for people and for the API server ----

TEST(RouteStatus, IsWhatTheApiServerKeepsButForTheTimes) {
  Registry registry;
  registry.set_files({{.name = "t.yaml", .text = route_shop() + counted_route(3, "")}});
  const auto all = route_statuses(registry);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(route_parents_json(all[0]), json::parse(R"([{
      "parentRef": {"group": "", "kind": "Service", "name": "a", "port": 80},
      "controllerName": "weft.dev/control",
      "conditions": [
        {"type": "Accepted", "status": "True", "reason": "Accepted",
         "message": "holds at port 80 for every client", "observedGeneration": 3},
        {"type": "ResolvedRefs", "status": "True", "reason": "ResolvedRefs",
         "message": "", "observedGeneration": 3}]}])"));
}

TEST(RouteStatus, IsATableOfTheStatusPage) {
  Registry registry;
  registry.set_files(
      {{.name = "t.yaml",
        .text = route_shop() + status_route("HTTPRoute",
                                            service_parent("name: a, namespace: shop") + ", " +
                                                service_parent("name: b, port: 81"),
                                            "{name: gone, port: 80}")}});
  const std::string page = make_mesh_page({registry, {}, "", ""});
  const auto routes = json::parse(page)["routes"];
  ASSERT_EQ(routes.size(), 1u);
  EXPECT_EQ(routes[0]["route"], "HTTPRoute shop/r");
  EXPECT_EQ(routes[0]["observedGeneration"], 1);
  EXPECT_EQ(routes[0]["parents"].size(), 2u);
  const auto status = cli::make_status_page(page);
  ASSERT_TRUE(status);
  EXPECT_NE(
      status->text.find("ROUTE             PARENT  ACCEPTED               RESOLVED         "
                        "GENERATION  MESSAGE\n"
                        "HTTPRoute shop/r  shop/a  yes                    BackendNotFound  1       "
                        "    holds at port 80 for every client; rules[0].backendRefs[0]: there is "
                        "no Service shop/gone\n"
                        "HTTPRoute shop/r  b:81    NotAllowedByListeners  BackendNotFound  1  "),
      std::string::npos)
      << status->text;
}

}  // namespace
}  // namespace weft::control
