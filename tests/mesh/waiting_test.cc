// Limits of a destination hold for the whole sidecar, and those who have to wait are served, give
// way or are answered in time.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

// An origin that knows how many requests and connections it had at one time at most.
struct Watched {
  Watched()
      : origin([this](Origin& self, Wire& wire) {
          for (;;) {
            Wire::Message asked = wire.read_message(false);
            if (asked.empty()) return;
            const int now = ++inside;
            for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) continue;
            self.note(std::move(asked));
            std::this_thread::yield();
            --inside;
            if (!wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) return;
          }
        }) {}
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  Origin origin;
};

Proxy four_workers(config::ClusterConfig cart) {
  sidecar::Start start =
      start_of({http_listener("in", routes({to("/", "cart")}))}, {std::move(cart)});
  start.workers = 4;
  return Proxy(std::move(start));
}

// Callers on connections of their own, which fall on workers by chance; how many got 200.
int ask_from_many(Proxy& proxy, int callers, int requests) {
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  const std::uint16_t port = proxy.port();
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      Wire wire = Wire::to(port);
      for (int at = 0; at < requests; ++at) good += ask(wire, "/").status() == 200 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  return good;
}

TEST(LimitOfOne, OneConnectionForAllWorkersAndEveryoneIsServed) {
  Watched watched;
  config::ClusterConfig cart = cluster("cart", {watched.origin.address()});
  cart.limits.connections_max = 1;
  Proxy proxy = four_workers(cart);
  EXPECT_EQ(ask_from_many(proxy, 12, 25), 300);
  EXPECT_EQ(watched.most, 1);
  EXPECT_EQ(proxy.metric("weft_limit_high_water", {"limit=\"connections\""}), 1);
}

TEST(LimitOfOne, AnIdleConnectionOfOneWorkerIsNotKeptFromAnother) {
  Watched watched;
  config::ClusterConfig cart = cluster("cart", {watched.origin.address()});
  cart.limits.connections_max = 1;
  Proxy proxy = four_workers(cart);
  // One after the other, each from another connection: whoever has it has nothing to do with it.
  for (int i = 0; i < 24; ++i) EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(watched.most, 1);
}

TEST(LimitOfOne, OneRequestForAllWorkers) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.requests_max = 1;
  Proxy proxy = four_workers(cart);
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(holding.requests(), 1U);
  holding.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(proxy.metric("weft_limit_high_water", {"limit=\"requests\""}), 1);
}

TEST(LimitOfOne, OneWaitsForAllWorkers) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.connections_max = 1;
  cart.limits.pending_max = 1;
  Proxy proxy = four_workers(cart);
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  Wire second = proxy.dial();
  ASSERT_TRUE(second.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_high_water", {"limit=\"pending\""}));
  for (int i = 0; i < 16; ++i) EXPECT_EQ(ask(proxy, "/").status(), 503);
  holding.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(second.read_message(true).status(), 200) << "whichever worker it waits in";
}

TEST(LimitOfOne, OneRetryForAllWorkers) {
  // The second request of each connection is not answered until release.
  Origin refusing([](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      const bool again = asked.head.find("x-try: 1") != std::string::npos && self.requests() > 0;
      self.note(std::move(asked));
      if (again) self.wait_for_release();
      if (!wire.send("HTTP/1.1 503 X\r\ncontent-length: 0\r\n\r\n")) return;
    }
  });
  config::ClusterConfig cart = cluster("cart", {refusing.address()});
  cart.limits.retries_max = 1;
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.backoff_base = 1ms;
  forward(route).retry.backoff_max = 1ms;
  sidecar::Start start = start_of({http_listener("in", routes({route}))}, {cart});
  start.workers = 4;
  Proxy proxy(std::move(start));
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: cart\r\nx-try: 1\r\n\r\n"));
  ASSERT_TRUE(refusing.wait_for(2)) << "its retry is under way";
  for (int i = 0; i < 16; ++i) EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(refusing.requests(), 18U) << "none of them was tried again";
  refusing.release();
  EXPECT_EQ(first.read_message(true).status(), 503);
}

TEST(WhenFull, TheOldestGivesWayAndIsAnsweredAtOnce) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.connections_max = 1;
  cart.limits.pending_max = 1;
  cart.limits.when_full = config::WhenFull::kDropOldest;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET /1 HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  Wire second = proxy.dial();
  ASSERT_TRUE(second.send("GET /2 HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_high_water", {"limit=\"pending\""}));
  Wire third = proxy.dial();
  ASSERT_TRUE(third.send("GET /3 HTTP/1.1\r\nhost: cart\r\n\r\n"));
  EXPECT_EQ(second.read_message(true).status(), 503);
  holding.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(third.read_message(true).status(), 200);
  EXPECT_EQ(holding.requests(), 2U) << "what gave way was never sent";
  EXPECT_EQ(holding.last().target(), "/3");
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_refused_total", {"cause=\"limit\""}));
  EXPECT_TRUE(proxy.metric_reaches(2, "weft_queue_seconds_count"));
}

TEST(WhenFull, ARoutesPriorityDecidesWhoIsServedAndWhoGivesWay) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.connections_max = 1;
  cart.limits.pending_max = 2;
  cart.limits.when_full = config::WhenFull::kDropLowest;
  config::Route critical = to("/pay", "cart");
  forward(critical).priority.usual = config::Priority::kCritical;
  config::Route low = to("/report", "cart");
  forward(low).priority.usual = config::Priority::kLow;
  Proxy proxy({http_listener("in", routes({critical, low, to("/", "cart")}))}, {cart});
  const auto send = [&](const std::string& target) {
    Wire wire = proxy.dial();
    EXPECT_TRUE(wire.send("GET " + target + " HTTP/1.1\r\nhost: cart\r\n\r\n"));
    return wire;
  };
  Wire first = send("/first");
  ASSERT_TRUE(holding.wait_for(1));
  Wire report = send("/report");
  ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_high_water", {"limit=\"pending\""}));
  Wire normal = send("/normal");
  ASSERT_TRUE(proxy.metric_reaches(2, "weft_limit_high_water", {"limit=\"pending\""}));
  Wire pay = send("/pay");
  EXPECT_EQ(report.read_message(true).status(), 503) << "the lowest gives way";
  EXPECT_EQ(ask(proxy, "/report").status(), 503) << "and finds nobody lower";
  holding.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(pay.read_message(true).status(), 200);
  EXPECT_EQ(normal.read_message(true).status(), 200);
  EXPECT_EQ(holding.last().target(), "/normal") << "after the one that came later";
}

TEST(WhenFull, WhatWaitsTooLongIsAnsweredAndNeverSent) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  cart.limits.connections_max = 1;
  cart.limits.pending_timeout = 300ms;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire first = proxy.dial();
  ASSERT_TRUE(first.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  EXPECT_EQ(ask(proxy, "/late").status(), 503);
  {
    // Nor what its caller has given up.
    Wire gone = proxy.dial();
    ASSERT_TRUE(gone.send("GET /gone HTTP/1.1\r\nhost: cart\r\n\r\n"));
    ASSERT_TRUE(proxy.metric_reaches(1, "weft_limit_in_use", {"limit=\"pending\""}));
    gone.reset();
    ASSERT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_code=\"0\""}));
  }
  holding.release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(ask(proxy, "/after").status(), 200);
  EXPECT_EQ(holding.last().target(), "/after");
  EXPECT_EQ(holding.requests(), 2U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_refused_total", {"cause=\"queue_timeout\""}));
}

// A connection that ends frees its place: the next in line is served by another one (patterns-b.md
// BH-13, trap 3).
TEST(WhenFull, AConnectionThatEndsLetsTheNextInLineHaveItsPlace) {
  Origin origin([](Origin& self, Wire& wire) {
    Wire::Message asked = wire.read_message(false);
    if (asked.empty()) return;
    self.note(std::move(asked));
    self.wait_for_release();
    (void)wire.send("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
  });
  config::ClusterConfig cart = cluster("cart", {origin.address()});
  cart.limits.connections_max = 1;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  std::vector<Wire> wires;
  for (int i = 0; i < 5; ++i) {
    wires.push_back(proxy.dial());
    ASSERT_TRUE(wires.back().send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  }
  ASSERT_TRUE(proxy.metric_reaches(4, "weft_limit_high_water", {"limit=\"pending\""}));
  origin.release();
  for (Wire& wire : wires) EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(origin.connections(), 5U);
}

// Lowering a limit is no reason to break what is under way (patterns-b.md BH-01).
TEST(WhenFull, ALowerLimitLeavesWhatIsUnderWay) {
  Origin holding(Origin::holds());
  config::ClusterConfig cart = cluster("cart", {holding.address()});
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  std::vector<Wire> wires;
  for (int i = 0; i < 3; ++i) {
    wires.push_back(proxy.dial());
    ASSERT_TRUE(wires.back().send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  }
  ASSERT_TRUE(holding.wait_for(3));
  cart.limits.connections_max = 1;
  cart.limits.requests_max = 1;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(cart));
    sidecar.publisher().schedule();
  });
  ASSERT_TRUE(proxy.ready());
  EXPECT_TRUE(proxy.metric_reaches(3, "weft_limit_in_use", {"limit=\"requests\""}));
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  holding.release();
  for (Wire& wire : wires) EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(ask(proxy, "/").status(), 200);
}

TEST(ConnectionAge, AnOldConnectionIsReplacedAndNoRequestIsLost) {
  Origin origin;
  config::ClusterConfig cart = cluster("cart", {origin.address()});
  cart.http.connection_age_max = 50ms;
  cart.http.connection_age_jitter_percent = 50;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  Wire wire = proxy.dial();
  std::size_t asked = 0;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (origin.connections() < 5 && std::chrono::steady_clock::now() < until) {
    ASSERT_EQ(ask(wire, "/").status(), 200);
    ++asked;
  }
  EXPECT_GE(origin.connections(), 5U);
  EXPECT_EQ(origin.requests(), asked);
}

TEST(IdleConnections, AreThereBeforeTheFirstRequest) {
  Origin origin;
  config::ClusterConfig cart = cluster("cart", {origin.address()});
  cart.http.idle_connections_min = 3;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  EXPECT_TRUE(proxy.metric_reaches(3, "weft_pool_connections", {"state=\"idle\""}));
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_queue_seconds_count"), 0) << "it did not wait for one";
  EXPECT_GE(origin.connections(), 3U);
}

}  // namespace
}  // namespace weft::mesh_test
