// A sidecar that knows nothing of the mesh but what its app has called: told by the planner, over
// ADS, as it asks. There is no redirect here: a PROXY header says where a connection was bound for,
// and origins on loopback stand for pods without sidecars.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "tests/mesh/control_plane.h"
#include "tests/mesh/mesh.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/proxy_protocol.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using Names = ControlPlane::Options::Names;

std::string demanded_service(const std::string& name, const std::string& address,
                             const std::string& port, const Origin& origin) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {clusterIP: " + address + ", selector: {app: " + name +
         "}, ports: [{" + port + ", targetPort: app}]}\n" +
         "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         "-a, namespace: shop, labels: {app: " + name +
         "}}\nspec: {address: 127.0.0.1, sidecar: false, ports: [{name: app, port: " +
         std::to_string(origin.port()) + "}]}\n";
}

class OnDemand : public ::testing::Test {
 protected:
  std::string mesh_text() const {
    return demanded_service("cart", "10.96.0.10", "name: http, port: 80", cart_) +
           demanded_service("rest", "10.96.0.11", "name: http, port: 80", rest_) +
           demanded_service("mail", "10.96.0.12", "name: tcp-mail, port: 2525", mail_) + R"(---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: web-a, namespace: shop}
spec: {address: 127.1.1.1, redirect: true}
---
apiVersion: weft.dev/v1alpha1
kind: MeshConfig
metadata: {name: default}
spec: {outbound: {scope: OnDemand, unknown: Deny}, accessLog: {mode: "Off"}}
)";
  }

  // What the planner tells web's sidecar, but for the inbound side and the ports of the outbound
  // one.
  std::vector<xds::Resource> told(const Names& wanted) const {
    control::Planner planner(mesh_);
    const auto set =
        planner.plan(control::Node::parse("sidecar~127.1.1.1~web-a.shop~shop"), wanted);
    std::vector<xds::Resource> out;
    for (const auto& [type, table] : set->types) {
      for (const auto& [name, resource] : table->resources) {
        if (type == xds::message_name(xds::kGenerationType)) continue;
        if (type != xds::message_name(xds::kListenerType)) {
          out.push_back(*resource);
        } else if (name == "outbound") {
          out.push_back(adapt(*resource));
        }
      }
    }
    return out;
  }
  xds::Resource adapt(const xds::Resource& outbound) const {
    envoy::config::listener::v3::Listener listener;
    listener.ParseFromString(outbound.body.value());
    listener.mutable_address()->mutable_socket_address()->set_port_value(0);
    envoy::extensions::filters::listener::proxy_protocol::v3::ProxyProtocol header;
    header.set_allow_requests_without_proxy_protocol(true);
    auto& filter = *listener.add_listener_filters();
    filter.set_name("envoy.filters.listener.proxy_protocol");
    filter.mutable_typed_config()->PackFrom(header);
    auto& any = (*listener.mutable_metadata()
                      ->mutable_typed_filter_metadata())["weft.config.v1.ListenerPolicy"];
    weft::config::v1::ListenerPolicy policy;
    policy.ParseFromString(any.value());
    policy.mutable_on_demand()->mutable_timeout()->set_seconds(0);
    policy.mutable_on_demand()->mutable_timeout()->set_nanos(300'000'000);
    any.set_value(policy.SerializeAsString());
    return xds::make_resource("outbound", listener);
  }

  void SetUp() override {
    const std::uint64_t first = control_.tell(told({}));
    proxy_ = std::make_unique<Proxy>(control_.start());
    EXPECT_EQ(control_.settled(first), "");
    ASSERT_TRUE(proxy_->ready());
  }

  Wire call(const std::string& address, std::uint16_t port) {
    Wire wire = proxy_->dial("outbound");
    EXPECT_TRUE(
        wire.send("PROXY TCP4 10.1.1.1 " + address + " 1000 " + std::to_string(port) + "\r\n"));
    return wire;
  }
  Wire::Message get(const std::string& address, std::uint16_t port = 80) {
    Wire wire = call(address, port);
    EXPECT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: any\r\n\r\n"));
    return wire.read_message(true);
  }

  Origin cart_{Origin::replies(200, "cart")};
  Origin rest_{Origin::replies(200, "rest")};
  Origin mail_{[](Origin&, Wire& wire) { (void)wire.send("220 ready\r\n"); }};
  std::shared_ptr<const control::Mesh> mesh_ = control::testing::mesh_of(mesh_text());
  ControlPlane control_{{.wanted = [this](const Names& names) { return told(names); }}};
  std::unique_ptr<Proxy> proxy_;
};

TEST_F(OnDemand, TheFirstCallWaitsForItsService) {
  EXPECT_EQ(get("10.96.0.10").body, "cart");
  EXPECT_EQ(proxy_->metric("weft_on_demand_total", {"known"}), 1);
  EXPECT_EQ(get("10.96.0.10").body, "cart");
  EXPECT_EQ(proxy_->metric("weft_on_demand_total"), 1) << "nobody has to be asked again";
  EXPECT_EQ(proxy_->metric("weft_on_demand_destinations"), 1);
  EXPECT_EQ(proxy_->metric("weft_on_demand_waiting"), 0);
  EXPECT_EQ(get("10.96.0.11").body, "rest");
  EXPECT_EQ(get("10.96.0.10").body, "cart");
  EXPECT_EQ(proxy_->metric("weft_on_demand_destinations"), 2);
}

TEST_F(OnDemand, AServerThatSpeaksFirstIsHeardOnTheFirstCall) {
  Wire wire = call("10.96.0.12", 2525);
  EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
}

TEST_F(OnDemand, ManyFirstCallsAreOneQuestion) {
  std::vector<Wire> wires;
  for (int i = 0; i < 20; ++i) {
    wires.push_back(call("10.96.0.10", 80));
    ASSERT_TRUE(wires.back().send("GET / HTTP/1.1\r\nhost: any\r\n\r\n"));
  }
  for (Wire& wire : wires) EXPECT_EQ(wire.read_message(true).body, "cart");
  EXPECT_EQ(proxy_->metric("weft_on_demand_total", {"known"}), 1);
}

TEST_F(OnDemand, WhereNobodyIsThePolicyForStrangersHolds) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(get("10.96.0.99").status(), 403);
  EXPECT_EQ(proxy_->metric("weft_on_demand_total", {"unknown"}), 1) << "remembered for a while";
  EXPECT_EQ(proxy_->metric("weft_on_demand_total", {"timeout"}), 0);
  EXPECT_EQ(proxy_->metric("weft_unknown_destinations_total", {"denied"}), 3);
}

TEST_F(OnDemand, WithoutAControlPlaneWhatIsKnownGoesOnAndTheRestIsNotWaitedForForEver) {
  EXPECT_EQ(get("10.96.0.10").body, "cart");
  control_.go_away();
  EXPECT_EQ(get("10.96.0.10").body, "cart");
  EXPECT_EQ(get("10.96.0.11").status(), 403);
  EXPECT_EQ(proxy_->metric("weft_on_demand_total", {"timeout"}), 1);
  // It was asked for all the same: the control plane says what is there when it is back.
  control_.come_back();
  std::string body;
  for (const auto until = std::chrono::steady_clock::now() + 20s;
       body != "rest" && std::chrono::steady_clock::now() < until;) {
    body = get("10.96.0.11").body;
    EXPECT_EQ(get("10.96.0.10").body, "cart") << "never taken away";
  }
  EXPECT_EQ(body, "rest");
}

}  // namespace
}  // namespace weft::mesh_test
