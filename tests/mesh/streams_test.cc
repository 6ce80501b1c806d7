// Bodies, pipelines, tunnels, slow readers, and the end of a process.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

TEST(Protocols, CarriesAMebibyteBothWays) {
  Origin origin(Origin::echoes());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  std::string body(1024 * 1024, '\0');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i * 7 % 26);
  Wire wire = proxy.dial();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask(wire, "/", {}, "POST", body).body == body);
}

TEST(Protocols, AnswersAHundredPipelinedRequestsInOrder) {
  Origin origin(Origin::echoes());
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  std::string all;
  for (int i = 0; i < 100; ++i) {
    const std::string body = std::to_string(i);
    all += "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
           "\r\n\r\n" + body;
  }
  ASSERT_TRUE(wire.send(all));
  for (int i = 0; i < 100; ++i) ASSERT_EQ(wire.read_message(true).body, std::to_string(i));
}

TEST(Backpressure, AStalledReaderDoesNotGrowMemory) {
  std::atomic<std::size_t> taken = 0;
  Origin origin([&](Origin& self, Wire& wire) {
    self.note(wire.read_message(false));
    if (!wire.send("HTTP/1.1 200 X\r\ncontent-length: 1000000000\r\n\r\n")) return;
    taken = wire.send_until_stuck(1'000'000'000, 500ms);
    self.note({});
  });
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  wire.narrow(64 * 1024);
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  ASSERT_TRUE(origin.wait_for(2));
  // The kernel's buffers on four sockets and ours; nowhere near the whole.
  EXPECT_LT(taken.load(), 32U * 1024 * 1024);
}

void never_reads_the_body(Origin& self, Wire& wire) {
  (void)wire.read_to("\r\n\r\n");
  self.note({});
  self.wait_for_release();
}

TEST(Backpressure, AStalledOriginStopsTheCaller) {
  Origin origin(never_reads_the_body);
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n"));
  ASSERT_TRUE(origin.wait_for(1));
  EXPECT_LT(wire.send_until_stuck(1'000'000'000, 500ms), 32U * 1024 * 1024);
  origin.release();
}

// Nobody reads from it, so nothing but a look of our own tells.
bool all_is_over(Proxy& proxy) {
  const auto until = std::chrono::steady_clock::now() + 5s;
  while (proxy.metric("weft_downstream_connections") +
             proxy.metric("weft_limit_in_use", {"limit=\"requests\""}) !=
         0) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

TEST(Backpressure, ACallerWhoResetsIsNoticedThoughItsOriginNeverReads) {
  Origin origin(never_reads_the_body);
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n"));
  ASSERT_TRUE(origin.wait_for(1));
  EXPECT_LT(wire.send_until_stuck(1'000'000'000, 500ms), 32U * 1024 * 1024);
  wire.reset();
  EXPECT_TRUE(all_is_over(proxy));
  EXPECT_EQ(proxy.metric("weft_requests_total", {"response_flags=\"DR\""}), 1);
  origin.release();
}

TEST(Backpressure, ATunnelsCallerWhoResetsIsNoticedThoughItsOriginNeverReads) {
  Origin origin([&](Origin& self, Wire&) {
    self.note({});
    self.wait_for_release();
  });
  Proxy proxy({tcp_listener("in", "cart")}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(origin.wait_for(1));
  EXPECT_LT(wire.send_until_stuck(1'000'000'000, 500ms), 32U * 1024 * 1024);
  wire.reset();
  EXPECT_TRUE(all_is_over(proxy));
  origin.release();
}

TEST(Tunnel, CarriesBytesBothWaysWithHalfClose) {
  Origin origin([](Origin& self, Wire& wire) {
    const std::string all = wire.read_all();  // until the caller's end
    self.note({});
    (void)wire.send("heard " + std::to_string(all.size()));
  });
  Proxy proxy({tcp_listener("in", "cart")}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send(std::string(300'000, 'x')));
  wire.end();
  EXPECT_EQ(wire.read_all(), "heard 300000");
}

TEST(Tunnel, LosesNothingWhenBothSidesHaveEndedAndOneReadsSlowly) {
  const std::string body(8 * 1024 * 1024, 'y');
  Origin origin([&](Origin& self, Wire& wire) {
    (void)wire.read_all();
    (void)wire.send(body);
    wire.end();
    self.note({});
    (void)wire.read_all();
  });
  Proxy proxy({tcp_listener("in", "cart")}, {cluster("cart", {origin.address()})});
  Wire wire = proxy.dial();
  wire.narrow(16 * 1024);
  ASSERT_TRUE(wire.send("go"));
  wire.end();
  EXPECT_EQ(wire.read_all().size(), body.size());
}

TEST(Tunnel, ResetsTheCallerWhenNobodyAnswers) {
  ClosedPort closed;
  Proxy proxy({tcp_listener("in", "cart")}, {cluster("cart", {closed.address()})});
  Wire wire = proxy.dial();
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_EQ(ask(proxy, "/").status(), 0);
}

TEST(Drain, LetsTheRequestInFlightFinish) {
  Origin holding(Origin::holds());
  sidecar::Start start = start_of({http_listener("in", routes({to("/", "cart")}))},
                                  {cluster("cart", {holding.address()})});
  start.drain.timeout = 15s;
  Proxy proxy(std::move(start));
  const std::uint16_t port = proxy.port();
  Wire wire = Wire::to(port);
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(holding.wait_for(1));
  Wire idle = Wire::to(port);
  proxy.drain();
  EXPECT_EQ(idle.read_all(), "")
      << "a connection that says nothing does not last as long as the drain";
  Wire late = Wire::to(port);
  EXPECT_TRUE(!late.open() || late.read_all().empty());
  holding.release();
  const Wire::Message answer = wire.read_message(true);
  EXPECT_EQ(answer.body, "held");
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_EQ(wire.read_all(), "");
  proxy.join();
}

TEST(Drain, EndsWhatIsLeftAtTheDeadline) {
  Origin silent(Origin::never_answers());
  Origin talking([](Origin& self, Wire& wire) {
    self.note({});
    (void)wire.read_all();
  });
  sidecar::Start start =
      start_of({http_listener("in", routes({to("/", "cart")})), tcp_listener("tcp", "talk")},
               {cluster("cart", {silent.address()}), cluster("talk", {talking.address()})});
  start.drain.timeout = 200ms;
  const std::string log =
      ::testing::TempDir() + "weft-drain-" + std::to_string(::getpid()) + ".log";
  http_of(start.listeners[0]).access_logs = {{.path = log}};
  std::get<config::TcpSettings>(start.listeners[1].chains.front().what).access_logs = {
      {.path = log}};
  Proxy proxy(std::move(start));
  Wire wire = proxy.dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(silent.wait_for(1));
  Wire tunnel = proxy.dial("tcp");
  ASSERT_TRUE(tunnel.send("x"));
  ASSERT_TRUE(talking.wait_for(1));
  proxy.drain();
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_EQ(tunnel.read_all(), "");
  proxy.end();
  std::ifstream file(log);
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  EXPECT_EQ(lines, 2) << "what was cut off is in the log as well";
  std::remove(log.c_str());
}

}  // namespace
}  // namespace weft::mesh_test
