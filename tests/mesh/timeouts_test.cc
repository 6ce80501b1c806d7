// Each limit of time by itself, and what else decides whether there is another try: what the caller
// is told, and what is never done twice. Attempt and request timeouts are in failure_test.cc,
// gRPC's deadlines in grpc_test.cc.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <utility>

#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// A port whose line of callers is full: the next one hears nothing at all.
class FullPort final {
 public:
  FullPort() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof here;
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&here), size), 0);
    EXPECT_EQ(::listen(fd_, 0), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size), 0);
    port_ = ntohs(here.sin_port);
    for (int& one : waiting_) {
      one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
      (void)::connect(one, reinterpret_cast<const sockaddr*>(&here), size);
    }
  }
  ~FullPort() {
    for (const int one : waiting_) ::close(one);
    ::close(fd_);
  }
  FullPort(const FullPort&) = delete;
  FullPort& operator=(const FullPort&) = delete;
  [[nodiscard]] SocketAddress address() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }

 private:
  int fd_;
  std::array<int, 4> waiting_{};
  std::uint16_t port_ = 0;
};

// Takes what it is sent and says nothing, until the other side ends.
Origin::Serve only_listens() {
  return [](Origin& self, Wire& wire) { self.note({.head = wire.read_all(), .body = {}}); };
}

// The head and a first piece, and nothing more.
Origin::Serve begins_and_stops() {
  return [](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    if (!wire.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nbegin")) return;
    (void)wire.read_all();
  };
}

TEST(Timeouts, AConnectThatNobodyAnswersEndsInTime) {
  const FullPort full;
  config::ClusterConfig cart = cluster("cart", {full.address()});
  cart.connect_timeout = 80ms;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {cart});
  const auto began = Clock::now();
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_GE(Clock::now() - began, 70ms);
  EXPECT_LT(Clock::now() - began, kPatience);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_attempts_total", {"result=\"connect_failure\""}));
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_flags=\"UF\""}));
}

TEST(Timeouts, AHandshakeHasATimeOfItsOwn) {
  const Authority authority("cluster.local");
  Origin mute(only_listens());
  config::ClusterConfig server = to_server(authority.material("client"), mute.address());
  server.connect_timeout = std::chrono::hours(1);
  server.handshake_timeout = 80ms;
  Proxy proxy({outbound()}, {server});
  const auto began = Clock::now();
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_GE(Clock::now() - began, 70ms);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_attempts_total", {"result=\"tls_failure\""}));
  EXPECT_TRUE(mute.wait_for(1)) << "and its connection has ended";
}

TEST(Timeouts, TheHeadHasATimeOfItsOwnAndTheBodyDoesNot) {
  Origin silent(Origin::never_answers());
  config::Route late = to("/late", "silent");
  forward(late).timeouts.head = 60ms;
  config::Route begun = to("/begun", "begun");
  forward(begun).timeouts.head = 60ms;
  forward(begun).timeouts.idle = 400ms;
  Origin begins(begins_and_stops());
  Proxy proxy({http_listener("in", routes({late, begun}))},
              {cluster("silent", {silent.address()}), cluster("begun", {begins.address()})});
  EXPECT_EQ(ask(proxy, "/late").status(), 504);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"response_flags=\"UT\""}));
  Wire wire = proxy.dial();
  const auto began = Clock::now();
  ASSERT_TRUE(wire.send("GET /begun HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_NE(wire.read_to("\r\n\r\n"), "");
  EXPECT_EQ(wire.read_all(), "begin") << "and then the silence was too long";
  EXPECT_GE(Clock::now() - began, 300ms) << "which is not the head's limit";
}

TEST(Timeouts, WhereNothingMovesTheCallEnds) {
  Origin silent(Origin::never_answers());
  Origin begins(begins_and_stops());
  config::Route before = to("/before", "silent");
  forward(before).timeouts.idle = 60ms;
  config::Route after = to("/after", "begins");
  forward(after).timeouts.idle = 60ms;
  Proxy proxy({http_listener("in", routes({before, after}))},
              {cluster("silent", {silent.address()}), cluster("begins", {begins.address()})});
  EXPECT_EQ(ask(proxy, "/before").status(), 504);
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET /after HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_NE(wire.read_to("\r\n\r\n"), "");
  EXPECT_EQ(wire.read_all(), "begin") << "what is not whole is broken off, never ended well";
  EXPECT_TRUE(proxy.metric_reaches(2, "weft_requests_total", {"response_flags=\"SI\""}));
}

TEST(Timeouts, AStreamLastsNoLongerThanItMay) {
  Origin begins(begins_and_stops());
  config::Route route = to("/", "begins");
  forward(route).timeouts.stream_max = 100ms;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("begins", {begins.address()})});
  Wire wire = proxy.dial();
  const auto began = Clock::now();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  EXPECT_NE(wire.read_to("\r\n\r\n"), "");
  EXPECT_EQ(wire.read_all(), "begin");
  EXPECT_GE(Clock::now() - began, 90ms);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_requests_total", {"UMSDR"}));
}

TEST(Deadline, WhatIsLeftGoesToASidecarAndAStrangersIsNotBelieved) {
  Origin cart;
  config::Route route = to("/", "cart");
  forward(route).timeouts.request = 30s;
  config::ClusterConfig peer = cluster("cart", {cart.address()});
  peer.mesh_peer = true;
  Proxy proxy({http_listener("in", routes({route}))}, {peer});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/", "x-weft-deadline: 0\r\n").status(), 200);
  const std::string left = cart.last().field("x-weft-deadline");
  ASSERT_NE(left, "");
  EXPECT_GT(std::stoul(left), 20'000U) << "ours, and not the stranger's";
  EXPECT_LE(std::stoul(left), 30'000U);
  EXPECT_EQ(ask(wire, "/", "x-envoy-expected-rq-timeout-ms: 9000\r\n").status(), 200);
  EXPECT_LE(std::stoul(cart.last().field("x-weft-deadline")), 9'000U);
}

// ---- whether there is another try ----

TEST(Retry, ALongerRetryAfterThanAllowedIsNotWaitedFor) {
  Origin busy(Origin::replies(503, "later", "retry-after: 7\r\n"));
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 3;
  forward(route).retry.retry_after_max = 1s;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {busy.address()})});
  const Wire::Message answer = ask(proxy, "/");
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(answer.field("retry-after"), "7") << "the answer passes";
  EXPECT_EQ(busy.requests(), 1U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_retries_denied_total", {"reason=\"retry_after\""}));
}

TEST(Retry, ABodyBeyondTheLimitIsSentOnce) {
  Origin busy(Origin::replies(503, "busy"));
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.any_method = true;
  forward(route).retry.backoff_base = 1ms;
  forward(route).retry.replay_bytes_max = 1024;
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {busy.address()})});
  EXPECT_EQ(ask(proxy, "/", {}, "POST", std::string(1000, 'b')).status(), 503);
  EXPECT_EQ(busy.requests(), 2U);
  EXPECT_EQ(ask(proxy, "/", {}, "POST", std::string(20'000, 'b')).status(), 503);
  EXPECT_EQ(busy.requests(), 3U);
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_retries_denied_total", {"reason=\"body_too_large\""}));
}

// behaviour.md 2: what an idle connection lost is replayed once, if it may be done twice.
TEST(Retry, WhatAReusedConnectionLostIsReplayedOnceIfItIsIdempotent) {
  Origin forgetful([](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    if (!wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) return;
    Wire::Message second = wire.read_message(false);
    if (!second.empty()) self.note(std::move(second));  // and no answer: the connection ends
  });
  config::Route route = to("/", "cart");
  forward(route).retry.on = config::kRetryUnprocessed;  // as weft-control writes it everywhere
  Proxy proxy({http_listener("in", routes({route}))}, {cluster("cart", {forgetful.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(ask(wire, "/").status(), 200) << "lost, and asked again on a new connection";
  EXPECT_EQ(forgetful.requests(), 3U);
  EXPECT_EQ(ask(wire, "/", {}, "POST", "pay").status(), 503);
  EXPECT_EQ(forgetful.requests(), 4U) << "nobody knows whether it was done";
}

TEST(Connections, CarryNoMoreRequestsThanTheyMay) {
  Origin cart;
  config::ClusterConfig to_cart = cluster("cart", {cart.address()});
  to_cart.http.requests_per_connection_max = 2;
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {to_cart});
  Wire wire = proxy.dial();
  for (int i = 0; i < 6; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(cart.connections(), 3U);
}

}  // namespace
}  // namespace weft::mesh_test
