// What a route table promises, seen from outside.

#include <gtest/gtest.h>

#include <array>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

TEST(Routing, FollowsPathHeaderAndQueryRules) {
  Origin cart(Origin::replies(200, "cart"));
  Origin beta(Origin::replies(200, "beta"));
  Origin rest(Origin::replies(200, "rest"));
  config::Route by_header = to("/", "beta");
  config::HeaderMatch header;
  header.name = "x-stage";
  header.text.value = "beta";
  by_header.headers.push_back(header);
  config::Route by_query = to("/", "beta");
  config::QueryMatch query;
  query.name = "stage";
  query.text.value = "beta";
  by_query.query.push_back(query);
  Proxy proxy(
      {http_listener("in", routes({by_header, by_query, to("/cart", "cart"), to("/", "rest")}))},
      {cluster("cart", {cart.address()}), cluster("beta", {beta.address()}),
       cluster("rest", {rest.address()})});
  EXPECT_EQ(ask(proxy, "/cart/1").body, "cart");
  EXPECT_EQ(ask(proxy, "/other").body, "rest");
  EXPECT_EQ(ask(proxy, "/cart", "x-stage: beta\r\n").body, "beta");
  EXPECT_EQ(ask(proxy, "/cart", "x-stage: alpha\r\n").body, "cart");
  EXPECT_EQ(ask(proxy, "/cart?a=1&stage=beta").body, "beta");
  EXPECT_EQ(ask(proxy, "/?stage=alpha").body, "rest");
  EXPECT_EQ(rest.last().target(), "/?stage=alpha");
}

TEST(Routing, AnswersRedirectsAndDirectResponses) {
  config::Route direct = to("/hello", "none");
  direct.action =
      config::DirectResponse{.status = 418, .body = "teapot", .content_type = "text/plain"};
  config::Route redirect = to("/old", "none");
  config::RedirectAction action;
  action.host = "shop.example";
  action.prefix_rewrite = "/new";
  action.status = 308;
  redirect.action = action;
  Proxy proxy({http_listener("in", routes({direct, redirect}))}, {});
  Wire wire = proxy.dial();
  const Wire::Message hello = ask(wire, "/hello");
  EXPECT_EQ(hello.status(), 418);
  EXPECT_EQ(hello.body, "teapot");
  const Wire::Message moved = ask(wire, "/old/x?q=1");
  EXPECT_EQ(moved.status(), 308);
  EXPECT_EQ(moved.field("location"), "http://shop.example/new/x?q=1");
  EXPECT_EQ(ask(wire, "/hello", {}, "HEAD").status(), 418);
  EXPECT_EQ(ask(wire, "/hello", {}, "POST", "a body that nobody reads").status(), 418);
  EXPECT_EQ(ask(wire, "/hello").body, "teapot");
}

TEST(Routing, EditsHeadersBothWays) {
  Origin origin(Origin::replies(200, "ok", "x-secret: 1\r\nx-kept: 2\r\n"));
  config::Route route = to("/", "cart");
  using Op = config::HeaderEdit::Op;
  route.edits.request = {
      {Op::kSet, "x-set", "new"}, {Op::kRemove, "x-gone", ""}, {Op::kAddIfAbsent, "x-here", "no"}};
  route.edits.response = {{Op::kRemove, "x-secret", ""}, {Op::kAppend, "x-added", "yes"}};
  forward(route).prefix_rewrite = "/v2/";
  forward(route).host_rewrite = "cart.internal";
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {origin.address()})});
  const Wire::Message answer =
      ask(proxy, "/a", "x-set: old\r\nx-gone: 1\r\nx-here: mine\r\nx-weft-peer: forged\r\n");
  EXPECT_EQ(answer.field("x-secret"), "");
  EXPECT_EQ(answer.field("x-kept"), "2");
  EXPECT_EQ(answer.field("x-added"), "yes");
  const Wire::Message seen = origin.last();
  EXPECT_EQ(seen.target(), "/v2/a");
  EXPECT_EQ(seen.field("host"), "cart.internal");
  EXPECT_EQ(seen.field("x-set"), "new");
  EXPECT_EQ(seen.field("x-gone"), "");
  EXPECT_EQ(seen.field("x-here"), "mine");
  EXPECT_EQ(seen.field("x-weft-peer"), "") << "only a verified peer may say who it is";
  EXPECT_NE(seen.field("traceparent"), "");
  EXPECT_NE(seen.field("x-request-id"), "");
}

TEST(Routing, OfEditsOnSeveralLevelsTheTablesWinOrTheRoutesWhereItSaysSo) {
  using Op = config::HeaderEdit::Op;
  const auto edits = [](const char* who) {
    return config::HeaderEdits{.request = {{Op::kSet, "x-who", who}},
                               .response = {{Op::kSet, "x-who", who}}};
  };
  for (const bool route_wins : {false, true}) {
    Origin origin;
    config::Route route = to("/", "cart");
    route.edits = edits("route");
    config::RouteConfig table = routes({route});
    table.virtual_hosts.front().edits = edits("host");
    table.edits = edits("table");
    table.most_specific_edits_win = route_wins;
    Proxy proxy({http_listener("in", table)}, {cluster("cart", {origin.address()})});
    const char* winner = route_wins ? "route" : "table";
    EXPECT_EQ(ask(proxy, "/").field("x-who"), winner);
    EXPECT_EQ(origin.last().field("x-who"), winner);
  }
}

TEST(Routing, Answers404WhenNoRoute) {
  Proxy proxy({http_listener("in", routes({to("/cart", "cart")}))}, {cluster("cart", {})});
  EXPECT_EQ(ask(proxy, "/other").status(), 404);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"404"}));
}

TEST(Routing, Answers503ForAnUnknownClusterAndForAnEmptyOne) {
  Proxy proxy({http_listener("in", routes({to("/cart", "cart"), to("/", "nobody")}))},
              {cluster("cart", {})});
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(ask(proxy, "/cart").status(), 503);
}

TEST(Split, NinetyToTenIsExactToOnePerThousand) {
  Origin many(Origin::replies(200, "many"));
  Origin few(Origin::replies(200, "few"));
  config::Route route = to("/", "many");
  forward(route).clusters = {{.cluster = "many", .weight = 90, .edits = {}},
                             {.cluster = "few", .weight = 10, .edits = {}}};
  Proxy proxy({http_listener("in", routes({route}))},
              {cluster("many", {many.address()}), cluster("few", {few.address()})});
  std::array<Wire, 8> wires;
  for (Wire& wire : wires) wire = proxy.dial();
  std::size_t failed = 0;
  for (int round = 0; round < 1250; ++round) {
    for (Wire& wire : wires) failed += ask(wire, "/").status() == 200 ? 0 : 1;
  }
  EXPECT_EQ(failed, 0U);
  EXPECT_NEAR(static_cast<double>(many.requests()), 9000, 10);
  EXPECT_NEAR(static_cast<double>(few.requests()), 1000, 10);
}

TEST(Reload, AnEditMovesTheNextRequestOfAKeptConnection) {
  Origin before(Origin::replies(200, "before"));
  Origin after(Origin::replies(200, "after"));
  config::ListenerConfig listener = http_listener("in", {});
  http_of(listener).inline_routes = nullptr;
  http_of(listener).route_config_name = "routes";
  Proxy proxy(
      start_of({}, {cluster("before", {before.address()}), cluster("after", {after.address()})}));
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(routes({to("/", "before")})));
    EXPECT_TRUE(sidecar.publisher().put(listener));
    sidecar.publisher().publish(2);
  });
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/").body, "before");
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(routes({to("/", "after")})));
    sidecar.publisher().schedule();
  });
  // The worker adopts within a turn or two; the connection stays.
  std::string body;
  for (int i = 0; i < 10'000 && body != "after"; ++i) body = ask(wire, "/").body;
  EXPECT_EQ(body, "after");
  EXPECT_EQ(ask(wire, "/").body, "after");
}

}  // namespace
}  // namespace weft::mesh_test
