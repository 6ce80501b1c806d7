// Faults: failures on purpose strike whom they should, are told for what they are, and end.

#include <gtest/gtest.h>

#include <chrono>

#include "tests/mesh/log_file.h"
#include "tests/mesh/mesh.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

config::Route faulty(config::FaultPolicy fault, std::string cluster_name = "cart") {
  config::Route route = to("/", std::move(cluster_name));
  config::RouteExtras extras;
  extras.faults.push_back(std::move(fault));
  route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  return route;
}

config::FaultPolicy abort_with(std::uint16_t status) {
  config::FaultPolicy fault{.name = "ill"};
  fault.abort = config::FaultPolicy::Abort{.http_status = status, .grpc_status = {}};
  return fault;
}

config::FaultPolicy delay_of(Duration delay) {
  config::FaultPolicy fault{.name = "slow"};
  fault.delay = delay;
  return fault;
}

TEST(Faults, AnAbortAnswersWithoutAskingAnybody) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({faulty(abort_with(418))}))},
              {cluster("cart", {cart.address()})});
  const Wire::Message answer = ask(proxy, "/", {}, "POST", "body");
  EXPECT_EQ(answer.status(), 418);
  EXPECT_EQ(answer.body, "fault\n");
  EXPECT_EQ(answer.field("x-weft-cause"), "") << "nobody outside the mesh is told";
  EXPECT_EQ(cart.requests(), 0U);
  EXPECT_EQ(proxy.metric("weft_faults_injected_total", {"kind=\"abort\""}), 1);
  EXPECT_EQ(proxy.metric("weft_requests_total", {"cause=\"fault\"", "response_flags=\"FI\""}), 1);
}

TEST(Faults, ADelayHoldsTheRequestBackAndThenLetsItGo) {
  Origin cart(Origin::echoes());
  LogFile log;
  config::ListenerConfig listener = http_listener("in", routes({faulty(delay_of(150ms))}));
  http_of(listener).access_logs = {
      {.path = log.path(), .format = config::AccessLog::Format::kJson}};
  Proxy proxy({listener}, {cluster("cart", {cart.address()})});
  const auto begun = std::chrono::steady_clock::now();
  const Wire::Message answer = ask(proxy, "/", {}, "POST", "body");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 149ms);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "body");
  EXPECT_EQ(proxy.metric("weft_faults_injected_total", {"kind=\"delay\""}), 1);
  EXPECT_EQ(proxy.metric("weft_requests_total", {"cause=\"\"", "response_flags=\"DI\""}), 1);
  proxy.drain();
  proxy.end();
  EXPECT_NE(log.text().find("\"fault\":\"slow\""), std::string::npos) << log.text();
}

TEST(Faults, ADelayCountsAgainstTheRequestsTime) {
  Origin cart;
  config::Route route = faulty(delay_of(1h));
  forward(route).timeouts.request = 50ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {cart.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 504);
  EXPECT_EQ(cart.requests(), 0U);
  EXPECT_EQ(proxy.metric("weft_requests_total", {"response_flags=\"UT,DI\""}), 1);
}

TEST(Faults, AResetEndsWithoutAnAnswer) {
  Origin cart;
  config::FaultPolicy fault{.name = "cut"};
  fault.reset = true;
  Proxy proxy({http_listener("in", routes({faulty(fault)}))}, {cluster("cart", {cart.address()})});
  EXPECT_TRUE(ask(proxy, "/").empty());
  EXPECT_EQ(cart.requests(), 0U);
  EXPECT_EQ(proxy.metric("weft_faults_injected_total", {"kind=\"reset\""}), 1);
  EXPECT_EQ(proxy.metric("weft_requests_total",
                         {"response_code=\"0\"", "cause=\"fault\"", "response_flags=\"FI\""}),
            1);
}

TEST(Faults, ASlowBodyComesSlowlyAndWhole) {
  const std::string body(6000, 'b');
  Origin cart(Origin::replies(200, body));
  config::FaultPolicy fault{.name = "drip"};
  fault.slow_body = 20'000;
  Proxy proxy({http_listener("in", routes({faulty(fault)}))}, {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 2; ++i) {
    const auto begun = std::chrono::steady_clock::now();
    const Wire::Message answer = ask(wire, "/");
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 250ms);
    EXPECT_EQ(answer.body, body);
  }
  EXPECT_EQ(proxy.metric("weft_faults_injected_total", {"kind=\"slow_body\""}), 2);
}

TEST(Faults, AreOverWhenTheirTimeIs) {
  Origin cart;
  config::FaultPolicy fault = abort_with(503);
  fault.until = read_wall_clock() - 1s;
  Proxy proxy({http_listener("in", routes({faulty(fault)}))}, {cluster("cart", {cart.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_faults_injected_total"), 0);
}

TEST(Faults, StrikeOnlyRequestsThatMatch) {
  Origin cart;
  config::FaultPolicy fault = abort_with(503);
  config::HeaderMatch jason;
  jason.name = "end-user";
  jason.text.value = "jason";
  fault.headers.push_back(jason);
  Proxy proxy({http_listener("in", routes({faulty(fault)}))}, {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(ask(wire, "/", "end-user: jason\r\n").status(), 503);
  EXPECT_EQ(ask(wire, "/", "end-user: mary\r\n").status(), 200);
}

TEST(Faults, OneSwitchKeepsThemAllOutOfTheWholeSidecar) {
  Origin cart;
  sidecar::Start start = start_of({http_listener("in", routes({faulty(abort_with(503))}))},
                                  {cluster("cart", {cart.address()})});
  start.faults = false;
  start.workers = 2;
  Proxy proxy(std::move(start));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(proxy, "/").status(), 200);
  proxy.on_loop([](sidecar::Sidecar& sidecar) { sidecar.faults().set(true); });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(proxy, "/").status(), 503);
}

TEST(Faults, TheSwitchEndsADelayThatIsUnderWay) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({faulty(delay_of(1h))}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_faults_injected_total"));
  proxy.on_loop([](sidecar::Sidecar& sidecar) {
    EXPECT_EQ(sidecar.faults().active(), 1U);
    sidecar.faults().set(false);
  });
  EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(cart.requests(), 1U);
}

TEST(Faults, ACallerWhoLeavesDuringADelayLeavesNothingBehind) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({faulty(delay_of(1h))}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_faults_injected_total"));
  wire.reset();
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"cause=\"client_gone\""}));
  proxy.on_loop([](sidecar::Sidecar& sidecar) { EXPECT_EQ(sidecar.faults().active(), 0U); });
  EXPECT_EQ(cart.requests(), 0U);
}

TEST(Faults, AnAbortSpeaksGrpcToGrpc) {
  Origin cart;
  config::FaultPolicy fault{.name = "ill"};
  fault.abort = config::FaultPolicy::Abort{.http_status = {}, .grpc_status = 8};
  Proxy proxy({http_listener("in", routes({faulty(fault)}))}, {cluster("cart", {cart.address()})});
  const Wire::Message answer =
      ask(proxy, "/s/M", "content-type: application/grpc\r\n", "POST", "x");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("grpc-status"), "8");
  EXPECT_EQ(ask(proxy, "/").status(), 429) << "who speaks HTTP hears what means the same";
}

TEST(Faults, AListenersFaultsHoldWhereTheRouteHasNone) {
  Origin cart;
  config::Route own = faulty(abort_with(501));
  own.path.text.value = "/own";
  config::Route off = to("/off", "cart");
  off.extras = std::make_shared<const config::RouteExtras>([] {
    config::RouteExtras extras;
    extras.own_faults = true;
    return extras;
  }());
  config::ListenerConfig listener = http_listener("in", routes({own, off, to("/", "cart")}));
  http_of(listener).faults = {abort_with(500)};
  Proxy proxy({listener}, {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/own").status(), 501);
  EXPECT_EQ(ask(wire, "/off").status(), 200);
  EXPECT_EQ(ask(wire, "/other").status(), 500);
}

// The whole way: the callee's sidecar aborts, the caller's neither ejects it, nor opens its circuit
// breaker, nor tries again.
TEST(Faults, OfOneSidecarAreNoFailuresToTheNext) {
  const Authority authority("cluster.local");
  Origin app;
  config::ListenerConfig in = inbound(authority.material("server"));
  http_of(in).inline_routes =
      std::make_shared<const config::RouteConfig>(routes({faulty(abort_with(503), "app")}));
  Proxy server({in}, {cluster("app", {app.address()})});
  config::ClusterConfig remote = to_server(authority.material("client"), server.address());
  remote.outlier = config::OutlierDetection{.consecutive_5xx = 1, .ejected_percent_max = 100};
  config::BreakerPolicy breaker;
  breaker.counts = config::BreakerPolicy::kTransport | config::BreakerPolicy::kServerError;
  breaker.consecutive_failures = 1;
  remote.breaker = breaker;
  config::Route route = to("/", "server");
  forward(route).retry.on = config::kRetry5xx;
  forward(route).retry.attempts_extra = 3;
  config::ListenerConfig out = outbound();
  http_of(out).inline_routes = std::make_shared<const config::RouteConfig>(routes({route}));
  Proxy client({out}, {remote});
  Wire wire = client.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 503);
  EXPECT_EQ(server.metric("weft_faults_injected_total", {"kind=\"abort\""}), 20);
  EXPECT_EQ(client.metric("weft_breaker_state"), 0);
  EXPECT_EQ(client.metric("weft_ejections_total"), 0);
  EXPECT_EQ(client.metric("weft_retries_total"), 0);
  EXPECT_EQ(client.metric("weft_requests_total", {"cause=\"fault\""}), 20) << "and it is told so";
}

}  // namespace
}  // namespace weft::mesh_test
