// The HTTPRoutes that Flagger generates with a Service as parent, each applied to a running mesh:
// its example file, and the shapes of a release's other moments.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/mesh_control/whole_mesh.h"
#include "tests/support/tree_file.h"

namespace weft::mesh_test {
namespace {

class Flagger : public ::testing::Test {
 protected:
  void SetUp() override {
    mesh_.write("route.yaml", "");
    mesh_.start_control();
    ASSERT_TRUE(mesh_.control_is_there());
    cart_v1_ = mesh_.start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_.start_sidecar("cart-v2-a", "cart");
    web_ = mesh_.start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
    example_ = testing::read_tree_text("k8s/examples/more/flagger.yaml");
    ASSERT_TRUE(mesh_.edit("flagger.yaml", example_)) << mesh_.control_page("mesh");
    wire_ = mesh_.call_from_web();
  }
  // The same route with these rules, as Flagger writes them anew.
  void rewrite(const std::string& rules) {
    const std::size_t at = example_.find("  rules:\n");
    ASSERT_NE(at, std::string::npos);
    ASSERT_TRUE(mesh_.edit("flagger.yaml", example_.substr(0, at) + "  rules:\n" + rules))
        << mesh_.control_page("mesh");
  }
  static std::string backends(int primary, int canary) {
    return "    backendRefs:\n    - {group: \"\", kind: Service, name: cart-primary, port: 80, "
           "weight: " +
           std::to_string(primary) +
           "}\n    - {group: \"\", kind: Service, name: cart-canary, port: 80, weight: " +
           std::to_string(canary) + "}\n";
  }
  static std::string everything() {
    return "  - matches:\n    - path: {type: PathPrefix, value: /}\n";
  }
  [[nodiscard]] Wire::Message ask(const std::string& fields = "") {
    if (!wire_.send("GET / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n" + fields + "\r\n")) {
      return {};
    }
    return wire_.read_message(true);
  }
  [[nodiscard]] int canaries(int requests, const std::string& fields = "") {
    int out = 0;
    for (int i = 0; i < requests; ++i) {
      const Wire::Message answer = ask(fields);
      EXPECT_EQ(answer.status(), 200);
      out += answer.body == "v2" ? 1 : 0;
    }
    return out;
  }

  WholeMesh mesh_;
  std::string example_;
  std::unique_ptr<Proxy> cart_v1_;
  std::unique_ptr<Proxy> cart_v2_;
  std::unique_ptr<Proxy> web_;
  Wire wire_;
};

TEST_F(Flagger, ACookieKeepsAVisitorOfTheCanaryThere) {
  int canary = 0;
  for (int i = 0; i < 100; ++i) {
    const Wire::Message answer = ask();
    const bool v2 = answer.body == "v2";
    canary += v2 ? 1 : 0;
    // The cookie is the canary's, and nobody else's.
    EXPECT_EQ(answer.field("set-cookie"), v2 ? "cart-canary=abcdef; Max-Age=86400" : "");
  }
  EXPECT_GE(canary, 29);
  EXPECT_LE(canary, 31);
  EXPECT_EQ(canaries(30, "cookie: a=b; cart-canary=abcdef; c=d\r\n"), 30);
  EXPECT_EQ(ask("cookie: cart-canary=abcdef\r\n").field("set-cookie"), "") << "it has one";
  const int others = canaries(100, "cookie: cart-canary=older\r\n");
  EXPECT_GE(others, 29);
  EXPECT_LE(others, 31);
}

TEST_F(Flagger, ACanaryOfWeightZeroGetsNothing) {
  rewrite(everything() + backends(100, 0));
  EXPECT_EQ(canaries(50), 0);
  rewrite(everything() + backends(0, 100));
  EXPECT_EQ(canaries(50), 50);
}

TEST_F(Flagger, AMirrorCopiesToTheCanaryAndAnswersFromThePrimary) {
  rewrite(everything() + backends(100, 0) +
          "    filters:\n    - type: RequestMirror\n      requestMirror:\n        backendRef: "
          "{group: \"\", kind: Service, name: cart-canary, port: 80}\n");
  EXPECT_EQ(canaries(20), 0);
  EXPECT_TRUE(mesh_.v2().wait_for(20));
  EXPECT_EQ(mesh_.v1().requests(), 20u);
}

TEST_F(Flagger, InAnAbTestTheRuleWithMoreToMatchGoesFirst) {
  rewrite(
      "  - matches:\n    - path: {type: PathPrefix, value: /}\n      headers: [{type: Exact, "
      "name: x-canary, value: insider}]\n    - path: {type: PathPrefix, value: /}\n      "
      "headers: [{type: RegularExpression, name: Cookie, value: "
      "\"^(.*?;)?\\\\s*(canary=always)(;.*)?$\"}]\n" +
      backends(0, 100) + everything() + backends(100, 0));
  EXPECT_EQ(canaries(10, "x-canary: insider\r\n"), 10);
  EXPECT_EQ(canaries(10, "cookie: a=b; canary=always; c=d\r\n"), 10);
  EXPECT_EQ(canaries(10, "cookie: canary=never\r\n"), 0);
  EXPECT_EQ(canaries(10), 0);
}

TEST_F(Flagger, ARouteThatHoldsIsSaidToLackNothing) {
  EXPECT_TRUE(mesh_.control_says("mesh", "\"conditions\": []")) << mesh_.control_page("mesh");
  // The canary's Service is not there yet: what is said names the route and the backend.
  rewrite(everything() +
          "    backendRefs:\n    - {group: \"\", kind: Service, name: cart-primary, port: 80, "
          "weight: 100}\n    - {group: \"\", kind: Service, name: cart-next, port: 80, weight: "
          "0}\n");
  EXPECT_TRUE(mesh_.control_says("mesh",
                                 "rules[0].backendRefs[1]: there is no Service "
                                 "shop/cart-next"));
  EXPECT_TRUE(mesh_.control_says("mesh", "HTTPRoute shop/cart"));
  EXPECT_EQ(canaries(10), 0) << "and the primary goes on";
}

// What Flagger looks for before it goes on: an entry with the parentRef of its own spec, letter by
// letter, all of whose conditions hold.
TEST_F(Flagger, TheStatusRepeatsTheParentRefAndFollowsTheRoute) {
  using nlohmann::json;
  const auto status = [&] {
    const json page = json::parse(mesh_.control_page("mesh"));
    EXPECT_EQ(page["routes"].size(), 1u) << page["routes"];
    return page["routes"].empty() ? json() : page["routes"][0];
  };
  const json before = status();
  ASSERT_EQ(before["parents"].size(), 1u);
  EXPECT_EQ(before["route"], "HTTPRoute shop/cart");
  EXPECT_EQ(before["parents"][0]["parentRef"],
            json::parse(R"({"group": "", "kind": "Service", "name": "cart", "port": 80})"));
  EXPECT_EQ(before["parents"][0]["controllerName"], "weft.dev/control");
  for (const json& condition : before["parents"][0]["conditions"]) {
    EXPECT_EQ(condition["status"], "True") << condition;
    EXPECT_EQ(condition["observedGeneration"], before["observedGeneration"]);
  }
  rewrite(everything() + backends(50, 50));
  const json after = status();
  EXPECT_GT(after["observedGeneration"], before["observedGeneration"]);
  EXPECT_EQ(after["parents"][0]["parentRef"], before["parents"][0]["parentRef"]);
  rewrite(everything() +
          "    backendRefs: [{group: \"\", kind: Service, name: cart-next, port: 80}]\n");
  const json dangling = status();
  EXPECT_EQ(dangling["parents"][0]["conditions"][0]["status"], "True");
  EXPECT_EQ(dangling["parents"][0]["conditions"][1]["status"], "False");
  EXPECT_EQ(dangling["parents"][0]["conditions"][1]["reason"], "BackendNotFound");
}

}  // namespace
}  // namespace weft::mesh_test
