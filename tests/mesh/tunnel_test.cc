// Opaque bytes through one sidecar and through the mTLS pair: whoever ends, speaks or breaks first,
// the other side learns exactly that (threats.md PF-06).

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

enum class Way { kPlain, kPair };

std::string some_bytes(std::size_t count, unsigned seed) {
  std::string bytes(count, '\0');
  std::uint64_t state = seed * 2654435761U + 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    byte = static_cast<char>(state >> 56U);
  }
  return bytes;
}

// Caller, one or two sidecars, and an origin that does as told.
class Path final {
 public:
  Path(Way way, Origin::Serve serve) : origin_(std::move(serve)) {
    if (way == Way::kPlain) {
      first_ = std::make_unique<Proxy>(std::vector{tcp_listener("in", "app")},
                                       std::vector{cluster("app", {origin_.address()})});
      return;
    }
    config::ListenerConfig inner = tcp_listener("in", "app");
    inner.direction = config::Direction::kInbound;
    inner.chains.front().tls = inbound(authority_.material("server")).chains.front().tls;
    second_ = std::make_unique<Proxy>(std::vector{inner},
                                      std::vector{cluster("app", {origin_.address()})});
    first_ = std::make_unique<Proxy>(
        std::vector{tcp_listener("in", "server")},
        std::vector{to_server(authority_.material("client"), second_->address())});
  }
  [[nodiscard]] Wire dial() { return first_->dial(); }
  [[nodiscard]] Origin& origin() { return origin_; }
  // Nothing is left open anywhere, and every tunnel was recorded.
  void expect_all_closed(int tunnels) {
    for (Proxy* proxy : {first_.get(), second_.get()}) {
      if (proxy == nullptr) continue;
      EXPECT_TRUE(proxy->metric_reaches(tunnels, "weft_tcp_connections_closed_total"));
      EXPECT_EQ(proxy->metric("weft_tcp_connections_opened_total"), tunnels);
    }
  }
  [[nodiscard]] double carried(std::string_view family) { return first_->metric(family); }

 private:
  Authority authority_{"cluster.local"};
  Origin origin_;
  std::unique_ptr<Proxy> second_;
  std::unique_ptr<Proxy> first_;
};

class OpaqueTunnels : public ::testing::TestWithParam<Way> {};

INSTANTIATE_TEST_SUITE_P(Both, OpaqueTunnels, ::testing::Values(Way::kPlain, Way::kPair),
                         [](const auto& way) {
                           return std::string(way.param == Way::kPlain ? "Plain" : "Pair");
                         });

TEST_P(OpaqueTunnels, TheCallerMayEndFirst) {
  Path path(GetParam(), [](Origin&, Wire& wire) {
    const std::string all = wire.read_all();
    for (int i = 0; i < 3; ++i) {
      if (!wire.send(all)) return;
    }
  });
  Wire wire = path.dial();
  const std::string said = some_bytes(100'000, 1);
  ASSERT_TRUE(wire.send(said));
  wire.end();
  EXPECT_TRUE(wire.read_all() == said + said + said);
  path.expect_all_closed(1);
  EXPECT_EQ(path.carried("weft_tcp_received_bytes_total"), 100'000);
  EXPECT_EQ(path.carried("weft_tcp_sent_bytes_total"), 300'000);
}

TEST_P(OpaqueTunnels, TheServerMayEndFirst) {
  Path path(GetParam(), [](Origin& self, Wire& wire) {
    if (!wire.send("all I had to say")) return;
    wire.end();
    self.note({.head = wire.read_all(), .body = {}});
  });
  Wire wire = path.dial();
  EXPECT_EQ(wire.read_all(), "all I had to say");
  const std::string said = some_bytes(1'000'000, 2);
  ASSERT_TRUE(wire.send(said)) << "the other direction is still open";
  wire.end();
  ASSERT_TRUE(path.origin().wait_for(1));
  EXPECT_TRUE(path.origin().last().head == said);
  path.expect_all_closed(1);
}

TEST_P(OpaqueTunnels, TheServerMaySpeakFirst) {
  Path path(GetParam(), [](Origin&, Wire& wire) {
    if (!wire.send("220 ready\r\n")) return;
    (void)wire.send("250 " + wire.read_to("\r\n"));
  });
  Wire wire = path.dial();
  EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  ASSERT_TRUE(wire.send("EHLO\r\n"));
  EXPECT_EQ(wire.read_all(), "250 EHLO\r\n");
}

TEST_P(OpaqueTunnels, NoByteAtAllIsAConnectionToo) {
  Path path(GetParam(), [](Origin& self, Wire& wire) {
    self.note({.head = "heard '" + wire.read_all() + "'", .body = {}});
  });
  Wire wire = path.dial();
  wire.end();
  EXPECT_EQ(wire.read_all(), "");
  ASSERT_TRUE(path.origin().wait_for(1));
  EXPECT_EQ(path.origin().last().head, "heard ''");
  path.expect_all_closed(1);
}

TEST_P(OpaqueTunnels, AServerMayCloseWithoutAWord) {
  Path path(GetParam(), [](Origin&, Wire&) {});
  Wire wire = path.dial();
  EXPECT_EQ(wire.read_all(), "");
  wire.end();
  path.expect_all_closed(1);
}

TEST_P(OpaqueTunnels, OneByteEachWayIsCarriedAtOnce) {
  Path path(GetParam(), [](Origin&, Wire& wire) {
    for (std::string byte = wire.read_bytes(1); !byte.empty(); byte = wire.read_bytes(1)) {
      if (!wire.send(byte)) return;
    }
  });
  Wire wire = path.dial();
  for (char c = 'a'; c <= 'z'; ++c) {
    ASSERT_TRUE(wire.send({&c, 1}));
    EXPECT_EQ(wire.read_bytes(1), std::string(1, c));
  }
  wire.end();
  EXPECT_EQ(wire.read_all(), "");
  Wire single = path.dial();
  ASSERT_TRUE(single.send("x"));
  single.end();
  EXPECT_EQ(single.read_all(), "x");
  path.expect_all_closed(2);
}

TEST_P(OpaqueTunnels, BothDirectionsAreBusyAtOnce) {
  const std::string down = some_bytes(6'000'000, 3);
  const std::string up = some_bytes(6'000'000, 4);
  Path path(GetParam(), [&](Origin& self, Wire& wire) {
    std::thread sender([&] {
      EXPECT_TRUE(wire.send(down));
      wire.end();
    });
    std::string got;
    for (std::string piece = wire.read_bytes(10'000); !piece.empty();
         piece = wire.read_bytes(10'000)) {
      got += piece;
    }
    sender.join();
    self.note({.head = std::move(got), .body = {}});
  });
  Wire wire = path.dial();
  std::thread sender([&] {
    EXPECT_TRUE(wire.send(up));
    wire.end();
  });
  const std::string got = wire.read_all();
  sender.join();
  EXPECT_TRUE(got == down);
  ASSERT_TRUE(path.origin().wait_for(1));
  EXPECT_TRUE(path.origin().last().head == up);
  path.expect_all_closed(1);
  EXPECT_EQ(path.carried("weft_tcp_sent_bytes_total"), 6'000'000);
  EXPECT_EQ(path.carried("weft_tcp_received_bytes_total"), 6'000'000);
}

// What the next read says: bytes, 0 at the end, -1 when the connection was broken.
ssize_t read_result(const Wire& wire) {
  char room[65536];
  ssize_t got = 0;
  while ((got = ::recv(wire.fd(), room, sizeof room, 0)) > 0) {
  }
  return got;
}

TEST_P(OpaqueTunnels, AServerThatBreaksOffIsNotTakenForOneThatHasEnded) {
  Path path(GetParam(), [](Origin& self, Wire& wire) {
    (void)wire.read_bytes(1);
    if (!wire.send(some_bytes(50'000, 5))) return;
    self.wait_for_release();
    // Closing with bytes unread, or lingering for no time, is a reset.
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(wire.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  });
  Wire wire = path.dial();
  ASSERT_TRUE(wire.send("x"));
  EXPECT_EQ(wire.read_bytes(50'000).size(), 50'000U);
  path.origin().release();
  EXPECT_EQ(read_result(wire), -1);
  EXPECT_EQ(errno, ECONNRESET);
  path.expect_all_closed(1);
}

// Who does not read does not see a reset either; what it held is given up as soon as it reads on.
TEST_P(OpaqueTunnels, AResetBehindBytesThatNobodyReadsIsNoticedWhenTheyAreRead) {
  Path path(GetParam(), [](Origin& self, Wire& wire) {
    self.wait_for_release();
    self.note({.head = std::to_string(read_result(wire)), .body = {}});
  });
  Wire wire = path.dial();
  EXPECT_GT(wire.send_until_stuck(1'000'000'000, std::chrono::milliseconds(300)), 100'000U);
  wire.reset();
  path.origin().release();
  ASSERT_TRUE(path.origin().wait_for(1));
  EXPECT_EQ(path.origin().last().head, "-1") << "cut, and not ended";
  path.expect_all_closed(1);
}

}  // namespace
}  // namespace weft::mesh_test
