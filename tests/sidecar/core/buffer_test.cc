#include "sidecar/core/buffer.h"

#include <gtest/gtest.h>

#include "sidecar/core/random.h"

namespace weft {
namespace {

TEST(Buffer, KeepsBytesInOrder) {
  Buffer buffer("hello ");
  buffer.append("world");
  EXPECT_EQ(buffer.to_string(), "hello world");
  EXPECT_EQ(buffer.size(), 11u);
}

TEST(Buffer, SplitsAndDrains) {
  Buffer buffer("abcdef");
  Buffer front = buffer.split(2);
  EXPECT_EQ(front.to_string(), "ab");
  buffer.drain(1);
  EXPECT_EQ(buffer.to_string(), "def");
}

TEST(Buffer, NeverWritesIntoABlockThatSomebodyElseHolds) {
  Buffer buffer("abcdef");
  Buffer front = buffer.split(3);
  front.append("X");
  buffer.append("Y");
  EXPECT_EQ(front.to_string(), "abcX");
  EXPECT_EQ(buffer.to_string(), "defY");
}

TEST(Buffer, SharesItsBytesWithoutSharingItsFuture) {
  Buffer buffer("abc");
  Buffer twin = buffer.share(0, 3);
  buffer.append("X");
  twin.drain(1);
  twin.append("Y");
  EXPECT_EQ(buffer.to_string(), "abcX");
  EXPECT_EQ(twin.to_string(), "bcY");
}

TEST(Buffer, PullsUpBytesThatSpanSlices) {
  Buffer buffer;
  for (int i = 0; i < 10; ++i) {
    BlockRef block = BlockRef::make(16);
    block->data()[0] = static_cast<std::uint8_t>('a' + i);
    buffer.append(block, 0, 1);
  }
  EXPECT_EQ(as_text(buffer.pull_up(7)), "abcdefg");
  EXPECT_EQ(buffer.to_string(), "abcdefghij");
}

TEST(Buffer, SharesLargeSlicesWhenJoined) {
  BlockRef block = BlockRef::make(Block::kLarge);
  std::fill_n(block->data(), Block::kLarge, std::uint8_t{'x'});
  Buffer a;
  a.append(block, 0, 32000);
  Buffer b("y");
  b.append(std::move(a));
  EXPECT_EQ(b.size(), 32001u);
  EXPECT_TRUE(block->shared());
}

// Random edits against a std::string.
TEST(Buffer, AgreesWithAStringForRandomEdits) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    Buffer buffer;
    std::string model;
    for (int step = 0; step < 200; ++step) {
      const std::size_t n = random.below(step % 7 == 0 ? 9000 : 50);
      switch (random.below(6)) {
        case 0: {
          const std::string text(n, static_cast<char>('a' + step % 26));
          buffer.append(text);
          model += text;
          break;
        }
        case 1: {
          const std::size_t count = std::min(n, model.size());
          buffer.drain(count);
          model.erase(0, count);
          break;
        }
        case 2: {
          const std::size_t count = std::min(n, model.size());
          Buffer front = buffer.split(count);
          ASSERT_EQ(front.to_string(), model.substr(0, count));
          front.append("!");
          front.append(std::move(buffer));
          buffer = std::move(front);
          model.insert(count, "!");
          break;
        }
        case 3: {
          const std::size_t count = std::min(n, model.size());
          ASSERT_EQ(as_text(buffer.pull_up(count)), std::string_view(model).substr(0, count));
          break;
        }
        case 4: {
          auto room = buffer.reserve(n + 1);
          ASSERT_GE(room.size(), n + 1);
          std::fill_n(room.begin(), n, std::uint8_t{'r'});
          buffer.commit(n);
          model.append(n, 'r');
          break;
        }
        case 5: {
          iovec vectors[3];
          const int filled = buffer.gather(vectors, 3);
          std::string gathered;
          for (int i = 0; i < filled; ++i)
            gathered.append(static_cast<char*>(vectors[i].iov_base), vectors[i].iov_len);
          ASSERT_EQ(gathered, model.substr(0, gathered.size()));
          break;
        }
      }
      ASSERT_EQ(buffer.size(), model.size()) << "seed " << seed << " step " << step;
    }
    ASSERT_EQ(buffer.to_string(), model) << "seed " << seed;
  }
}

TEST(Buffer, SharesAnyPartOfItselfAndKeepsIt) {
  Buffer buffer;
  std::string model;
  for (const std::size_t size : {5000U, 7U, 16384U, 1U, 4096U}) {
    const std::string piece(size, static_cast<char>('a' + model.size() % 26));
    buffer.append(BlockRef(), 0, 0);
    Buffer part(piece);
    buffer.append(std::move(part));
    model += piece;
  }
  for (std::size_t begin = 0; begin <= model.size(); begin += 997) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{5001}, model.size() - begin}) {
      if (size > model.size() - begin) continue;
      EXPECT_EQ(buffer.share(begin, size).to_string(), model.substr(begin, size));
    }
  }
  EXPECT_EQ(buffer.to_string(), model);
}

}  // namespace
}  // namespace weft
