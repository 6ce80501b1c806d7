// What the objects of a cluster become.

#include <gtest/gtest.h>

#include <algorithm>

#include "control/kubernetes/translation.h"
#include "control/model/object.h"
#include "sidecar/config/document.h"
#include "tests/control/fake_api_server.h"

namespace weft::control::kube {
namespace {

using testing::make_pod;
using testing::make_service;

Json make_slice(const std::string& name, const std::string& service, Json endpoints,
                bool from_pods = true) {
  Json labels = {{"kubernetes.io/service-name", service}};
  if (from_pods) {
    labels["endpointslice.kubernetes.io/managed-by"] = "endpointslice-controller.k8s.io";
  }
  return {{"metadata", {{"name", name}, {"namespace", "shop"}, {"labels", labels}}},
          {"endpoints", std::move(endpoints)},
          {"ports", {{{"name", "http"}, {"port", 9376}}}}};
}
Json endpoint(const std::string& pod, bool ready, bool terminating = false) {
  return {{"targetRef", {{"kind", "Pod"}, {"name", pod}}},
          {"addresses", {"10.1.0.1"}},
          {"conditions", {{"ready", true}, {"serving", ready}, {"terminating", terminating}}}};
}

class TranslationTest : public ::testing::Test {
 protected:
  void pod(const Json& object) {
    auto facts = read_pod(object);
    ASSERT_TRUE(facts);
    made.put(name_in(object), std::move(*facts));
  }
  void service(const Json& object) { made.put(name_in(object), read_service_facts(object)); }
  void slice(const Json& object) { made.put(name_in(object), read_slice(object)); }
  void node(const std::string& name, const std::string& zone) {
    made.put({"", name}, read_node({{"metadata",
                                     {{"labels",
                                       {{"topology.kubernetes.io/zone", zone},
                                        {"topology.kubernetes.io/region", "north"}}}}}}));
  }
  std::string changed() {
    std::string out;
    for (const ObjectName& name : made.take_changed()) out += name.to_string() + " ";
    return out;
  }
  std::string ports(const std::string& name) {
    std::string out;
    const auto workload = made.workload({"shop", name});
    if (!workload) return "none";
    for (const WorkloadPort& port : workload->ports) {
      out += port.name + ":" + std::to_string(port.port) + ":" + port.app_protocol + " ";
    }
    return out;
  }
  bool ready(const std::string& name) { return made.workload({"shop", name})->ready; }

  Translation made;
};

TEST_F(TranslationTest, APodIsAWorkload) {
  Json object = make_pod("cart-a", "10.1.0.1", "cart");
  object["status"]["podIPs"].push_back({{"ip", "fd00::1"}});
  pod(object);
  node("node-1", "north-1");
  const auto workload = made.workload({"shop", "cart-a"});
  ASSERT_TRUE(workload);
  EXPECT_EQ(workload->address.to_string(), "10.1.0.1");
  ASSERT_EQ(workload->more_addresses.size(), 1u);
  EXPECT_EQ(workload->more_addresses[0].to_string(), "fd00::1");
  EXPECT_EQ(workload->service_account, "cart");
  EXPECT_EQ(workload->zone, "north-1");
  EXPECT_EQ(workload->region, "north");
  EXPECT_EQ(workload->node, "node-1");
  EXPECT_TRUE(workload->sidecar && workload->redirected && workload->ready);
  EXPECT_EQ(workload->metadata.labels.at("app"), "cart");
  EXPECT_EQ(ports("cart-a"), "http:8080: ");
}

// What a StatefulSet writes into its pods.
TEST_F(TranslationTest, APodMayAskForANameBelowAHeadlessService) {
  Json object = make_pod("db-0", "10.1.0.1", "db");
  object["spec"]["hostname"] = "db-0";
  object["spec"]["subdomain"] = "db";
  pod(object);
  EXPECT_EQ(made.workload({"shop", "db-0"})->hostname, "db-0");
  EXPECT_EQ(made.workload({"shop", "db-0"})->subdomain, "db");
  object["spec"]["hostname"] = "no.label";
  object["spec"]["subdomain"] = 7;
  pod(object);
  EXPECT_EQ(made.workload({"shop", "db-0"})->hostname, "");
  EXPECT_EQ(made.workload({"shop", "db-0"})->subdomain, "");
}

TEST_F(TranslationTest, TheAnnotationSaysThatCallersAddressesAreKept) {
  Json object = make_pod("cart-a", "10.1.0.1", "cart");
  pod(object);
  EXPECT_FALSE(made.workload({"shop", "cart-a"})->transparent);
  object["metadata"]["annotations"]["weft.dev/redirect-mode"] = "tproxy";
  pod(object);
  EXPECT_TRUE(made.workload({"shop", "cart-a"})->transparent);
  Json bare = make_pod("cart-b", "10.1.0.2", "cart", false);
  bare["metadata"]["annotations"]["weft.dev/redirect-mode"] = "tproxy";
  pod(bare);
  EXPECT_FALSE(made.workload({"shop", "cart-b"})->transparent) << "without a sidecar nobody does";
}

TEST_F(TranslationTest, OnlyTheInjectorsMarksMakeASidecar) {
  Json object = make_pod("cart-a", "10.1.0.1", "cart", false);
  pod(object);
  EXPECT_FALSE(made.workload({"shop", "cart-a"})->sidecar);
  object["metadata"]["annotations"] = {{"weft.dev/status", "x"}};
  pod(object);
  EXPECT_FALSE(made.workload({"shop", "cart-a"})->sidecar) << "annotated, but without one";
  object["spec"]["containers"].push_back(
      {{"name", "weft-sidecar"}, {"ports", {{{"containerPort", 15020}}}}});
  pod(object);
  EXPECT_TRUE(made.workload({"shop", "cart-a"})->sidecar);
  EXPECT_EQ(ports("cart-a"), "http:8080: ") << "the sidecar's ports are not the app's";
  object["spec"]["hostNetwork"] = true;
  pod(object);
  EXPECT_FALSE(made.workload({"shop", "cart-a"})->sidecar);
}

TEST_F(TranslationTest, WhatHasEndedOrHasNoAddressIsNone) {
  Json object = make_pod("job", "10.1.0.1", "job");
  object["status"]["phase"] = "Succeeded";
  EXPECT_FALSE(read_pod(object));
  object["status"] = {{"phase", "Pending"}};
  EXPECT_FALSE(read_pod(object));
  for (const char* hostile :
       {R"({})", R"([])", R"(7)", R"({"status":[]})", R"({"status":{"podIP":"0.0.0.0"}})",
        R"({"status":{"podIP":{},"podIPs":[7,{}]},"spec":{"containers":7}})"}) {
    EXPECT_FALSE(read_pod(Json::parse(hostile))) << hostile;
  }
  const auto odd = read_pod(Json::parse(
      R"({"metadata":{"labels":{"app":7,"-":"x","good":"yes"}},"status":{"podIP":"10.0.0.1"},)"
      R"("spec":{"serviceAccountName":"../x","containers":[7,{"ports":[{"containerPort":-1},)"
      R"({"containerPort":99999},{"containerPort":53,"protocol":"UDP"},{"containerPort":80}]}]}})"));
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->labels, (Labels{{"good", "yes"}}));
  EXPECT_EQ(odd->service_account, "default");
  ASSERT_EQ(odd->ports.size(), 1u);
  EXPECT_EQ(odd->ports[0].port, 80);
}

TEST_F(TranslationTest, ReadyIsWhatTheSlicesSay) {
  pod(make_pod("cart-a", "10.1.0.1", "cart"));
  EXPECT_TRUE(ready("cart-a"));
  slice(make_slice("cart-1", "cart", {endpoint("cart-a", false)}));
  EXPECT_FALSE(ready("cart-a"));
  slice(make_slice("cart-1", "cart", {endpoint("cart-a", true)}));
  EXPECT_TRUE(ready("cart-a"));
  slice(make_slice("cart-1", "cart", {endpoint("cart-a", true, true)}));
  EXPECT_FALSE(ready("cart-a"));
  made.remove_slice({"shop", "cart-1"});
  EXPECT_TRUE(ready("cart-a"));
  Json leaving = make_pod("cart-a", "10.1.0.1", "cart");
  leaving["metadata"]["deletionTimestamp"] = "2026-01-31T09:00:00Z";
  pod(leaving);
  EXPECT_FALSE(ready("cart-a"));
  EXPECT_TRUE(made.workload({"shop", "cart-a"})) << "its sidecar is still to be told";
}

TEST_F(TranslationTest, HasThePortsThatServicesLeadTo) {
  pod(make_pod("cart-a", "10.1.0.1", "cart"));
  Json cart = make_service("cart");
  cart["spec"]["ports"] = {
      {{"name", "grpc-api"}, {"port", 80}, {"targetPort", "http"}},
      {{"name", "metrics"}, {"port", 90}, {"targetPort", 9090}},
      {{"name", "h2"}, {"port", 91}, {"targetPort", 9091}, {"appProtocol", "kubernetes.io/h2c"}},
      {{"name", "dns"}, {"port", 53}, {"targetPort", 5353}, {"protocol", "UDP"}}};
  service(cart);
  EXPECT_EQ(ports("cart-a"), "http:8080:grpc :9090: :9091:kubernetes.io/h2c ");
  made.remove_service({"shop", "cart"});
  EXPECT_EQ(ports("cart-a"), "http:8080: ");
}

TEST_F(TranslationTest, SaysWhichWorkloadsAChangeTouches) {
  pod(make_pod("cart-a", "10.1.0.1", "cart"));
  pod(make_pod("web-a", "10.1.0.2", "web"));
  EXPECT_EQ(changed(), "shop/cart-a shop/web-a ");
  service(make_service("cart"));
  EXPECT_EQ(changed(), "shop/cart-a ");
  service(make_service("cart"));
  EXPECT_EQ(changed(), "") << "the same again";
  slice(make_slice("cart-1", "cart", {endpoint("cart-a", true)}));
  EXPECT_EQ(changed(), "shop/cart-a ");
  node("node-2", "far");
  EXPECT_EQ(changed(), "");
  node("node-1", "near");
  EXPECT_EQ(changed(), "shop/cart-a shop/web-a ");
  made.remove_pod({"shop", "web-a"});
  EXPECT_EQ(changed(), "shop/web-a ");
  EXPECT_FALSE(made.workload({"shop", "web-a"}));
}

TEST_F(TranslationTest, AServiceWithoutASelectorHasTheAddressesWrittenForIt) {
  Json service_object = make_service("db");
  service_object["spec"].erase("selector");
  service(service_object);
  slice(make_slice("db-1", "db",
                   {{{"addresses", {"192.168.1.5"}}, {"zone", "north-1"}, {"nodeName", "node-2"}},
                    {{"addresses", {"192.168.1.6"}}, {"conditions", {{"ready", false}}}}},
                   false));
  EXPECT_EQ(changed(), "shop/db-1.192-168-1-5 shop/db-1.192-168-1-6 ");
  const auto workload = made.workload({"shop", "db-1.192-168-1-5"});
  ASSERT_TRUE(workload);
  EXPECT_FALSE(workload->sidecar);
  EXPECT_EQ(workload->node, "node-2");
  EXPECT_EQ(workload->zone, "north-1");
  EXPECT_EQ(ports("db-1.192-168-1-5"), "http:9376: ");
  EXPECT_FALSE(ready("db-1.192-168-1-6"));
  const Json document = service_document(service_object);
  EXPECT_EQ(document["spec"]["selector"], Json({{"kubernetes.io/service-name", "db"}}));
  EXPECT_EQ(document["spec"]["ports"][0]["targetPort"], "http");
  EXPECT_EQ(workload->metadata.labels, (Labels{{"kubernetes.io/service-name", "db"}}));
  // Nobody becomes one of them by calling itself so.
  Json pretender = make_pod("x", "10.1.0.9", "x");
  pretender["metadata"]["labels"]["kubernetes.io/service-name"] = "db";
  EXPECT_FALSE(read_pod(pretender)->labels.contains("kubernetes.io/service-name"));
  service(make_service("db"));
  EXPECT_EQ(changed(), "shop/db-1.192-168-1-5 shop/db-1.192-168-1-6 ");
  EXPECT_FALSE(made.workload({"shop", "db-1.192-168-1-5"})) << "its selector says who it is";
}

TEST_F(TranslationTest, AListReplacesWhatWasKnown) {
  pod(make_pod("cart-a", "10.1.0.1", "cart"));
  slice(make_slice("cart-1", "cart", {endpoint("cart-a", false)}));
  (void)changed();
  Translation::Pods pods;
  pods.emplace(ObjectName{"shop", "cart-b"}, *read_pod(make_pod("cart-b", "10.1.0.2", "cart")));
  made.replace(std::move(pods));
  made.replace(Translation::Slices());
  EXPECT_EQ(changed(), "shop/cart-a shop/cart-b ");
  EXPECT_FALSE(made.workload({"shop", "cart-a"}));
  pod(make_pod("cart-a", "10.1.0.1", "cart"));
  EXPECT_TRUE(ready("cart-a")) << "no slice speaks of it any more";
}

TEST_F(TranslationTest, TheDocumentOfAWorkloadReadsAsTheWorkload) {
  Json object = make_pod("cart-a", "10.1.0.1", "cart");
  object["spec"]["hostname"] = "db-0";
  object["spec"]["subdomain"] = "db";
  object["status"]["podIPs"].push_back({{"ip", "fd00::1"}});
  pod(object);
  node("node-1", "north-1");
  service(make_service("cart"));
  const Workload made_of_pod = *made.workload({"shop", "cart-a"});
  const auto documents = config::parse_documents(workload_document(made_of_pod), "x");
  ASSERT_TRUE(documents) << documents.error().detail;
  const ReadObject read = read_object(documents->front());
  ASSERT_TRUE(read.object) << read.mistakes.front();
  const Workload& again = *std::get<std::shared_ptr<const Workload>>(*read.object);
  EXPECT_EQ(workload_document(again), workload_document(made_of_pod));
}

TEST(ServiceDocument, TakesWhatAnyClusterHas) {
  Json dns = make_service("kube-dns", "kube-system");
  dns["spec"]["ports"] = {{{"name", "dns"}, {"port", 53}, {"protocol", "UDP"}},
                          {{"name", "dns-tcp"}, {"port", 53}, {"protocol", "TCP"}}};
  dns["spec"]["internalTrafficPolicy"] = "Local";
  dns["spec"]["ofAYearToCome"] = {{"x", 1}};
  dns["status"] = {{"loadBalancer", Json::object()}};
  const auto documents = config::parse_documents(service_document(dns).dump(), "x");
  ASSERT_TRUE(documents);
  const ReadObject read = read_object(documents->front());
  ASSERT_TRUE(read.object) << (read.mistakes.empty() ? "" : read.mistakes.front());
  EXPECT_TRUE(std::get<std::shared_ptr<const Service>>(*read.object)->own_node_only);
  Json name = make_service("out");
  name["spec"] = {{"type", "ExternalName"},
                  {"externalName", "example.com"},
                  {"selector", {{"app", "a"}}},
                  {"ports", {{{"name", "http"}, {"port", 80}, {"protocol", "TCP"}}}}};
  const auto outside = config::parse_documents(service_document(name).dump(), "x");
  ASSERT_TRUE(outside);
  const ReadObject external = read_object(outside->front());
  ASSERT_TRUE(external.object) << (external.mistakes.empty() ? "" : external.mistakes.front());
  const Service& out = *std::get<std::shared_ptr<const Service>>(*external.object);
  EXPECT_EQ(out.external_name, "example.com");
  EXPECT_TRUE(out.selector.empty());
  EXPECT_EQ(out.ports.size(), 1u);
  EXPECT_TRUE(read_service_facts(name).selector.empty());
  EXPECT_TRUE(service_document(Json::array()).is_null());
}

}  // namespace
}  // namespace weft::control::kube
