// The routes of k8s/examples put to work: each applied to a running mesh, and where live traffic
// then goes.

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/mesh_control/whole_mesh.h"

namespace weft::mesh_test {
namespace {

// A mesh whose Service cart has both versions behind it, and one example applied to it.
class RouteExample : public ::testing::Test {
 protected:
  void start() {
    mesh_.write("route.yaml", "");
    mesh_.start_control();
    ASSERT_TRUE(mesh_.control_is_there());
    cart_v1_ = mesh_.start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_.start_sidecar("cart-v2-a", "cart");
    web_ = mesh_.start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
    wire_ = mesh_.call_from_web();
  }
  void apply(const std::string& text) {
    ASSERT_TRUE(mesh_.edit("example.yaml", text)) << mesh_.control_page("mesh");
  }
  void apply_example(const std::string& name) {
    std::ifstream file(WEFT_SOURCE_DIR "/k8s/examples/more/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    ASSERT_NE(text.str(), "");
    apply(text.str());
  }
  [[nodiscard]] Wire::Message ask(const std::string& target, const std::string& fields = "",
                                  const std::string& method = "GET") {
    if (!wire_.send(method + " " + target + " HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n" +
                    fields + "\r\n")) {
      return {};
    }
    return wire_.read_message(true);
  }

  WholeMesh mesh_;
  std::unique_ptr<Proxy> cart_v1_;
  std::unique_ptr<Proxy> cart_v2_;
  std::unique_ptr<Proxy> web_;
  Wire wire_;
};

TEST_F(RouteExample, IstioCanarySendsTheHeaderToV2AndOneInTenOfTheRest) {
  start();
  apply_example("canary-istio.yaml");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask("/", "canary: true\r\n").body, "v2");
  int v2 = 0;
  for (int i = 0; i < 200; ++i) {
    const Wire::Message answer = ask("/");
    EXPECT_EQ(answer.status(), 200);
    v2 += answer.body == "v2" ? 1 : 0;
  }
  // Exact, not random: at most one off by where the split began.
  EXPECT_GE(v2, 19);
  EXPECT_LE(v2, 21);
}

TEST_F(RouteExample, SessionKeepsACookiesHolderWithItsInstance) {
  start();
  apply_example("session.yaml");
  const Wire::Message first = ask("/");
  const std::string cookie = first.field("set-cookie");
  ASSERT_TRUE(cookie.starts_with("cart-session=")) << first.head;
  const std::string held = "cookie: " + cookie.substr(0, cookie.find(';')) + "\r\n";
  for (int i = 0; i < 30; ++i) EXPECT_EQ(ask("/", held).body, first.body);
}

TEST_F(RouteExample, MirrorCopiesAShareAndCorsAnswersPreflights) {
  start();
  apply_example("mirror-cors.yaml");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask("/").body, "v1");
  EXPECT_TRUE(mesh_.v2().wait_for(20));
  EXPECT_LE(mesh_.v2().requests(), 90U);
  const std::size_t before = mesh_.v1().requests();
  const Wire::Message preflight = ask(
      "/", "origin: https://a.shop.example\r\naccess-control-request-method: POST\r\n", "OPTIONS");
  EXPECT_EQ(preflight.status(), 200);
  EXPECT_EQ(preflight.field("access-control-allow-origin"), "https://a.shop.example");
  EXPECT_EQ(preflight.field("access-control-allow-methods"), "GET, POST");
  EXPECT_EQ(mesh_.v1().requests(), before);
}

TEST_F(RouteExample, AnEmptySubsetIs503AndAMissingOne500) {
  start();
  const std::string rule =
      "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: cart, "
      "namespace: "
      "shop}\nspec:\n  host: cart\n  subsets: [{name: v2, labels: {version: v2.0.0}}]\n---\n";
  const std::string route =
      "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: cart, namespace: "
      "shop}\nspec:\n  hosts: [cart]\n  http:\n"
      "  - match: [{uri: {prefix: /missing}}]\n    route: [{destination: {host: cart, subset: "
      "v9}}]\n"
      "  - route: [{destination: {host: cart, subset: v2}}]\n";
  apply(rule + route);
  EXPECT_EQ(ask("/").status(), 503);
  EXPECT_EQ(ask("/missing").status(), 500);
}

}  // namespace
}  // namespace weft::mesh_test
