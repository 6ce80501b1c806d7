// The names that sidecars which answer their pods' DNS are told.

#include <gtest/gtest.h>

#include <string>

#include "control/planner/planner.h"
#include "control/registry.h"
#include "tests/control/objects.h"
#include "xds/from_proto.h"
#include "xds/resource.h"

namespace weft::control {
namespace {

constexpr const char* kNamesOfTheMesh = R"(
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10, "fd00::10"], selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {clusterIP: None, selector: {app: db}, ports: [{name: tcp-db, port: 7000}, {name: http-admin, port: 7001}]}
---
apiVersion: v1
kind: Service
metadata: {name: mail, namespace: post}
spec: {clusterIP: 10.96.0.12, ports: [{name: smtp, port: 25, appProtocol: tcp}], selector: {app: mail}}
---
apiVersion: v1
kind: Service
metadata: {name: nowhere, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, namespace: void}
spec: {clusterIP: None, selector: {app: nobody}, ports: [{name: http, port: 80}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-a, namespace: shop, labels: {app: cart}}
spec: {address: 10.1.0.10, redirect: true, ports: [{name: http, port: 80}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: cart-b, namespace: shop, labels: {app: cart}}
spec: {address: 127.1.0.11, ports: [{name: http, port: 80, appPort: 8080}]}
)";

std::string db(const std::string& name, const std::string& more) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         ", namespace: shop, labels: {app: db}}\nspec: {redirect: true, ports: [{port: 7000}, "
         "{port: 7001}], " +
         more + "}\n";
}

std::string three_databases() {
  return kNamesOfTheMesh +
         db("db-0",
            "address: 10.1.0.20, moreAddresses: ['fd00::20'], hostname: db-0, subdomain: db") +
         db("db-1", "address: 10.1.0.21, hostname: db-1, subdomain: other") +
         db("db-2", "address: 10.1.0.22, hostname: db-2, subdomain: db, ready: false");
}

Node sidecar_of(const std::string& workload) {
  return Node::parse("sidecar~10.1.0.1~" + workload + ".shop~shop.svc.cluster.local");
}

// As the sidecar understands it.
std::string names_in(const xds::ResourceSet& set) {
  const auto* table = set.find(xds::message_name(xds::kNameTableType));
  if (table == nullptr) return "none";
  std::string out;
  for (const auto& [name, resource] : table->resources) {
    xds::Findings findings;
    const auto read =
        xds::decode(resource->body, {.unknown = xds::UnknownFields::kRefuse}, findings);
    if (!read) return read.error().detail;
    out += name + "\n";
    for (const auto& entry : std::get<xds::NameTable>(*read).entries) {
      out += "  " + entry.name;
      for (const IpAddress& address : entry.addresses) out += " " + address.to_string();
      out += "\n";
    }
  }
  return out;
}

TEST(PlannedNames, AreServicesAddressesAndHeadlessOnesInstances) {
  const auto mesh = testing::mesh_of(three_databases());
  EXPECT_EQ(names_in(*plan(mesh, sidecar_of("cart-a"))),
            "post.svc.cluster.local\n"
            "  mail 10.96.0.12\n"
            "shop.svc.cluster.local\n"
            "  cart 10.96.0.10 fd00::10\n"
            "  db 10.1.0.20 fd00::20 10.1.0.21\n"
            "  db-0.db 10.1.0.20 fd00::20\n");
}

TEST(PlannedNames, AreForSidecarsWithRedirectAlone) {
  const auto mesh = testing::mesh_of(three_databases());
  EXPECT_EQ(names_in(*plan(mesh, sidecar_of("cart-b"))), "none");
  EXPECT_EQ(names_in(*plan(mesh, Node::parse("grpc-client"))), "none");
  EXPECT_EQ(names_in(*plan(mesh, sidecar_of("stranger"))), "none");
}

TEST(PlannedNames, OfANamespaceThatDidNotChangeAreTheSameObject) {
  Planner before(testing::mesh_of(three_databases(), 1));
  const auto old = before.plan(sidecar_of("cart-a"));
  const auto type = std::string(xds::message_name(xds::kNameTableType));
  Planner same(testing::mesh_of(three_databases(), 2), &before);
  EXPECT_EQ(same.plan(sidecar_of("cart-a"))->types.at(type), old->types.at(type));
  Planner after(testing::mesh_of(three_databases() + db("db-3", "address: 10.1.0.23"), 3), &same);
  const auto fresh = after.plan(sidecar_of("cart-a"));
  const auto& tables = fresh->types.at(type)->resources;
  EXPECT_EQ(tables.at("post.svc.cluster.local"),
            old->types.at(type)->resources.at("post.svc.cluster.local"));
  EXPECT_NE(tables.at("shop.svc.cluster.local"),
            old->types.at(type)->resources.at("shop.svc.cluster.local"));
  EXPECT_EQ(after.plan(sidecar_of("db-0"))->types.at(type), fresh->types.at(type))
      << "one table for all";
}

TEST(PlannedNames, OfAHugeHeadlessServiceAreAsManyAsAnAnswerHolds) {
  std::string yaml = kNamesOfTheMesh;
  for (int i = 0; i < 1100; ++i) {
    yaml += db("db-" + std::to_string(i),
               "address: 10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
  }
  const std::string names = names_in(*plan(testing::mesh_of(yaml), sidecar_of("cart-a")));
  std::size_t count = 0;
  for (std::size_t at = 0; (at = names.find(" 10.2.", at)) != std::string::npos; ++at) ++count;
  EXPECT_EQ(count, 1000U);
}

// db calls cart and what is in post.
std::string mesh_with_scopes(const std::string& uses) {
  return kNamesOfTheMesh +
         db("db-0", "address: 10.1.0.20, hostname: db-0, subdomain: db, uses: " + uses);
}

std::shared_ptr<const xds::ResourceSet> told_by_scope(const std::string& yaml,
                                                      const Planner::Wanted& wanted = {}) {
  Planner planner(testing::mesh_of(yaml), nullptr, {}, Planner::Names::kOfScope);
  return planner.plan(sidecar_of("db-0"), wanted);
}

const std::string kMailAlone = "post.svc.cluster.local\n  mail 10.96.0.12\n";
const std::string kCartAlone = "shop.svc.cluster.local\n  cart 10.96.0.10 fd00::10\n";

TEST(PlannedNames, FollowADeclaredScopeWhereSomebodyElseKnowsTheOthers) {
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("[cart]"))), kCartAlone);
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("['post/*', cart]"))),
            kMailAlone + kCartAlone);
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("[db, nowhere]"))),
            "shop.svc.cluster.local\n  db 10.1.0.20\n  db-0.db 10.1.0.20\n");
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("[]"))), "");
  const auto everything = plan(testing::mesh_of(mesh_with_scopes("['*/*']")), sidecar_of("db-0"));
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("['*/*']"))), names_in(*everything));
}

TEST(PlannedNames, AreAllOfThemWhereNobodyElseKnowsThem) {
  const std::string yaml = mesh_with_scopes("[cart]");
  EXPECT_EQ(names_in(*plan(testing::mesh_of(yaml), sidecar_of("db-0"))),
            names_in(*plan(testing::mesh_of(yaml), sidecar_of("cart-a"))));
}

TEST(PlannedNames, AreNotOfWhereRoutesLeadAsNoAppAsksForThose) {
  const std::string route = R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: cart}]
  rules: [{backendRefs: [{name: db, port: 7001}]}]
)";
  EXPECT_EQ(names_in(*told_by_scope(mesh_with_scopes("[cart]") + route)), kCartAlone);
}

TEST(PlannedNames, ComeWithWhatIsAskedForOnDemand) {
  const std::string on_demand = R"(---
apiVersion: weft.dev/v1alpha1
kind: MeshConfig
metadata: {name: default}
spec: {outbound: {scope: OnDemand}}
)";
  const std::string yaml = kNamesOfTheMesh + on_demand + db("db-0", "address: 10.1.0.20");
  EXPECT_EQ(names_in(*told_by_scope(yaml)), "");
  EXPECT_EQ(names_in(*told_by_scope(yaml, {"10.96.0.10:80"})), kCartAlone);
  EXPECT_EQ(names_in(*told_by_scope(yaml, {"10.96.0.10:80", "10.96.0.12:25", "10.9.9.9:1"})),
            kMailAlone + kCartAlone);
}

TEST(PlannedNames, OfAScopeStayTheSameObjectsWhileTheyHangOnNothingThatMoves) {
  const auto type = std::string(xds::message_name(xds::kNameTableType));
  const std::string yaml = mesh_with_scopes("[cart, 'post/*']") + db("db-1", "address: 10.1.0.21");
  Registry registry;
  registry.set_files({{.name = "mesh.yaml", .text = yaml}});
  Planner before(registry.mesh(), nullptr, {}, Planner::Names::kOfScope);
  const auto old = before.plan(sidecar_of("db-0"));
  const auto all = before.plan(sidecar_of("db-1"));
  registry.set_files(
      {{.name = "mesh.yaml",
        .text = mesh_with_scopes("[cart, 'post/*']") + db("db-1", "address: 10.1.0.99")}});
  Planner after(registry.mesh(), &before, {}, Planner::Names::kOfScope);
  EXPECT_EQ(after.plan(sidecar_of("db-0"))->types.at(type), old->types.at(type));
  EXPECT_NE(after.plan(sidecar_of("db-1"))->types.at(type), all->types.at(type))
      << "who has no scope hears that db is elsewhere";
  EXPECT_EQ(after.plan(sidecar_of("cart-a"))->types.at(type),
            after.plan(sidecar_of("db-1"))->types.at(type))
      << "one table for all without a scope";
}

TEST(PlannedNames, TheExampleHasThemAll) {
  const auto mesh = testing::mesh_of(testing::read_tree_text("k8s/examples/more/redirect.yaml"));
  EXPECT_EQ(names_in(*plan(mesh, sidecar_of("catalog-a"))),
            "shop.svc.cluster.local\n"
            "  catalog 10.96.0.30\n"
            "  vault 10.1.0.31\n"
            "  vault-0.vault 10.1.0.31\n");
}

}  // namespace
}  // namespace weft::control
