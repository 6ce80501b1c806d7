// A sidecar that takes its configuration from a control plane: what is refused, what moves
// together, and what a control plane that is gone means.

#include <gtest/gtest.h>

#include <thread>

#include "tests/mesh/control_plane.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

Origin::Serve says(const std::string& text) { return Origin::replies(200, text); }

std::vector<xds::Resource> shop(const std::vector<SocketAddress>& cart) {
  return {dynamic_listener("in", "80"), dynamic_routes("80", "cart"), dynamic_cluster("cart"),
          dynamic_endpoints("cart", cart)};
}

TEST(Dynamic, ServesWhatItIsTold) {
  Origin origin(says("cart"));
  ControlPlane control;
  const std::uint64_t first = control.tell(shop({origin.address()}));
  Proxy proxy(control.start());
  EXPECT_EQ(control.settled(first), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
  EXPECT_EQ(proxy.metric("weft_config_generation"), static_cast<double>(first));
}

TEST(Dynamic, TakesTheStateOfTheWorldAsWell) {
  Origin first(says("first"));
  Origin second(says("second"));
  ControlPlane control;
  sidecar::Start start = control.start();
  start.ads->delta = false;
  Proxy proxy(start);
  EXPECT_EQ(control.tell_and_settle(shop({first.address()})), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "first");
  EXPECT_EQ(control.tell_and_settle(shop({second.address()})), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "second");
}

TEST(Dynamic, IsNotReadyBeforeItWasTold) {
  Origin origin;
  ControlPlane control;
  Proxy proxy(control.start());
  std::string state;
  std::vector<std::string> missing;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    state = sidecar.state();
    missing = sidecar.waits_for();
  });
  EXPECT_EQ(state, "INITIALIZING");
  ASSERT_FALSE(missing.empty());
  EXPECT_EQ(missing.front().substr(0, 13), "control plane");
  (void)control.tell_and_settle(shop({origin.address()}));
  ASSERT_TRUE(proxy.ready());
  proxy.on_loop([&](sidecar::Sidecar& sidecar) { state = sidecar.state(); });
  EXPECT_EQ(state, "LIVE");
}

TEST(Dynamic, EndpointsMoveTraffic) {
  Origin first(says("first"));
  Origin second(says("second"));
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({first.address()}));
  ASSERT_TRUE(proxy.ready());
  Wire kept = proxy.dial();
  EXPECT_EQ(ask(kept, "/").body, "first");
  EXPECT_EQ(control.tell_and_settle(shop({second.address()})), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(kept, "/").body, "second") << "on the connection that was there before";
  EXPECT_EQ(first.requests(), 1U);
}

TEST(Dynamic, RefusesABadClusterByNameAndAppliesTheRest) {
  Origin first(says("first"));
  Origin second(says("second"));
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({first.address()}));
  ASSERT_TRUE(proxy.ready());
  std::vector<xds::Resource> next = shop({second.address()});
  next.push_back(dynamic_cluster("broken", "lb_policy: CLUSTER_PROVIDED\nlrs_server: {self: {}}"));
  const std::string refused = control.tell_and_settle(next);
  EXPECT_NE(refused.find("broken"), std::string::npos) << refused;
  EXPECT_EQ(refused.find("'cart'"), std::string::npos) << refused;
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "second");
  std::string dump;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) { dump = sidecar.config_dump(); });
  EXPECT_NE(dump.find("broken"), std::string::npos) << dump;
  EXPECT_EQ(proxy.metric("weft_config_rejected_total", {"cluster"}), 1);
  EXPECT_EQ(proxy.metric("weft_config_updates_total", {"refused"}), 1);
  EXPECT_GT(proxy.metric("weft_config_last_ack_timestamp_seconds"), 1e9);
  EXPECT_EQ(proxy.metric("weft_control_plane_connected"), 1);
}

TEST(Dynamic, RefusesAListenerWhosePortIsInUseAndKeepsItsLastGoodVersion) {
  Origin origin(says("cart"));
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({origin.address()}));
  ASSERT_TRUE(proxy.ready());
  std::vector<xds::Resource> next = shop({origin.address()});
  next.front() = dynamic_listener("in", "80", origin.port());
  next.push_back(dynamic_listener("other", "80"));
  const std::string refused = control.tell_and_settle(next);
  EXPECT_NE(refused.find("'in': address: "), std::string::npos) << refused;
  EXPECT_EQ(refused.find("other"), std::string::npos) << refused;
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart") << "where it was";
  Wire other = proxy.dial("other");
  EXPECT_EQ(ask(other, "/").body, "cart");
}

TEST(Dynamic, RefusesTwoListenersOnOneAddress) {
  Origin origin(says("cart"));
  ControlPlane control;
  Proxy proxy(control.start());
  std::vector<xds::Resource> next = shop({origin.address()});
  // A port that was free a moment ago; somebody may have taken it.
  std::uint16_t port = 0;
  std::string said = "no port";
  for (int tries = 0; tries < 16 && !said.empty(); ++tries) {
    port = ClosedPort().address().port();
    next.front() = dynamic_listener("in", "80", port);
    said = control.tell_and_settle(next);
  }
  ASSERT_EQ(said, "");
  ASSERT_TRUE(proxy.ready());
  next.front() = dynamic_listener("a", "80", port);
  EXPECT_EQ(control.tell_and_settle(next), "") << "'in' went and left its port";
  ASSERT_TRUE(proxy.ready());
  next.push_back(dynamic_listener("b", "80", port));
  const std::string refused = control.tell_and_settle(next);
  EXPECT_NE(refused.find("'b': address: "), std::string::npos) << refused;
  EXPECT_NE(refused.find("listener 'a'"), std::string::npos) << refused;
}

TEST(Dynamic, LeavesTheStartFilesOwnAlone) {
  Origin origin(says("cart"));
  ControlPlane control;
  Proxy proxy(control.start());
  std::vector<xds::Resource> next = shop({origin.address()});
  next.push_back(dynamic_cluster("weft-control"));
  const std::string refused = control.tell_and_settle(next);
  EXPECT_NE(refused.find("'weft-control': name: "), std::string::npos) << refused;
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

// Routes and endpoints of one generation: no request may see one without the other.
TEST(Dynamic, AGenerationMovesRoutesAndEndpointsTogether) {
  Origin old_place(says("old"));
  Origin new_place(says("new"));
  ControlPlane control;
  Proxy proxy(control.start());
  // v1 has no endpoint while v2 has the traffic, and the other way round: a request that saw only
  // half of a change would be answered 503.
  const auto world = [&](bool second) {
    const std::vector<SocketAddress> none;
    return std::vector<xds::Resource>{
        dynamic_listener("in", "80"),
        dynamic_routes("80", second ? "v2" : "v1"),
        dynamic_cluster("v1"),
        dynamic_cluster("v2"),
        dynamic_endpoints("v1", second ? none : std::vector{old_place.address()}),
        dynamic_endpoints("v2", second ? std::vector{new_place.address()} : none)};
  };
  (void)control.tell_and_settle(world(false));
  ASSERT_TRUE(proxy.ready());
  std::atomic<bool> over{false};
  std::atomic<int> asked{0};
  std::atomic<int> wrong{0};
  std::thread caller([&] {
    Wire wire = proxy.dial();
    while (!over) {
      const Wire::Message answer = ask(wire, "/");
      if (answer.status() != 200) {
        ++wrong;
        ADD_FAILURE() << answer.head << answer.body;
        wire = proxy.dial();
      }
      ++asked;
    }
  });
  bool second = true;
  for (int i = 0; i < 20; ++i, second = !second) {
    const int before = asked;
    EXPECT_EQ(control.tell_and_settle(world(second)), "");
    while (asked < before + 5) std::this_thread::yield();
  }
  over = true;
  caller.join();
  EXPECT_EQ(wrong, 0) << "of " << asked;
  EXPECT_GT(old_place.requests(), 0U);
  EXPECT_GT(new_place.requests(), 0U);
}

TEST(Dynamic, AForeignServerNeedsNoGeneration) {
  Origin first(says("first"));
  Origin second(says("second"));
  ControlPlane control({.generations = false});
  Proxy proxy(control.start());
  (void)control.tell(shop({first.address()}));
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "first");
  (void)control.tell_and_settle(shop({second.address()}));
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "second");
}

TEST(Dynamic, GoesOnWithoutTheControlPlaneAndListensWhenItIsBack) {
  Origin first(says("first"));
  Origin second(says("second"));
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({first.address()}));
  ASSERT_TRUE(proxy.ready());
  control.go_away();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(proxy, "/").body, "first");
  const auto gone_by = std::chrono::steady_clock::now() + kPatience;
  while (proxy.metric("weft_control_plane_connected") != 0 &&
         std::chrono::steady_clock::now() < gone_by) {
  }
  EXPECT_EQ(proxy.metric("weft_control_plane_connected"), 0);
  (void)control.tell(shop({second.address()}));
  control.come_back();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::string body;
  while (body != "second" && std::chrono::steady_clock::now() < until) body = ask(proxy, "/").body;
  EXPECT_EQ(body, "second");
  EXPECT_EQ(control.streams_begun(), 2U);
}

TEST(Dynamic, StartsEvenThoughTheControlPlaneComesLater) {
  Origin origin(says("cart"));
  ControlPlane control;
  control.go_away();
  Proxy proxy(control.start());
  (void)control.tell(shop({origin.address()}));
  control.come_back();
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

TEST(Dynamic, ARemovedListenerLetsItsRequestsFinish) {
  Origin slow(Origin::holds());
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({slow.address()}));
  ASSERT_TRUE(proxy.ready());
  const std::uint16_t port = proxy.port();
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(slow.wait_for(1));
  std::vector<xds::Resource> next = shop({slow.address()});
  next.front() = dynamic_listener("other", "80");
  EXPECT_EQ(control.tell_and_settle(next), "");
  ASSERT_TRUE(proxy.ready());
  slow.release();
  const Wire::Message answer = wire.read_message(true);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_FALSE(Wire::to(port).open()) << "nobody listens there";
}

TEST(Dynamic, TracesGoWhereThePushedListenerSays) {
  Origin origin(says("cart"));
  Origin collector;
  ControlPlane control;
  Proxy proxy(control.start());
  std::vector<xds::Resource> world = shop({origin.address()});
  world.front() = resource(xds::kListenerType, "in", R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
traffic_direction: OUTBOUND
filter_chains:
- filters:
  - name: http
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: in
      rds: {config_source: {ads: {}, resource_api_version: V3}, route_config_name: "80"}
      tracing:
        provider:
          name: envoy.tracers.opentelemetry
          typed_config:
            "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
            service_name: cart
            http_service:
              http_uri: {uri: "http://otlp/v1/spans", cluster: otlp, timeout: 1s}
      http_filters:
      - name: router
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
)");
  world.push_back(dynamic_cluster("otlp"));
  world.push_back(dynamic_endpoints("otlp", {collector.address()}));
  EXPECT_EQ(control.tell_and_settle(world), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
  ASSERT_TRUE(collector.wait_for(1));
  EXPECT_EQ(collector.last().target(), "/v1/spans");
}

TEST(Dynamic, RefusesAProtocolItCannotChoose) {
  Origin origin(says("cart"));
  ControlPlane control;
  Proxy proxy(control.start());
  std::vector<xds::Resource> world = shop({origin.address()});
  world.push_back(dynamic_cluster("other", R"(
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    use_downstream_protocol_config: {}
)"));
  const std::string refused = control.tell_and_settle(world);
  EXPECT_NE(refused.find("'other': typed_extension_protocol_options: "), std::string::npos)
      << refused;
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

TEST(Dynamic, AListenerWaitsForItsRoutesAndTheOldOneServesMeanwhile) {
  Origin origin(says("cart"));
  ControlPlane control;
  Proxy proxy(control.start());
  (void)control.tell_and_settle(shop({origin.address()}));
  ASSERT_TRUE(proxy.ready());
  std::vector<xds::Resource> next = shop({origin.address()});
  next.front() = dynamic_listener("in", "later");
  (void)control.tell_and_settle(next);
  EXPECT_EQ(ask(proxy, "/").body, "cart");
  next.push_back(dynamic_routes("later", "cart"));
  EXPECT_EQ(control.tell_and_settle(next), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

}  // namespace
}  // namespace weft::mesh_test
