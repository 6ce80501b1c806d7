// What a node is told, as text; and that our own sidecar accepts every word of it.

#include "control/planner/planner.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/control/objects.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/endpoint.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {
namespace {

using testing::describe_conditions;
using testing::expect_golden;
using testing::judge;
using testing::mesh_of;

std::string source(const std::string& name) {
  return testing::read_tree_text("tests/control/golden/" + name);
}

Node sidecar(const std::string& workload) {
  return Node::parse("sidecar~127.5.1.1~" + workload + ".shop~shop.svc.cluster.local");
}
Node proxyless() { return Node::parse("a gRPC client"); }

// Every resource in the text format, Any values opened.
std::string print(const xds::ResourceSet& set) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  std::string out = "generation " + std::to_string(set.generation) + "\n";
  for (const auto& [type, table] : set.types) {
    for (const auto& [name, resource] : table->resources) {
      std::string text;
      printer.PrintToString(resource->body, &text);
      out += "\n# " + type.substr(type.rfind('.') + 1) + " " + name + "\n" + text;
    }
  }
  return out;
}

std::string names(const xds::ResourceSet& set, std::string_view type_url) {
  const auto* type = set.find(xds::message_name(type_url));
  std::string out;
  if (type == nullptr) return out;
  for (const auto& [name, resource] : type->resources) out += name + "\n";
  return out;
}

template <typename T>
T get(const xds::ResourceSet& set, const std::string& name) {
  T out;
  const auto* type = set.find(T::descriptor()->full_name());
  const auto at =
      type == nullptr ? decltype(type->resources.find(name)){} : type->resources.find(name);
  if (type == nullptr || at == type->resources.end()) {
    ADD_FAILURE() << "no " << name;
    return out;
  }
  EXPECT_TRUE(out.ParseFromString(at->second->body.value()));
  return out;
}

using envoy::config::cluster::v3::Cluster;
using envoy::config::endpoint::v3::ClusterLoadAssignment;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::RouteConfiguration;

TEST(Planner, TellsASidecarWhatTheGoldenFileSays) {
  expect_golden("cart-v1-a.txt", print(*plan(mesh_of(source("shop.yaml")), sidecar("cart-v1-a"))));
}

TEST(Planner, TellsAGrpcClientWhatTheGoldenFileSays) {
  expect_golden("proxyless.txt", print(*plan(mesh_of(source("shop.yaml")), proxyless())));
}

TEST(Planner, WritesNothingThatOurSidecarRefusesOrPassesOver) {
  const auto mesh = mesh_of(source("shop.yaml"));
  for (const char* workload : {"cart-v1-a", "cart-v2-a", "db-a"}) {
    EXPECT_EQ(judge(*plan(mesh, sidecar(workload))), "");
  }
}

// Only an app that says so speaks gRPC for certain; others may know gRPC-Web themselves.
TEST(Planner, TranslatesGrpcWebInFrontOfAnAppThatSpeaksGrpc) {
  const auto mesh = mesh_of(R"(apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: quotes-a, namespace: shop}
spec:
  address: 127.5.1.9
  serviceAccount: quotes
  ports:
  - {name: a, port: 1, appPort: 11, appProtocol: grpc}
  - {name: grpc-quotes, port: 2, appPort: 12}
  - {name: grpc-web, port: 3, appPort: 13}
  - {name: grpc-web-quotes, port: 4, appPort: 14}
  - {name: h2, port: 5, appPort: 15, appProtocol: h2c}
  - {name: http, port: 6, appPort: 16}
)");
  const auto set = plan(mesh, sidecar("quotes-a"));
  std::string with;
  for (const char* name : {"inbound|1||", "inbound|2||", "inbound|3||", "inbound|4||",
                           "inbound|5||", "inbound|6||", "outbound"}) {
    if (get<Listener>(*set, name).SerializeAsString().find("grpc_web") != std::string::npos)
      with += std::string(name) + " ";
  }
  EXPECT_EQ(with, "inbound|1|| inbound|2|| ");
  EXPECT_EQ(judge(*set), "");
}

TEST(Planner, TellsNothingToStrangersAndWorkloadsWithoutASidecar) {
  const auto mesh = mesh_of(source("shop.yaml"));
  EXPECT_TRUE(plan(mesh, sidecar("nobody"))->types.empty());
  EXPECT_TRUE(plan(mesh, sidecar("quotes-a"))->types.empty());
}

TEST(Planner, GivesASidecarItsOwnPortsAndEverybodysServices) {
  const auto set = plan(mesh_of(source("shop.yaml")), sidecar("db-a"));
  EXPECT_EQ(names(*set, xds::kListenerType), "inbound|5432||\noutbound\n");
  EXPECT_EQ(
      names(*set, xds::kClusterType),
      "inbound|5432||\notlp\noutbound|50051||quotes.shop.svc.cluster.local\n"
      "outbound|5432||db.shop.svc.cluster.local\noutbound|80||cart-v1.shop.svc.cluster.local\n"
      "outbound|80||cart-v2.shop.svc.cluster.local\noutbound|80||cart.shop.svc.cluster.local\n");
  EXPECT_EQ(names(*set, xds::kRouteType), "15001\n");
  EXPECT_EQ(names(*set, xds::kGenerationType), "generation\n");
}

TEST(Planner, OffersTcpServicesOnTheirOwnPortWhereItIsFree) {
  const auto mesh = mesh_of(source("shop.yaml"));
  EXPECT_EQ(names(*plan(mesh, sidecar("cart-v1-a")), xds::kListenerType),
            "inbound|8080||\noutbound\noutbound|5432||db.shop.svc.cluster.local\n");
  EXPECT_TRUE(Planner::unreachable(*mesh, *mesh->workloads.at({"shop", "cart-v1-a"})).empty());
  EXPECT_EQ(Planner::unreachable(*mesh, *mesh->workloads.at({"shop", "db-a"})),
            std::vector<std::string>{"db.shop.svc.cluster.local:5432"});
}

TEST(Planner, SharesWhatDidNotChange) {
  const std::string yaml = source("shop.yaml");
  Planner before(mesh_of(yaml, 1));
  const auto a = before.plan(sidecar("cart-v1-a"));
  EXPECT_EQ(a->types.at("envoy.config.endpoint.v3.ClusterLoadAssignment"),
            before.plan(sidecar("cart-v2-a"))
                ->types.at("envoy.config.endpoint.v3.ClusterLoadAssignment"));
  std::string moved = yaml;
  moved.replace(moved.find("weight: 90"), 10, "weight: 50");
  Planner after(mesh_of(moved, 2), &before);
  const auto b = after.plan(sidecar("cart-v1-a"));
  for (const auto& [type, table] : a->types) {
    const bool moves =
        type == "envoy.config.route.v3.RouteConfiguration" || type == "weft.config.v1.Generation";
    EXPECT_EQ(b->types.at(type) == table, !moves) << type;
  }
}

TEST(Planner, HasTheSameVersionsInEveryRun) {
  const auto a = plan(mesh_of(source("shop.yaml")), sidecar("cart-v1-a"));
  const auto b = plan(mesh_of(source("shop.yaml")), sidecar("cart-v1-a"));
  EXPECT_EQ(print(*a), print(*b));
  for (const auto& [type, table] : a->types) EXPECT_EQ(table->digest, b->types.at(type)->digest);
}

TEST(Planner, ExpectsOfADestinationOnlyTheIdentitiesBehindIt) {
  const auto set = plan(mesh_of(source("shop.yaml")), sidecar("db-a"));
  const auto text = print(*set);
  const auto cluster = get<Cluster>(*set, "outbound|80||cart-v2.shop.svc.cluster.local");
  EXPECT_NE(cluster.transport_socket().typed_config().value().find(
                "spiffe://cluster.local/ns/shop/sa/cart-canary"),
            std::string::npos);
  EXPECT_EQ(cluster.transport_socket().typed_config().value().find("sa/db"), std::string::npos);
}

// ---- small meshes ----

const std::string kPair = R"(
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop}
spec: {selector: {app: a}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: b, namespace: shop}
spec: {selector: {app: b}, ports: [{name: http, port: 80}, {name: tcp, port: 81}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: a-1, namespace: shop, labels: {app: a}}
spec: {address: 127.5.1.1, ports: [{port: 80, appPort: 8080}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: a-9, namespace: other, labels: {app: a}}
spec: {address: 127.5.1.9, ports: [{port: 80, appPort: 8080}]}
---
)";

std::string route(const std::string& name, const std::string& rules,
                  const std::string& name_space = "shop", const std::string& created = "") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " + name +
         ", namespace: " + name_space +
         (created.empty() ? "" : ", creationTimestamp: \"" + created + "\"") +
         "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: a, namespace: shop}]\n  "
         "rules:\n" +
         rules + "---\n";
}

// The routes of Service a, one a line, by name and match.
std::string routes_of(const std::shared_ptr<const Mesh>& mesh,
                      const std::string& name_space = "shop") {
  const std::string workload = name_space == "shop" ? "a-1" : "a-9";
  const auto set =
      plan(mesh, Node::parse("sidecar~127.5.1.1~" + workload + "." + name_space + "~x"));
  EXPECT_EQ(judge(*set), "");
  const auto table = get<RouteConfiguration>(*set, "15001");
  std::string out;
  for (const auto& one : table.virtual_hosts(0).routes()) {
    const auto& match = one.match();
    out += one.name() + " ";
    if (match.has_prefix()) out += match.prefix() + "*";
    if (match.has_path()) out += match.path();
    if (match.has_path_separated_prefix()) out += match.path_separated_prefix() + "/*";
    if (match.has_safe_regex()) out += "~" + match.safe_regex().regex();
    for (const auto& header : match.headers()) out += " " + header.name();
    for (const auto& parameter : match.query_parameters()) out += " ?" + parameter.name();
    out += "\n";
  }
  return out;
}

envoy::config::route::v3::Route first_route(const std::shared_ptr<const Mesh>& mesh) {
  const auto set = plan(mesh, sidecar("a-1"));
  EXPECT_EQ(judge(*set), "");
  return get<RouteConfiguration>(*set, "15001").virtual_hosts(0).routes(0);
}

TEST(Routes, SendAServiceWithoutRoutesToItself) {
  const auto mesh = mesh_of(kPair);
  EXPECT_EQ(routes_of(mesh), "default /*\n");
  EXPECT_EQ(first_route(mesh).route().cluster(), "outbound|80||a.shop.svc.cluster.local");
}

TEST(Routes, KnowTheNamesThatAClientMayWrite) {
  const auto set = plan(mesh_of(kPair), sidecar("a-1"));
  const auto table = get<RouteConfiguration>(*set, "15001");
  std::string domains;
  for (const auto& domain : table.virtual_hosts(0).domains()) domains += domain + " ";
  EXPECT_EQ(domains,
            "a.shop.svc.cluster.local:80 a.shop.svc.cluster.local a.shop.svc:80 a.shop.svc "
            "a.shop:80 a.shop "
            "a:80 a ");
  // Another namespace's short name is nobody's.
  const auto other = plan(mesh_of(kPair), Node::parse("sidecar~127.5.1.9~a-9.other~x"));
  EXPECT_EQ(get<RouteConfiguration>(*other, "15001").virtual_hosts(0).domains_size(), 6);
  // A TCP port is no host.
  EXPECT_EQ(table.virtual_hosts_size(), 2);
}

TEST(Routes, StandInOrderOfPrecedence) {
  const std::string backend = "    backendRefs: [{name: a, port: 80}]\n";
  const auto mesh = mesh_of(
      kPair +
      route("z",
            "  - name: any\n" + backend +  //
                "  - name: header\n    matches: [{headers: [{name: h, value: x}]}]\n" +
                backend +  //
                "  - name: two\n    matches: [{headers: [{name: h, value: x}, {name: i, value: "
                "x}]}]\n" +
                backend + "  - name: method\n    matches: [{method: GET}]\n" + backend +
                "  - name: query\n    matches: [{queryParams: [{name: q, value: x}]}]\n" + backend +
                "  - name: long\n    matches: [{path: {value: /a/b/}}]\n" + backend +
                "  - name: short\n    matches: [{path: {value: /a}}]\n" + backend +
                "  - name: regex\n    matches: [{path: {type: RegularExpression, value: "
                "\"/v[0-9]\"}}]\n" +
                backend + "  - name: exact\n    matches: [{path: {type: Exact, value: /a}}]\n" +
                backend));
  EXPECT_EQ(routes_of(mesh),
            "shop/z/exact /a\nshop/z/regex ~/v[0-9]\nshop/z/long /a/b/*\nshop/z/short /a/*\n"
            "shop/z/method /* :method\nshop/z/two /* h i\nshop/z/header /* h\nshop/z/query /* "
            "?q\nshop/z/any /*\n");
}

TEST(Routes, LetTheOlderThenTheNameDecideATie) {
  const std::string rules = "  - backendRefs: [{name: b, port: 80}]\n";
  EXPECT_EQ(routes_of(mesh_of(kPair + route("b", rules) + route("a", rules) +
                              route("z", rules, "shop", "2026-01-01T00:00:00Z"))),
            "shop/z/0 /*\nshop/a/0 /*\nshop/b/0 /*\n");
}

TEST(Routes, OfAConsumersNamespaceHoldForItsClientsOnly) {
  const auto mesh = mesh_of(
      kPair + route("mine", "  - backendRefs: [{name: b, port: 80}]\n") +
      route("theirs", "  - backendRefs: [{name: b, namespace: shop, port: 80}]\n", "other"));
  EXPECT_EQ(routes_of(mesh), "shop/mine/0 /*\n");
  EXPECT_EQ(routes_of(mesh, "other"), "other/theirs/0 /*\n");
}

TEST(Routes, AnswerWhatLeadsNowhereWith500) {
  const auto mesh = mesh_of(
      kPair + route("r",
                    "  - backendRefs: [{name: nope, port: 80, weight: 1}, {name: b, port: 80}]\n"
                    "  - matches: [{path: {value: /t}}]\n    backendRefs: [{name: b, port: 81}]\n"
                    "  - matches: [{path: {value: /k}}]\n    backendRefs: [{kind: Foo, name: b}]\n"
                    "  - matches: [{path: {value: /0}}]\n    backendRefs: [{name: b, port: 80, "
                    "weight: 0}]\n"));
  EXPECT_EQ(describe_conditions(*mesh),
            "HTTPRoute shop/r ResolvedRefs BackendNotFound: rules[0].backendRefs[0]: there is no "
            "Service shop/nope\n"
            "HTTPRoute shop/r ResolvedRefs UnsupportedProtocol: rules[1].backendRefs[0]: port 81 "
            "of Service shop/b is not "
            "HTTP\n"
            "HTTPRoute shop/r ResolvedRefs InvalidKind: rules[2].backendRefs[0]: kind Foo is not a "
            "Service\n");
  const auto set = plan(mesh, sidecar("a-1"));
  EXPECT_EQ(judge(*set), "");
  std::string out;
  const auto table = get<RouteConfiguration>(*set, "15001");
  for (const auto& one : table.virtual_hosts(0).routes()) {
    out += std::to_string(one.direct_response().status()) + " " +
           std::to_string(one.route().cluster_not_found_response_code()) + " " +
           one.route().cluster() + "\n";
  }
  EXPECT_EQ(out, "0 2 unusable\n0 2 unusable\n500 0 \n0 2 \n");
}

TEST(Routes, RewriteWholePathElements) {
  const auto rewrite = [](const std::string& match, const std::string& to) {
    const auto mesh = mesh_of(
        kPair + route("r", "  - matches: [{path: {value: " + match +
                               "}}]\n    filters: [{type: URLRewrite, urlRewrite: {path: {type: "
                               "ReplacePrefixMatch, replacePrefixMatch: \"" +
                               to + "\"}}}]\n    backendRefs: [{name: a, port: 80}]\n"));
    return routes_of(mesh) + first_route(mesh).route().prefix_rewrite();
  };
  EXPECT_EQ(rewrite("/a", "/b"), "shop/r/0 /a/*\n/b");
  EXPECT_EQ(rewrite("/a/", "/b/"), "shop/r/0 /a/*\n/b");
  EXPECT_EQ(rewrite("/", "/b"), "shop/r/0 /*\n/b/");
  EXPECT_EQ(rewrite("/", "/"), "shop/r/0 /*\n/");
  // Cutting the prefix away: "/a" is "/", "/a/x" is "/x", never "//x".
  EXPECT_EQ(rewrite("/a", "/"), "shop/r/0 /a\nshop/r/0 /a/*\n/");
  EXPECT_EQ(rewrite("/a", ""), "shop/r/0 /a\nshop/r/0 /a/*\n/");
}

TEST(Routes, RedirectAsTheyAreTold) {
  const auto mesh = mesh_of(
      kPair +
      route("r",
            "  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https, hostname: "
            "b.example, port: 8443, statusCode: 301, path: {type: ReplaceFullPath, "
            "replaceFullPath: /new}}}]\n"));
  const auto redirect = first_route(mesh).redirect();
  EXPECT_EQ(
      redirect.scheme_redirect() + " " + redirect.host_redirect() + " " + redirect.path_redirect(),
      "https b.example /new");
  EXPECT_EQ(redirect.port_redirect(), 8443u);
  EXPECT_EQ(redirect.response_code(), envoy::config::route::v3::RedirectAction::MOVED_PERMANENTLY);
}

TEST(Routes, PassTheirLargestValuesOn) {
  const auto mesh = mesh_of(
      kPair +
      route(
          "r",
          "  - timeouts: {request: 99999h, backendRequest: 99999h}\n    retry: {codes: [400, 599], "
          "attempts: 10, backoff: 99999h}\n    backendRefs: [{name: a, port: 80, weight: 1000000}, "
          "{name: b, port: 80, weight: 1000000}]\n"
          "  - timeouts: {request: 0s, backendRequest: 1ms}\n    retry: {backoff: 1ms}\n    "
          "backendRefs: [{name: a, port: 80, weight: 0}, {name: b, port: 80, weight: 1}]\n"));
  EXPECT_EQ(judge(*plan(mesh, sidecar("a-1"))), "");
}

TEST(Conditions, SayWhatIsNamedAndNotThere) {
  const auto mesh = mesh_of(kPair + R"(
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: shop}
spec:
  parentRefs:
  - {group: "", kind: Service, name: nope}
  - {group: "", kind: Service, name: b, port: 82}
  - {group: "", kind: Service, name: b, sectionName: tcp}
---
apiVersion: v1
kind: Service
metadata: {name: c, namespace: shop}
spec: {selector: {app: a}, ports: [{port: 9}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: a-2, namespace: shop, labels: {app: a}}
spec: {address: 127.5.1.1, ports: [{port: 80, appPort: 8080}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: a-3, namespace: shop, labels: {app: a}}
spec: {address: 10.0.0.1, sidecar: false}
)");
  EXPECT_EQ(
      describe_conditions(*mesh),
      "Workload shop/a-2 Accepted Conflicted: address 127.5.1.1 is shop/a-1's\n"
      "Service shop/a EndpointsResolved NotMeshed: port 80: 1 of 2 ready Workloads have no sidecar "
      "and are left out\n"
      "Service shop/c EndpointsResolved PortNotFound: port 9: Workload shop/a-1 has no port 9\n"
      "HTTPRoute shop/r Accepted NoMatchingParent: there is no Service shop/nope\n"
      "HTTPRoute shop/r Accepted NoMatchingParent: Service shop/b has no port 82\n"
      "HTTPRoute shop/r Accepted NotAllowedByListeners: port 81 of Service shop/b is not HTTP\n");
}

TEST(Protocols, ComeFromAppProtocolThenNameThenNumber) {
  const MeshConfig config;
  const auto is = [&](const char* app, const char* name, std::uint16_t port) {
    return protocol_of(app, name, port, config);
  };
  EXPECT_EQ(is("http", "grpc", 5432), AppProtocol::kHttp1);
  EXPECT_EQ(is("kubernetes.io/h2c", "", 1), AppProtocol::kHttp2);
  EXPECT_EQ(is("mysql", "http", 1), AppProtocol::kTcp);
  EXPECT_EQ(is("", "grpc-api", 1), AppProtocol::kHttp2);
  EXPECT_EQ(is("", "grpc-web", 1), AppProtocol::kHttp1);
  EXPECT_EQ(is("", "tcp-x", 80), AppProtocol::kTcp);
  EXPECT_EQ(is("", "db", 5432), AppProtocol::kTcp);
  EXPECT_EQ(is("", "", 8080), AppProtocol::kHttp1);
}

TEST(Nodes, AreKnownByTheirId) {
  const Node node = Node::parse("sidecar~127.5.1.7~cart.v2-a.shop~shop.svc.cluster.local");
  EXPECT_EQ(node.kind, Node::Kind::kSidecar);
  EXPECT_EQ(node.workload.to_string(), "shop/cart.v2-a");
  EXPECT_EQ(Node::make_id("127.5.1.7", node.workload),
            "sidecar~127.5.1.7~cart.v2-a.shop~shop.svc.cluster.local");
  for (const char* id :
       {"", "x", "sidecar~~", "sidecar~1~cart~shop.svc", "sidecar~1~.shop~x", "sidecar~1~a.B~x"}) {
    EXPECT_EQ(Node::parse(id).kind, Node::Kind::kProxyless) << id;
  }
}

TEST(Endpoints, LeaveOutWhatIsNotReadyUnlessTheServiceSaysSo) {
  const auto count = [](const std::string& service, const std::string& workload) {
    const auto mesh = mesh_of(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: "
        "[{port: "
        "80}]" +
        service +
        "}\n---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: w, "
        "labels: {app: a}}\nspec: {address: 127.5.1.1, ports: [{port: 80, appPort: 81}]" +
        workload + "}\n");
    return mesh->services.begin()->second.ports[0].instances.size();
  };
  EXPECT_EQ(count("", ""), 1u);
  EXPECT_EQ(count("", ", ready: false"), 0u);
  EXPECT_EQ(count(", publishNotReadyAddresses: true", ", ready: false"), 1u);
  EXPECT_EQ(count("", ", weight: 0"), 0u);
}

TEST(Endpoints, DoNotFallBackToPlainTextWhileTheMeshedOnesAreNotReady) {
  const std::string service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: "
      "[{port: 80}]}\n---\n";
  const auto workload = [](const std::string& name, const std::string& spec) {
    return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
           ", labels: {app: a}}\nspec: {" + spec + "}\n---\n";
  };
  const auto mesh = mesh_of(
      service +
      workload(
          "m",
          "address: 127.5.1.1, ready: false, serviceAccount: a, ports: [{port: 80, appPort: 81}]") +
      workload("p", "address: 10.0.0.1, sidecar: false"));
  const MeshPort& port = mesh->services.begin()->second.ports[0];
  EXPECT_TRUE(port.meshed);
  EXPECT_TRUE(port.instances.empty());
  EXPECT_EQ(port.identities, std::vector<std::string>{"spiffe://cluster.local/ns/default/sa/a"});
}

TEST(Endpoints, AreNamedOnceEach) {
  const std::string workload =
      "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: w%, labels: {app: "
      "a}}\nspec: {address: 10.0.0.1, sidecar: false}\n";
  std::string yaml =
      "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {selector: {app: a}, ports: "
      "[{port: 80}]}\n";
  for (const char* number : {"1", "2"})
    yaml += std::string(workload).replace(workload.find('%'), 1, number);
  const auto mesh = mesh_of(yaml);
  EXPECT_EQ(mesh->services.begin()->second.ports[0].instances.size(), 1u);
  EXPECT_EQ(describe_conditions(*mesh),
            "Service default/a EndpointsResolved Conflicted: port 80: Workloads default/w1 and "
            "default/w2 are both at 10.0.0.1:80\n");
}

// ---- gRPC clients ----

TEST(Proxyless, KnowsThePeersByTheFieldThatGrpcReads) {
  const auto set = plan(mesh_of(source("shop.yaml")), proxyless());
  const auto cluster = get<Cluster>(*set, "outbound|80||cart-v2.shop.svc.cluster.local");
  envoy::extensions::transport_sockets::tls::v3::UpstreamTlsContext context;
  ASSERT_TRUE(cluster.transport_socket().typed_config().UnpackTo(&context));
  const auto& tls = context.common_tls_context();
  ASSERT_EQ(tls.validation_context().match_subject_alt_names_size(), 1);
  EXPECT_EQ(tls.validation_context().match_subject_alt_names(0).exact(),
            "spiffe://cluster.local/ns/shop/sa/cart-canary");
  // What gRPC refuses (A29).
  EXPECT_FALSE(tls.has_tls_params());
  EXPECT_EQ(tls.tls_certificate_sds_secret_configs_size() + tls.alpn_protocols_size(), 0);
}

TEST(Proxyless, HasNoRetryPolicyWithoutRetries) {
  const auto mesh = mesh_of(
      kPair + route("r", "  - retry: {attempts: 0}\n    backendRefs: [{name: a, port: 80}]\n"));
  const auto table =
      get<RouteConfiguration>(*plan(mesh, proxyless()), "outbound|80||a.shop.svc.cluster.local");
  EXPECT_FALSE(table.virtual_hosts(0).routes(0).route().has_retry_policy());
  EXPECT_EQ(first_route(mesh).route().retry_policy().num_retries().value(), 0u);
}

TEST(Proxyless, GivesEveryLocalityAWeight) {
  const auto set = plan(mesh_of(source("shop.yaml")), proxyless());
  const auto endpoints =
      get<ClusterLoadAssignment>(*set, "outbound|80||cart.shop.svc.cluster.local");
  ASSERT_EQ(endpoints.endpoints_size(), 2);
  EXPECT_EQ(endpoints.endpoints(0).load_balancing_weight().value(), 1u);
  EXPECT_EQ(endpoints.endpoints(1).load_balancing_weight().value(), 3u);
}

}  // namespace
}  // namespace weft::control
