// GRPCRoute, TCPRoute and TLSRoute: where calls and connections go, whose route holds, what is
// refused.

#include <gtest/gtest.h>

#include <string>

#include "tests/control/objects.h"
#include "tests/control/route_rig.h"

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

// A route of Service a's port.
std::string kind_route(const std::string& kind, const std::string& name, int port,
                       const std::string& rest, const std::string& name_space = "shop") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: " + name +
         ", namespace: " + name_space +
         "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: a, namespace: shop, port: " +
         std::to_string(port) + "}]\n" + rest + "---\n";
}

std::string grpc_route(const std::string& rules, const std::string& name = "g") {
  return kind_route("GRPCRoute", name, 80, "  rules:\n" + rules);
}

const std::string kGrpcToB = "    backendRefs: [{name: b, port: 80}]\n";

std::string grpc_call(const std::shared_ptr<const Mesh>& mesh, const std::string& path,
                      const testing::RequestHeaders& headers = {}) {
  return went(mesh, "http://a" + path, headers, "shop/a-1", "POST");
}

TEST(GrpcRoutes, MatchServicesAndMethods) {
  const auto mesh = mesh_of(
      route_shop() +
      grpc_route("  - name: rest\n" + kGrpcToB +
                 "  - name: method\n    matches: [{method: {method: Get}}]\n" + kGrpcToB +
                 "  - name: service\n    matches: [{method: {service: shop.Cart}}]\n" + kGrpcToB +
                 "  - name: both\n    matches: [{method: {service: shop.Cart, method: Get}}]\n" +
                 kGrpcToB +
                 "  - name: header\n    matches: [{method: {service: shop.Cart, method: Get}, "
                 "headers: [{name: Canary, value: \"1\"}]}]\n" +
                 kGrpcToB +
                 "  - name: regex\n    matches: [{method: {type: RegularExpression, service: "
                 "\"shop[.](Pay|Bill)ment\", method: \"(List|Get).*\"}}]\n" +
                 kGrpcToB));
  EXPECT_EQ(describe_conditions(*mesh), "");
  EXPECT_EQ(grpc_call(mesh, "/shop.Cart/Get"), "shop/g/both: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Cart/Get", {{"canary", "1"}}), "shop/g/header: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Cart/Put"), "shop/g/service: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Cartel/Put"), "shop/g/rest: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Ledger/Get"), "shop/g/method: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Ledger/GetAll"), "shop/g/rest: b");
  EXPECT_EQ(grpc_call(mesh, "/shop.Payment/GetAll"), "shop/g/regex: b");
}

// MeshGRPCRouteWeight of the Gateway API's conformance tests.
TEST(GrpcRoutes, SplitByWeightAndRejectWhatNoRuleTakes) {
  const auto mesh = mesh_of(
      route_shop() +
      grpc_route("  - matches: [{method: {service: s}}]\n    backendRefs: [{name: a, port: 80, "
                 "weight: 70}, {name: b, port: 80, weight: 30}]\n"));
  EXPECT_EQ(grpc_call(mesh, "/s/m"), "shop/g/0: a 70, b 30");
  EXPECT_EQ(grpc_call(mesh, "/t/m"), "404");
}

TEST(GrpcRoutes, BeatHttpRoutesOnOnePort) {
  const auto mesh = mesh_of(
      route_shop() + grpc_route("  - name: x\n" + kGrpcToB) +
      kind_route("HTTPRoute", "h", 80, "  rules: [{backendRefs: [{name: a, port: 80}]}]\n"));
  EXPECT_EQ(grpc_call(mesh, "/s/m"), "shop/g/x: b");
  EXPECT_EQ(describe_conditions(*mesh),
            "HTTPRoute shop/h Accepted Conflicted: Service shop/a port 80: GRPCRoute shop/g holds "
            "instead\n");
}

TEST(GrpcRoutes, OfTheExampleSendOneMethodToTheNewVersion) {
  const auto mesh = mesh_of(testing::read_tree_text("k8s/examples/shop.yaml") + "---\n" +
                            testing::read_tree_text("k8s/examples/more/grpc-route.yaml"));
  const auto quotes = [&](const std::string& method) {
    return went(mesh, "http://quotes:50051/shop.Quotes/" + method, {}, "shop/web-a", "POST");
  };
  EXPECT_EQ(quotes("Watch"), "shop/quotes/watch: quotes-v2");
  EXPECT_EQ(quotes("Get"), "shop/quotes/rest: quotes 90, quotes-v2 10");
}

TEST(GrpcRouteText, SaysEveryMistake) {
  const auto rule = [](const std::string& text) {
    return mistakes_in(grpc_route("  - " + text + "\n"));
  };
  EXPECT_EQ(rule("matches: [{method: {}}]"),
            "7:24: spec.rules[0].matches[0].method: want a service, a method or both\n");
  EXPECT_EQ(rule("matches: [{method: {service: a/b}}]"),
            "7:34: spec.rules[0].matches[0].method.service: 'a/b' is no name of gRPC's\n");
  EXPECT_EQ(rule("matches: [{method: {type: RegularExpression, method: \"(\"}}]").substr(0, 67),
            "7:58: spec.rules[0].matches[0].method.method: '(' is no regular exp");
  EXPECT_EQ(rule("filters: [{type: URLRewrite, urlRewrite: {}}]"),
            "7:22: spec.rules[0].filters[0].type: URLRewrite is not for a GRPCRoute\n");
  EXPECT_EQ(rule("timeouts: {request: 1s}"), "7:5: spec.rules[0].timeouts: unknown field\n");
}

// ---- sessions ----

bool listener_has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Sessions, AreOneRulesOwnUnlessTheyHaveAName) {
  const std::string session = "    sessionPersistence: ";
  const auto mesh = mesh_of(
      route_shop() +
      kind_route("HTTPRoute", "h", 80,
                 "  rules:\n  - backendRefs: [{name: a, port: 80}]\n" + session +
                     "{}\n  - matches: [{path: {value: /b}}]\n    backendRefs: [{name: b, port: "
                     "80}]\n" +
                     session +
                     "{absoluteTimeout: 1h, cookieConfig: {lifetimeType: Permanent}}\n  - matches: "
                     "[{path: {value: /c}}]\n    backendRefs: [{name: b, port: 80}]\n" +
                     session + "{sessionName: x-mine, type: Header}\n"));
  const std::string routes =
      text_of(*told_to(mesh), "envoy.config.route.v3.RouteConfiguration", "15001");
  const std::string mark = "name: \"weft-session-";
  const std::size_t first = routes.find(mark);
  const std::size_t second = routes.find(mark, first + 1);
  ASSERT_NE(second, std::string::npos) << routes;
  EXPECT_NE(routes.substr(first, 40), routes.substr(second, 40));
  EXPECT_TRUE(listener_has(routes, "seconds: 3600"));
  EXPECT_TRUE(listener_has(routes, "name: \"x-mine\""));
}

// ---- mirrors, CORS, faults ----

TEST(Filters, AreToldInTheFieldsThatXdsHas) {
  const auto mesh = mesh_of(
      route_shop() +
      kind_route(
          "HTTPRoute", "h", 80,
          "  rules:\n  - filters:\n"
          "    - {type: RequestMirror, requestMirror: {backendRef: {name: b, port: 80}, "
          "fraction: {numerator: 1, denominator: 8}}}\n"
          "    - {type: RequestMirror, requestMirror: {backendRef: {name: nope, port: 80}}}\n"
          "    - {type: CORS, cors: {allowOrigins: [\"https://*.shop.example\"], "
          "allowMethods: [GET, PUT], allowCredentials: true, maxAge: 600}}\n"
          "    backendRefs: [{name: a, port: 80}]\n"));
  EXPECT_EQ(describe_conditions(*mesh),
            "HTTPRoute shop/h ResolvedRefs BackendNotFound: rules[0].mirror: there is no Service "
            "shop/nope\n");
  const std::string routes =
      text_of(*told_to(mesh), "envoy.config.route.v3.RouteConfiguration", "15001");
  for (const char* word : {"cluster: \"outbound|80||b.shop.svc.cluster.local\"",
                           "numerator: 125000", "regex: \"https://[^/:]+\\\\.shop\\\\.example\"",
                           "allow_methods: \"GET, PUT\"", "max_age: \"600\""}) {
    EXPECT_TRUE(listener_has(routes, word)) << word << "\n" << routes;
  }
  EXPECT_FALSE(listener_has(routes, "nope"));
}

// ---- connections ----

std::string tcp_listener_of(const std::shared_ptr<const Mesh>& mesh) {
  return text_of(*told_to(mesh), "envoy.config.listener.v3.Listener",
                 "outbound|9000||a.shop.svc.cluster.local");
}

TEST(TcpRoutes, SplitConnectionsByWeight) {
  const auto mesh = mesh_of(
      route_shop() +
      kind_route("TCPRoute", "t", 9000,
                 "  rules: [{backendRefs: [{name: a, port: 9000, weight: 9}, {name: b, port: 81}, "
                 "{name: b, port: 80, weight: 0}]}]\n"));
  EXPECT_EQ(describe_conditions(*mesh),
            "TCPRoute shop/t ResolvedRefs UnsupportedProtocol: rules[0].backendRefs[2]: port 80 of "
            "Service shop/b is HTTP\n");
  const std::string listener = tcp_listener_of(mesh);
  EXPECT_TRUE(listener_has(listener, "weight: 9")) << listener;
  EXPECT_TRUE(listener_has(listener, "name: \"outbound|81||b.shop.svc.cluster.local\""))
      << listener;
  EXPECT_FALSE(listener_has(listener, "tls_inspector"));
}

TEST(TcpRoutes, CloseConnectionsThatLeadNowhere) {
  const std::string listener = tcp_listener_of(
      mesh_of(route_shop() + kind_route("TCPRoute", "t", 9000,
                                        "  rules: [{backendRefs: [{name: nope, port: 1}]}]\n")));
  EXPECT_TRUE(listener_has(listener, "cluster: \"outbound|1||nope.shop.svc.cluster.local\""))
      << listener;
}

TEST(TcpRoutes, LetTheOldestHoldAndTlsRoutesBeatThem) {
  const std::string to_a = "  rules: [{backendRefs: [{name: a, port: 9000}]}]\n";
  const std::string to_b = "  rules: [{backendRefs: [{name: b, port: 81}]}]\n";
  const auto two = mesh_of(route_shop() + kind_route("TCPRoute", "y", 9000, to_a) +
                           kind_route("TCPRoute", "x", 9000, to_b));
  EXPECT_TRUE(
      listener_has(tcp_listener_of(two), "cluster: \"outbound|81||b.shop.svc.cluster.local\""));
  EXPECT_EQ(describe_conditions(*two),
            "TCPRoute shop/y Accepted Conflicted: Service shop/a port 9000: TCPRoute shop/x holds "
            "instead\n");
  const auto tls = mesh_of(route_shop() + kind_route("TCPRoute", "x", 9000, to_b) +
                           kind_route("TLSRoute", "s", 9000, "  hostnames: [db.example]\n" + to_a));
  EXPECT_TRUE(listener_has(tcp_listener_of(tls), "server_names: \"db.example\""));
  EXPECT_FALSE(listener_has(tcp_listener_of(tls), "outbound|81"));
  EXPECT_EQ(describe_conditions(*tls),
            "TCPRoute shop/x Accepted Conflicted: Service shop/a port 9000: TLSRoute shop/s holds "
            "instead\n");
}

TEST(TcpRoutes, OfAConsumersNamespaceHoldForItsClientsOnly) {
  const auto mesh =
      mesh_of(route_shop() + kind_route("TCPRoute", "mine", 9000,
                                        "  rules: [{backendRefs: [{name: b, namespace: shop, port: "
                                        "81}]}]\n",
                                        "other"));
  EXPECT_TRUE(
      listener_has(tcp_listener_of(mesh), "cluster: \"outbound|9000||a.shop.svc.cluster.local\""));
  const std::string theirs =
      text_of(*told_to(mesh, "other/a-9"), "envoy.config.listener.v3.Listener",
              "outbound|9000||a.shop.svc.cluster.local");
  EXPECT_TRUE(listener_has(theirs, "cluster: \"outbound|81||b.shop.svc.cluster.local\"")) << theirs;
}

TEST(TlsRoutes, ChooseByServerNameAndTakeNothingElse) {
  const std::string listener = tcp_listener_of(mesh_of(
      route_shop() +
      kind_route("TLSRoute", "s", 9000,
                 "  hostnames: [\"*.example\", db.example]\n  rules: [{backendRefs: [{name: b, "
                 "port: 81}]}]\n") +
      kind_route("TLSRoute", "t", 9000,
                 "  hostnames: [db.example, other.test]\n  rules: [{backendRefs: [{name: a, port: "
                 "9000}]}]\n")));
  EXPECT_TRUE(
      listener_has(listener, "server_names: \"*.example\"\n      server_names: \"db.example\""))
      << listener;
  // The older has db.example.
  EXPECT_TRUE(listener_has(listener, "filter_chain_match {\n      server_names: \"other.test\""))
      << listener;
  EXPECT_TRUE(listener_has(listener, "tls_inspector"));
  EXPECT_FALSE(listener_has(listener, "default_filter_chain"));
}

TEST(StreamRouteText, SaysEveryMistake) {
  const std::string backend = "  rules: [{backendRefs: [{name: b, port: 81}]}]\n";
  EXPECT_EQ(mistakes_in(kind_route("TLSRoute", "s", 9000, backend)),
            "5:3: spec.hostnames: is required\n");
  EXPECT_EQ(mistakes_in(kind_route("TCPRoute", "s", 9000, "  rules: [{}, {}]\n")),
            "6:10: spec.rules: has 2 items, at most 1 are allowed\n");
  EXPECT_EQ(mistakes_in(kind_route("TCPRoute", "s", 9000, "  rules: [{}]\n")),
            "6:11: spec.rules[0].backendRefs: is required\n");
  EXPECT_EQ(mistakes_in(kind_route("TCPRoute", "s", 9000, "  hostnames: [a]\n" + backend)),
            "6:3: spec.hostnames: unknown field\n");
}

TEST(StreamRoutes, AreNotForHttpPorts) {
  const auto mesh =
      mesh_of(route_shop() +
              kind_route("TCPRoute", "t", 80, "  rules: [{backendRefs: [{name: b, port: 81}]}]\n"));
  EXPECT_EQ(describe_conditions(*mesh),
            "TCPRoute shop/t Accepted NotAllowedByListeners: port 80 of Service shop/a is HTTP\n");
}

TEST(ReferenceGrants, AreCheckedAndNotNeeded) {
  const std::string grant =
      "apiVersion: gateway.networking.k8s.io/v1beta1\nkind: ReferenceGrant\nmetadata: {name: g}\n";
  const std::string good = grant +
                           "spec:\n  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, "
                           "namespace: shop}]\n  to: "
                           "[{group: \"\", kind: Service}]\n";
  EXPECT_EQ(mistakes_in(good), "");
  EXPECT_EQ(notes_in(good),
            "5:3: spec: has no effect here: in a mesh no grant is needed for a backendRef\n");
  EXPECT_EQ(mistakes_in(grant + "spec: {from: [{kind: HTTPRoute}], to: []}\n"),
            "4:15: spec.from[0].namespace: is required\n");
}

}  // namespace
}  // namespace weft::control
