// The routes of k8s/examples put to work: each applied to a running mesh, and where live traffic
// then goes.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/mesh_control/whole_mesh.h"
#include "tests/support/tree_file.h"

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
  static std::string example(const std::string& name) {
    std::string text = testing::read_tree_text("k8s/examples/more/" + name);
    EXPECT_NE(text, "") << name;
    return text;
  }
  void apply_example(const std::string& name) { apply(example(name)); }
  // A Workload of an example, at an address of this process, its app at `port`.
  std::string placed(std::string text, const std::string& address, const std::string& app_port,
                     std::uint16_t port, std::size_t number = 0) const {
    text = replaced(std::move(text), address, mesh_.spare_address(number));
    return replaced(std::move(text), app_port, std::to_string(port));
  }
  void start_with(const std::string& text) {
    mesh_.write("example.yaml", text);
    start();
  }
  static std::string replaced(std::string text, const std::string& old, const std::string& now) {
    EXPECT_NE(text.find(old), std::string::npos) << old;
    for (std::size_t at = 0; (at = text.find(old, at)) != std::string::npos; at += now.size()) {
      text.replace(at, old.size(), now);
    }
    return text;
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

TEST_F(RouteExample, MatchSendsTestersToV2AndSaysSo) {
  start();
  apply_example("match.yaml");
  for (const auto& [target, fields] :
       {std::pair{"/", "x-tester: true\r\n"}, std::pair{"/?version=v2", ""}}) {
    const Wire::Message answer = ask(target, fields);
    EXPECT_EQ(answer.body, "v2") << target;
    EXPECT_EQ(answer.field("x-served-by"), "cart-v2") << target;
  }
  for (const auto& [target, fields] :
       {std::pair{"/", ""}, std::pair{"/?version=v1", "x-tester: TRUE\r\n"}}) {
    const Wire::Message answer = ask(target, fields);
    EXPECT_EQ(answer.body, "v1") << target;
    EXPECT_EQ(answer.field("x-served-by"), "") << target;
  }
}

TEST_F(RouteExample, RewriteMovesAPathServesAnotherAndLeavesTheRest) {
  start();
  // The front's own pages are v2's here.
  apply(example("rewrite.yaml") +
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: "
        "{selector: "
        "{app: cart, version: v2}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: other, "
        "namespace: shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n  "
        "rules: [{backendRefs: [{name: cart-v1, port: 80}]}]\n");
  const auto at_web = [&](const std::string& target, const std::string& fields = "") {
    EXPECT_TRUE(wire_.send("GET " + target + " HTTP/1.1\r\nhost: web\r\n" + fields + "\r\n"));
    return wire_.read_message(true);
  };
  const Wire::Message moved = at_web("/basket");
  EXPECT_EQ(moved.status(), 301);
  EXPECT_EQ(moved.field("location"), "http://web/cart");
  // What a backendRef names is asked without its routes, so either version may answer.
  const Wire::Message api = at_web("/api/cart/items?a=b", "x-internal: secret\r\nx-api: 0\r\n");
  EXPECT_EQ(api.status(), 200);
  const Wire::Message seen = api.body == "v1" ? mesh_.v1().last() : mesh_.v2().last();
  EXPECT_EQ(seen.target(), "/items?a=b");
  EXPECT_EQ(seen.field("x-api"), "1");
  EXPECT_EQ(seen.field("x-internal"), "");
  EXPECT_EQ(at_web("/api/carts").body, "v2") << "a prefix is of whole elements";
  EXPECT_EQ(mesh_.v2().last().target(), "/api/carts");
}

TEST_F(RouteExample, TcpReachesTheDatabaseThroughMutualTls) {
  Origin db([](Origin& self, Wire& wire) {
    const std::string asked = wire.read_to("\n");
    self.note({.head = asked, .body = {}});
    (void)wire.send("rows of " + asked);
  });
  start_with(placed(example("tcp.yaml"), "127.5.3.1", "15432", db.port()));
  const std::unique_ptr<Proxy> db_sidecar = mesh_.start_sidecar("db-a", "db");
  ASSERT_NE(db_sidecar, nullptr);
  Wire wire = mesh_.call_web_at(5432);
  ASSERT_TRUE(wire.send("select\n"));
  EXPECT_EQ(wire.read_to("\n"), "rows of select\n");
  EXPECT_TRUE(
      db_sidecar->metric_reaches(1, "weft_handshakes_total", {"side=\"server\"", "result=\"ok\""}));
  EXPECT_TRUE(web_->metric_reaches(1, "weft_tcp_connections_opened_total"));
}

TEST_F(RouteExample, TcpRouteSplitsConnectionsByWeight) {
  const auto says = [](const std::string& name) {
    return [name](Origin& self, Wire& wire) {
      self.note({.head = wire.read_to("\n"), .body = {}});
      (void)wire.send(name + "\n");
    };
  };
  Origin one(says("one"));
  Origin two(says("two"));
  start_with(placed(placed(example("tcp-route.yaml"), "127.5.5.1", "16432", one.port()),
                    "127.5.5.2", "16433", two.port(), 1));
  const std::unique_ptr<Proxy> v1 = mesh_.start_sidecar("orders-v1-a", "orders");
  const std::unique_ptr<Proxy> v2 = mesh_.start_sidecar("orders-v2-a", "orders");
  ASSERT_TRUE(v1 != nullptr && v2 != nullptr);
  int to_two = 0;
  for (int i = 0; i < 100; ++i) {
    Wire wire = mesh_.call_web_at(6432);
    ASSERT_TRUE(wire.send("hello\n"));
    const std::string answer = wire.read_to("\n");
    EXPECT_TRUE(answer == "one\n" || answer == "two\n") << answer;
    to_two += answer == "two\n" ? 1 : 0;
  }
  EXPECT_EQ(to_two, 10) << "exact, as of requests";
}

TEST_F(RouteExample, ServiceFieldsKeepCallsNearAndCallersWhereTheyWere) {
  start();
  apply(example("service-fields.yaml") +
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: cart-sticky, namespace: shop}\nspec: "
        "{selector: {app: cart}, sessionAffinity: ClientIP, ports: [{name: http, port: 80, "
        "targetPort: http}]}\n");
  const auto who = [&](const std::string& host) {
    EXPECT_TRUE(wire_.send("GET / HTTP/1.1\r\nhost: " + host + "\r\n\r\n"));
    return wire_.read_message(true).body;
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(who("cart-near"), "v1") << "web and v1 are in zone a";
  const std::string owner = who("cart-sticky");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(who("cart-sticky"), owner);
}

TEST_F(RouteExample, CallsToALocalServiceStayOnTheCallersNodeOrAre503) {
  start();
  const std::string text = example("service-local.yaml");
  // Its Workload has no sidecar here; cart-v1-a is on the node of web-a, cart-v2-a on another.
  apply(text.substr(0, text.find("---\n")));
  const auto ask_local = [&] {
    EXPECT_TRUE(wire_.send("GET / HTTP/1.1\r\nhost: cart-local\r\n\r\n"));
    return wire_.read_message(true);
  };
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask_local().body, "v1");
  EXPECT_EQ(cart_v2_->metric("weft_requests_total"), 0);

  mesh_.set_ready_v1(false);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int status = 200;
  while (status == 200 && std::chrono::steady_clock::now() < until) status = ask_local().status();
  EXPECT_EQ(status, 503) << "nobody else takes its calls, though cart-v2-a is ready";
  EXPECT_EQ(cart_v2_->metric("weft_requests_total"), 0);
  EXPECT_GE(web_->metric("weft_requests_total",
                         {"destination_service=\"cart-local.shop", "response_flags=\"UH\""}),
            1);
}

// What a client of TLS says first: a name and nothing much.
std::string client_hello(const std::string& name) {
  const auto number = [](std::size_t value, int size) {
    std::string bytes;
    for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>((value >> (8 * i)) & 255U);
    return bytes;
  };
  const auto sized = [&](const std::string& body, int size) {
    return number(body.size(), size) + body;
  };
  const std::string names = sized(std::string(1, '\0') + sized(name, 2), 2);
  const std::string extensions = number(0, 2) + sized(names, 2);
  const std::string body = "\x03\x03" + std::string(32, 'r') + sized("", 1) + sized("\x13\x01", 2) +
                           sized(std::string(1, '\0'), 1) + sized(extensions, 2);
  return "\x16\x03\x01" + sized("\x01" + sized(body, 3), 2);
}

TEST_F(RouteExample, TlsRouteChoosesByServerNameAndOpensNothing) {
  const std::string known = client_hello("a.east.ledgers.example");
  Origin east([size = known.size()](Origin& self, Wire& wire) {
    self.note({.head = wire.read_bytes(size), .body = {}});
    (void)wire.send("east\n");
  });
  start_with(placed(example("tls-route.yaml"), "127.5.4.3", "15443", east.port()));
  const std::unique_ptr<Proxy> ledgers = mesh_.start_sidecar("ledgers-east-a", "ledgers");
  ASSERT_NE(ledgers, nullptr);
  Wire wire = mesh_.call_web_at(7443);
  ASSERT_TRUE(wire.send(known));
  EXPECT_EQ(wire.read_to("\n"), "east\n");
  EXPECT_EQ(east.last().head, known) << "byte for byte";
  Wire other = mesh_.call_web_at(7443);
  ASSERT_TRUE(other.send(client_hello("a.west.ledgers.example")));
  EXPECT_EQ(other.read_all(), "") << "a route replaces what the Service did by itself";
  EXPECT_EQ(east.requests(), 1U);
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
