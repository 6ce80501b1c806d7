// A policy edited in YAML changes what live traffic meets, on the connections there are.

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/mesh_control/whole_mesh.h"

namespace weft::mesh_test {
namespace {

std::string policy(const std::string& fields) {
  return "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: cart, namespace: "
         "shop}\nspec:\n  targetRefs: [{group: \"\", kind: Service, name: cart}, {group: \"\", "
         "kind: Service, name: cart-v1}, {group: \"\", kind: Service, name: cart-v2}]\n  " +
         fields + "\n";
}

// Both planes, with apps that behave as a test wants.
struct Shop {
  explicit Shop(Origin::Serve v1, Origin::Serve v2 = Origin::replies(200, "v2"))
      : mesh(std::move(v1), std::move(v2)) {
    mesh.start_control();
    if (!mesh.control_is_there()) return;
    cart_v1 = mesh.start_sidecar("cart-v1-a", "cart");
    cart_v2 = mesh.start_sidecar("cart-v2-a", "cart");
    web = mesh.start_sidecar("web-a", "web");
  }
  [[nodiscard]] bool up() const {
    return cart_v1 != nullptr && cart_v2 != nullptr && web != nullptr;
  }
  [[nodiscard]] bool apply(const std::string& fields) {
    return mesh.edit("policy.yaml", policy(fields));
  }
  // How often the app behind cart-v1-a is asked for one request, and what comes of it.
  [[nodiscard]] std::string ask_and_count(Wire& wire) {
    const std::size_t before = mesh.v1().requests();
    const std::string answer = WholeMesh::ask_cart(wire);
    return answer + " after " + std::to_string(mesh.v1().requests() - before);
  }

  WholeMesh mesh;
  std::unique_ptr<Proxy> cart_v1;
  std::unique_ptr<Proxy> cart_v2;
  std::unique_ptr<Proxy> web;
};

TEST(PolicyInTheMesh, SaysHowOftenAFailureIsTriedAgain) {
  Shop shop(Origin::replies(503, "no"));
  ASSERT_TRUE(shop.up());
  Wire wire = shop.mesh.call_from_web();
  EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 1") << "by default an answer is an answer";
  ASSERT_TRUE(shop.apply("retry: {on: [503], attempts: 3, backoff: {base: 1ms, max: 1ms}}"));
  EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 4");
  ASSERT_TRUE(shop.apply("retry: {on: [gateway-error], attempts: 1}"));
  EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 2");
  ASSERT_TRUE(shop.apply("retry: {on: [502], attempts: 9}"));
  EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 1");
}

TEST(PolicyInTheMesh, SaysHowLongARequestMayTake) {
  Shop shop(Origin::never_answers());
  ASSERT_TRUE(shop.up());
  ASSERT_TRUE(shop.apply("timeouts: {request: 80ms}"));
  Wire wire = shop.mesh.call_from_web();
  EXPECT_NE(WholeMesh::ask_cart(wire).find(" 504"), std::string::npos);
  EXPECT_EQ(shop.mesh.v1().requests(), 1u);
  // Each try has its own time, and all of them together have another.
  ASSERT_TRUE(
      shop.apply("timeouts: {attempt: 50ms, request: 20s}\n  retry: {on: [timeout], "
                 "attempts: 2, backoff: {base: 1ms, max: 1ms}}"));
  EXPECT_NE(WholeMesh::ask_cart(wire).find(" 504"), std::string::npos);
  EXPECT_EQ(shop.mesh.v1().requests(), 4u);
  ASSERT_TRUE(shop.apply("timeouts: {head: 50ms}"));
  EXPECT_NE(WholeMesh::ask_cart(wire).find(" 504"), std::string::npos);
  EXPECT_EQ(shop.mesh.v1().requests(), 5u);
}

TEST(PolicyInTheMesh, LetsOneRequestInWhenTheLimitIsOne) {
  Shop shop(Origin::holds());
  ASSERT_TRUE(shop.up());
  ASSERT_TRUE(shop.apply("limits: {requests: 1}"));
  Wire first = shop.mesh.call_from_web();
  const std::string ask = "GET / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n\r\n";
  ASSERT_TRUE(first.send(ask));
  ASSERT_TRUE(shop.mesh.v1().wait_for(1));
  Wire second = shop.mesh.call_from_web();
  EXPECT_NE(WholeMesh::ask_cart(second).find(" 503"), std::string::npos);
  shop.mesh.v1().release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_NE(WholeMesh::ask_cart(second).find(" 200"), std::string::npos) << "the place is free";
  EXPECT_EQ(shop.mesh.v1().requests(), 2u);
}

TEST(PolicyInTheMesh, EjectsAfterAsManyErrorsAsItSays) {
  Shop shop(Origin::replies(503, "no"));
  ASSERT_TRUE(shop.up());
  // Before the Service itself takes the requests, so that none is counted under other rules.
  ASSERT_TRUE(
      shop.apply("outlier: {gatewayErrors: 2, ejectFor: 1h, maxEjectFor: 1h}\n  retry: "
                 "{attempts: 0}\n  loadBalancer: {type: RoundRobin}"));
  ASSERT_TRUE(shop.mesh.edit("route.yaml", ""));
  Wire wire = shop.mesh.call_from_web();
  for (int i = 0; i < 50; ++i) {
    const std::string answer = WholeMesh::ask_cart(wire);
    EXPECT_TRUE(answer == "no 503" || answer == "v2 200") << answer;
  }
  EXPECT_EQ(shop.mesh.v1().requests(), 2u);
  EXPECT_EQ(shop.mesh.v2().requests(), 48u);
}

TEST(PolicyInTheMesh, OpensTheCircuitAfterAsManyFailuresAsItSays) {
  Shop shop(Origin::replies(503, "no"));
  ASSERT_TRUE(shop.up());
  ASSERT_TRUE(
      shop.apply("circuitBreaker: {consecutiveFailures: 3, openFor: 1h}\n"
                 "  outlier: {gatewayErrors: 0}"));
  Wire wire = shop.mesh.call_from_web();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(shop.ask_and_count(wire), "circuit open\n 503 after 0");
  ASSERT_TRUE(shop.apply("circuitBreaker: {preset: Off}\n  outlier: {gatewayErrors: 0}"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 1");
}

TEST(PolicyInTheMesh, ThatIsBadLeavesTheOneBeforeInForce) {
  Shop shop(Origin::replies(503, "no"));
  ASSERT_TRUE(shop.up());
  ASSERT_TRUE(shop.apply("retry: {on: [503], attempts: 2, backoff: {base: 1ms, max: 1ms}}"));
  shop.mesh.write("policy.yaml", policy("retry: {on: [503], attempts: 2, backoff: {base: 10}}"));
  EXPECT_TRUE(
      shop.mesh.control_says("mesh", "spec.retry.backoff.base: want a duration with its unit"));
  Wire wire = shop.mesh.call_from_web();
  EXPECT_EQ(shop.ask_and_count(wire), "no 503 after 3");
}

TEST(PolicyInTheMesh, ChoosesTheProtocolBetweenTheSidecars) {
  Shop shop(Origin::replies(200, "v1"));
  ASSERT_TRUE(shop.up());
  for (const char* protocol : {"Http1", "Http2", "Auto"}) {
    ASSERT_TRUE(
        shop.apply("connection: {protocol: " + std::string(protocol) + ", idleTimeout: 30s}"));
    Wire wire = shop.mesh.call_from_web();
    EXPECT_EQ(WholeMesh::ask_cart(wire), "v1 200") << protocol;
  }
}

}  // namespace
}  // namespace weft::mesh_test
