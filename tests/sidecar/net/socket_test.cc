#include "sidecar/net/socket.h"

#include <vector>

#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

// ---- both kinds of socket ----

class SocketOfEachKind : public testing::TestWithParam<Ends (*)()> {
 protected:
  Rig rig;
  Ends ends = GetParam()();
};
INSTANTIATE_TEST_SUITE_P(Kinds, SocketOfEachKind, testing::Values(&tcp_ends, &unix_ends));

TEST_P(SocketOfEachKind, CarriesBytesBothWays) {
  Conn conn(rig, std::move(ends.ours));
  conn.send("question");
  write_all(ends.theirs, "answer");
  ASSERT_TRUE(rig.run_until([&] { return conn.received == "answer"; }));
  EXPECT_EQ(read_all(ends.theirs), "question");
}

TEST_P(SocketOfEachKind, TellsTheEndAndGoesOnWriting) {
  Conn conn(rig, std::move(ends.ours));
  write_all(ends.theirs, "last words");
  ::shutdown(ends.theirs.get(), SHUT_WR);
  ASSERT_TRUE(rig.run_until([&] { return conn.ended; }));
  EXPECT_EQ(conn.received, "last words");
  conn.send("still here");
  rig.run_turns(2);
  EXPECT_EQ(read_all(ends.theirs), "still here");
}

TEST_P(SocketOfEachKind, EndsItsOwnSideAndGoesOnReading) {
  Conn conn(rig, std::move(ends.ours));
  conn.send("bye");
  conn.socket->shutdown_write();
  rig.run_turns(2);
  EXPECT_EQ(read_all(ends.theirs), "bye<end>");
  write_all(ends.theirs, "and you");
  EXPECT_TRUE(rig.run_until([&] { return conn.received == "and you"; }));
}

TEST_P(SocketOfEachKind, EndsOnlyAfterEverythingQueuedHasLeft) {
  Conn conn(rig, std::move(ends.ours));
  const std::string text = noise(8 << 20);
  conn.send(text);
  conn.socket->shutdown_write();
  std::string got;
  ASSERT_TRUE(rig.run_until([&] {
    if (!got.ends_with("<end>")) got += read_all(ends.theirs);
    return got.ends_with("<end>");
  }));
  EXPECT_EQ(got.size(), text.size() + 5);
  EXPECT_TRUE(got == text + "<end>");
}

TEST_P(SocketOfEachKind, SurvivesAPeerThatHasGone) {
  Conn conn(rig, std::move(ends.ours));
  ends.theirs.reset();
  conn.send("into the void");
  ASSERT_TRUE(rig.run_until([&] { return conn.ended || conn.fault.has_value(); }));
  for (int i = 0; i < 5 && !conn.fault; ++i) {
    conn.send("again");
    rig.run_turns(3);
  }
  ASSERT_TRUE(conn.fault.has_value());
  EXPECT_EQ(conn.fault->fault, Fault::kReset);
}

// ---- writing ----

TEST(Socket, SendsTheWritesOfOneTurnInOneCall) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  rig.run_turns(1);
  const std::uint64_t before = rig.loop.stats().writes.value();
  conn.send("one ");
  conn.send("two ");
  conn.send("three");
  EXPECT_EQ(conn.socket->buffered(), 13u);
  EXPECT_EQ(read_all(ends.theirs), "");
  rig.run_turns(1);
  EXPECT_EQ(read_all(ends.theirs), "one two three");
  EXPECT_EQ(rig.loop.stats().writes.value() - before, 1u);
  EXPECT_EQ(conn.socket->buffered(), 0u);
}

TEST(Socket, SendsManyPiecesInOrder) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  std::string expected;
  Buffer bytes;
  for (int i = 0; i < 150; ++i) {
    BlockRef block = BlockRef::make(Block::kSmall);
    block->data()[0] = static_cast<std::uint8_t>('a' + i % 26);
    expected += static_cast<char>('a' + i % 26);
    bytes.append(std::move(block), 0, 1);
  }
  conn.socket->write(std::move(bytes));
  rig.loop.turn().enlist(conn);
  rig.run_turns(1);
  EXPECT_EQ(read_all(ends.theirs), expected);
  EXPECT_EQ(rig.loop.stats().writes.value(), 3u);  // 64 + 64 + 22
}

TEST(Socket, TellsWhenAFullQueueHasDrained) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  const std::string text = noise(16 << 20);
  conn.send(text);
  rig.run_turns(3);
  ASSERT_GE(conn.socket->buffered(), Transport::kHighMark);
  EXPECT_EQ(conn.writables, 0);
  bool was_low_when_told = false;
  conn.writing = [&] { was_low_when_told = conn.socket->buffered() < Transport::kLowMark; };
  std::string got;
  ASSERT_TRUE(rig.run_until([&] {
    got += read_all(ends.theirs);
    return got.size() == text.size() && conn.writables > 0;
  }));
  EXPECT_TRUE(got == text);
  EXPECT_EQ(conn.writables, 1);
  EXPECT_TRUE(was_low_when_told);
  EXPECT_EQ(conn.socket->buffered(), 0u);
}

TEST(Socket, TellsAfterOneFlushTookEverything) {
  Rig rig;
  Ends ends = tcp_ends();
  const int size = 4 << 20;
  ::setsockopt(ends.ours.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  Conn conn(rig, std::move(ends.ours));
  bool inside_flush = false;
  conn.writing = [&] { EXPECT_FALSE(inside_flush); };
  conn.socket->write(Buffer(noise(Transport::kHighMark)));
  inside_flush = true;
  conn.socket->flush();
  inside_flush = false;
  EXPECT_TRUE(rig.run_until([&] {
    (void)read_all(ends.theirs);
    return conn.writables == 1;
  }));
}

TEST(Socket, SaysNothingAboutAQueueThatWasNeverFull) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.send(noise(1000));
  rig.run_turns(5);
  EXPECT_EQ(conn.writables, 0);
}

TEST(Socket, KeepsTheOrderOfWhatIsWrittenWhileTheKernelIsFull) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  std::string sent;
  std::string got;
  for (int i = 0; i < 200; ++i) {
    const std::string piece = std::to_string(i) + ":" + noise(100'000);
    sent += piece;
    conn.send(piece);
    rig.run_turns(1);
    got += read_all(ends.theirs, 50'000);
  }
  ASSERT_TRUE(rig.run_until([&] {
    got += read_all(ends.theirs);
    return got.size() >= sent.size();
  }));
  EXPECT_TRUE(got == sent);
}

// ---- reading ----

TEST(Socket, StopsInTheCallbackThatPauses) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.reading = [&](Buffer& bytes) {
    conn.received += bytes.split(3).to_string();
    conn.socket->pause();
  };
  write_all(ends.theirs, "abcdef");
  ASSERT_TRUE(rig.run_until([&] { return conn.offers == 1; }));
  write_all(ends.theirs, "ghi");
  ::shutdown(ends.theirs.get(), SHUT_WR);
  rig.run_turns(5);
  EXPECT_EQ(conn.offers, 1);
  EXPECT_FALSE(conn.ended);

  conn.reading = nullptr;
  conn.socket->resume();
  EXPECT_EQ(conn.received, "abc");  // not from inside resume()
  ASSERT_TRUE(rig.run_until([&] { return conn.ended; }));
  EXPECT_EQ(conn.received, "abcdefghi");
}

TEST(Socket, OffersWhatWasLeftWithTheNextBytes) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  std::vector<std::string> offered;
  conn.reading = [&](Buffer& bytes) {
    offered.push_back(bytes.to_string());
    if (bytes.size() >= 6) bytes.clear();
  };
  write_all(ends.theirs, "abc");
  ASSERT_TRUE(rig.run_until([&] { return offered.size() == 1; }));
  rig.run_turns(3);
  write_all(ends.theirs, "def");
  ASSERT_TRUE(rig.run_until([&] { return offered.size() == 2; }));
  EXPECT_EQ(offered, (std::vector<std::string>{"abc", "abcdef"}));
}

TEST(Socket, DoesNotKeepAReadBlockForAFewBytesThatWait) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.reading = [](Buffer&) {};
  write_all(ends.theirs, "half a head");
  ASSERT_TRUE(rig.run_until([&] { return conn.offers == 1; }));
  EXPECT_FALSE(rig.loop.read_block()->shared());
}

TEST(Socket, DoesNotReadForASinkThatTakesNothing) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  std::size_t held = 0;
  conn.reading = [&](Buffer& bytes) { held = bytes.size(); };
  const std::string text = noise(4 << 20);
  std::size_t sent = 0;
  const auto push = [&] {
    const ssize_t n =
        ::send(ends.theirs.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<std::size_t>(n);
  };
  for (int i = 0; i < 50; ++i) {
    push();
    rig.run_turns(1);
  }
  EXPECT_GE(held, Socket::kHeldMax);
  EXPECT_LE(held, Socket::kHeldMax + Block::kLarge);

  conn.reading = nullptr;
  conn.socket->resume();
  ASSERT_TRUE(rig.run_until([&] {
    push();
    return conn.received.size() == text.size();
  }));
  EXPECT_TRUE(conn.received == text);
}

TEST(Socket, GivesOthersTheirTurnAfter256KiB) {
  Rig rig;
  Ends fast = tcp_ends();
  Ends slow = tcp_ends();
  const int size = 8 << 20;
  ::setsockopt(fast.ours.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  ::setsockopt(fast.theirs.get(), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const std::string text = noise(4 << 20);
  const ssize_t sent = ::send(fast.theirs.get(), text.data(), text.size(), MSG_NOSIGNAL);
  ASSERT_GT(sent, 1 << 20);

  Conn greedy(rig, std::move(fast.ours));
  Conn modest(rig, std::move(slow.ours));
  std::size_t in_turn = 0;
  std::size_t in_turn_max = 0;
  std::uint64_t turn = 0;
  greedy.reading = [&](Buffer& bytes) {
    if (std::exchange(turn, rig.loop.turn_number()) != rig.loop.turn_number()) in_turn = 0;
    in_turn += bytes.size();
    in_turn_max = std::max(in_turn_max, in_turn);
    greedy.received += bytes.to_string();
    bytes.clear();
  };
  write_all(slow.theirs, "me too");
  ASSERT_TRUE(rig.run_until([&] { return !modest.received.empty(); }));
  EXPECT_LE(greedy.received.size(), 2 * Socket::kReadPerTurnMax);
  ASSERT_TRUE(
      rig.run_until([&] { return greedy.received.size() >= static_cast<std::size_t>(sent); }));
  EXPECT_EQ(in_turn_max, Socket::kReadPerTurnMax);
  EXPECT_TRUE(greedy.received == text.substr(0, static_cast<std::size_t>(sent)));
}

TEST(Socket, PausingCostsNothingWhileThePeerIsSilent) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  for (int i = 0; i < 3; ++i) {
    conn.socket->pause();
    rig.run_turns(1);
    conn.socket->resume();
    rig.run_turns(1);
  }
  write_all(ends.theirs, "hello");
  EXPECT_TRUE(rig.run_until([&] { return conn.received == "hello"; }));
}

// ---- before, between and without sinks ----

TEST(Socket, KeepsWhatHappenedBeforeTheFirstSink) {
  Rig rig;
  Ends ends = tcp_ends();
  auto socket = Socket::adopt(rig.loop, std::move(ends.ours));
  write_all(ends.theirs, "early");
  ::shutdown(ends.theirs.get(), SHUT_WR);
  rig.run_turns(5);
  Conn conn(rig, std::move(socket));
  EXPECT_EQ(conn.offers, 0);  // nothing from inside set_sink
  ASSERT_TRUE(rig.run_until([&] { return conn.ended; }));
  EXPECT_EQ(conn.received, "early");
}

TEST(Socket, KeepsABreakThatHappenedBeforeTheFirstSink) {
  Rig rig;
  Ends ends = tcp_ends();
  reset_connection(ends.theirs);
  auto socket = Socket::adopt(rig.loop, std::move(ends.ours));
  socket->write(Buffer("x"));
  socket->flush();
  rig.run_turns(5);
  Conn conn(rig, std::move(socket));
  EXPECT_FALSE(conn.fault.has_value());
  EXPECT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
}

TEST(Socket, HandsUntakenBytesToTheNextSink) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn sniffer(rig, std::move(ends.ours));
  std::unique_ptr<Conn> server;
  sniffer.reading = [&](Buffer&) {
    sniffer.socket->set_sink(nullptr);
    server = std::make_unique<Conn>(rig, std::move(sniffer.socket));
    EXPECT_EQ(server->offers, 0);
  };
  write_all(ends.theirs, "GET / HTTP/1.1");
  ASSERT_TRUE(rig.run_until([&] { return server && server->offers > 0; }));
  EXPECT_EQ(server->received, "GET / HTTP/1.1");
  write_all(ends.theirs, " more");
  EXPECT_TRUE(rig.run_until([&] { return server->received.ends_with(" more"); }));
}

TEST(Socket, ReadsNothingForANullSink) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  rig.run_turns(1);
  conn.socket->set_sink(nullptr);
  write_all(ends.theirs, "kept");
  rig.run_turns(5);
  EXPECT_EQ(conn.offers, 0);
  conn.socket->set_sink(&conn);
  EXPECT_TRUE(rig.run_until([&] { return conn.received == "kept"; }));
}

// ---- breaks ----

TEST(Socket, TellsAResetAsAFaultOfItsSide) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, Socket::adopt(rig.loop, std::move(ends.ours), {.side = Side::kUpstream}));
  rig.run_turns(1);
  reset_connection(ends.theirs);
  ASSERT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
  EXPECT_EQ(to_string(*conn.fault), "upstream reset: read: connection reset by peer");
  EXPECT_FALSE(conn.ended);
}

TEST(Socket, ReadsTheEarlyAnswerOfAServerThatHungUp) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.socket->write(Buffer("a large request"));
  conn.socket->flush();
  write_all(ends.theirs, "413 too large");
  ends.theirs.reset();  // with our bytes unread: the kernel sends a reset after the answer
  conn.socket->write(Buffer("more of it"));
  conn.socket->flush();
  conn.socket->write(Buffer("and more"));
  conn.socket->flush();
  ASSERT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
  EXPECT_EQ(conn.received, "413 too large");
  EXPECT_FALSE(conn.ended);  // "end" would make a cut answer look whole
}

TEST(Socket, TellsAPausedSinkAtOnceThatItsWritesAreLost) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.socket->pause();
  rig.run_turns(2);
  reset_connection(ends.theirs);
  conn.send("event");
  EXPECT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
}

// A paused connection that libuv watches no longer, since bytes have come that nobody wants.
std::unique_ptr<Conn> stopped(Rig& rig, Ends& ends, Side side) {
  auto conn =
      std::make_unique<Conn>(rig, Socket::adopt(rig.loop, std::move(ends.ours), {.side = side}));
  conn->socket->pause();
  write_all(ends.theirs, "unread");
  rig.run_turns(5);
  EXPECT_EQ(conn->received, "");
  return conn;
}

TEST(Socket, TellsAPausedSinkWithinASecondThatItsCallerHasGone) {
  Rig rig;
  Ends ends = tcp_ends();
  const auto conn = stopped(rig, ends, Side::kDownstream);
  const TimePoint began = rig.loop.now();
  reset_connection(ends.theirs);
  ASSERT_TRUE(rig.run_until([&] { return conn->fault.has_value(); }));
  EXPECT_EQ(to_string(*conn->fault), "downstream reset: read: connection reset by peer");
  EXPECT_LT(rig.loop.now() - began, 2 * PausedSockets::kLookEvery);
}

TEST(Socket, TellsASinkThatHasHeardTheEndThatItsCallerHasGone) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  ::shutdown(ends.theirs.get(), SHUT_WR);
  ASSERT_TRUE(rig.run_until([&] { return conn.ended; }));
  reset_connection(ends.theirs);
  EXPECT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
}

TEST(Socket, KeepsWhatAnUpstreamSaidBeforeItsResetForThePausedSink) {
  Rig rig;
  Ends ends = tcp_ends();
  const auto conn = stopped(rig, ends, Side::kUpstream);
  Ends others = tcp_ends();
  const auto bystander = stopped(rig, others, Side::kDownstream);
  reset_connection(ends.theirs);
  reset_connection(others.theirs);
  // Looked at in the same moment.
  ASSERT_TRUE(rig.run_until([&] { return bystander->fault.has_value(); }));
  rig.run_turns(2);
  EXPECT_FALSE(conn->fault.has_value());
  conn->socket->resume();
  ASSERT_TRUE(rig.run_until([&] { return conn->fault.has_value(); }));
  EXPECT_EQ(conn->received, "unread");
  EXPECT_FALSE(conn->ended);
}

TEST(Socket, TellsOneFaultAndThenNothing) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  reset_connection(ends.theirs);
  ASSERT_TRUE(rig.run_until([&] { return conn.fault.has_value(); }));
  conn.fault.reset();
  conn.send("after");
  conn.socket->shutdown_write();
  rig.run_turns(5);
  EXPECT_FALSE(conn.fault.has_value());
  EXPECT_EQ(conn.socket->buffered(), 0u);
}

TEST(Socket, AbortResetsThePeerAndIsSilent) {
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn(rig, std::move(ends.ours));
  conn.send(noise(1 << 20));
  rig.run_turns(1);
  conn.socket->abort();
  EXPECT_EQ(conn.socket->buffered(), 0u);
  conn.socket->write(Buffer("dropped"));
  conn.socket->flush();
  conn.socket->resume();
  rig.run_turns(3);
  std::string got = read_all(ends.theirs);
  EXPECT_TRUE(got.ends_with("<reset>"));
  EXPECT_FALSE(conn.fault.has_value());
  EXPECT_FALSE(conn.ended);
}

TEST(Socket, KnowsItsAddresses) {
  Rig rig;
  Ends ends = tcp_ends();
  const SocketAddress peer = local_address_of(ends.theirs.get());
  const SocketAddress local = local_address_of(ends.ours.get());
  Conn conn(rig, std::move(ends.ours));
  EXPECT_EQ(conn.socket->peer_address(), peer);
  EXPECT_EQ(conn.socket->local_address(), local);
  conn.socket->abort();
  EXPECT_EQ(conn.socket->peer_address(), peer);
  EXPECT_FALSE(conn.socket->tls().secured);
}

}  // namespace
}  // namespace weft::net
