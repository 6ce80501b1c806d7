// Small values of core: addresses, SPIFFE IDs, durations, backoff, token bucket, arena, slab.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/arena.h"
#include "sidecar/core/backoff.h"
#include "sidecar/core/log.h"
#include "sidecar/core/slab.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/strings.h"
#include "sidecar/core/token_bucket.h"
#include "sidecar/core/turn.h"

namespace weft {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(SocketAddress, PrintsWhatItParsed) {
  for (const char* text :
       {"127.0.0.1:80", "[::1]:15001", "0.0.0.0:0", "unix:/run/weft.sock", "[fe80::1]:65535"}) {
    Result<SocketAddress> address = SocketAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(address->to_string(), text);
    sockaddr_storage storage;
    const socklen_t length = address->to_native(storage);
    EXPECT_EQ(SocketAddress::from_native(reinterpret_cast<sockaddr*>(&storage), length), *address)
        << text;
  }
}

TEST(SocketAddress, RefusesWhatIsNotAnAddress) {
  for (const char* text :
       {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "localhost:80",
        "[127.0.0.1]:80", "01.2.3.4:5", "unix:", "1.2.3.4:8 0", "[::1%lo]:80"}) {
    EXPECT_FALSE(SocketAddress::parse(text).has_value()) << text;
  }
}

TEST(Cidr, ContainsItsAddressesAndNoOthers) {
  const Cidr range = Cidr::parse("10.1.2.3/20").value();
  EXPECT_EQ(range.to_string(), "10.1.0.0/20");
  EXPECT_TRUE(range.contains(IpAddress::parse("10.1.15.255").value()));
  EXPECT_TRUE(range.contains(IpAddress::parse("::ffff:10.1.0.1").value()));
  EXPECT_FALSE(range.contains(IpAddress::parse("10.1.16.0").value()));
  EXPECT_FALSE(Cidr::parse("10.0.0.0/33").has_value());
  EXPECT_TRUE(Cidr::parse("0.0.0.0/0").value().contains(IpAddress::parse("9.9.9.9").value()));
}

TEST(SpiffeId, NamesAWorkload) {
  const SpiffeId id = SpiffeId::make("cluster.local", "shop", "cart").value();
  EXPECT_EQ(id.uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(id.trust_domain(), "cluster.local");
  EXPECT_EQ(id.name_space(), "shop");
  EXPECT_EQ(id.service_account(), "cart");
}

TEST(SpiffeId, RefusesWhatTheSpecificationRefuses) {
  for (const char* uri :
       {"", "spiffe://", "http://a/b", "spiffe:///a", "spiffe://A/b", "spiffe://a/",
        "spiffe://a//b", "spiffe://a/./b", "spiffe://a/..", "spiffe://a:80/b", "spiffe://u@a/b",
        "spiffe://a/b?c", "spiffe://a/b#c", "spiffe://a/b%20", "SPIFFE://a/b"}) {
    EXPECT_FALSE(SpiffeId::parse(uri).has_value()) << uri;
  }
  EXPECT_FALSE(SpiffeId::make("a", "b/sa/c", "d").has_value());
}

TEST(Duration, ReadsGatewayApiText) {
  EXPECT_EQ(parse_duration("1h30m").value(), std::chrono::minutes(90));
  EXPECT_EQ(parse_duration("250ms").value(), milliseconds(250));
  EXPECT_EQ(parse_duration("0s").value(), Duration::zero());
  EXPECT_EQ(parse_duration("1h2m3s4ms").value(),
            std::chrono::hours(1) + std::chrono::minutes(2) + milliseconds(3004));
  for (const char* text :
       {"", "5", "s", "1.5s", "-1s", "1s1h", "1d", "100000s", "1s1s", " 1s", "1 s", "1us"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
  EXPECT_EQ(format_duration(std::chrono::minutes(90)), "1h30m");
  EXPECT_EQ(format_duration(milliseconds(1250)), "1s250ms");
}

TEST(Numbers, AreDigitsOnly) {
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "+1", "-1", "1 ", " 1", "0x1", "18446744073709551616", "1_0"}) {
    EXPECT_FALSE(parse_u64(text).has_value()) << text;
  }
}

TEST(Escape, LetsNoControlByteThrough) {
  EXPECT_EQ(escape(std::string_view("a\r\n\"\\\x01\xff", 7)), "a\\r\\n\\\"\\\\\\x01\\xff");
  EXPECT_EQ(escape("abcdef", 3), "abc...");
}

TEST(Backoff, GrowsToItsCeilingAndNeverOverflows) {
  Backoff backoff(milliseconds(25), milliseconds(250));
  EXPECT_EQ(backoff.ceiling_for(0), milliseconds(25));
  EXPECT_EQ(backoff.ceiling_for(3), milliseconds(200));
  EXPECT_EQ(backoff.ceiling_for(4), milliseconds(250));
  EXPECT_EQ(backoff.ceiling_for(4'000'000), milliseconds(250));
  Backoff huge(seconds(1), Duration::max());
  EXPECT_EQ(huge.ceiling_for(4'000'000), Duration::max());
  Random random(7);
  for (int i = 0; i < 1000; ++i) {
    const Duration delay = backoff.next(random);
    EXPECT_GE(delay, Duration::zero());
    EXPECT_LE(delay, milliseconds(250));
  }
}

TEST(TokenBucket, GivesItsRateAndNoMoreThanItsBurst) {
  TimePoint now{};
  TokenBucket bucket(10, 3, now);
  EXPECT_TRUE(bucket.take(now) && bucket.take(now) && bucket.take(now));
  EXPECT_FALSE(bucket.take(now));
  EXPECT_EQ(std::chrono::round<milliseconds>(bucket.wait_for(now)), milliseconds(100));
  now += milliseconds(100);
  EXPECT_TRUE(bucket.take(now));
  now += std::chrono::hours(1);
  int taken = 0;
  while (bucket.take(now)) ++taken;
  EXPECT_EQ(taken, 3);
}

TEST(Arena, KeepsCopiesInPlace) {
  Arena arena;
  std::vector<std::string_view> views;
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) {
    texts.push_back(
        std::string(static_cast<std::size_t>(i * 7 % 900), static_cast<char>('a' + i % 26)));
    views.push_back(arena.copy(texts.back()));
  }
  Arena moved = std::move(arena);
  for (std::size_t i = 0; i < views.size(); ++i) EXPECT_EQ(views[i], texts[i]);
}

TEST(Slab, SurvivesReallocation) {
  auto* text = static_cast<char*>(slab_malloc(5));
  std::copy_n("weft", 5, text);
  text = static_cast<char*>(slab_realloc(text, 10000));
  EXPECT_STREQ(text, "weft");
  text = static_cast<char*>(slab_realloc(text, 5));
  EXPECT_STREQ(text, "weft");
  slab_release(text);
}

std::vector<void*> take_blocks(std::size_t count) {
  std::vector<void*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(slab_malloc(200));
  return blocks;
}

std::size_t kept_after_burying(const std::vector<void*>& blocks) {
  for (void* block : blocks) slab_release(block);
  return slab_kept_bytes();
}

#ifndef WEFT_SANITIZED  // there nothing is kept at all
TEST(Slab, KeepsForAThreadWhatItTookItself) {
  std::size_t kept = 0;
  std::thread([&] { kept = kept_after_burying(take_blocks(100)); }).join();
  EXPECT_EQ(kept, 100 * 256U);
}
#endif

TEST(Slab, KeepsNothingForAThreadThatOnlyBuriesWhatAnotherTook) {
  const std::vector<void*> blocks = take_blocks(1000);
  std::size_t kept = 0;
  std::thread([&] { kept = kept_after_burying(blocks); }).join();
  EXPECT_EQ(kept, 0U);
}

TEST(Slab, KeepsNoMoreThanAThreadTookHoweverManyOthersItBuries) {
  const std::vector<void*> foreign = take_blocks(1000);
  std::size_t kept = 0;
  std::thread([&] {
    const std::vector<void*> own = take_blocks(10);
    (void)kept_after_burying(foreign);
    kept = kept_after_burying(own);
  }).join();
  EXPECT_LE(kept, 10 * 256U);
}

TEST(Turn, FlushesOnceAndBuriesAtItsEnd) {
  Turn turn{TimePoint{}};
  struct Output final : Flushable {
    void flush() override { ++flushes; }
    int flushes = 0;
  } output;
  struct Mortal {
    explicit Mortal(bool& flag) : dead(flag) {}
    ~Mortal() { dead = true; }
    bool& dead;
  };
  bool dead = false;
  turn.enlist(output);
  turn.enlist(output);
  turn.retire(std::make_unique<Mortal>(dead));
  EXPECT_FALSE(dead);
  EXPECT_TRUE(turn.end());
  EXPECT_EQ(output.flushes, 1);
  EXPECT_TRUE(dead);
}

TEST(Log, LetsOneLineASecondThroughAGate) {
  LogGate gate;
  EXPECT_EQ(gate.pass(), 0);
  EXPECT_EQ(gate.pass(), -1);
}

}  // namespace
}  // namespace weft
