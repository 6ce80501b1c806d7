// How much of the mesh a sidecar is told: all of it, what its Workload uses, what its app has
// called.

#include "control/planner/scope.h"

#include <gtest/gtest.h>

#include <string>

#include "control/planner/planner.h"
#include "sidecar/config/listener_config.h"
#include "tests/control/objects.h"
#include "xds/from_proto.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {
namespace {

using testing::mesh_of;

std::string service_of(const std::string& name, const std::string& address,
                       const std::string& name_space = "shop",
                       const std::string& port = "name: http, port: 80, targetPort: 8080") {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: " + name_space + "}\nspec: {clusterIP: " + address +
         ", selector: {app: " + name + "}, ports: [{" + port + "}]}\n";
}

std::string instance_of(const std::string& name, int number, const std::string& more = "",
                        const std::string& name_space = "shop") {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         "-a, namespace: " + name_space + ", labels: {app: " + name +
         "}}\nspec: {address: 10.1.1." + std::to_string(number) +
         ", ports: [{name: http, port: 8080}]" + more + "}\n";
}

std::string mesh_config(const std::string& outbound) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
         "spec: {outbound: {" +
         outbound + "}}\n";
}

// cart, rest, mail (TCP) and copy in shop, ledger in bank; web calls.
std::string some_mesh(const std::string& of_web) {
  return service_of("cart", "10.96.0.1") + service_of("rest", "10.96.0.2") +
         service_of("mail", "10.96.0.3", "shop", "name: tcp-mail, port: 2525, targetPort: 8080") +
         service_of("copy", "10.96.0.4") + service_of("ledger", "10.96.0.5", "bank") +
         instance_of("cart", 1, ", redirect: true") + instance_of("rest", 2, ", redirect: true") +
         instance_of("mail", 3, ", redirect: true") + instance_of("copy", 4, ", redirect: true") +
         instance_of("ledger", 5, ", redirect: true", "bank") +
         instance_of("alone", 7, ", redirect: true") + instance_of("web", 6, of_web);
}

Node web() { return Node::parse("sidecar~10.1.1.6~web-a.shop~shop.svc.cluster.local"); }

// Names of Services' resources of a type, "shop/cart" a line each.
std::string told(const xds::ResourceSet& set, std::string_view type_url) {
  std::string out;
  const auto* type = set.find(xds::message_name(type_url));
  if (type == nullptr) return out;
  for (const auto& [name, resource] : type->resources) {
    if (name.starts_with("outbound|")) out += name.substr(name.rfind('|') + 1) + "\n";
  }
  return out;
}
std::string clusters(const xds::ResourceSet& set) { return told(set, xds::kClusterType); }

std::string hosts(const xds::ResourceSet& set, const std::string& table) {
  xds::Findings findings;
  const auto read = xds::decode(
      set.find(xds::message_name(xds::kRouteType))->resources.at(table)->body, {}, findings);
  std::string out;
  for (const config::VirtualHost& host : std::get<config::RouteConfig>(*read).virtual_hosts) {
    out += host.name + "\n";
  }
  return out;
}

config::ListenerConfig listener(const xds::ResourceSet& set, const std::string& name) {
  xds::Findings findings;
  auto read = xds::decode(set.find(xds::message_name(xds::kListenerType))->resources.at(name)->body,
                          {}, findings);
  return std::get<config::ListenerConfig>(std::move(*read));
}

const std::string kCartHost = "cart.shop.svc.cluster.local\n";
const std::string kCopyHost = "copy.shop.svc.cluster.local\n";
const std::string kLedgerHost = "ledger.bank.svc.cluster.local\n";
const std::string kRestHost = "rest.shop.svc.cluster.local\n";

TEST(Scope, WithoutOneIsTheWholeMesh) {
  for (const char* uses : {"", ", uses: [\"*/*\"]"}) {
    const auto set = plan(mesh_of(some_mesh(uses)), web());
    EXPECT_EQ(clusters(*set).size(), told(*set, xds::kEndpointType).size());
    EXPECT_NE(clusters(*set).find(kLedgerHost), std::string::npos);
    EXPECT_NE(hosts(*set, "15001").find("ledger"), std::string::npos);
  }
}

TEST(Scope, IsWhatTheWorkloadUses) {
  const auto set = plan(mesh_of(some_mesh(", uses: [cart, bank/ledger, no-such]")), web());
  EXPECT_EQ(clusters(*set), kCartHost + kLedgerHost);
  EXPECT_EQ(told(*set, xds::kEndpointType), kCartHost + kLedgerHost);
  EXPECT_EQ(hosts(*set, "15001"),
            "ledger.bank.svc.cluster.local:80\ncart.shop.svc.cluster.local:80\n");
  EXPECT_EQ(set->find(xds::message_name(xds::kListenerType))->resources.size(), 2U)
      << "outbound and its own port; none for mail";
  EXPECT_EQ(testing::judge(*set), "");
}

TEST(Scope, MayBeAWholeNamespace) {
  const auto set = plan(mesh_of(some_mesh(", uses: [\"bank/*\"]")), web());
  EXPECT_EQ(clusters(*set), kLedgerHost);
}

TEST(Scope, OfNothingIsNothing) {
  const auto set = plan(mesh_of(some_mesh(", uses: []")), web());
  EXPECT_EQ(clusters(*set), "");
  EXPECT_EQ(hosts(*set, "15001"), "");
  EXPECT_EQ(testing::judge(*set), "");
}

TEST(Scope, ReachesWhereRoutesAndPoliciesLead) {
  const std::string more = R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: cart}]
  rules:
  - backendRefs: [{name: rest, port: 80}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: copy, port: 80}}}]
---
apiVersion: weft.dev/v1alpha1
kind: TrafficPolicy
metadata: {name: spare, namespace: shop}
spec:
  targetRefs: [{group: "", kind: Service, name: cart}]
  fallback: {on: [CircuitOpen], backendRef: {name: ledger, namespace: bank, port: 80}}
)";
  const auto set = plan(mesh_of(some_mesh(", uses: [cart]") + more), web());
  EXPECT_EQ(clusters(*set), kCartHost + kCopyHost + kLedgerHost + kRestHost);
  EXPECT_EQ(hosts(*set, "15001"), "cart.shop.svc.cluster.local:80\n") << "only cart is called";
  const auto other = plan(mesh_of(some_mesh(", uses: [rest]") + more), web());
  EXPECT_EQ(clusters(*other), kRestHost) << "what leads to it does not matter";
}

TEST(Scope, SharesEveryResourceWithTheWholeMesh) {
  Planner planner(mesh_of(some_mesh(", uses: [cart]")));
  const auto some = planner.plan(web());
  const auto all = planner.plan(Node::parse("sidecar~10.1.1.1~cart-a.shop~shop.svc.cluster.local"));
  for (const std::string_view type : {xds::kClusterType, xds::kEndpointType}) {
    const std::string name = "outbound|80||cart.shop.svc.cluster.local";
    EXPECT_EQ(some->find(xds::message_name(type))->resources.at(name),
              all->find(xds::message_name(type))->resources.at(name));
  }
  EXPECT_EQ(planner.scopes().declared, 1U);
  EXPECT_EQ(planner.scopes().whole, 1U);
  EXPECT_EQ(planner.scopes().services_max, 1U);
}

TEST(Scope, HearsNothingOfAnInstanceElsewhere) {
  Registry registry;
  std::vector<SourceFile> files = {{.name = "a.yaml", .text = some_mesh(", uses: [cart]")}};
  registry.set_files(files);
  Planner before(registry.mesh());
  const auto then = before.plan(web());
  files.push_back({.name = "b.yaml",
                   .text =
                       "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: rest-b, "
                       "namespace: shop, labels: {app: rest}}\nspec: {address: 10.1.1.20, "
                       "ports: [{name: http, port: 8080}]}\n"});
  ASSERT_TRUE(registry.set_files(files));
  Planner after(registry.mesh(), &before);
  const auto now = after.plan(web());
  for (const std::string_view type :
       {xds::kClusterType, xds::kEndpointType, xds::kListenerType, xds::kRouteType}) {
    EXPECT_EQ(then->find(xds::message_name(type)), now->find(xds::message_name(type))) << type;
  }
}

TEST(Scope, OfTheExampleIsWhatItSays) {
  const auto mesh = mesh_of(testing::read_tree_text("k8s/examples/more/scope.yaml"));
  const auto basket =
      plan(mesh, Node::parse("sidecar~127.5.1.40~basket-a.shop~shop.svc.cluster.local"));
  EXPECT_EQ(clusters(*basket), "ledger.bank.svc.cluster.local\nstock.shop.svc.cluster.local\n");
  Planner planner(mesh);
  const Node till = Node::parse("sidecar~10.1.0.42~till-a.shop~shop.svc.cluster.local");
  EXPECT_EQ(clusters(*planner.plan(till)), "");
  EXPECT_EQ(clusters(*planner.plan(till, {"10.96.0.41:80"})), "ledger.bank.svc.cluster.local\n");
}

// ---- on demand ----

std::string demanded_mesh(const std::string& more = "") {
  return some_mesh(", redirect: true" + more) + mesh_config("scope: OnDemand");
}

TEST(OnDemandScope, BeginsWithNothing) {
  const auto set = plan(mesh_of(demanded_mesh()), web());
  EXPECT_EQ(clusters(*set), "");
  EXPECT_EQ(hosts(*set, "destinations"), "");
  const config::ListenerConfig outbound = listener(*set, "outbound");
  ASSERT_TRUE(outbound.on_demand.has_value());
  EXPECT_EQ(outbound.on_demand->timeout, std::chrono::seconds(2));
  EXPECT_EQ(outbound.on_demand->waiting_max, 1024U);
  EXPECT_EQ(set->find("weft.config.v1.Destination"), nullptr);
  EXPECT_EQ(testing::judge(*set), "");
}

TEST(OnDemandScope, BeginsWithWhatIsUsed) {
  const auto set = plan(mesh_of(demanded_mesh(", uses: [rest]")), web());
  EXPECT_EQ(clusters(*set), kRestHost);
  EXPECT_TRUE(listener(*set, "outbound").on_demand.has_value());
}

TEST(OnDemandScope, IsNotForThoseThatNobodyRedirects) {
  const auto set = plan(mesh_of(some_mesh("") + mesh_config("scope: OnDemand")), web());
  EXPECT_NE(clusters(*set).find(kLedgerHost), std::string::npos);
}

TEST(OnDemandScope, GrowsByTheServiceAtAnAddress) {
  Planner planner(mesh_of(demanded_mesh()));
  const auto set = planner.plan(web(), {"10.96.0.1:80", "10.96.0.9:80", "nonsense"});
  EXPECT_EQ(clusters(*set), kCartHost);
  EXPECT_EQ(hosts(*set, "destinations"), "cart.shop.svc.cluster.local:80\n");
  const auto* destinations = set->find("weft.config.v1.Destination");
  ASSERT_NE(destinations, nullptr);
  ASSERT_EQ(destinations->resources.size(), 1U) << "nobody is at the others";
  weft::config::v1::Destination destination;
  destination.ParseFromString(destinations->resources.at("10.96.0.1:80")->body.value());
  EXPECT_EQ(destination.name(), "10.96.0.1:80");
  ASSERT_EQ(destination.clusters_size(), 1);
  EXPECT_EQ(destination.clusters(0), "outbound|80||cart.shop.svc.cluster.local");
  EXPECT_EQ(planner.scopes().wanted, 3U);
  EXPECT_EQ(planner.scopes().wanted_unknown, 2U);
  EXPECT_EQ(testing::judge(*set), "");
  // The same port elsewhere is somebody else's, and another port of it nobody's.
  EXPECT_EQ(clusters(*planner.plan(web(), {"10.96.0.1:81"})), "");
  EXPECT_EQ(clusters(*planner.plan(web())), "") << "and shrinks again";
}

TEST(OnDemandScope, GrowsByThePodAtAnAddress) {
  Planner planner(mesh_of(demanded_mesh()));
  const auto behind = planner.plan(web(), {"10.1.1.2:8080"});
  EXPECT_EQ(clusters(*behind), kRestHost);
  EXPECT_TRUE(behind->find("weft.config.v1.Destination")->resources.contains("10.1.1.2:8080"));
  // One that stands behind no Service is told for itself, so that it is called over mTLS.
  const auto alone = planner.plan(web(), {"10.1.1.7:9000"});
  EXPECT_EQ(clusters(*alone), "");
  const auto* all = alone->find(xds::message_name(xds::kClusterType));
  ASSERT_TRUE(all->resources.contains("direct|peers"));
  EXPECT_NE(all->resources.at("direct|peers")->body.value().find("10.1.1.7"), std::string::npos);
  EXPECT_EQ(all->resources.at("direct|peers")->body.value().find("10.1.1.2"), std::string::npos)
      << "and nobody else";
}

TEST(OnDemandScope, HasABound) {
  Planner planner(mesh_of(demanded_mesh()));
  Planner::Wanted wanted;
  for (int i = 0; i < 3000; ++i) {
    wanted.insert("10.1.1." + std::to_string(1 + i % 5) + ":" + std::to_string(1 + i));
  }
  const auto set = planner.plan(web(), wanted);
  EXPECT_EQ(set->find("weft.config.v1.Destination")->resources.size(), Planner::kWantedMax);
}

TEST(OnDemandScope, KeepsItsListenersWhereNothingOfThemChanged) {
  const std::string yaml = demanded_mesh();
  Registry registry;
  std::vector<SourceFile> files = {{.name = "a.yaml", .text = yaml}};
  registry.set_files(files);
  Planner before(registry.mesh());
  const auto then = before.plan(web(), {"10.96.0.1:80"});
  files.push_back({.name = "b.yaml", .text = instance_of("more", 30)});
  ASSERT_TRUE(registry.set_files(files));
  Planner after(registry.mesh(), &before);
  const auto now = after.plan(web(), {"10.96.0.1:80"});
  for (const std::string_view type :
       {xds::kClusterType, xds::kListenerType, xds::kRouteType, xds::kDestinationType}) {
    EXPECT_EQ(then->find(xds::message_name(type)), now->find(xds::message_name(type))) << type;
  }
  const auto grown = after.plan(web(), {"10.96.0.1:80", "10.96.0.3:2525"});
  EXPECT_NE(grown->find(xds::message_name(xds::kListenerType)),
            now->find(xds::message_name(xds::kListenerType)));
  EXPECT_EQ(grown->find(xds::message_name(xds::kListenerType))->resources.at("inbound"),
            now->find(xds::message_name(xds::kListenerType))->resources.at("inbound"));
}

}  // namespace
}  // namespace weft::control
