// What a Socket does while its thread's BufferBudget is tight: it reads and keeps less, and goes
// on.

#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <algorithm>

#include "sidecar/core/buffer_budget.h"
#include "tests/sidecar/net/rig.h"

namespace weft::net {
namespace {

constexpr std::int64_t kRoomy = 64 * 1024 * 1024;

struct BudgetRig {
  BufferBudget budget{kRoomy};
  BufferBudget::Binding binding{budget};
  Rig rig;
  Ends ends = tcp_ends();
  Conn conn{rig, std::move(ends.ours)};

  BudgetRig() { budget.take(10); }
  // Of a wish, this much is granted: none of it but the least, or all.
  void squeeze(bool on) { budget.set_limit(on ? 2 : kRoomy); }
};

std::string letters_of(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 23 + i / 997 % 3);
  return text;
}

TEST(SocketBudget, ReadsAShareATurnAndAllOfItInTheEnd) {
  BudgetRig b;
  b.squeeze(true);
  std::size_t most = 0;
  std::string got;
  b.conn.reading = [&](Buffer& bytes) {
    most = std::max(most, bytes.size());
    got += bytes.to_string();
    bytes.clear();
  };
  const std::string text = letters_of(100'000);
  write_all(b.ends.theirs, text);
  ASSERT_TRUE(b.rig.run_until([&] { return got.size() == text.size(); }));
  EXPECT_EQ(got, text);
  EXPECT_LE(most, BufferBudget::kLeast);
}

TEST(SocketBudget, KeepsNoReadBlockForASmallPiece) {
  BudgetRig b;
  Buffer kept;
  b.conn.reading = [&](Buffer& bytes) { kept.append(bytes.split(bytes.size())); };
  write_all(b.ends.theirs, letters_of(100));
  ASSERT_TRUE(b.rig.run_until([&] { return kept.size() == 100; }));
  EXPECT_EQ(b.budget.in_use(), 10 + static_cast<std::int64_t>(Block::kLarge));
  kept.clear();

  b.budget.take(kRoomy);
  write_all(b.ends.theirs, letters_of(100));
  ASSERT_TRUE(b.rig.run_until([&] { return kept.size() == 100; }));
  EXPECT_EQ(b.budget.in_use(),
            10 + kRoomy + static_cast<std::int64_t>(Block::kLarge + Block::kSmall))
      << "the loop's own block, free for the next, and a small one";
}

TEST(SocketBudget, TellsAWriterWhoseMarkSankMeanwhile) {
  BudgetRig b;
  const int little = 8 * 1024;
  ::setsockopt(b.conn.socket->fd(), SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
  const std::string text = letters_of(Transport::kHighMark - 1000);
  b.conn.send(text);
  b.rig.run_turns(3);
  ASSERT_GT(b.conn.socket->buffered(), Transport::kLowMark) << "below the usual mark, so far";
  b.squeeze(true);
  b.conn.socket->write(Buffer());
  std::size_t left_when_told = text.size();
  b.conn.writing = [&] { left_when_told = b.conn.socket->buffered(); };
  std::string got;
  ASSERT_TRUE(b.rig.run_until([&] {
    got += read_all(b.ends.theirs, 16 * 1024);
    return b.conn.writables > 0;
  }));
  EXPECT_LT(left_when_told, BufferBudget::kLeast);
}

TEST(SocketBudget, NarrowsTheKernelsWindowAndWidensItAgain) {
  BudgetRig b;
  const auto clamp = [&] {
    int bytes = 0;
    socklen_t length = sizeof bytes;
    EXPECT_EQ(::getsockopt(b.conn.socket->fd(), IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, &length), 0);
    return bytes;
  };
  const auto hear = [&](std::size_t more) {
    const std::size_t before = b.conn.received.size();
    write_all(b.ends.theirs, letters_of(more));
    ASSERT_TRUE(b.rig.run_until([&] { return b.conn.received.size() == before + more; }));
  };
  hear(10);
  EXPECT_NE(clamp(), Socket::kTightWindow) << "nobody touches it without need";
  b.squeeze(true);
  hear(10);
  EXPECT_EQ(clamp(), Socket::kTightWindow);
  b.squeeze(false);
  hear(10);
  EXPECT_EQ(clamp(), Socket::kWideWindow);
}

}  // namespace
}  // namespace weft::net
