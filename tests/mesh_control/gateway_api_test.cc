// The Gateway API's mesh conformance cases, restated against a running mesh: besides what its suite
// compares, the path that the backend sees, where a redirect leads, and the status.

#include <gtest/gtest.h>

#include <string>

#include "tests/mesh_control/whole_mesh.h"

namespace weft::mesh_test {
namespace {

class GatewayApi : public ::testing::Test {
 protected:
  void SetUp() override {
    mesh_.start_control();
    ASSERT_TRUE(mesh_.control_is_there());
    cart_v1_ = mesh_.start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_.start_sidecar("cart-v2-a", "cart");
    web_ = mesh_.start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
    wire_ = mesh_.call_from_web();
  }
  void apply(const std::string& rules) {
    ASSERT_TRUE(mesh_.edit("route.yaml",
                           "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: "
                           "{name: cart, namespace: shop}\nspec:\n  parentRefs: [{group: \"\", "
                           "kind: Service, name: cart}]\n  rules:\n" +
                               rules))
        << mesh_.control_page("mesh");
  }
  [[nodiscard]] Wire::Message ask(const std::string& target, const std::string& fields = "") {
    if (!wire_.send("GET " + target + " HTTP/1.1\r\nhost: cart\r\n" + fields + "\r\n")) return {};
    return wire_.read_message(true);
  }
  // "v1", "v2", or the status where neither answered with 200.
  [[nodiscard]] std::string who(const std::string& target, const std::string& fields = "") {
    const Wire::Message answer = ask(target, fields);
    return answer.status() == 200 ? answer.body : std::to_string(answer.status());
  }
  // "302 http://example.org/x".
  [[nodiscard]] std::string led(const std::string& target) {
    const Wire::Message answer = ask(target);
    return std::to_string(answer.status()) + " " + answer.field("location");
  }
  // The path that v1 saw.
  [[nodiscard]] std::string seen(const std::string& target) {
    EXPECT_EQ(who(target), "v1");
    return mesh_.v1().last().target();
  }

  WholeMesh mesh_;
  std::unique_ptr<Proxy> cart_v1_;
  std::unique_ptr<Proxy> cart_v2_;
  std::unique_ptr<Proxy> web_;
  Wire wire_;
};

const std::string kToV1 = "    backendRefs: [{name: cart-v1, port: 80}]\n";
const std::string kToV2 = "    backendRefs: [{name: cart-v2, port: 80}]\n";

std::string by_prefix(const std::string& path) {
  return "  - matches: [{path: {value: " + path + "}}]\n";
}
std::string redirect(const std::string& path, const std::string& how) {
  return by_prefix(path) + "    filters: [{type: RequestRedirect, requestRedirect: {" + how +
         "}}]\n";
}
std::string rewrite(const std::string& path, const std::string& how) {
  return by_prefix(path) + "    filters: [{type: URLRewrite, urlRewrite: {path: {" + how +
         "}}}]\n" + kToV1;
}

TEST_F(GatewayApi, MeshTrafficSplitAndMatchingAndNamedRules) {
  apply("  - matches: [{path: {type: Exact, value: /v1}}]\n" + kToV1 +
        "  - {name: two, matches: [{path: {value: /v2}}, {headers: [{name: Version, value: "
        "two}]}], backendRefs: [{name: cart-v2, port: 80}]}\n" +
        by_prefix("/") + kToV1);
  EXPECT_EQ(who("/v1"), "v1");
  EXPECT_EQ(who("/v2"), "v2");
  EXPECT_EQ(who("/v2/x"), "v2");
  EXPECT_EQ(who("/v2example"), "v1");
  EXPECT_EQ(who("/", "version: two\r\n"), "v2");
  EXPECT_EQ(who("/", "version: twoo\r\n"), "v1");
}

TEST_F(GatewayApi, MeshQueryParamMatching) {
  apply(
      "  - matches: [{queryParams: [{name: animal, value: whale}]}, {queryParams: [{name: a, "
      "value: "
      "\"1\"}, {name: b, value: \"2\"}]}]\n" +
      kToV1 +
      "  - matches: [{queryParams: [{name: animal, value: dolphin}]}, {path: {value: "
      "/path5}, queryParams: [{name: animal, value: hydra}]}]\n" +
      kToV2);
  EXPECT_EQ(who("/?animal=whale"), "v1");
  EXPECT_EQ(who("/?animal=dolphin"), "v2");
  EXPECT_EQ(who("/?animal=whale&otherparam=irrelevant"), "v1");
  EXPECT_EQ(who("/?a=1&b=2"), "v1");
  EXPECT_EQ(who("/?a=1"), "404");
  EXPECT_EQ(who("/path5?animal=hydra"), "v2");
  EXPECT_EQ(who("/?animal=shark"), "404");
  EXPECT_EQ(who("/"), "404");
}

TEST_F(GatewayApi, MeshRequestHeaderModifierOnRulesAndOnBackends) {
  const std::string filter =
      "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: X-Set, value: "
      "set}], add: [{name: X-Add, value: added}], remove: [X-Remove]}}]";
  apply(by_prefix("/rule") + "    " + filter + "\n" + kToV1 + by_prefix("/backend") +
        "    backendRefs: [{name: cart-v1, port: 80, " + filter + "}]\n");
  for (const char* target : {"/rule", "/backend"}) {
    EXPECT_EQ(who(target, "x-set: old\r\nx-add: first\r\nx-remove: gone\r\nx-keep: kept\r\n"),
              "v1");
    const Wire::Message request = mesh_.v1().last();
    EXPECT_EQ(request.field("x-set"), "set") << target;
    EXPECT_NE(request.head.find("first"), std::string::npos) << target;
    EXPECT_NE(request.head.find("added"), std::string::npos) << target;
    EXPECT_EQ(request.field("x-remove"), "") << target;
    EXPECT_EQ(request.field("x-keep"), "kept") << target;
  }
}

TEST_F(GatewayApi, MeshRedirectsLeadWhereTheyAreTold) {
  apply(redirect("/host", "hostname: example.org") +
        redirect("/moved", "hostname: example.org, statusCode: 301") +
        redirect("/303", "path: {type: ReplaceFullPath, replaceFullPath: /see}, statusCode: 303") +
        redirect("/307", "hostname: example.org, statusCode: 307") +
        redirect("/308", "hostname: example.org, statusCode: 308") +
        redirect("/prefix", "path: {type: ReplacePrefixMatch, replacePrefixMatch: /other}") +
        redirect("/full", "path: {type: ReplaceFullPath, replaceFullPath: /full-replaced}") +
        redirect("/port", "port: 8083") + redirect("/both", "port: 8083, hostname: example.org") +
        redirect("/scheme", "scheme: https") +
        redirect("/secure", "scheme: https, hostname: example.org, statusCode: 301"));
  EXPECT_EQ(led("/host"), "302 http://example.org/host");
  EXPECT_EQ(led("/moved/x?y=1"), "301 http://example.org/moved/x?y=1");
  EXPECT_EQ(led("/303"), "303 http://cart/see");
  EXPECT_EQ(led("/307"), "307 http://example.org/307");
  EXPECT_EQ(led("/308"), "308 http://example.org/308");
  EXPECT_EQ(led("/prefix/x"), "302 http://cart/other/x");
  EXPECT_EQ(led("/full/x"), "302 http://cart/full-replaced");
  EXPECT_EQ(led("/port"), "302 http://cart:8083/port");
  EXPECT_EQ(led("/both"), "302 http://example.org:8083/both");
  EXPECT_EQ(led("/scheme"), "302 https://cart/scheme");
  EXPECT_EQ(led("/secure"), "301 https://example.org/secure");
}

TEST_F(GatewayApi, MeshRewritePathIsWhatTheBackendSees) {
  apply(rewrite("/prefix/one", "type: ReplacePrefixMatch, replacePrefixMatch: /one") +
        rewrite("/strip-prefix", "type: ReplacePrefixMatch, replacePrefixMatch: /") +
        rewrite("/full", "type: ReplaceFullPath, replaceFullPath: /one"));
  EXPECT_EQ(seen("/prefix/one/two"), "/one/two");
  EXPECT_EQ(seen("/prefix/one"), "/one");
  EXPECT_EQ(seen("/strip-prefix/three?a=b"), "/three?a=b");
  EXPECT_EQ(seen("/strip-prefix"), "/");
  EXPECT_EQ(seen("/full/four"), "/one");
}

TEST_F(GatewayApi, MeshWeightIsExactAndOutcomesAre404And500And503) {
  apply(
      by_prefix("/split") +
      "    backendRefs: [{name: cart-v1, port: 80, weight: 70}, {name: cart-v2, port: 80, weight: "
      "30}]\n" +
      by_prefix("/nobody") + "    backendRefs: [{name: nobody, port: 80}]\n" + by_prefix("/zero") +
      "    backendRefs: [{name: cart-v1, port: 80, weight: 0}]\n");
  int v2 = 0;
  for (int i = 0; i < 100; ++i) v2 += who("/split") == "v2" ? 1 : 0;
  EXPECT_GE(v2, 29);
  EXPECT_LE(v2, 31);
  EXPECT_EQ(who("/nobody"), "500");
  EXPECT_EQ(who("/zero"), "500");
  EXPECT_EQ(who("/none"), "404");
  mesh_.set_ready_v1(false);
  apply("  - matches: [{path: {value: /}}]\n" + kToV1);
  EXPECT_EQ(who("/"), "503");
}

TEST_F(GatewayApi, SessionPersistenceKeepsACallerWithItsBackend) {
  apply(
      "  - backendRefs: [{name: cart-v1, port: 80}, {name: cart-v2, port: 80}]\n"
      "    sessionPersistence: {sessionName: shop-session}\n");
  const Wire::Message first = ask("/");
  const std::string cookie =
      first.field("set-cookie").substr(0, first.field("set-cookie").find(';'));
  ASSERT_TRUE(cookie.starts_with("shop-session=")) << first.head;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(who("/", "cookie: " + cookie + "\r\n"), first.body);
}

// ---- whose clients, and at which port ----

std::string marked_route(const std::string& name, const std::string& name_space,
                         const std::string& parent, const std::string& backend) {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " +
         name + ", namespace: " + name_space +
         "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, " + parent +
         "}]\n  rules:\n  - filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {add: "
         "[{name: x-" +
         name + ", value: \"1\"}]}}]\n    backendRefs: [{" + backend + "}]\n";
}

TEST_F(GatewayApi, MeshPortsARouteOfOnePortLeavesTheOthersAlone) {
  ASSERT_TRUE(mesh_.edit(
      "two.yaml",
      "apiVersion: v1\nkind: Service\nmetadata: {name: two, namespace: shop}\nspec: {selector: "
      "{app: cart, version: v1}, ports: [{name: http, port: 80, targetPort: http}, {name: "
      "http-alt, "
      "port: 8080, targetPort: http}]}\n" +
          marked_route("one-port", "shop", "name: two, port: 80", "name: two, port: 80")));
  const auto marked = [&](const std::string& host, const std::string& field) {
    EXPECT_TRUE(wire_.send("GET / HTTP/1.1\r\nhost: " + host + "\r\n\r\n"));
    const Wire::Message answer = wire_.read_message(true);
    EXPECT_EQ(answer.status(), 200) << host;
    return answer.field(field);
  };
  EXPECT_EQ(marked("two", "x-one-port"), "1");
  EXPECT_EQ(marked("two:80", "x-one-port"), "1");
  EXPECT_EQ(marked("two:8080", "x-one-port"), "");
  ASSERT_TRUE(mesh_.edit("every.yaml",
                         marked_route("every-port", "shop", "name: two", "name: two, port: 80")));
  EXPECT_EQ(marked("two:8080", "x-every-port"), "1");
  EXPECT_EQ(marked("two:8080", "x-one-port"), "");
}

TEST_F(GatewayApi, MeshConsumerRouteHoldsForClientsOfItsNamespaceOnly) {
  ASSERT_TRUE(mesh_.edit("till.yaml",
                         "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: till-a, "
                         "namespace: front, labels: {app: till}}\nspec: {address: " +
                             mesh_.spare_address() + ", serviceAccount: till}\n"));
  const std::unique_ptr<Proxy> till = mesh_.start_sidecar("front/till-a", "till");
  ASSERT_NE(till, nullptr);
  ASSERT_TRUE(mesh_.edit("consumer.yaml",
                         marked_route("consumer", "front", "name: cart, namespace: shop",
                                      "name: cart-v2, namespace: shop, port: 80"),
                         4));
  Wire wire = WholeMesh::call(mesh_.spare_address());
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: cart.shop\r\n\r\n"));
  const Wire::Message front = wire.read_message(true);
  EXPECT_EQ(front.body, "v2");
  EXPECT_EQ(front.field("x-consumer"), "1");
  const Wire::Message shop = ask("/");
  EXPECT_EQ(shop.body, "v1") << "the producer's route holds for everybody else";
  EXPECT_EQ(shop.field("x-consumer"), "");
}

}  // namespace
}  // namespace weft::mesh_test
