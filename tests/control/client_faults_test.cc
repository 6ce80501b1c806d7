// Faults of policies as gRPC clients without a sidecar are told of them, and no longer than they
// hold.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "control/planner/fault_end.h"
#include "control/planner/planner.h"
#include "tests/control/control_rig.h"
#include "tests/control/objects.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/route.pb.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using envoy::extensions::filters::http::fault::v3::HTTPFault;
using testing::ControlRig;
using testing::mesh_of;
namespace rt = envoy::config::route::v3;

// 2026-12-01T00:00:00Z.
constexpr WallTime kEnd{std::chrono::seconds(1'796'083'200)};
constexpr const char* kUntil = "until: \"2026-12-01T00:00:00Z\"";

const std::string kQuotes =
    "apiVersion: v1\nkind: Service\nmetadata: {name: quotes, namespace: shop}\nspec: {selector: "
    "{app: quotes}, ports: [{name: grpc, port: 50051}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: quotes-a, namespace: shop, "
    "labels: {app: quotes}}\nspec: {address: 127.5.1.1, ports: [{name: grpc, port: 50051, appPort: "
    "9001}]}\n";

std::string with_faults(const std::string& faults) {
  return "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: "
         "shop}\n"
         "spec:\n  targetRefs: [{kind: Service, name: quotes}]\n  faults: [" +
         faults + "]\n";
}

rt::VirtualHost told_clients(const std::string& faults, WallTime now) {
  Planner planner(mesh_of(kQuotes + "---\n" + with_faults(faults)), nullptr, now);
  const auto set = planner.plan(Node::parse("grpc-client"));
  rt::RouteConfiguration told;
  told.ParseFromString(set->types.at("envoy.config.route.v3.RouteConfiguration")
                           ->resources.at("outbound|50051||quotes.shop.svc.cluster.local")
                           ->body.value());
  return told.virtual_hosts(0);
}

// "delay 2s 10% abort grpc 14 100%"; empty for none.
std::string fault_told(const rt::Route& route) {
  const auto found = route.typed_per_filter_config().find("envoy.filters.http.fault");
  if (found == route.typed_per_filter_config().end()) return "";
  HTTPFault fault;
  found->second.UnpackTo(&fault);
  std::string out;
  if (fault.has_delay()) {
    out += fmt::format("delay {}s {}% ", fault.delay().fixed_delay().seconds(),
                       fault.delay().percentage().numerator() / 10'000);
  }
  if (!fault.has_abort()) return out;
  return out + fmt::format("abort {} {}%",
                           fault.abort().grpc_status() != 0
                               ? fmt::format("grpc {}", fault.abort().grpc_status())
                               : std::to_string(fault.abort().http_status()),
                           fault.abort().percentage().numerator() / 10'000);
}

std::string fault_named(const std::string& name, const std::string& what) {
  return fmt::format("{{name: {}, {}, {}}}", name, kUntil, what);
}

TEST(ClientFaults, AreToldUntilTheyEndAndNotAfterwards) {
  const std::string fault =
      fault_named("slow", "percent: 10%, delay: {fixed: 2s, jitter: 1s}, abort: {grpc: 14}");
  const rt::VirtualHost before = told_clients(fault, kEnd - 1s);
  ASSERT_EQ(before.routes_size(), 1);
  EXPECT_EQ(fault_told(before.routes(0)), "delay 2s 10% abort grpc 14 10%");
  const rt::VirtualHost after = told_clients(fault, kEnd);
  ASSERT_EQ(after.routes_size(), 1);
  EXPECT_EQ(fault_told(after.routes(0)), "");
}

TEST(ClientFaults, ForSomeHeadersAreARouteOfTheirOwnBeforeTheOneForAll) {
  const rt::VirtualHost told = told_clients(
      fault_named("some",
                  "match: {headers: [{name: x-exercise, value: \"1\"}]}, abort: {status: "
                  "503}") +
          ", " + fault_named("all", "delay: {fixed: 1s}"),
      kEnd - 1s);
  ASSERT_EQ(told.routes_size(), 2);
  EXPECT_EQ(told.routes(0).match().headers(0).name(), "x-exercise");
  EXPECT_EQ(told.routes(0).match().prefix(), told.routes(1).match().prefix());
  EXPECT_EQ(fault_told(told.routes(0)), "delay 1s 100% abort 503 100%");
  EXPECT_EQ(told.routes(0).route().cluster(), told.routes(1).route().cluster());
  EXPECT_EQ(told.routes(1).match().headers_size(), 0);
  EXPECT_EQ(fault_told(told.routes(1)), "delay 1s 100% ");
}

TEST(ClientFaults, ThatNoClientKnowsAreLeftOut) {
  const rt::VirtualHost told = told_clients(
      fault_named("r", "reset: true") + ", " + fault_named("b", "slowBody: {bytesPerSecond: 1}"),
      kEnd - 1s);
  ASSERT_EQ(told.routes_size(), 1);
  EXPECT_EQ(fault_told(told.routes(0)), "");
}

TEST(ClientFaults, EndOneAfterTheOther) {
  const auto mesh = mesh_of(
      kQuotes + "---\n" +
      with_faults(fault_named("later", "reset: true") +
                  ", {name: first, until: \"2026-11-30T00:00:00Z\", abort: {status: 503}}"));
  EXPECT_EQ(next_fault_end(*mesh, kEnd - 48h), kEnd - 24h);
  EXPECT_EQ(next_fault_end(*mesh, kEnd - 24h), kEnd);
  EXPECT_EQ(next_fault_end(*mesh, kEnd), std::nullopt);
  EXPECT_EQ(next_fault_end(*mesh_of(kQuotes), kEnd), std::nullopt);
}

struct LastTold final : public xds::Catalog::Subscriber {
  void on_resources(std::shared_ptr<const xds::ResourceSet> resources) override {
    set = std::move(resources);
  }
  std::shared_ptr<const xds::ResourceSet> set;
};

// A client that is connected hears of the end when it comes, with nothing written.
TEST(ClientFaults, EndForAClientThatIsConnected) {
  ControlRig rig;
  ControlRig::wall_now = kEnd - 60s;
  rig.files.write("quotes.yaml", kQuotes);
  rig.files.write("policy.yaml", with_faults(fault_named("f", "abort: {grpc: 14}")));
  rig.start();
  LastTold client;
  const auto subscription = rig.control->catalog().subscribe({.id = "grpc-client"}, client);
  rig.settle();
  const auto told = [&] {
    rt::RouteConfiguration routes;
    routes.ParseFromString(client.set->types.at("envoy.config.route.v3.RouteConfiguration")
                               ->resources.at("outbound|50051||quotes.shop.svc.cluster.local")
                               ->body.value());
    return fault_told(routes.virtual_hosts(0).routes(0));
  };
  ASSERT_NE(client.set, nullptr);
  EXPECT_EQ(told(), "abort grpc 14 100%");
  rig.pass(30s, 1s);
  EXPECT_EQ(told(), "abort grpc 14 100%");
  ControlRig::wall_now = kEnd;
  rig.pass(15s, 1s);
  EXPECT_EQ(told(), "");
  const std::uint64_t generation = rig.control->registry().mesh()->generation;
  EXPECT_EQ(generation, 1u) << "nobody wrote anything";
}

}  // namespace
}  // namespace weft::control
