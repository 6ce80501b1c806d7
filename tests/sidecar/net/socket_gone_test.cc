// A socket that is destroyed or aborted inside each of its events, and under load.

#include <vector>

#include "sidecar/net/socket.h"
#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

enum class Way { kDestroy, kAbort };

class SocketGoneInsideAnEvent : public testing::TestWithParam<Way> {
 protected:
  void go() {
    gone = true;
    if (GetParam() == Way::kAbort) return conn->socket->abort();
    conn->socket.reset();
  }
  void expect_silence() {
    const int offers = conn->offers;
    rig.run_turns(5);
    EXPECT_EQ(conn->offers, offers);
  }
  Rig rig;
  Ends ends = tcp_ends();
  std::unique_ptr<Conn> conn = std::make_unique<Conn>(rig, std::move(ends.ours));
  bool gone = false;
};
INSTANTIATE_TEST_SUITE_P(Ways, SocketGoneInsideAnEvent,
                         testing::Values(Way::kDestroy, Way::kAbort));

TEST_P(SocketGoneInsideAnEvent, OfBytes) {
  conn->reading = [&](Buffer&) { go(); };
  write_all(ends.theirs, noise(60'000));
  ASSERT_TRUE(rig.run_until([&] { return gone; }));
  expect_silence();
}

TEST_P(SocketGoneInsideAnEvent, OfBytesHeldOverAPause) {
  conn->reading = [&](Buffer&) { conn->socket->pause(); };
  write_all(ends.theirs, "abc");
  ASSERT_TRUE(rig.run_until([&] { return conn->offers == 1; }));
  conn->reading = [&](Buffer&) { go(); };
  conn->socket->resume();
  ASSERT_TRUE(rig.run_until([&] { return gone; }));
  expect_silence();
}

TEST_P(SocketGoneInsideAnEvent, OfTheEnd) {
  conn->ending = [&] { go(); };
  ::shutdown(ends.theirs.get(), SHUT_WR);
  ASSERT_TRUE(rig.run_until([&] { return gone; }));
  expect_silence();
}

TEST_P(SocketGoneInsideAnEvent, OfAFault) {
  conn->faulting = [&] { go(); };
  reset_connection(ends.theirs);
  ASSERT_TRUE(rig.run_until([&] { return gone; }));
  expect_silence();
}

TEST_P(SocketGoneInsideAnEvent, OfRoomToWrite) {
  conn->writing = [&] { go(); };
  conn->send(noise(8 << 20));
  ASSERT_TRUE(rig.run_until([&] {
    (void)read_all(ends.theirs);
    return gone;
  }));
  expect_silence();
}

TEST_P(SocketGoneInsideAnEvent, WithAWriteUnderWay) {
  conn->send(noise(8 << 20));
  rig.run_turns(2);
  conn->reading = [&](Buffer&) { go(); };
  write_all(ends.theirs, "stop");
  ASSERT_TRUE(rig.run_until([&] { return gone; }));
  expect_silence();
}

TEST(Socket, IsTornDownUnderLoadTogetherWithItsLoop) {
  std::vector<OwnedFd> peers;
  {
    Rig rig;
    std::vector<std::unique_ptr<Conn>> conns;
    const std::string load = noise(1 << 20);
    for (int i = 0; i < 50; ++i) {
      Ends ends = tcp_ends();
      write_all(ends.theirs, std::string_view(load).substr(0, 50'000));
      peers.push_back(std::move(ends.theirs));
      conns.push_back(std::make_unique<Conn>(rig, std::move(ends.ours)));
      Conn& conn = *conns.back();
      conn.reading = [&conn](Buffer& bytes) {
        conn.socket->write(std::move(bytes));
        conn.send("more");
      };
      for (int k = 0; k < 4; ++k) conn.send(load);
    }
    rig.run_turns(2);
    // The sockets go while reads, queued writes and deferred events are under way; the loop right
    // after.
  }
  for (const OwnedFd& peer : peers) EXPECT_TRUE(read_to_end(peer).ends_with('>'));
}

TEST(Socket, LeavesNoDescriptorBehind) {
  const int before = open_descriptors();
  {
    Rig rig;
    Ends ends = tcp_ends();
    Conn conn(rig, std::move(ends.ours));
    rig.run_turns(1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace weft::net
