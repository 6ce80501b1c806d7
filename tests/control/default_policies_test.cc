// What the benchmark measures as "every default policy" is what the planner writes where nobody
// wrote any: each of its files is held against a plan, field by field.

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <regex>
#include <string>

#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "xds/document_to_message.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {
namespace {

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::listener::v3::Listener;
using envoy::config::route::v3::Route;
using envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
using google::protobuf::Message;
using weft::config::v1::ListenerPolicy;

// A caller with a sidecar, a callee with one, and one without.
const std::string kBenchMesh =
    "apiVersion: v1\nkind: Service\nmetadata: {name: server, namespace: bench}\nspec: {selector: "
    "{app: server}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: bare, namespace: bench}\nspec: {selector: "
    "{app: bare}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: client-a, namespace: bench, "
    "labels: {app: client, version: v1}}\nspec: {address: 127.5.1.1}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: server-a, namespace: bench, "
    "labels: {app: server, version: v1}}\nspec: {address: 127.5.1.2, ports: [{name: http, port: "
    "8080, appPort: 9001}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: bare-a, namespace: bench, "
    "labels: {app: bare}}\nspec: {address: 127.5.1.3, sidecar: false, ports: [{name: http, port: "
    "8080}]}\n";

std::string printed(const Message& message) {
  google::protobuf::TextFormat::Printer printer;
  printer.SetExpandAny(true);
  std::string out;
  printer.PrintToString(message, &out);
  return out;
}

// Without what is no policy: names, addresses, identities, logs and traces.
template <typename T>
T without(T message, std::initializer_list<const char*> fields) {
  for (const char* field : fields) {
    const auto* known = message.GetDescriptor()->FindFieldByName(field);
    EXPECT_NE(known, nullptr) << field;
    if (known != nullptr) message.GetReflection()->ClearField(&message, known);
  }
  return message;
}

std::string policies_of(const Cluster& cluster) {
  return printed(without(cluster, {"name", "type", "eds_cluster_config", "load_assignment",
                                   "transport_socket", "metadata"}));
}

std::string policies_of(const Route& route) {
  Route out = route;
  out.mutable_route()->clear_cluster();
  return printed(out);
}

HttpConnectionManager manager_of(const Listener& listener) {
  HttpConnectionManager out;
  EXPECT_TRUE(listener.filter_chains(0).filters(0).typed_config().UnpackTo(&out));
  return out;
}

std::string policies_of(const Listener& listener) {
  const HttpConnectionManager manager =
      without(manager_of(listener), {"stat_prefix", "codec_type", "tracing", "access_log", "rds",
                                     "route_config", "generate_request_id"});
  ListenerPolicy policy;
  const auto& metadata = listener.metadata().typed_filter_metadata();
  const auto ours = metadata.find("weft.config.v1.ListenerPolicy");
  if (ours != metadata.end()) {
    EXPECT_TRUE(ours->second.UnpackTo(&policy));
  }
  return envoy::config::core::v3::TrafficDirection_Name(listener.traffic_direction()) + "\n" +
         printed(without(policy, {"access_log", "sampling"})) +
         printed(without(listener.filter_chains(0), {"filters", "transport_socket", "name"})) +
         printed(manager);
}

const Route& only_route_of(const HttpConnectionManager& manager) {
  return manager.route_config().virtual_hosts(0).routes(0);
}

// A file of the benchmark, with something in each of its places.
Bootstrap bench_file(const std::string& name) {
  const std::string text = std::regex_replace(testing::read_tree_text("tests/bench/config/" + name),
                                              std::regex("@[A-Z0-9]+@"), "1");
  Bootstrap out;
  const auto documents = weft::config::parse_documents(text, name);
  EXPECT_TRUE(documents && documents->size() == 1) << name;
  if (!documents || documents->size() != 1) return out;
  const Status read = xds::document_to_message(documents->front(), out);
  EXPECT_TRUE(read) << read.error().detail;
  return out;
}

Node node_of(const std::string& workload) {
  return Node::parse(Node::make_id("127.5.1.1", {"bench", workload}));
}

template <typename T>
T told_as(const xds::ResourceSet& set, const std::string& type, const std::string& name) {
  T out;
  const auto* table = set.find(type);
  const auto found = table == nullptr ? nullptr : &table->resources;
  if (found == nullptr || !found->contains(name)) {
    ADD_FAILURE() << "nobody is told " << name;
    return out;
  }
  EXPECT_TRUE(found->at(name)->body.UnpackTo(&out));
  return out;
}

constexpr const char* kClusterMessage = "envoy.config.cluster.v3.Cluster";
constexpr const char* kListenerMessage = "envoy.config.listener.v3.Listener";

// The caller's side of a benchmark against what client-a is told of `service`.
void expect_callers_side(const std::string& file, const std::string& service) {
  const auto set = plan(testing::mesh_of(kBenchMesh), node_of("client-a"));
  const std::string host = service + ".bench.svc.cluster.local";
  const Bootstrap bench = bench_file(file);
  ASSERT_GE(bench.static_resources().clusters_size(), 1);
  ASSERT_EQ(bench.static_resources().listeners_size(), 1);
  const Listener& listener = bench.static_resources().listeners(0);
  EXPECT_EQ(policies_of(bench.static_resources().clusters(0)),
            policies_of(told_as<Cluster>(*set, kClusterMessage, "outbound|80||" + host)));
  EXPECT_EQ(policies_of(listener),
            policies_of(told_as<Listener>(*set, kListenerMessage, "outbound")));
  const auto routes = told_as<envoy::config::route::v3::RouteConfiguration>(
      *set, "envoy.config.route.v3.RouteConfiguration", "15001");
  for (const auto& virtual_host : routes.virtual_hosts()) {
    if (virtual_host.domains(0).rfind(host, 0) != 0) continue;
    EXPECT_EQ(policies_of(only_route_of(manager_of(listener))),
              policies_of(virtual_host.routes(0)));
    return;
  }
  FAIL() << "no routes for " << host;
}

TEST(DefaultPolicies, AreThoseTheBenchmarkOfOneSidecarMeasures) {
  expect_callers_side("weft-policies-plain.yaml", "bare");
}

TEST(DefaultPolicies, AreThoseTheBenchmarkOfTheCallersSideMeasures) {
  expect_callers_side("weft-policies-pair-a.yaml", "server");
}

TEST(DefaultPolicies, AreThoseTheBenchmarkOfTheCalleesSideMeasures) {
  const auto set = plan(testing::mesh_of(kBenchMesh), node_of("server-a"));
  const Bootstrap bench = bench_file("weft-policies-pair-b.yaml");
  ASSERT_GE(bench.static_resources().clusters_size(), 1);
  const Listener& listener = bench.static_resources().listeners(0);
  const auto told = told_as<Listener>(*set, kListenerMessage, "inbound|8080||");
  EXPECT_EQ(policies_of(bench.static_resources().clusters(0)),
            policies_of(told_as<Cluster>(*set, kClusterMessage, "inbound|8080||")));
  EXPECT_EQ(policies_of(listener), policies_of(told));
  EXPECT_EQ(policies_of(only_route_of(manager_of(listener))),
            policies_of(only_route_of(manager_of(told))));
}

}  // namespace
}  // namespace weft::control
