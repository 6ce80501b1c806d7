// Connections while their thread's BufferBudget is tight: less is held, everything arrives, and
// nobody waits for ever, also when memory comes and goes at the worst moment.

#include <gtest/gtest.h>

#include "sidecar/core/buffer_budget.h"
#include "sidecar/core/random.h"
#include "tests/sidecar/http/connection_pair.h"

namespace weft::http {
namespace {

using testing::ConnectionPair;
using testing::get;
using testing::Hearer;
using testing::Http2Pair;

constexpr std::int64_t kMuch = 1LL << 40;
constexpr std::size_t kSize = 512 * 1024;

class TightConnections : public ::testing::TestWithParam<Protocol> {};
INSTANTIATE_TEST_SUITE_P(Over, TightConnections,
                         ::testing::Values(Protocol::kHttp1, Protocol::kHttp2),
                         [](const ::testing::TestParamInfo<Protocol>& over) {
                           return over.param == Protocol::kHttp1 ? "Http1" : "Http2";
                         });

ResponseHead answer_of(std::size_t size) {
  ResponseHead head;
  head.content_length = size;
  return head;
}

RequestHead post_of(std::size_t size) {
  RequestHead head = get("/");
  head.method = Method::kPost;
  head.method_name = "POST";
  head.content_length = size;
  return head;
}

TEST_P(TightConnections, HoldLittleAndSendAllOfIt) {
  BufferBudget budget(2);
  budget.take(10);
  const BufferBudget::Binding binding(budget);
  ConnectionPair pair(GetParam(), {}, {.wire = 64 * 1024});
  auto asking = pair.open(get());
  asking->hold = true;
  pair.run();
  Hearer& asked = pair.server.requests.at(0);
  asked.server->send_head(answer_of(kSize), false);
  asked.server->send_body(Buffer(std::string(kSize, 'x')), true);
  std::size_t most = 0;
  for (int i = 0; i < 200'000 && !asking->ended; ++i) {
    pair.pipe.step();
    most = std::max(most, pair.server.connection->transport().buffered());
    asking->consume();
  }
  EXPECT_EQ(asking->body.size(), kSize);
  // A frame of HTTP/2 is never cut: one beyond the mark.
  EXPECT_LE(most, BufferBudget::kLeast + 17 * 1024);
}

// Budget, wire, pieces and readers change at random while bodies go both ways: a wait that nothing
// ends would show as a body that does not arrive.
TEST_P(TightConnections, NeverWaitForEverHoweverMemoryComesAndGoes) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    BufferBudget budget(kMuch);
    budget.take(10);
    const BufferBudget::Binding binding(budget);
    Random random(seed);
    ConnectionPair pair(GetParam(), {}, {.wire = 1 + random.below(300'000)});
    auto asking = pair.open(post_of(kSize), false);
    asking->hold = true;
    pair.server.requests.hold = true;
    const auto run_until_ended = [&](Hearer& reader) {
      for (int i = 0; i < 300'000 && !reader.ended; ++i) {
        if (random.below(3) == 0) budget.set_limit(random.below(2) == 0 ? 2 : kMuch);
        if (random.below(4) == 0) reader.consume();
        if (random.below(50) == 0) pair.pipe.set_piece(1 + random.below(70'000));
        pair.pipe.step();
      }
    };
    asking->client->send_body(Buffer(std::string(kSize, 'a')), true);
    for (int i = 0; i < 5'000 && pair.server.requests.all.empty(); ++i) pair.pipe.step();
    Hearer& asked = pair.server.requests.at(0);
    run_until_ended(asked);
    ASSERT_EQ(asked.body.size(), kSize) << "seed " << seed;
    asked.server->send_head(answer_of(kSize), false);
    asked.server->send_body(Buffer(std::string(kSize, 'b')), true);
    run_until_ended(*asking);
    ASSERT_EQ(asking->body.size(), kSize) << "seed " << seed;
  }
}

TEST(TightStreams, GetLessCreditAboveThreeQuartersAndAllOfItBelowHalf) {
  constexpr std::int64_t kLimit = 1'000'000'000;
  constexpr std::size_t kNarrow = 16 * 1024;
  BufferBudget budget(kLimit);
  const BufferBudget::Binding binding(budget);
  Http2Pair pair;
  pair.requests.hold = true;
  budget.take(kLimit / 100 * 74);
  RequestHead first = post_of(kSize);
  auto before = pair.open(first, false);
  pair.run();
  before->client->send_body(Buffer(std::string(kSize, 'x')), true);
  pair.run();
  EXPECT_EQ(before->sent, Http2Limits{}.stream_window) << "three quarters are not in use yet";

  budget.take(kLimit / 100 * 2);
  RequestHead second = post_of(kSize);
  auto after = pair.open(second, false);
  pair.run();
  after->client->send_body(Buffer(std::string(kSize, 'y')), true);
  pair.run();
  Hearer& asked = pair.requests.at(1);
  EXPECT_EQ(after->sent, kNarrow);

  budget.give(kLimit / 100 * 10);
  asked.consume();
  pair.run();
  EXPECT_EQ(after->sent, 2 * kNarrow) << "in between what was told holds";

  budget.give(kLimit / 100 * 20);
  for (int i = 0; i < 100 && !asked.ended; ++i) {
    asked.consume();
    pair.requests.at(0).consume();
    pair.run();
  }
  EXPECT_EQ(asked.body.size(), kSize);
  EXPECT_EQ(pair.requests.at(0).body.size(), kSize);
  EXPECT_TRUE(pair.server_status && pair.client_status);
}

}  // namespace
}  // namespace weft::http
