// Services of type ExternalName: who may name them, and what sidecars are told.

#include <gtest/gtest.h>

#include <string>

#include "control/cli/explain.h"
#include "control/cli/route_query.h"
#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "tests/control/route_rig.h"

namespace weft::control {
namespace {

constexpr std::string_view kExternalCluster = "envoy.config.cluster.v3.Cluster";

std::string external_service(const std::string& name_space = "shop") {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: rates, namespace: " + name_space +
         "}\nspec: {type: ExternalName, externalName: rates.example., ports: [{name: http, port: "
         "8080}, {name: tcp, port: 5432}]}\n---\n";
}

std::string external_route(const std::string& backend, const std::string& parent = "a") {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, "
         "namespace: "
         "shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: " +
         parent + "}]\n  rules:\n  - backendRefs: [{" + backend + "}]\n";
}

std::string external_conditions(const Mesh& mesh) {
  std::string out;
  for (const Condition& condition : mesh.conditions)
    out += condition.about.to_string() + " " + condition.reason + ": " + condition.message + "\n";
  return out;
}

TEST(ExternalName, IsFoundByTheCallersDnsAndItsHostIsKept) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service());
  EXPECT_EQ(external_conditions(*mesh), "");
  const auto set = testing::told_to(mesh);
  const std::string cluster =
      testing::text_of(*set, kExternalCluster, "outbound|8080||rates.shop.svc.cluster.local");
  EXPECT_NE(cluster.find("type: STRICT_DNS"), std::string::npos) << cluster;
  EXPECT_NE(cluster.find("address: \"rates.example.\""), std::string::npos)
      << "with its dot, so that no search domain leads into the cluster: " << cluster;
  EXPECT_NE(cluster.find("port_value: 8080"), std::string::npos) << cluster;
  EXPECT_EQ(cluster.find("transport_socket"), std::string::npos) << "no sidecar is there";
  EXPECT_FALSE(set->types.at("envoy.config.endpoint.v3.ClusterLoadAssignment")
                   ->resources.contains("outbound|8080||rates.shop.svc.cluster.local"));
  EXPECT_EQ(testing::went(mesh, "http://rates:8080/"), "default: rates");
}

TEST(ExternalName, ClientsOfGrpcAreToldInTheWayTheyKnow) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service());
  const auto set = plan(mesh, Node::parse("grpc"));
  const std::string cluster =
      testing::text_of(*set, kExternalCluster, "outbound|8080||rates.shop.svc.cluster.local");
  EXPECT_NE(cluster.find("type: LOGICAL_DNS"), std::string::npos) << cluster;
}

TEST(ExternalName, MayBeABackendOfRoutesOfItsOwnNamespace) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service() +
                                     external_route("name: rates, port: 8080"));
  EXPECT_EQ(external_conditions(*mesh), "");
  EXPECT_EQ(testing::went(mesh, "http://a/"), "shop/r/0: rates");
}

TEST(ExternalName, OfAnotherNamespaceIsNoBackend) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service("other") +
                                     external_route("name: rates, namespace: other, port: 8080"));
  EXPECT_EQ(external_conditions(*mesh),
            "HTTPRoute shop/r RefNotPermitted: rules[0].backendRefs[0]: Service other/rates is an "
            "ExternalName, which only routes of its own namespace may name\n");
  EXPECT_EQ(testing::went(mesh, "http://a/"), "shop/r/0: unusable");
}

TEST(ExternalName, IsNoParent) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service() +
                                     external_route("name: b, port: 80", "rates"));
  EXPECT_NE(external_conditions(*mesh).find("HTTPRoute shop/r UnsupportedValue"), std::string::npos)
      << external_conditions(*mesh);
  EXPECT_EQ(testing::went(mesh, "http://rates:8080/"), "default: rates");
}

TEST(ExternalName, IsNoPolicysFallback) {
  const auto mesh = testing::mesh_of(
      testing::route_shop() + external_service() +
      "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: "
      "shop}\nspec:\n  targetRefs: [{kind: Service, name: a}]\n  fallback: {backendRef: {name: "
      "rates, port: 8080}}\n");
  EXPECT_NE(external_conditions(*mesh).find("fallback: Service shop/rates is an ExternalName"),
            std::string::npos)
      << external_conditions(*mesh);
}

TEST(ExternalName, IsExplained) {
  const auto mesh = testing::mesh_of(testing::route_shop() + external_service());
  const auto explained =
      cli::explain(*mesh, {.service = "shop/rates", .port = std::uint16_t{8080}});
  ASSERT_TRUE(explained);
  EXPECT_NE(explained->text().find("rates.example, by the caller's DNS, port 8080"),
            std::string::npos);
  const auto answer = cli::ask_route(mesh, {.url = "http://rates:8080/", .from = "shop/a-1"});
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->text().find("rates.example.:8080, as it resolves"), std::string::npos)
      << answer->text();
}

}  // namespace
}  // namespace weft::control
