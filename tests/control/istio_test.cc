// VirtualService and DestinationRule as people have them: where their requests go, what is refused.

#include <gtest/gtest.h>

#include <string>

#include "control/planner/effective_policy.h"
#include "tests/control/objects.h"
#include "tests/control/route_rig.h"
#include "xds/resource.h"

namespace weft::control {
namespace {

using testing::describe_conditions;
using testing::mesh_of;
using testing::mistakes_in;
using testing::notes_in;
using testing::route_shop;
using testing::text_of;
using testing::told_to;
using testing::went;

std::string virtual_service(const std::string& spec, const std::string& name = "r",
                            const std::string& name_space = "shop",
                            const std::string& created = "") {
  return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name +
         ", namespace: " + name_space +
         (created.empty() ? "" : ", creationTimestamp: \"" + created + "\"") + "}\nspec:\n" + spec +
         "---\n";
}

std::string destination_rule(const std::string& spec, const std::string& name = "d",
                             const std::string& name_space = "shop") {
  return "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: " + name +
         ", namespace: " + name_space + "}\nspec:\n" + spec + "---\n";
}

const std::string kVersions = destination_rule(
    "  host: a\n  subsets:\n  - {name: v1, labels: {version: v1}}\n"
    "  - {name: v2, labels: {version: v2}}\n");

const std::string kCanary = virtual_service(
    "  hosts: [a]\n  http:\n"
    "  - match: [{headers: {canary: {exact: \"true\"}}}]\n"
    "    route: [{destination: {host: a, subset: v2}}]\n"
    "  - route:\n    - {destination: {host: a, subset: v1}, weight: 90}\n"
    "    - {destination: {host: a, subset: v2}, weight: 10}\n");

TEST(VirtualServices, SendACanaryHeaderToItsSubsetAndSplitTheRest) {
  const auto mesh = mesh_of(route_shop() + kVersions + kCanary);
  EXPECT_EQ(describe_conditions(*mesh), "");
  EXPECT_EQ(went(mesh, "http://a/", {{"canary", "true"}}), "shop/r/0: a|v2");
  EXPECT_EQ(went(mesh, "http://a/", {{"canary", "false"}}), "shop/r/1: a|v1 90, a|v2 10");
  EXPECT_EQ(went(mesh, "http://a/"), "shop/r/1: a|v1 90, a|v2 10");
  // For everybody, wherever he is.
  EXPECT_EQ(went(mesh, "http://a.shop/", {}, "other/a-9"), "shop/r/1: a|v1 90, a|v2 10");
}

TEST(VirtualServices, GiveASubsetTheWorkloadsWithItsLabels) {
  const auto set = told_to(mesh_of(route_shop() + kVersions + kCanary));
  const auto v2 = text_of(*set, "envoy.config.endpoint.v3.ClusterLoadAssignment",
                          "outbound|80|v2|a.shop.svc.cluster.local");
  EXPECT_NE(v2.find("127.5.1.2"), std::string::npos) << v2;
  EXPECT_EQ(v2.find("127.5.1.1\""), std::string::npos) << v2;
  const auto cluster =
      text_of(*set, "envoy.config.cluster.v3.Cluster", "outbound|80|v2|a.shop.svc.cluster.local");
  EXPECT_NE(cluster.find("\"a/v2\""), std::string::npos) << cluster;
}

TEST(VirtualServices, AnswerAMissingSubsetWith500AndSayIt) {
  const auto mesh = mesh_of(route_shop() + kCanary);
  EXPECT_EQ(describe_conditions(*mesh),
            "VirtualService shop/r ResolvedRefs SubsetNotFound: http[0].route[0]: no "
            "DestinationRule for Service shop/a has a subset v2\n"
            "VirtualService shop/r ResolvedRefs SubsetNotFound: http[1].route[0]: no "
            "DestinationRule for Service shop/a has a subset v1\n"
            "VirtualService shop/r ResolvedRefs SubsetNotFound: http[1].route[1]: no "
            "DestinationRule for Service shop/a has a subset v2\n");
  const auto routes = text_of(*told_to(mesh), "envoy.config.route.v3.RouteConfiguration", "15001");
  EXPECT_NE(routes.find("cluster_not_found_response_code: INTERNAL_SERVER_ERROR"),
            std::string::npos);
}

TEST(VirtualServices, KeepAnEmptySubsetWithoutEndpointsAndSayWhichLabelsThereAre) {
  const auto mesh =
      mesh_of(route_shop() +
              destination_rule("  host: a\n  subsets:\n  - {name: v1, labels: {version: "
                               "v1}}\n  - {name: v2, labels: {version: v2.0.0}}\n") +
              kCanary);
  EXPECT_EQ(
      describe_conditions(*mesh),
      "DestinationRule shop/d EndpointsResolved SubsetEmpty: subset v2 selects no Workload of "
      "Service shop/a; there are version=v1, version=v2\n");
  EXPECT_EQ(text_of(*told_to(mesh), "envoy.config.endpoint.v3.ClusterLoadAssignment",
                    "outbound|80|v2|a.shop.svc.cluster.local"),
            "[type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment] {\n"
            "  cluster_name: \"outbound|80|v2|a.shop.svc.cluster.local\"\n}\n");
}

TEST(VirtualServices, AskTheirRulesAsTheyStand) {
  const auto mesh = mesh_of(
      route_shop() +
      virtual_service("  hosts: [a.shop.svc.cluster.local]\n  http:\n"
                      "  - match: [{uri: {prefix: /a}}]\n    route: [{destination: {host: a}}]\n"
                      "  - match: [{uri: {exact: /a/b}}]\n    route: [{destination: {host: b}}]\n"
                      "  - match: [{uri: {regex: \"/v[0-9]+\"}}, {uri: {exact: /C}, "
                      "ignoreUriCase: true}]\n    route: [{destination: {host: b}}]\n"));
  // A prefix is bytes, and the first that fits is taken.
  EXPECT_EQ(went(mesh, "http://a/ab"), "shop/r/0: a");
  EXPECT_EQ(went(mesh, "http://a/a/b"), "shop/r/0: a");
  EXPECT_EQ(went(mesh, "http://a/v12"), "shop/r/2: b");
  EXPECT_EQ(went(mesh, "http://a/c"), "shop/r/2: b");
  EXPECT_EQ(went(mesh, "http://a/x"), "404");
}

TEST(VirtualServices, MatchEverythingThatIstioMatches) {
  const auto mesh = mesh_of(
      route_shop() +
      virtual_service(
          "  hosts: [a]\n  http:\n"
          "  - {name: method, match: [{method: {exact: POST}}], route: [{destination: {host: "
          "b}}]}\n"
          "  - {name: prefix, match: [{headers: {end-user: {prefix: jas}}}], route: [{destination: "
          "{host: b}}]}\n"
          "  - {name: regex, match: [{headers: {cookie: {regex: \".*user=x.*\"}}}], route: "
          "[{destination: {host: b}}]}\n"
          "  - {name: present, match: [{headers: {x-any: {}}}], route: [{destination: {host: "
          "b}}]}\n"
          "  - {name: query, match: [{queryParams: {v: {exact: \"2\"}}}], route: [{destination: "
          "{host: b}}]}\n"
          "  - {name: port, match: [{port: 81}], route: [{destination: {host: b}}]}\n"
          "  - {name: labels, match: [{sourceLabels: {version: v2}}], route: [{destination: {host: "
          "b}}]}\n"
          "  - {name: space, match: [{sourceNamespace: other}], route: [{destination: {host: "
          "b}}]}\n"
          "  - {name: gateway, match: [{gateways: [edge]}], route: [{destination: {host: b}}]}\n"
          "  - {name: without, match: [{withoutHeaders: {x-no: {exact: \"1\"}}}], route: "
          "[{destination: {host: a}}]}\n"));
  EXPECT_EQ(went(mesh, "http://a/", {}, "shop/a-1", "POST"), "shop/r/method: b");
  EXPECT_EQ(went(mesh, "http://a/", {{"end-user", "jason"}}), "shop/r/prefix: b");
  EXPECT_EQ(went(mesh, "http://a/", {{"cookie", "a=b; user=x"}}), "shop/r/regex: b");
  EXPECT_EQ(went(mesh, "http://a/", {{"x-any", "1"}}), "shop/r/present: b");
  EXPECT_EQ(went(mesh, "http://a/?v=2"), "shop/r/query: b");
  EXPECT_EQ(went(mesh, "http://a/", {}, "shop/a-2"), "shop/r/labels: b");
  EXPECT_EQ(went(mesh, "http://a.shop/", {}, "other/a-9"), "shop/r/space: b");
  EXPECT_EQ(went(mesh, "http://a/"), "shop/r/without: a");
  EXPECT_EQ(went(mesh, "http://a/", {{"x-no", "2"}}), "shop/r/without: a");
  EXPECT_EQ(went(mesh, "http://a/", {{"x-no", "1"}}), "404");
}

TEST(VirtualServices, RedirectRewriteAndAnswer) {
  const auto mesh = mesh_of(
      route_shop() +
      virtual_service("  hosts: [a]\n  http:\n"
                      "  - match: [{uri: {prefix: /old}}]\n    redirect: {uri: /new, authority: "
                      "b.example}\n"
                      "  - match: [{uri: {prefix: /teapot}}]\n    directResponse: {status: 418, "
                      "body: {string: short and stout}}\n"
                      "  - match: [{uri: {prefix: /api/}}]\n    rewrite: {uri: /, authority: "
                      "inner.example}\n    route: [{destination: {host: b}}]\n"
                      "  - match: [{uri: {exact: /x}}]\n    rewrite: {uri: /y}\n    route: "
                      "[{destination: {host: b}}]\n"
                      "  - rewrite: {uriRegexRewrite: {match: \"^/v([0-9])/\", rewrite: "
                      "'/ver\\1/'}}\n    route: [{destination: {host: b}}]\n"));
  EXPECT_EQ(went(mesh, "http://a/old/x"), "shop/r/0: redirected with 301");
  EXPECT_EQ(went(mesh, "http://a/teapot"), "shop/r/1: answered with 418");
  EXPECT_EQ(went(mesh, "http://a/api/x"), "shop/r/2: b");
  const auto routes = text_of(*told_to(mesh), "envoy.config.route.v3.RouteConfiguration", "15001");
  for (const char* word : {"path_redirect: \"/new\"", "host_redirect: \"b.example\"",
                           "inline_string: \"short and stout\"", "prefix_rewrite: \"/\"",
                           "host_rewrite_literal: \"inner.example\"", "substitution: \"/y\"",
                           "substitution: \"/ver\\\\1/\""}) {
    EXPECT_NE(routes.find(word), std::string::npos) << word;
  }
}

TEST(VirtualServices, ReadTimeoutsAndRetriesAndHaveOursWithoutThem) {
  const auto mesh = mesh_of(
      route_shop() +
      virtual_service("  hosts: [a]\n  http:\n"
                      "  - {name: with, match: [{uri: {exact: /}}], timeout: 1.5s, retries: "
                      "{attempts: 3, perTryTimeout: 2s, retryOn: \"5xx,connect-failure,409\"}, "
                      "route: [{destination: {host: a}}]}\n"
                      "  - {name: bare, route: [{destination: {host: a}}]}\n"));
  const MeshService& service = mesh->services.at({"shop", "a"});
  const auto fields = [&](std::size_t rule) {
    const HttpRoute& route = *mesh->route_objects[0];
    return EffectivePolicy(*mesh, {service, service.ports[0], "shop", &route, &route.rules[rule]})
        .fields();
  };
  const PolicyFields with = fields(0);
  EXPECT_EQ(describe(*with.request.value), "1s500ms");
  EXPECT_EQ(describe(*with.attempt.value), "2s");
  EXPECT_EQ(*with.attempts.value, 3u);
  EXPECT_EQ(describe(*with.on.value), "[unprocessed, 5xx, 409]");
  EXPECT_EQ(*with.methods.value, RetryMethods::kAny);
  // weft's default, not Istio's, which would repeat a POST on 503.
  const PolicyFields bare = fields(1);
  EXPECT_EQ(describe(*bare.on.value), "[unprocessed]");
  EXPECT_EQ(*bare.methods.value, RetryMethods::kIdempotent);
  EXPECT_EQ(*bare.request.value, Duration::zero());
}

TEST(VirtualServices, MirrorInjectFaultsAndAnswerPreflights) {
  const auto mesh = mesh_of(
      route_shop() +
      virtual_service("  hosts: [a]\n  http:\n  - route: [{destination: {host: a}}]\n"
                      "    mirrors: [{destination: {host: b}, percentage: {value: 12.5}}]\n"
                      "    fault: {delay: {fixedDelay: 0.5s, percentage: {value: 10}}, abort: "
                      "{grpcStatus: UNAVAILABLE, percentage: {value: 1}}}\n"
                      "    corsPolicy: {allowOrigins: [{exact: \"*\"}], allowHeaders: [x-a, x-b], "
                      "maxAge: 24h}\n"));
  EXPECT_EQ(describe_conditions(*mesh), "");
  const auto routes = text_of(*told_to(mesh), "envoy.config.route.v3.RouteConfiguration", "15001");
  for (const char* word : {"numerator: 125000", "nanos: 500000000", "numerator: 100000",
                           "grpc_status: 14", "numerator: 10000\n", "exact: \"*\"",
                           "allow_headers: \"x-a, x-b\"", "max_age: \"86400\""}) {
    EXPECT_NE(routes.find(word), std::string::npos) << word;
  }
}

// ---- whose rules hold ----

std::string istio_rival(const std::string& name, const std::string& name_space) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         ", namespace: " + name_space +
         "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: a, namespace: shop, port: "
         "80}]\n  rules: [{backendRefs: [{name: b, namespace: shop, port: 80}]}]\n---\n";
}

TEST(VirtualServices, AreSwitchedOffByAnyGatewayApiRoute) {
  const auto producer = mesh_of(route_shop() + kVersions + kCanary + istio_rival("g", "shop"));
  EXPECT_EQ(went(producer, "http://a/"), "shop/g/0: b");
  EXPECT_EQ(went(producer, "http://a.shop/", {}, "other/a-9"), "shop/g/0: b");
  EXPECT_EQ(describe_conditions(*producer),
            "VirtualService shop/r Accepted Conflicted: Service shop/a port 80: HTTPRoute shop/g "
            "holds instead\n");
  const auto consumer = mesh_of(route_shop() + kVersions + kCanary + istio_rival("g", "other"));
  EXPECT_EQ(went(consumer, "http://a/"), "shop/r/1: a|v1 90, a|v2 10");
  EXPECT_EQ(went(consumer, "http://a.shop/", {}, "other/a-9"), "other/g/0: b");
  EXPECT_EQ(describe_conditions(*consumer),
            "VirtualService shop/r Accepted Conflicted: Service shop/a port 80: HTTPRoute other/g "
            "holds instead for clients of other\n");
}

TEST(VirtualServices, LetTheOlderOfTwoWin) {
  const std::string to_b = "  hosts: [a]\n  http: [{route: [{destination: {host: b}}]}]\n";
  const std::string to_a = "  hosts: [a]\n  http: [{route: [{destination: {host: a}}]}]\n";
  const auto mesh =
      mesh_of(route_shop() + virtual_service(to_b, "x", "shop", "2026-01-02T00:00:00Z") +
              virtual_service(to_a, "z", "shop", "2026-01-01T00:00:00Z"));
  EXPECT_EQ(went(mesh, "http://a/"), "shop/z/0: a");
  EXPECT_EQ(describe_conditions(*mesh),
            "VirtualService shop/x Accepted Conflicted: Service shop/a: t.yaml:38 of "
            "VirtualService shop/z holds instead\n");
}

TEST(VirtualServices, HoldWhereTheyAreExportedTo) {
  const std::string rest = "  http: [{route: [{destination: {host: b.shop}}]}]\n";
  const auto mesh =
      mesh_of(route_shop() +
              virtual_service("  hosts: [a.shop]\n  exportTo: [\".\"]\n" + rest, "mine", "other"));
  EXPECT_EQ(describe_conditions(*mesh), "");
  EXPECT_EQ(went(mesh, "http://a/"), "default: a");
  EXPECT_EQ(went(mesh, "http://a.shop/", {}, "other/a-9"), "other/mine/0: b");
}

TEST(VirtualServices, SplitConnectionsAndPassTlsByServerName) {
  const auto mesh =
      mesh_of(route_shop() +
              virtual_service(
                  "  hosts: [a]\n  tls:\n"
                  "  - match: [{port: 9000, sniHosts: [db.example, \"*.db.example\"]}]\n"
                  "    route: [{destination: {host: b, port: {number: 81}}}]\n"
                  "  tcp:\n  - route:\n    - {destination: {host: a, port: {number: 9000}}, "
                  "weight: 3}\n    - {destination: {host: b, port: {number: 81}}, weight: 1}\n"));
  EXPECT_EQ(describe_conditions(*mesh), "");
  const auto listener = text_of(*told_to(mesh), "envoy.config.listener.v3.Listener",
                                "outbound|9000||a.shop.svc.cluster.local");
  for (const char* word : {"server_names: \"*.db.example\"", "tls_inspector", "weight: 3",
                           "cluster: \"outbound|81||b.shop.svc.cluster.local\""}) {
    EXPECT_NE(listener.find(word), std::string::npos) << word << "\n" << listener;
  }
  EXPECT_EQ(went(mesh, "http://a/"), "default: a");
}

// ---- DestinationRule ----

std::string istio_value(const std::shared_ptr<const Mesh>& mesh,
                        const std::string& clients = "shop", const std::string& subset = "") {
  const MeshService& service = mesh->services.at({"shop", "a"});
  const DestinationRule* rule = mesh->destinations.find({"shop", "a"}, clients);
  const EffectivePolicy policy(
      *mesh, {.service = service,
              .port = service.ports[0],
              .client_namespace = clients,
              .subset = rule == nullptr || subset.empty() ? nullptr : rule->find_subset(subset)});
  return std::to_string(*policy.fields().requests.value) + " " +
         describe(*policy.fields().connect.value);
}

std::string istio_limited(const std::string& host, int requests) {
  return "  host: " + host + "\n  trafficPolicy: {connectionPool: {http: {http2MaxRequests: " +
         std::to_string(requests) + "}}}\n";
}

TEST(DestinationRules, AreServicePoliciesThatATrafficPolicyBeatsByField) {
  const std::string ours =
      "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: shop}\n"
      "spec: {targetRefs: [{kind: Service, name: a}], timeouts: {connect: 3s}}\n---\n";
  const std::string wide =
      "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: w, namespace: shop}\n"
      "spec: {targetRefs: [{kind: Namespace, name: shop}], limits: {requests: 7}}\n---\n";
  const std::string rule = destination_rule(
      "  host: a\n  trafficPolicy: {connectionPool: {tcp: {connectTimeout: 9s}, http: "
      "{http2MaxRequests: 5}}}\n");
  EXPECT_EQ(istio_value(mesh_of(route_shop() + rule)), "5 9s");
  EXPECT_EQ(istio_value(mesh_of(route_shop() + rule + ours + wide)), "5 3s");
  EXPECT_EQ(istio_value(mesh_of(route_shop() + ours + wide)), "7 3s");
}

TEST(DestinationRules, AreLookedUpWithTheClientThenTheServiceThenTheMesh) {
  const auto mesh =
      mesh_of(route_shop() + destination_rule(istio_limited("a.shop", 1), "d", "weft-system"));
  EXPECT_EQ(istio_value(mesh), "1 2s");
  const auto two =
      mesh_of(route_shop() + destination_rule(istio_limited("a.shop", 1), "d", "weft-system") +
              destination_rule(istio_limited("a", 2)));
  EXPECT_EQ(istio_value(two), "2 2s");
  const auto three =
      mesh_of(route_shop() + destination_rule(istio_limited("a.shop", 1), "d", "weft-system") +
              destination_rule(istio_limited("a", 2)) +
              destination_rule(istio_limited("a.shop", 3), "d", "other"));
  EXPECT_EQ(istio_value(three), "2 2s");
  EXPECT_EQ(istio_value(three, "other"), "3 2s");
  // And so are clusters.
  const auto other = text_of(*told_to(three, "other/a-9"), "envoy.config.cluster.v3.Cluster",
                             "outbound|80||a.shop.svc.cluster.local");
  EXPECT_NE(other.find("value: 3\n"), std::string::npos) << other;
}

TEST(DestinationRules, HaveSubsetsOfTheClientsNamespaceToo) {
  const auto mesh = mesh_of(route_shop() + kVersions +
                            destination_rule("  host: a.shop\n  subsets: [{name: v2, labels: "
                                             "{version: v1}}]\n",
                                             "mine", "other"));
  const auto endpoints = [&](const std::string& workload) {
    return text_of(*told_to(mesh, workload), "envoy.config.endpoint.v3.ClusterLoadAssignment",
                   "outbound|80|v2|a.shop.svc.cluster.local");
  };
  EXPECT_NE(endpoints("shop/a-1").find("127.5.1.2\""), std::string::npos);
  EXPECT_NE(endpoints("other/a-9").find("127.5.1.1\""), std::string::npos);
}

TEST(DestinationRules, LetPortsAndSubsetsSayOtherwise) {
  const auto mesh = mesh_of(
      route_shop() +
      destination_rule("  host: a\n  trafficPolicy:\n    connectionPool: {http: {http2MaxRequests: "
                       "5}, tcp: {connectTimeout: 9s}}\n    portLevelSettings:\n    - {port: "
                       "{number: 80}, connectionPool: {http: {http2MaxRequests: 6}}}\n"
                       "  subsets:\n  - name: v2\n    labels: {version: v2}\n    trafficPolicy: "
                       "{connectionPool: {tcp: {connectTimeout: 1s}}}\n"));
  // A port's settings stand in the place of all the others (Istio).
  EXPECT_EQ(istio_value(mesh), "6 2s");
  EXPECT_EQ(istio_value(mesh, "shop", "v2"), "6 1s");
}

TEST(DestinationRules, HashByHeaderCookieSourceOrParameter) {
  const auto mesh = mesh_of(
      route_shop() + destination_rule("  host: a\n  trafficPolicy: {loadBalancer: {consistentHash: "
                                      "{httpHeaderName: x-user}}}\n"));
  const auto set = told_to(mesh);
  const auto cluster =
      text_of(*set, "envoy.config.cluster.v3.Cluster", "outbound|80||a.shop.svc.cluster.local");
  EXPECT_NE(cluster.find("RING_HASH"), std::string::npos) << cluster;
  const auto routes = text_of(*set, "envoy.config.route.v3.RouteConfiguration", "15001");
  EXPECT_NE(routes.find("header_name: \"x-user\""), std::string::npos);
}

TEST(DestinationRules, SayWhatDoesNotHold) {
  const auto mesh = mesh_of(
      route_shop() + destination_rule("  host: nope\n", "n") +
      destination_rule("  host: a\n  trafficPolicy: {tls: {mode: DISABLE}, portLevelSettings: "
                       "[{port: {number: 7}}]}\n",
                       "d") +
      destination_rule("  host: a\n", "e"));
  EXPECT_EQ(describe_conditions(*mesh),
            "DestinationRule shop/d Accepted TargetNotFound: portLevelSettings: Service shop/a has "
            "no port 7\n"
            "DestinationRule shop/d Accepted TlsModeOverridden: tls.mode DISABLE does not hold: "
            "Service shop/a has sidecars, which speak mTLS\n"
            "DestinationRule shop/n Accepted TargetNotFound: there is no Service shop/nope\n"
            "DestinationRule shop/e Accepted Conflicted: Service shop/a: t.yaml:37 of "
            "DestinationRule shop/d holds instead\n");
}

// ---- XBackendTrafficPolicy ----

std::string budget_policy(const std::string& constraint, const std::string& name = "x",
                          const std::string& service = "a") {
  return "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackendTrafficPolicy\nmetadata: "
         "{name: " +
         name +
         ", namespace: shop}\nspec:\n  targetRefs: [{group: \"\", kind: Service, name: " + service +
         "}]\n  retryConstraint: " + constraint + "\n---\n";
}

TEST(BackendTrafficPolicies, AreTheBudgetOfAServiceAndBeatOurs) {
  const std::string ours =
      "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: shop}\n"
      "spec: {targetRefs: [{kind: Service, name: a}], retryBudget: {percent: 50%, interval: "
      "20s}}\n---\n";
  const auto mesh =
      mesh_of(route_shop() + ours +
              budget_policy(
                  "{budget: {percent: 10, interval: 5s}, minRetryRate: {count: 6, interval: 2s}}") +
              budget_policy("{budget: {percent: 11}}", "y") + budget_policy("{}", "z", "nope"));
  EXPECT_EQ(
      describe_conditions(*mesh),
      "XBackendTrafficPolicy shop/y Accepted Conflicted: Service shop/a: t.yaml:36 of "
      "XBackendTrafficPolicy shop/x holds instead\n"
      "XBackendTrafficPolicy shop/z Accepted TargetNotFound: there is no Service shop/nope\n");
  const MeshService& service = mesh->services.at({"shop", "a"});
  const EffectivePolicy policy(*mesh, {service, service.ports[0], "shop"});
  EXPECT_EQ(*policy.fields().budget_percent.value, 10);
  EXPECT_EQ(describe(*policy.fields().budget_interval.value), "5s");
  EXPECT_EQ(*policy.fields().budget_min.value, 3u);
  (void)told_to(mesh);
}

TEST(BackendTrafficPolicyText, SaysEveryMistake) {
  EXPECT_EQ(
      mistakes_in(budget_policy("{budget: {percent: 101, interval: 1h}, minRetryRate: {count: "
                                "3, interval: 2s}}")),
      "6:39: spec.retryConstraint.budget.percent: want a number from 0 to 100, found 101\n"
      "6:54: spec.retryConstraint.budget.interval: want 1s to 10m\n"
      "6:81: spec.retryConstraint.minRetryRate.count: want a whole number each second of the "
      "interval\n");
  EXPECT_EQ(mistakes_in(budget_policy("{}\n  sessionPersistence: {}")),
            "7:23: spec.sessionPersistence: not supported yet\n");
}

// ---- what is refused ----

TEST(VirtualServiceText, SaysEveryMistake) {
  const auto http = [](const std::string& rule) {
    return mistakes_in(virtual_service("  hosts: [a]\n  http:\n  - " + rule + "\n"));
  };
  const std::string to = ", route: [{destination: {host: a}}]}";
  EXPECT_EQ(mistakes_in(virtual_service("  http: []\n")), "5:3: spec.hosts: is required\n");
  EXPECT_EQ(mistakes_in(virtual_service("  hosts: [www.example.com]\n  http: []\n")),
            "5:10: spec.hosts: 'www.example.com' is no Service of the cluster; others are not "
            "supported yet\n");
  EXPECT_EQ(http("{timeout: 5}"),
            "7:5: spec.http[0]: want one of route, redirect and directResponse\n"
            "7:15: spec.http[0].timeout: want a duration with its unit, as 250ms, 1.5s or 1h30m, "
            "of at most a year\n");
  EXPECT_EQ(http("{match: [{uri: {prefix: a}}]" + to),
            "7:20: spec.http[0].match[0].uri: must begin with '/'\n");
  EXPECT_EQ(http("{match: [{uri: {exact: /a, prefix: /b}}]" + to),
            "7:20: spec.http[0].match[0].uri: want only one of exact, prefix and regex\n");
  EXPECT_EQ(http("{match: [{headers: {\"a b\": {exact: x}}}]" + to),
            "7:32: spec.http[0].match[0].headers.a b: the name must be a header's name\n");
  EXPECT_EQ(http("{match: [{headers: {canary: {exact: true}}}]" + to),
            "7:41: spec.http[0].match[0].headers.canary.exact: want text; 'true' is none unless it "
            "stands in quotes\n");
  EXPECT_EQ(http("{retries: {attempts: 11, retryOn: envoy-ratelimited}" + to),
            "7:26: spec.http[0].retries.attempts: want a number from 0 to 10, found 11\n"
            "7:39: spec.http[0].retries.retryOn: 'envoy-ratelimited' is not supported yet\n");
  EXPECT_EQ(http("{delegate: {name: x}}"), "7:16: spec.http[0].delegate: not supported yet\n");
  EXPECT_EQ(http("{route: [{destination: {host: a}}, {destination: {host: b}}]}"),
            "7:13: spec.http[0].route: each of several destinations needs a weight\n");
  EXPECT_EQ(http("{route: [{destination: {host: a.example.com}}]}"),
            "7:35: spec.http[0].route[0].destination.host: 'a.example.com' is no Service of the "
            "cluster; others are not supported yet\n");
  EXPECT_EQ(http("{directResponse: {status: 99}}"),
            "7:31: spec.http[0].directResponse.status: want a number from 200 to 599, found 99\n");
  EXPECT_EQ(http("{mirror_percent: 5, colour: red" + to),
            "7:22: spec.http[0].mirror_percent: not supported yet\n"
            "7:25: spec.http[0].colour: unknown field\n");
}

TEST(VirtualServiceText, OfGatewaysIsAcceptedWithoutEffect) {
  const std::string yaml = virtual_service(
      "  hosts: [\"www.example.com\"]\n  gateways: [edge]\n  http: [{route: [{destination: {host: "
      "a}}]}]\n");
  EXPECT_EQ(mistakes_in(yaml), "");
  EXPECT_EQ(notes_in(yaml),
            "6:13: spec.gateways: do not name mesh, so that this has no effect here\n");
  EXPECT_EQ(went(mesh_of(route_shop() + yaml), "http://a/"), "default: a");
}

TEST(DestinationRuleText, SaysEveryMistake) {
  const auto policy = [](const std::string& text) {
    return mistakes_in(destination_rule("  host: a\n  trafficPolicy: " + text + "\n"));
  };
  EXPECT_EQ(mistakes_in(destination_rule("  subsets: []\n")), "5:3: spec.host: is required\n");
  EXPECT_EQ(mistakes_in(destination_rule("  host: a\n  workloadSelector: {}\n")),
            "6:21: spec.workloadSelector: not supported yet\n");
  EXPECT_EQ(mistakes_in(destination_rule("  host: a\n  subsets: [{name: v1}, {name: v1}]\n")),
            "6:32: spec.subsets[1].name: is another subset's name already\n");
  EXPECT_EQ(
      policy("{loadBalancer: {consistentHash: {useSourceIp: true, httpHeaderName: x}}}"),
      "6:50: spec.trafficPolicy.loadBalancer.consistentHash: want one of header, cookie, source "
      "address and query parameter\n");
  EXPECT_EQ(policy("{loadBalancer: {warmup: {}}}"),
            "6:42: spec.trafficPolicy.loadBalancer.warmup: not supported yet\n");
  EXPECT_EQ(policy("{tls: {mode: SIMPLE, sni: x}}"),
            "6:31: spec.trafficPolicy.tls.mode: is not supported yet: inside the mesh it is "
            "ISTIO_MUTUAL\n6:44: spec.trafficPolicy.tls.sni: not supported yet\n");
  EXPECT_EQ(policy("{connectionPool: {http: {maxRetries: 3}}}"),
            "6:55: spec.trafficPolicy.connectionPool.http.maxRetries: not supported yet\n");
  EXPECT_EQ(policy("{outlierDetection: {consecutiveErrors: 3, interval: 0s}}"),
            "6:57: spec.trafficPolicy.outlierDetection.consecutiveErrors: not supported yet\n"
            "6:70: spec.trafficPolicy.outlierDetection.interval: must be at least 1ms\n");
}

}  // namespace
}  // namespace weft::control
