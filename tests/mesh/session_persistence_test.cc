// Requests of one session go to one endpoint, whatever weights and balancers say, while it is
// usable.

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

struct Shops {
  explicit Shops(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
      origins.push_back(std::make_unique<Origin>(Origin::replies(200, std::to_string(i))));
  }
  [[nodiscard]] std::vector<SocketAddress> addresses(std::size_t from, std::size_t to) const {
    std::vector<SocketAddress> out;
    for (std::size_t i = from; i < to; ++i) out.push_back(origins[i]->address());
    return out;
  }
  std::vector<std::unique_ptr<Origin>> origins;
};

config::SessionPersistence by_cookie() {
  config::SessionPersistence out;
  out.name = "cart-session";
  out.path = "/";
  return out;
}

config::Route persistent(const config::SessionPersistence& how, std::string cluster = "cart") {
  config::Route route = to("/", std::move(cluster));
  forward(route).session = std::make_shared<const config::SessionPersistence>(how);
  return route;
}

// What to send so that the session goes on.
std::string cookie_of(const Wire::Message& answer) {
  const std::string made = answer.field("set-cookie");
  return "cookie: theme=dark; " + made.substr(0, made.find(';')) + "; last=1\r\n";
}

TEST(SessionPersistence, ACookieKeepsASessionAtItsEndpoint) {
  const Shops shops(5);
  Proxy proxy({http_listener("in", routes({persistent(by_cookie())}))},
              {cluster("cart", shops.addresses(0, 5))});
  std::set<std::string> owners;
  for (int client = 0; client < 10; ++client) {
    const Wire::Message first = ask(proxy, "/");
    const std::string made = first.field("set-cookie");
    EXPECT_TRUE(made.starts_with("cart-session=\"") && made.ends_with("\"; Path=/; HttpOnly"))
        << made;
    EXPECT_EQ(made.find("127.0.0.1"), std::string::npos) << "it tells no address";
    for (int i = 0; i < 6; ++i) {
      const Wire::Message again = ask(proxy, "/", cookie_of(first));
      EXPECT_EQ(again.body, first.body);
      EXPECT_EQ(again.field("set-cookie"), "") << "it has it already";
    }
    owners.insert(first.body);
  }
  EXPECT_EQ(owners.size(), 5U) << "new sessions are balanced";
  EXPECT_TRUE(proxy.metric_reaches(10, "weft_sessions_total",
                                   {"destination_service=\"cart\"", "result=\"new\""}));
  EXPECT_TRUE(proxy.metric_reaches(60, "weft_sessions_total", {"result=\"kept\""}));
  EXPECT_EQ(proxy.metric("weft_sessions_total"), 70);
}

TEST(SessionPersistence, APermanentCookieHasAnEnd) {
  const Shops shops(1);
  config::SessionPersistence how = by_cookie();
  how.lifetime = std::chrono::hours(24);
  how.attributes = "; Secure; SameSite=Lax";
  Proxy proxy({http_listener("in", routes({persistent(how)}))},
              {cluster("cart", shops.addresses(0, 1))});
  EXPECT_TRUE(ask(proxy, "/")
                  .field("set-cookie")
                  .ends_with("\"; Max-Age=86400; Path=/; Secure; SameSite=Lax; HttpOnly"));
}

TEST(SessionPersistence, AHeaderDoesTheSame) {
  const Shops shops(4);
  config::SessionPersistence how;
  how.by = config::SessionPersistence::By::kHeader;
  how.name = "x-session";
  Proxy proxy({http_listener("in", routes({persistent(how)}))},
              {cluster("cart", shops.addresses(0, 4))});
  const Wire::Message first = ask(proxy, "/");
  const std::string token = first.field("x-session");
  ASSERT_EQ(token.size(), 16U);
  for (int i = 0; i < 8; ++i) {
    const Wire::Message again = ask(proxy, "/", "x-session: " + token + "\r\n");
    EXPECT_EQ(again.body, first.body);
    EXPECT_EQ(again.field("x-session"), "");
  }
}

TEST(SessionPersistence, OutranksTheWeightsOfASplitAlsoWhenOneDropsToZero) {
  const Shops shops(4);
  config::Route route = persistent(by_cookie(), "stable");
  forward(route).clusters[0].weight = 50;
  forward(route).clusters.push_back({.cluster = "canary", .weight = 50, .edits = {}});
  config::Route drained = route;
  forward(drained).clusters[0].weight = 100;
  forward(drained).clusters[1].weight = 0;
  config::ListenerConfig after = http_listener("after", routes({drained}));
  Proxy proxy({http_listener("in", routes({route})), after},
              {cluster("stable", shops.addresses(0, 2)), cluster("canary", shops.addresses(2, 4))});
  Wire::Message first = ask(proxy, "/");
  while (first.body != "3") first = ask(proxy, "/");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(proxy, "/", cookie_of(first)).body, "3");
  Wire late = proxy.dial("after");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(late, "/", cookie_of(first)).body, "3");
  for (int i = 0; i < 20; ++i) EXPECT_LT(ask(late, "/").body, "2") << "new ones go by weight";
  // Who drains a backend sees how many requests still hold on to it.
  EXPECT_TRUE(proxy.metric_reaches(20, "weft_sessions_total",
                                   {"destination_service=\"canary\"", "result=\"pinned\""}));
  EXPECT_EQ(proxy.metric("weft_sessions_total", {"result=\"pinned\""}), 20);
}

TEST(SessionPersistence, GoesElsewhereWithANewTokenWhenItsEndpointIsNotUsable) {
  const Shops shops(3);
  config::SessionPersistence strict = by_cookie();
  strict.strict = true;
  config::Route strictly = persistent(strict);
  strictly.path.text.value = "/strict";
  Proxy proxy({http_listener("in", routes({strictly, persistent(by_cookie())}))},
              {cluster("cart", shops.addresses(0, 3))});
  const Wire::Message first = ask(proxy, "/");
  config::ClusterConfig changed = cluster("cart", shops.addresses(0, 3));
  auto endpoints = std::make_shared<config::EndpointSet>(*changed.inline_endpoints);
  endpoints->endpoints[static_cast<std::size_t>(std::stoi(first.body))].health =
      config::Endpoint::Health::kUnhealthy;
  changed.inline_endpoints = endpoints;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(changed));
    sidecar.publisher().schedule();
  });
  ASSERT_TRUE(proxy.ready());
  const Wire::Message moved = ask(proxy, "/", cookie_of(first));
  EXPECT_EQ(moved.status(), 200);
  EXPECT_NE(moved.body, first.body);
  EXPECT_NE(moved.field("set-cookie"), "");
  EXPECT_EQ(ask(proxy, "/", cookie_of(moved)).body, moved.body);
  EXPECT_EQ(ask(proxy, "/strict", cookie_of(first)).status(), 503) << "where it must not move";
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_sessions_total", {"result=\"lost\""}));
  EXPECT_EQ(proxy.metric("weft_sessions_total", {"result=\"moved\""}), 1);
}

TEST(SessionPersistence, WhatIsNoTokenIsAsGoodAsNone) {
  const Shops shops(2);
  Proxy proxy({http_listener("in", routes({persistent(by_cookie())}))},
              {cluster("cart", shops.addresses(0, 2))});
  for (const char* value :
       {"", "\"\"", "0123456789abcdef", "0123456789ABCDEG", "xyz", "127.0.0.1:80",
        "00000000000000000000000000000000000000000000000000", "-123456789abcdef"}) {
    const Wire::Message answer =
        ask(proxy, "/", "cookie: cart-session=" + std::string(value) + "\r\n");
    EXPECT_EQ(answer.status(), 200) << value;
    EXPECT_NE(answer.field("set-cookie"), "") << value;
  }
}

TEST(SessionPersistence, ARetryLeavesTheEndpointAndTheAnswerSaysSo) {
  const Shops shops(1);
  Origin failing([](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      const bool first = self.requests() == 0;
      self.note(std::move(asked));
      if (!wire.send(first ? "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nf"
                           : "HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n"))
        return;
    }
  });
  config::Route route = persistent(by_cookie());
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.backoff_base = std::chrono::milliseconds(1);
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("cart", {shops.origins[0]->address(), failing.address()})});
  Wire::Message first = ask(proxy, "/");
  while (first.body != "f") first = ask(proxy, "/");
  const Wire::Message second = ask(proxy, "/", cookie_of(first));
  EXPECT_EQ(second.status(), 200);
  EXPECT_EQ(second.body, "0");
  EXPECT_NE(second.field("set-cookie"), "");
}

}  // namespace
}  // namespace weft::mesh_test
