// What an idle connection costs, so that a change that makes it cost more is seen.
#include <gtest/gtest.h>
#include <malloc.h>

#include <memory>
#include <vector>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

std::size_t heap_in_use() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Footprint, OfAnIdleConnectionIsWithinItsBound) {
#ifdef WEFT_SANITIZED
  GTEST_SKIP() << "a sanitizer's heap says nothing about ours";
#endif
  const Cast cast;
  const auto client = cast.client();
  const auto server = cast.server();
  const auto make = [&] {
    auto pair = std::make_unique<MeshPair>(client, server);
    pair->run();
    return pair;
  };
  constexpr std::size_t kPairs = 100;
  std::vector<std::unique_ptr<MeshPair>> pairs;
  pairs.reserve(kPairs + 20);
  for (int i = 0; i < 20; ++i) pairs.push_back(make());
  const std::size_t before = heap_in_use();
  std::size_t harness = 0;
  for (std::size_t i = 0; i < kPairs; ++i) {
    pairs.push_back(make());
    // What only the test needs: the pair with its timer wheel, and the transcripts of the wire.
    harness += sizeof(MeshPair);
    for (const auto end : {MemoryPipe::End::kLeft, MemoryPipe::End::kRight}) {
      harness += pairs.back()->pipe.sent_to(end).capacity();
    }
  }
  const double bytes = static_cast<double>(heap_in_use() - before - harness) / (2.0 * kPairs);
  RecordProperty("bytes_per_idle_connection", static_cast<int>(bytes));
  std::printf("an idle TLS connection: %.1f KB of heap, of which the Stream is %zu bytes\n",
              bytes / 1024, sizeof(Stream));
  EXPECT_LT(bytes, 22.5 * 1024) << "OpenSSL 3.0.22 needs 19.5 KB of it";
  EXPECT_LE(sizeof(Stream), 1088U);
}

}  // namespace
}  // namespace weft::tls::testing
