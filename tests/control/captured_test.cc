// What a sidecar is told to whom the kernel brings its app's traffic.

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "control/cli/route_query.h"
#include "control/planner/captured_clusters.h"
#include "control/planner/planner.h"
#include "sidecar/config/describe.h"
#include "sidecar/config/listener_config.h"
#include "tests/control/objects.h"
#include "xds/from_proto.h"

namespace weft::control {
namespace {

std::string captured_yaml() {
  return testing::read_tree_text("tests/control/golden/redirect.yaml");
}

Node captured_node(const std::string& workload) {
  return Node::parse("sidecar~10.1.0.1~" + workload + ".shop~shop.svc.cluster.local");
}

std::shared_ptr<const xds::ResourceSet> captured_plan(const std::string& yaml,
                                                      const std::string& workload) {
  return plan(testing::mesh_of(yaml), captured_node(workload));
}

// As the sidecar understands it. Versions are hashes of the bytes and stand for all that the text
// does not show.
std::string captured_text(const xds::ResourceSet& set) {
  std::string out;
  for (const auto& [type, table] : set.types) {
    for (const auto& [name, resource] : table->resources) {
      // Clusters of Services are as everybody's.
      if (name.starts_with("outbound|") || type.ends_with("Generation")) continue;
      xds::Findings findings;
      const auto read =
          xds::decode(resource->body, {.unknown = xds::UnknownFields::kRefuse}, findings);
      if (!read) {
        ADD_FAILURE() << read.error().detail;
        continue;
      }
      std::visit(
          [&](const auto& one) {
            if constexpr (requires { config::describe(one); }) out += config::describe(one) + "\n";
          },
          *read);
    }
  }
  return out;
}

template <typename T>
T captured_get(const xds::ResourceSet& set, std::string_view type, const std::string& name) {
  xds::Findings findings;
  const auto* table = set.find(type);
  EXPECT_TRUE(table != nullptr && table->resources.contains(name)) << name;
  if (table == nullptr || !table->resources.contains(name)) return {};
  auto read = xds::decode(table->resources.at(name)->body, {.unknown = xds::UnknownFields::kRefuse},
                          findings);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().detail);
  return std::get<T>(std::move(*read));
}

config::ListenerConfig captured_listener(const xds::ResourceSet& set, const std::string& name) {
  return captured_get<config::ListenerConfig>(set, "envoy.config.listener.v3.Listener", name);
}

std::string chains_of(const config::ListenerConfig& listener) {
  std::string out;
  for (const config::FilterChain& chain : listener.chains) {
    out += chain.name + ":";
    if (chain.match.destination_port) out += " " + std::to_string(*chain.match.destination_port);
    for (const Cidr& prefix : chain.match.destination_prefixes) out += " " + prefix.to_string();
    for (const std::string& protocol : chain.match.application_protocols) out += " " + protocol;
    out += "\n";
  }
  return out + "else " + listener.default_chain->name + "\n";
}

TEST(PlannerRedirect, TellsASidecarWhatTheGoldenFileSays) {
  testing::expect_golden("redirect-cart-a.txt",
                         captured_text(*captured_plan(captured_yaml(), "cart-a")));
}

TEST(PlannerRedirect, WritesNothingThatOurSidecarRefusesOrPassesOver) {
  for (const char* workload : {"cart-a", "web-a", "db-0"}) {
    EXPECT_EQ(testing::judge(*captured_plan(captured_yaml(), workload)), "") << workload;
  }
}

TEST(PlannerRedirect, ListensOnceForEachDirection) {
  const auto set = captured_plan(captured_yaml(), "cart-a");
  const auto* listeners = set->find("envoy.config.listener.v3.Listener");
  ASSERT_NE(listeners, nullptr);
  EXPECT_EQ(listeners->resources.size(), 2U);
  const config::ListenerConfig in = captured_listener(*set, "inbound");
  EXPECT_EQ(in.address.to_string(), "0.0.0.0:15006");
  EXPECT_TRUE(in.use_original_dst);
  const config::ListenerConfig out = captured_listener(*set, "outbound");
  EXPECT_EQ(out.address.to_string(), "127.0.0.1:15001");
  EXPECT_TRUE(out.use_original_dst);
  EXPECT_TRUE(out.extra_addresses.empty());
}

TEST(PlannerRedirect, NobodyGetsInWithoutMtlsWhateverThePort) {
  const config::ListenerConfig in =
      captured_listener(*captured_plan(captured_yaml(), "cart-a"), "inbound");
  EXPECT_EQ(chains_of(in),
            "inbound|8080||: 8080\n"
            "inbound|9999||: 9999 h2 http/1.1\n"
            "inbound|9999||bytes: 9999\n"
            "inbound|undeclared|http2: h2\n"
            "inbound|undeclared|http1: http/1.1\n"
            "else inbound|undeclared|tcp\n");
  const auto strict = [](const config::FilterChain& chain) {
    return chain.tls && chain.tls->settings.require_peer_certificate;
  };
  for (const config::FilterChain& chain : in.chains) EXPECT_TRUE(strict(chain)) << chain.name;
  EXPECT_TRUE(strict(*in.default_chain));
}

TEST(PlannerRedirect, TheAppIsFoundOnLoopbackAndOnItsOwnAddress) {
  const auto set = captured_plan(captured_yaml(), "web-a");
  const auto cluster = captured_get<config::ClusterConfig>(*set, "envoy.config.cluster.v3.Cluster",
                                                           "inbound|8080||");
  ASSERT_EQ(cluster.inline_endpoints->endpoints.size(), 1U);
  EXPECT_EQ(cluster.inline_endpoints->endpoints[0].address.to_string(), "127.0.0.1:8081");
  ASSERT_EQ(cluster.local_app_elsewhere.size(), 1U);
  EXPECT_EQ(cluster.local_app_elsewhere[0].to_string(), "10.1.0.11:8081");
  EXPECT_EQ(cluster.source.to_string(), "127.0.0.6:0");
  EXPECT_EQ(cluster.source_other.to_string(), "[::6]:0");
}

TEST(PlannerRedirect, InModeTproxyTheAppIsCalledWhereItWasCalledFromWhoeverCalled) {
  const auto set = captured_plan(captured_yaml() + R"(---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: seen, namespace: shop}
spec:
  address: 10.1.0.50
  moreAddresses: ["fd00:1::50"]
  redirect: true
  redirectMode: TProxy
  serviceAccount: seen
  ports: [{name: http, port: 8080}, {name: tcp-other, port: 9000, appPort: 9001}]
)",
                                 "seen");
  EXPECT_EQ(testing::judge(*set), "");
  EXPECT_TRUE(captured_listener(*set, "inbound").transparent);
  EXPECT_FALSE(captured_listener(*set, "outbound").transparent);
  const auto cluster = [&](const std::string& name) {
    return captured_get<config::ClusterConfig>(*set, "envoy.config.cluster.v3.Cluster", name);
  };
  const auto http = cluster("inbound|8080||");
  EXPECT_EQ(http.discovery, config::ClusterConfig::Discovery::kOriginalDst);
  EXPECT_TRUE(http.keep_source && http.local_app);
  ASSERT_EQ(http.local_app_elsewhere.size(), 2U) << "an app on loopback is found there";
  EXPECT_EQ(http.local_app_elsewhere[0].to_string(), "127.0.0.1:8080");
  EXPECT_EQ(http.local_app_elsewhere[1].to_string(), "[::1]:8080");
  EXPECT_EQ(http.source.to_string(), "127.0.0.6:0");
  // Nobody was called at 9001, so there is no address of a caller to call it from.
  EXPECT_FALSE(cluster("inbound|9000||").keep_source);
  EXPECT_EQ(cluster("inbound|9000||").discovery, config::ClusterConfig::Discovery::kStatic);
  for (const std::string_view name : {kUndeclaredTcp, kUndeclaredHttp1, kUndeclaredHttp2}) {
    EXPECT_TRUE(cluster(std::string(name)).keep_source) << name;
  }
  EXPECT_FALSE(cluster("direct|tcp").keep_source) << "for the way in only";
}

TEST(PlannerRedirect, ServicesAreFoundByTheirAddressesAndNotByNames) {
  const auto set = captured_plan(captured_yaml(), "web-a");
  const config::ListenerConfig out = captured_listener(*set, "outbound");
  EXPECT_EQ(chains_of(out),
            "outbound|9999||cart.shop.svc.cluster.local: 9999 10.96.0.10/32 fd00::10/128\n"
            "outbound|2525||mail.shop.svc.cluster.local: 2525 10.96.0.12/32\n"
            "http|80: 80 10.96.0.10/32 10.96.0.11/32 fd00::10/128\n"
            "detected|9999: 9999 10.96.0.10/32 fd00::10/128 http/1.1 h2c\n"
            "direct|tcp|25: 25\n"
            "direct|tcp|587: 587\n"
            "direct|tcp|3306: 3306\n"
            "direct|tcp|4444: 4444\n"
            "direct|tcp|5432: 5432\n"
            "direct|tcp|6379: 6379\n"
            "direct|tcp|7000: 7000 10.1.0.20/32 10.1.0.21/32\n"
            "direct|tcp|9300: 9300\n"
            "direct|tcp|11211: 11211\n"
            "direct|http1|80: 80 http/1.1\n"
            "direct|http2|80: 80 h2c\n"
            "direct|http1|2525: 2525 http/1.1\n"
            "direct|http2|2525: 2525 h2c\n"
            "direct|http1|7000: 7000 http/1.1\n"
            "direct|http2|7000: 7000 h2c\n"
            "direct|http1|9999: 9999 http/1.1\n"
            "direct|http2|9999: 9999 h2c\n"
            "direct|http1: http/1.1\n"
            "direct|http2: h2c\n"
            "else direct|tcp\n");
  EXPECT_TRUE(out.go_on_after_sniff_timeout);
  EXPECT_EQ(out.sniff_timeout, std::chrono::milliseconds(100));
  const auto routes = captured_get<config::RouteConfig>(
      *set, "envoy.config.route.v3.RouteConfiguration", "destinations");
  std::string domains;
  for (const config::VirtualHost& host : routes.virtual_hosts) {
    domains += host.name + " =";
    for (const std::string& domain : host.domains) domains += " " + domain;
    domains += "\n";
  }
  EXPECT_EQ(domains,
            "cart.shop.svc.cluster.local:80 = 10.96.0.10:80 [fd00::10]:80\n"
            "cart.shop.svc.cluster.local:9999 = 10.96.0.10:9999 [fd00::10]:9999\n"
            "web.shop.svc.cluster.local:80 = 10.96.0.11:80\n");
  const auto& http = std::get<config::HttpSettings>(out.chains[2].what);
  EXPECT_EQ(http.route_config_name, "destinations");
  EXPECT_TRUE(http.by_destination);
}

TEST(PlannerRedirect, TellsWhoIsAtAddressesThatNoServiceTells) {
  const auto set = captured_plan(captured_yaml() + R"(---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: job-a, namespace: shop}
spec: {address: 10.1.0.40, redirect: true, serviceAccount: job}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-z, namespace: shop, labels: {app: cart}}
spec: {address: 10.1.0.41, redirect: true, serviceAccount: cart, ready: false, ports: [{name: http, port: 8080}, {name: odd, port: 9999}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: mail-b, namespace: shop, labels: {app: mail}}
spec: {address: 10.1.0.42, moreAddresses: ["fd00:1::42"], sidecar: false, ports: [{port: 2525}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: nobodys, namespace: shop}
spec: {address: 10.1.0.43, moreAddresses: ["fd00:1::43"], sidecar: false, ports: [{port: 2525}]}
)",
                                 "web-a");
  EXPECT_EQ(testing::judge(*set), "");
  const auto peers =
      captured_get<config::ClusterConfig>(*set, "envoy.config.cluster.v3.Cluster", "direct|peers");
  std::string told;
  for (const config::Endpoint& endpoint : peers.inline_endpoints->endpoints) {
    told += endpoint.address.to_string() + " " + endpoint.identity.str() + "\n";
  }
  EXPECT_EQ(told,
            "10.1.0.41:15006 spiffe://cluster.local/ns/shop/sa/cart\n"
            "10.1.0.40:15006 spiffe://cluster.local/ns/shop/sa/job\n"
            "[fd00:1::42]:15006 \n");
}

// On another node its endpoints are left out, and who calls the pod itself must still know it.
TEST(PlannerRedirect, WhoIsForItsOwnNodesCallersIsKnownToAllByItsAddress) {
  std::string yaml = captured_yaml();
  const std::string plain = "spec: {clusterIP: 10.96.0.10, ";
  yaml.replace(yaml.find(plain), plain.size(), plain + "internalTrafficPolicy: Local, ");
  const auto set = captured_plan(yaml, "web-a");
  EXPECT_EQ(testing::judge(*set), "");
  const auto peers =
      captured_get<config::ClusterConfig>(*set, "envoy.config.cluster.v3.Cluster", "direct|peers");
  std::string told;
  for (const config::Endpoint& endpoint : peers.inline_endpoints->endpoints) {
    told += endpoint.address.to_string() + " " + endpoint.identity.str() + "\n";
  }
  EXPECT_EQ(told, "10.1.0.10:15006 spiffe://cluster.local/ns/shop/sa/cart\n");
}

TEST(PlannerRedirect, SaysWhichServicesHaveNoAddressToBeFoundBy) {
  const auto mesh = testing::mesh_of(captured_yaml());
  EXPECT_EQ(Planner::unreachable(*mesh, *mesh->workloads.at({"shop", "web-a"})),
            std::vector<std::string>{"nowhere.shop.svc.cluster.local:80"});
}

TEST(PlannerRedirect, DenyIsWrittenIntoTheClustersThatPassOn) {
  for (const bool deny : {false, true}) {
    const auto set =
        captured_plan(captured_yaml() +
                          "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: "
                          "default}\nspec: {outbound: {unknown: " +
                          (deny ? "Deny" : "Allow") + "}}\n",
                      "web-a");
    for (const char* name : {"direct|http1", "direct|http2", "direct|tcp"}) {
      const auto cluster =
          captured_get<config::ClusterConfig>(*set, "envoy.config.cluster.v3.Cluster", name);
      ASSERT_TRUE(cluster.known_destinations) << name;
      EXPECT_EQ(cluster.known_destinations->deny_unknown, deny) << name;
      EXPECT_FALSE(cluster.outlier || cluster.breaker) << name;
    }
  }
}

TEST(PlannerRedirect, ServerNamesThatNoRouteTakesAreRefusedAndNotPassedOn) {
  const auto set = captured_plan(captured_yaml() + R"(---
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: {name: mail, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: mail}]
  hostnames: [mail.example]
  rules: [{backendRefs: [{name: mail, port: 2525}]}]
)",
                                 "web-a");
  EXPECT_EQ(testing::judge(*set), "");
  const config::ListenerConfig out = captured_listener(*set, "outbound");
  std::string mail;
  for (const config::FilterChain& chain : out.chains) {
    if (!chain.name.starts_with("outbound|2525")) continue;
    mail += chain.name + " " +
            (chain.match.server_names.empty() ? "-" : chain.match.server_names[0]) + " " +
            std::get<config::TcpSettings>(chain.what).clusters[0].cluster + "\n";
  }
  EXPECT_EQ(mail,
            "outbound|2525||mail.shop.svc.cluster.local#2 mail.example "
            "outbound|2525||mail.shop.svc.cluster.local\n"
            "outbound|2525||mail.shop.svc.cluster.local#none - unusable\n");
}

// Twice the same address is an operator's mistake, and not to cost anybody his listener.
TEST(PlannerRedirect, AnAddressThatTwoServicesClaimIsTheFirstOnes) {
  std::string yaml = captured_yaml();
  yaml.replace(yaml.find("10.96.0.11"), 10, "10.96.0.10");
  const auto set = captured_plan(yaml, "web-a");
  EXPECT_EQ(testing::judge(*set), "");
}

TEST(PlannerRedirect, AThousandServicesAreNotAThousandChains) {
  std::string yaml = captured_yaml();
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(i);
    yaml += "---\napiVersion: v1\nkind: Service\nmetadata: {name: s" + number +
            ", namespace: shop}\nspec: {clusterIP: 10.97." + std::to_string(i / 250) + "." +
            std::to_string(1 + i % 250) + ", selector: {app: s" + number +
            "}, ports: [{name: http, port: " + std::to_string(80 + i % 10) + "}]}\n";
  }
  const auto set = captured_plan(yaml, "web-a");
  EXPECT_LE(captured_listener(*set, "outbound").chains.size(), 60U);
  EXPECT_EQ(captured_get<config::RouteConfig>(*set, "envoy.config.route.v3.RouteConfiguration",
                                              "destinations")
                .virtual_hosts.size(),
            1003U);
}

TEST(PlannerRedirect, AnEndpointThatComesOrGoesLeavesTheListenersAlone) {
  Planner before(testing::mesh_of(captured_yaml(), 1));
  const auto old = before.plan(captured_node("web-a"));
  std::string more = captured_yaml();
  more += R"(---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-b, namespace: shop, labels: {app: cart}}
spec: {address: 10.1.0.30, redirect: true, serviceAccount: cart, ports: [{name: http, port: 8080}, {name: odd, port: 9999}]}
)";
  const auto same_mesh = testing::mesh_of(more, 2);
  Planner after(same_mesh, &before);
  const auto fresh = after.plan(captured_node("web-a"));
  EXPECT_EQ(old->types.at("envoy.config.route.v3.RouteConfiguration"),
            fresh->types.at("envoy.config.route.v3.RouteConfiguration"));
  EXPECT_EQ(captured_text(*old), captured_text(*fresh));
}

TEST(PlannerRedirect, TheExampleIsWhatItSays) {
  const auto mesh = testing::mesh_of(
      testing::read_tree_text("k8s/examples/more/redirect.yaml") +
      "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
      "spec: {outbound: {unknown: Deny}}\n");
  EXPECT_EQ(testing::describe_conditions(*mesh), "");
  for (const char* workload : {"catalog-a", "vault-0"}) {
    EXPECT_EQ(testing::judge(*plan(mesh, captured_node(workload))), "") << workload;
  }
  const auto outcome = [&](const std::string& url) {
    const auto answer = cli::ask_route(mesh, {.url = url, .from = "vault-0"});
    return answer ? answer->route + ": " + answer->outcome : answer.error().detail;
  };
  EXPECT_EQ(outcome("http://catalog/"), "shop/catalog/main: forwarded");
  EXPECT_EQ(outcome("http://10.1.0.30:8080/"),
            "direct: forwarded with mTLS, by no route: it is a pod's own address");
  EXPECT_EQ(outcome("http://192.0.2.1/"),
            ": answered with 403: nobody of the mesh is there, and MeshConfig denies unknown");
}

std::string captured_route(const std::string& url, const std::string& more = "") {
  const auto answer =
      cli::ask_route(testing::mesh_of(captured_yaml() + more), {.url = url, .from = "web-a"});
  return answer ? answer->route + " | " + answer->host + " | " + answer->outcome
                : answer.error().detail;
}

TEST(RouteQueryRedirect, TellsWhereACallGoesByTheAddressThatItsNameHas) {
  EXPECT_EQ(captured_route("http://cart/x"),
            "shop/cart/main | cart.shop.svc.cluster.local:80 | forwarded");
  EXPECT_EQ(captured_route("http://10.96.0.10/x"),
            "shop/cart/main | cart.shop.svc.cluster.local:80 | forwarded");
  EXPECT_EQ(captured_route("http://10.1.0.10:8080/x"),
            "direct | 10.1.0.10:8080 | forwarded with mTLS, by no route: it is a pod's own "
            "address");
  EXPECT_EQ(captured_route("http://10.1.0.12:2525/"),
            "direct | 10.1.0.12:2525 | forwarded in the clear, by no route: no sidecar is there");
  EXPECT_EQ(captured_route("http://192.0.2.1/"),
            "direct | 192.0.2.1:80 | passed on as it is: nobody of the mesh is there");
  EXPECT_EQ(captured_route("http://192.0.2.1/",
                           "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: "
                           "{name: default}\nspec: {outbound: {unknown: Deny}}\n"),
            " | 192.0.2.1:80 | answered with 403: nobody of the mesh is there, and MeshConfig "
            "denies unknown");
  EXPECT_EQ(captured_route("http://db:7000/"),
            "direct | db.shop.svc.cluster.local:7000 | forwarded to the one that the client "
            "chose, by no route: the Service is headless");
}

}  // namespace
}  // namespace weft::control
