// Rate limits: who comes too often is told when to come again, and a limit is one for the whole
// sidecar.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

config::RateLimit once_an_hour(std::uint32_t burst) {
  config::RateLimit limit{.name = "often", .scope = "all"};
  limit.requests = 1;
  limit.interval = 1h;
  limit.burst = burst;
  return limit;
}

config::Route limited(std::vector<config::RateLimit> limits) {
  config::Route route = to("/", "cart");
  config::RouteExtras extras;
  extras.rate_limits = std::move(limits);
  route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
  return route;
}

TEST(RateLimit, RefusesBeyondTheBurstAndSaysWhenToComeAgain) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({limited({once_an_hour(3)})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  for (int i = 0; i < 5; ++i) {
    const Wire::Message answer = ask(wire, "/", {}, "POST", "body");
    EXPECT_EQ(answer.status(), 429);
    EXPECT_EQ(answer.body, "rate limited\n");
    const int seconds = std::stoi("0" + answer.field("retry-after"));
    EXPECT_GT(seconds, 3500);
    EXPECT_LE(seconds, 3600);
  }
  EXPECT_EQ(cart.requests(), 3U);
  EXPECT_EQ(proxy.metric("weft_refused_total",
                         {"destination_service=\"cart\"", "cause=\"rate_limited\""}),
            5);
  EXPECT_EQ(
      proxy.metric("weft_requests_total", {"cause=\"rate_limited\"", "response_flags=\"RL\""}), 5);
}

TEST(RateLimit, OneMeansOneForAllWorkers) {
  Origin cart;
  sidecar::Start start = start_of({http_listener("in", routes({limited({once_an_hour(1)})}))},
                                  {cluster("cart", {cart.address()})});
  start.workers = 4;
  Proxy proxy(std::move(start));
  int passed = 0;
  // Each on a connection of its own, which some worker takes.
  for (int i = 0; i < 40; ++i) passed += ask(proxy, "/").status() == 200 ? 1 : 0;
  EXPECT_EQ(passed, 1);
}

TEST(RateLimit, EachValueOfAHeaderHasItsOwnAndLeavingItAwayIsNoWayAround) {
  Origin cart;
  config::RateLimit limit = once_an_hour(1);
  limit.key = config::RateLimit::Key::kHeader;
  limit.header = "x-user";
  Proxy proxy({http_listener("in", routes({limited({limit})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  for (const char* fields : {"x-user: a\r\n", "x-user: b\r\n", ""}) {
    EXPECT_EQ(ask(wire, "/", fields).status(), 200) << fields;
    EXPECT_EQ(ask(wire, "/", fields).status(), 429) << fields;
  }
}

TEST(RateLimit, EachPathHasItsOwnWhateverItsQuery) {
  Origin cart;
  config::RateLimit limit = once_an_hour(1);
  limit.key = config::RateLimit::Key::kPath;
  Proxy proxy({http_listener("in", routes({limited({limit})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/a?1").status(), 200);
  EXPECT_EQ(ask(wire, "/a?2").status(), 429);
  EXPECT_EQ(ask(wire, "/b").status(), 200);
}

TEST(RateLimit, OneCallersConnectionsAreOneCaller) {
  Origin cart;
  config::RateLimit limit = once_an_hour(1);
  limit.key = config::RateLimit::Key::kIdentity;
  Proxy proxy({http_listener("in", routes({limited({limit})}))},
              {cluster("cart", {cart.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(ask(proxy, "/").status(), 429) << "another port is not another caller";
}

config::RateLimit window_of(std::uint32_t requests, Duration interval) {
  config::RateLimit limit{.name = "often", .scope = "all"};
  limit.algorithm = RateLimiter::Algorithm::kSlidingWindow;
  limit.requests = requests;
  limit.interval = interval;
  return limit;
}

TEST(RateLimit, BySlidingWindowLetsSoManyInForAllWorkersAndSaysWhenToComeAgain) {
  Origin cart;
  sidecar::Start start = start_of({http_listener("in", routes({limited({window_of(5, 1h)})}))},
                                  {cluster("cart", {cart.address()})});
  start.workers = 4;
  Proxy proxy(std::move(start));
  int passed = 0;
  for (int i = 0; i < 40; ++i) {
    const Wire::Message answer = ask(proxy, "/");
    if (answer.status() == 200) {
      ++passed;
      continue;
    }
    EXPECT_EQ(answer.status(), 429);
    const int seconds = std::stoi("0" + answer.field("retry-after"));
    // An hour, and up to a tenth of it more.
    EXPECT_GT(seconds, 3500);
    EXPECT_LE(seconds, 3960);
  }
  EXPECT_EQ(passed, 5);
  EXPECT_EQ(proxy.metric("weft_refused_total",
                         {"destination_service=\"cart\"", "cause=\"rate_limited\""}),
            35);
  EXPECT_EQ(
      proxy.metric("weft_requests_total", {"cause=\"rate_limited\"", "response_flags=\"RL\""}), 35);
}

TEST(RateLimit, BySlidingWindowLetsWhoWaitedInAgain) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({limited({window_of(2, 50ms)})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int good = 0;
  int refused = 0;
  while ((good < 6 || refused == 0) && std::chrono::steady_clock::now() < until)
    ++(ask(wire, "/").status() == 200 ? good : refused);
  EXPECT_GE(good, 6) << "three windows";
  EXPECT_GE(refused, 1);
}

TEST(RateLimit, BySlidingWindowEachCallerHeaderValueAndPathHasItsOwn) {
  Origin cart;
  for (const auto key : {config::RateLimit::Key::kHeader, config::RateLimit::Key::kPath,
                         config::RateLimit::Key::kIdentity}) {
    config::RateLimit limit = window_of(1, 1h);
    limit.key = key;
    limit.header = key == config::RateLimit::Key::kHeader ? "x-user" : "";
    Proxy proxy({http_listener("in", routes({limited({limit})}))},
                {cluster("cart", {cart.address()})});
    EXPECT_EQ(ask(proxy, "/a", "x-user: a\r\n").status(), 200);
    EXPECT_EQ(ask(proxy, "/a", "x-user: a\r\n").status(), 429);
    const bool one_caller = key == config::RateLimit::Key::kIdentity;
    EXPECT_EQ(ask(proxy, "/b", "x-user: b\r\n").status(), one_caller ? 429 : 200);
    EXPECT_EQ(proxy.metric("weft_rate_limit_keys_shared_total"), 0);
  }
}

TEST(RateLimit, BySlidingWindowWhoOneLimitRefusesSpendsNothingOfTheOthers) {
  Origin cart;
  config::RateLimit each = window_of(1, 1h);
  each.name = "each";
  each.key = config::RateLimit::Key::kPath;
  Proxy proxy({http_listener("in", routes({limited({window_of(2, 1h), each})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/a").status(), 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(wire, "/a").status(), 429);
  EXPECT_EQ(ask(wire, "/b").status(), 200);
  EXPECT_EQ(ask(wire, "/c").status(), 429);
}

TEST(RateLimit, MadeUpKeysAreCountedTogetherOnceTheTableIsFullAndThatIsTold) {
  config::RateLimit limit = window_of(1, 1h);
  limit.key = config::RateLimit::Key::kPath;
  config::Route route = limited({limit});
  // No origin: this is about many requests.
  route.action = config::DirectResponse{.status = 200};
  Proxy proxy({http_listener("in", routes({route}))}, {});
  Wire wire = proxy.dial();
  constexpr std::size_t kAtOnce = 128;
  constexpr std::size_t kPaths = RateLimiter::kKeysMax + 32 * kAtOnce;
  std::size_t good = 0;
  for (std::size_t from = 0; from < kPaths; from += kAtOnce) {
    std::string requests;
    for (std::size_t i = from; i < from + kAtOnce; ++i)
      requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nhost: a\r\n\r\n";
    ASSERT_TRUE(wire.send(requests));
    for (std::size_t i = 0; i < kAtOnce; ++i)
      good += wire.read_message(true).status() == 200 ? 1 : 0;
  }
  EXPECT_GT(good, RateLimiter::kKeysMax / 2);
  EXPECT_LE(good, RateLimiter::kKeysMax + 16);
  EXPECT_EQ(proxy.metric("weft_rate_limit_keys_shared_total"),
            static_cast<double>(kPaths - RateLimiter::kKeysMax));
  EXPECT_EQ(ask(wire, "/0").status(), 429) << "a known one is not pushed out";
}

TEST(RateLimit, WhoOneLimitRefusesSpendsNothingOfTheOthers) {
  Origin cart;
  config::RateLimit all = once_an_hour(2);
  config::RateLimit each = once_an_hour(1);
  each.name = "each";
  each.key = config::RateLimit::Key::kPath;
  Proxy proxy({http_listener("in", routes({limited({all, each})}))},
              {cluster("cart", {cart.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/a").status(), 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(wire, "/a").status(), 429);
  EXPECT_EQ(ask(wire, "/b").status(), 200) << "the second token of all is still there";
}

TEST(RateLimit, SpeaksGrpcToGrpc) {
  Origin cart;
  Proxy proxy({http_listener("in", routes({limited({once_an_hour(1)})}))},
              {cluster("cart", {cart.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  const Wire::Message answer =
      ask(proxy, "/s/M", "content-type: application/grpc\r\n", "POST", "x");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("grpc-status"), "8");
}

TEST(RateLimit, AStatusAndFieldsOfItsOwn) {
  Origin cart;
  config::RateLimit limit = once_an_hour(1);
  limit.status = 503;
  limit.response_headers.push_back({.name = "x-local-rate-limit", .value = "true"});
  Proxy proxy({http_listener("in", routes({limited({limit})}))},
              {cluster("cart", {cart.address()})});
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(answer.field("x-local-rate-limit"), "true");
  EXPECT_NE(answer.field("retry-after"), "");
}

TEST(RateLimit, APushThatLeavesItAloneDoesNotRefillIt) {
  Origin cart;
  config::ListenerConfig listener = http_listener("in", {});
  http_of(listener).inline_routes = nullptr;
  http_of(listener).route_config_name = "routes";
  Proxy proxy({}, {cluster("cart", {cart.address()})});
  const auto push = [&](std::uint32_t burst, std::string more) {
    proxy.on_loop([&](sidecar::Sidecar& sidecar) {
      EXPECT_TRUE(sidecar.publisher().put(
          routes({to("/" + more, "cart"), limited({once_an_hour(burst)})})));
      EXPECT_TRUE(sidecar.publisher().put(listener));
      sidecar.publisher().schedule();
    });
    ASSERT_TRUE(proxy.ready());
  };
  push(1, "x");
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(ask(proxy, "/").status(), 429);
  push(1, "y");
  EXPECT_EQ(ask(proxy, "/").status(), 429);
  push(2, "y");
  EXPECT_EQ(ask(proxy, "/").status(), 200) << "another limit begins anew";
}

}  // namespace
}  // namespace weft::mesh_test
