// Clients of HTTP/1 that are slow on purpose (threats.md 3.3), by a clock that the test moves.

#include <gtest/gtest.h>

#include "tests/sidecar/http/connection_pair.h"

namespace weft::http {
namespace {

using namespace std::chrono_literals;
using testing::RawClient;

constexpr std::string_view kGet =
    "GET / HTTP/1.1\r\nhost: cart\r\nuser-agent: somebody/1.0\r\n\r\n";

TEST(SlowPeers, SL_01_AHeadThatDripsIsCutAtTheDeadlineOfItsFirstByte) {
  RawClient client(Protocol::kHttp1);
  client.pass(1min);  // quiet, but no head has begun
  EXPECT_EQ(client.server.requests.malformed, "");
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(client.server.requests.malformed, "") << i;
    client.write(kGet.substr(i, 1));
    client.pass(999ms);
  }
  client.write(kGet.substr(10, 1));
  client.pass(20ms);
  EXPECT_EQ(client.server.requests.malformed, "[408 timeout]");
  EXPECT_TRUE(client.server.requests.all.empty());
  client.pass(2s);
  EXPECT_EQ(client.server.done.substr(0, 19), "[downstream timeout");
}

TEST(SlowPeers, SL_01_EveryHeadOfAConnectionHasItsOwnDeadline) {
  RawClient client(Protocol::kHttp1);
  client.server.requests.answer = true;
  for (int i = 0; i < 5; ++i) {
    client.write(kGet.substr(0, 20));
    client.pass(9s);
    client.write(kGet.substr(20));
    client.pass(5s);
  }
  EXPECT_EQ(client.server.requests.all.size(), 5U);
  EXPECT_EQ(client.server.requests.malformed, "");
  client.write(kGet.substr(0, 20));
  client.pass(9900ms);
  EXPECT_EQ(client.server.requests.malformed, "");
  client.pass(200ms);
  EXPECT_EQ(client.server.requests.malformed, "[408 timeout]");
}

// A head that waits behind a request under way has not begun: its bytes stay in the socket.
TEST(SlowPeers, SL_01_WhatWaitsBehindARequestIsNotTimed) {
  RawClient client(Protocol::kHttp1);
  client.write(std::string(kGet) + std::string(kGet.substr(0, 20)));
  client.pass(1min);
  EXPECT_EQ(client.server.requests.malformed, "");
  EXPECT_EQ(client.server.requests.all.size(), 1U);
}

}  // namespace
}  // namespace weft::http
