// Active health checks as callers and origins see them: who is asked, who gets nothing, who comes
// back.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>

#include "tests/mesh/mesh.h"
#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// Answers /healthz with a status that can be changed, everything else with 200; counts both.
struct Patient {
  Patient()
      : origin([this](Origin& self, Wire& wire) {
          for (;;) {
            Wire::Message asked = wire.read_message(false);
            if (asked.empty()) return;
            const bool check = asked.target() == "/healthz";
            ++(check ? checks : requests);
            self.note(std::move(asked));
            const std::string status = check ? std::to_string(health.load()) : "200";
            if (!wire.send("HTTP/1.1 " + status + " X\r\ncontent-length: 0\r\n\r\n")) return;
          }
        }) {}
  std::atomic<int> health{200};
  std::atomic<std::size_t> checks{0};
  std::atomic<std::size_t> requests{0};
  Origin origin;
};

std::shared_ptr<config::HealthCheck> quick_check() {
  auto check = std::make_shared<config::HealthCheck>();
  check->path = "/healthz";
  check->timeout = 5s;
  check->interval = check->interval_unused = check->interval_unused_passing = 10ms;
  check->interval_failing = check->interval_failing_edge = check->interval_passing_edge = 10ms;
  return check;
}

config::ClusterConfig checked(std::vector<SocketAddress> endpoints,
                              std::shared_ptr<const config::HealthCheck> check) {
  config::ClusterConfig out = cluster("cart", std::move(endpoints));
  out.health_check = std::move(check);
  out.panic_percent = 0;
  return out;
}

bool failing(Proxy& proxy, int count) {
  return proxy.metric_reaches(count, "weft_endpoints", {"state=\"failing_check\""}) &&
         proxy.metric("weft_endpoints", {"state=\"failing_check\""}) == count;
}
bool healthy(Proxy& proxy, int count) {
  return proxy.metric_reaches(count, "weft_endpoints", {"state=\"healthy\""});
}

TEST(HealthCheck, WhoFailsIsSentNothingUntilItPasses) {
  Patient well;
  Patient ill;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {checked({well.origin.address(), ill.origin.address()}, quick_check())});
  ill.health = 503;
  ASSERT_TRUE(failing(proxy, 1));
  const std::size_t before = ill.requests;
  Wire wire = proxy.dial();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(ill.requests, before);
  ill.health = 200;
  ASSERT_TRUE(healthy(proxy, 2));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(ill.requests, before + 25);
  EXPECT_GE(proxy.metric("weft_health_checks_total", {"result=\"passed\""}), 2);
  EXPECT_GE(proxy.metric("weft_health_checks_total", {"result=\"unexpected_answer\""}), 1);
}

TEST(HealthCheck, IsMadeOnceForAllWorkersAndAllLearn) {
  Patient well;
  Patient ill;
  ill.health = 500;
  auto check = quick_check();
  check->interval = check->interval_failing = check->interval_unused =
      check->interval_unused_passing = 1h;
  sidecar::Start start = start_of({http_listener("in", routes({to("/", "cart")}))},
                                  {checked({well.origin.address(), ill.origin.address()}, check)});
  start.workers = 4;
  Proxy proxy(std::move(start));
  ASSERT_TRUE(proxy.metric_reaches(2, "weft_health_checks_total"));
  ASSERT_TRUE(failing(proxy, 1));
  // Connections fall on workers by chance: many in a row that all avoid it.
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::size_t before = 0;
  do {
    before = ill.requests;
    for (int i = 0; i < 60; ++i) ASSERT_EQ(ask(proxy, "/").status(), 200);
  } while (ill.requests != before && std::chrono::steady_clock::now() < until);
  EXPECT_EQ(ill.requests, before);
  EXPECT_EQ(well.checks, 1U);
  EXPECT_EQ(ill.checks, 1U);
}

TEST(HealthCheck, WhenAllFailNobodyAnswersUnlessTheLastIsKept) {
  for (const bool keeps : {false, true}) {
    Patient one;
    Patient other;
    one.health = other.health = 503;
    config::ClusterConfig cart =
        checked({one.origin.address(), other.origin.address()}, quick_check());
    cart.keep_last_ready = keeps;
    Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
    ASSERT_TRUE(failing(proxy, 2));
    EXPECT_EQ(ask(proxy, "/").status(), keeps ? 200 : 503);
    one.health = 200;
    ASSERT_TRUE(healthy(proxy, 1));
    const std::size_t before = other.requests;
    Wire wire = proxy.dial();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
    EXPECT_EQ(other.requests, before);
  }
}

TEST(HealthCheck, PanicUsesWhoFailsItsChecksAndNeverWhoIsNotReady) {
  Patient failing_one;
  Patient failing_two;
  Patient not_ready;
  failing_one.health = failing_two.health = 503;
  config::ClusterConfig cart = checked(
      {failing_one.origin.address(), failing_two.origin.address(), not_ready.origin.address()},
      quick_check());
  auto endpoints = std::make_shared<config::EndpointSet>(*cart.inline_endpoints);
  endpoints->endpoints[2].health = config::Endpoint::Health::kUnhealthy;
  cart.inline_endpoints = endpoints;
  cart.panic_percent = 50;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  ASSERT_TRUE(failing(proxy, 2));
  Wire wire = proxy.dial();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(not_ready.requests, 0U);
}

TEST(HealthCheck, TcpAsksAndReadsTheAnswer) {
  Origin talker([](Origin&, Wire& wire) {
    if (wire.read_to("PING\r\n").empty()) return;
    (void)wire.send("+PO");
    (void)wire.send("NG\r\n");
    (void)wire.read_all();
  });
  Origin other_words([](Origin&, Wire& wire) {
    (void)wire.send("-ERR\r\n");
    wire.end();
    (void)wire.read_all();
  });
  ClosedPort closed;
  auto check = quick_check();
  check->kind = config::HealthCheck::Kind::kTcp;
  check->send = "PING\r\n";
  check->receive = {"+PONG"};
  Proxy proxy({tcp_listener("in", "cart")},
              {checked({talker.address(), other_words.address(), closed.address()}, check)});
  ASSERT_TRUE(failing(proxy, 2));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_health_checks_total", {"result=\"passed\""}));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_health_checks_total", {"result=\"connect_failure\""}));
  EXPECT_TRUE(
      proxy.metric_reaches(1, "weft_health_checks_total", {"result=\"unexpected_answer\""}));
  EXPECT_EQ(proxy.metric("weft_endpoints", {"state=\"healthy\""}), 1);
}

TEST(HealthCheck, WhoDoesNotAnswerInTimeFails) {
  Origin silent(Origin::never_answers());
  auto check = quick_check();
  check->timeout = 30ms;
  check->failures_max = 3;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {checked({silent.address()}, check)});
  ASSERT_TRUE(failing(proxy, 1));
  EXPECT_GE(proxy.metric("weft_health_checks_total", {"result=\"timeout\""}), 1);
}

// Over the cluster's own mTLS, through the other sidecar, to its application.
struct CheckedPair {
  explicit CheckedPair(Origin& app, std::shared_ptr<const config::HealthCheck> check)
      : server({inbound(authority.material("server"))}, {cluster("app", {app.address()})}) {
    config::ClusterConfig remote = to_server(authority.material("client"), server.address());
    remote.health_check = std::move(check);
    remote.panic_percent = 0;
    client = std::make_unique<Proxy>(std::vector{outbound()}, std::vector{remote});
  }
  Authority authority{"cluster.local"};
  Proxy server;
  std::unique_ptr<Proxy> client;
};

TEST(HealthCheck, GoesOverTheClustersOwnTls) {
  Patient app;
  CheckedPair pair(app.origin, quick_check());
  ASSERT_TRUE(pair.client->metric_reaches(3, "weft_health_checks_total", {"result=\"passed\""}));
  EXPECT_EQ(ask(*pair.client, "/").status(), 200);
  app.health = 500;
  ASSERT_TRUE(failing(*pair.client, 1));
  EXPECT_EQ(ask(*pair.client, "/").status(), 503);
}

TEST(HealthCheck, GrpcBelievesServingOnly) {
  std::atomic<int> serving{1};
  Origin app([&](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      const bool check = asked.target() == "/grpc.health.v1.Health/Check" &&
                         asked.body == "\0\0\0\0\x0b\x0a\x09shop.Cart"s;
      self.note(std::move(asked));
      std::string message = "\0\0\0\0\2\x08\1"s;
      message.back() = static_cast<char>(serving.load());
      if (!wire.send("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntransfer-encoding: "
                     "chunked\r\n\r\n" +
                     (check ? "7\r\n" + message + "\r\n" : ""s) +
                     "0\r\ngrpc-status: " + (check ? "0" : "5") + "\r\n\r\n"))
        return;
    }
  });
  auto check = quick_check();
  check->kind = config::HealthCheck::Kind::kGrpc;
  check->service = "shop.Cart";
  CheckedPair pair(app, check);
  ASSERT_TRUE(pair.client->metric_reaches(3, "weft_health_checks_total", {"result=\"passed\""}));
  serving = 2;  // NOT_SERVING
  ASSERT_TRUE(failing(*pair.client, 1));
  serving = 1;
  ASSERT_TRUE(healthy(*pair.client, 1));
}

TEST(HealthCheck, ANewEndpointWaitsForItsFirstCheckWhereOthersAreKnownToBeWell) {
  Patient well;
  Patient fresh;
  fresh.health = 503;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {checked({well.origin.address()}, quick_check())});
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_health_checks_total", {"result=\"passed\""}));
  Wire wire = proxy.dial();
  ASSERT_EQ(ask(wire, "/").status(), 200);
  config::ClusterConfig changed =
      checked({well.origin.address(), fresh.origin.address()}, quick_check());
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(changed));
    sidecar.publisher().schedule();
  });
  ASSERT_TRUE(proxy.ready());
  while (fresh.checks == 0) ASSERT_EQ(ask(wire, "/").status(), 200);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(fresh.requests, 0U);
  fresh.health = 200;
  ASSERT_TRUE(healthy(proxy, 2));
  for (int i = 0; i < 4; ++i) ASSERT_EQ(ask(wire, "/").status(), 200);
  EXPECT_GE(fresh.requests, 1U);
}

}  // namespace
}  // namespace weft::mesh_test
