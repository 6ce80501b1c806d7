#include "telemetry/span.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "telemetry/recent_traces.h"
#include "telemetry/sampler.h"
#include "telemetry/span_fill.h"
#include "telemetry/span_ring.h"

namespace weft::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart = TimePoint{} + std::chrono::hours(100);

// "name: key=value key=value"
std::string told(const Span& span) {
  std::string text = std::string(span.name()) + ":";
  span.for_each_attribute([&text](AttributeKey key, auto value) {
    text += " " + std::string(name_of(key)) + "=";
    if constexpr (std::is_same_v<decltype(value), std::string_view>) {
      text += value;
    } else {
      text += std::to_string(value);
    }
  });
  return text;
}

AccessRecord refused() {
  AccessRecord record;
  record.started = WallTime{} + seconds(1000);
  record.total = milliseconds(20);
  record.direction = Direction::kOutbound;
  record.wire = WireProtocol::kHttp2;
  record.method = "GET";
  record.path = "/items";
  record.authority = "cart.shop";
  record.status = 503;
  record.cause = Cause::kCircuitOpen;
  record.flags.set(Flag::kUpstreamOverflow);
  record.details = "breaker open";
  record.route = intern("shop/cart/main");
  record.backend = intern("cart-v2:80");
  record.attempts = 2;
  record.queue = milliseconds(7);
  record.trace.trace_id.bytes[0] = 1;
  record.trace.span_id.bytes[0] = 2;
  record.trace.parent_id.bytes[0] = 3;
  record.trace.sampling = Sampling::kYes;
  return record;
}

TEST(Span, OfAnExchangeSaysWhatTheRecordSays) {
  Span span;
  fill_span(refused(), KeptFor::kSampled, span);
  EXPECT_EQ(told(span),
            "GET shop/cart/main: error.type=circuit_open weft.cause=circuit_open weft.flags=UO "
            "weft.details=breaker open "
            "weft.direction=outbound http.response.status_code=503 http.request.method=GET "
            "url.path=/items "
            "server.address=cart.shop weft.backend=cart-v2:80 weft.attempts=2 weft.queue_ms=7 "
            "network.protocol.version=2 "
            "http.request.body.size=0 http.response.body.size=0");
  EXPECT_EQ(span.kind, SpanKind::kServer);
  EXPECT_EQ(span.status, SpanStatus::kError);
  EXPECT_EQ(span.trace_flags, 1);
  EXPECT_EQ(span.trace_id, refused().trace.trace_id);
  EXPECT_EQ(span.parent_id, refused().trace.parent_id);
  EXPECT_EQ(span.end - span.start, milliseconds(20));
}

TEST(Span, ThatIsKeptForItsFailureIsMarked) {
  AccessRecord record = refused();
  record.trace.sampling = Sampling::kNo;
  Span span;
  fill_span(record, KeptFor::kFailure, span);
  EXPECT_NE(told(span).find("weft.kept_for_failure=1"), std::string::npos);
  EXPECT_EQ(span.trace_flags, 0);
}

TEST(Span, OfAnAttemptIsAClientsSpan) {
  AttemptRecord attempt;
  attempt.number = 2;
  attempt.method = "GET";
  attempt.backend = intern("cart-v2:80");
  attempt.upstream_address = "10.0.0.1:80";
  attempt.result = AttemptResult::kConnectFailure;
  Span span;
  fill_span(attempt, KeptFor::kSampled, span);
  EXPECT_EQ(told(span),
            "GET cart-v2:80: error.type=connect_failure weft.attempt=2 http.request.method=GET "
            "network.peer.address=10.0.0.1:80 "
            "weft.backend=cart-v2:80");
  EXPECT_EQ(span.kind, SpanKind::kClient);
  EXPECT_EQ(span.status, SpanStatus::kError);
}

TEST(Span, ASlotIsUsedAgainWithoutLeftovers) {
  Span span;
  fill_span(refused(), KeptFor::kFailure, span);
  AccessRecord plain;
  plain.protocol = RequestProtocol::kTcp;
  fill_span(plain, KeptFor::kSampled, span);
  EXPECT_EQ(told(span),
            "TCP: weft.direction=inbound http.request.body.size=0 http.response.body.size=0");
  EXPECT_EQ(span.status, SpanStatus::kUnset);
  EXPECT_TRUE(span.parent_id.is_zero());
}

TEST(Span, KeepsWithinItsSizeWhateverItIsTold) {
  const std::string junk(100'000, 'x');
  Span span;
  span.clear();
  span.set_name(junk, junk);
  EXPECT_EQ(span.name().size(), Span::kTextMax);
  for (int i = 0; i < 100; ++i) span.add(AttributeKey::kDetails, junk);
  EXPECT_EQ(span.attributes_dropped, 100 - Span::kAttributesMax);
  for (int i = 0; i < 300; ++i) span.add(AttributeKey::kAttempt, std::int64_t{1});
  EXPECT_EQ(span.attributes_dropped, 255);
}

TEST(Span, CutsBetweenCharactersAndReplacesWhatIsNone) {
  Span span;
  span.clear();
  span.set_name(std::string(Span::kTextMax - 1, 'a') + "\xe2\x82\xac");
  EXPECT_EQ(span.name(), std::string(Span::kTextMax - 1, 'a'));
  span.add(AttributeKey::kDetails, std::string_view("a\xff\xc3\xa9\xc3"));
  EXPECT_TRUE(told(span).ends_with("weft.details=a?\xc3\xa9?"));
}

TEST(Span, TheNameIsOnePieceWhenItsPartsAreLong) {
  Span span;
  span.clear();
  span.set_name("GET", std::string(200, 'r'));
  EXPECT_EQ(span.name(), "GET " + std::string(Span::kTextMax - 4, 'r'));
}

TEST(SpanRing, DropsAndCountsWhenNobodyDrains) {
  Counter dropped;
  SpanRing ring(dropped);
  for (std::uint32_t i = 0; i < SpanRing::kSpansMax; ++i) {
    Span* span = ring.claim();
    ASSERT_NE(span, nullptr);
    span->attributes_dropped = static_cast<std::uint8_t>(i);
    ring.publish();
  }
  EXPECT_EQ(ring.claim(), nullptr);
  EXPECT_EQ(dropped.value(), 1u);
  std::uint32_t next = 0;
  EXPECT_EQ(ring.drain([&next](const Span& span) {
    EXPECT_EQ(span.attributes_dropped, static_cast<std::uint8_t>(next++));
  }),
            SpanRing::kSpansMax);
  EXPECT_NE(ring.claim(), nullptr);
  EXPECT_EQ(ring.drain([](const Span&) {}), 0u) << "claimed, not published";
}

TEST(SpanRing, HandsOverBetweenThreads) {
  Counter dropped;
  SpanRing ring(dropped);
  constexpr std::uint64_t kSpans = 20'000;
  std::thread worker([&ring] {
    for (std::uint64_t i = 0; i < kSpans;) {
      if (Span* span = ring.claim()) {
        span->clear();
        span->start = WallTime{} + Duration(static_cast<std::int64_t>(i));
        span->set_name(std::to_string(i));
        ring.publish();
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t next = 0;
  while (next < kSpans) {
    ring.drain([&next](const Span& span) {
      ASSERT_EQ(span.start, WallTime{} + Duration(static_cast<std::int64_t>(next)));
      ASSERT_EQ(span.name(), std::to_string(next));
      ++next;
    });
  }
  worker.join();
}

TraceContext root(std::uint64_t seed) {
  Random random(seed);
  return make_child({}, random);
}

TEST(Sampler, HonoursTheCaller) {
  Sampler sampler;
  TraceContext context = root(1);
  context.sampling = Sampling::kNo;
  EXPECT_EQ(sampler.decide(context, {.ratio = 1}, kStart), Sampling::kNo);
  context.sampling = Sampling::kDebug;
  EXPECT_EQ(sampler.decide(context, {.ratio = 0, .roots_per_second = 0}, kStart), Sampling::kDebug);
}

TEST(Sampler, TakesTheFirstRootOfEachSecond) {
  Sampler sampler;
  const SamplingOptions options{.ratio = 0};
  EXPECT_EQ(sampler.decide(root(1), options, kStart), Sampling::kYes);
  EXPECT_EQ(sampler.decide(root(2), options, kStart + milliseconds(999)), Sampling::kNo);
  EXPECT_EQ(sampler.decide(root(3), options, kStart + milliseconds(1000)), Sampling::kYes);
  EXPECT_EQ(sampler.decide(root(4), options, kStart), Sampling::kNo)
      << "a worker whose turn began earlier";
  EXPECT_EQ(sampler.decide(root(5), options, kStart + milliseconds(1001)), Sampling::kNo);
}

TEST(Sampler, TakesItsShareByTheTraceId) {
  Sampler sampler;
  const SamplingOptions options{.ratio = 0.1, .roots_per_second = 0};
  int sampled = 0;
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const TraceContext context = root(i);
    const Sampling decision = sampler.decide(context, options, kStart);
    EXPECT_EQ(decision == Sampling::kYes, Sampler::in_ratio(context.trace_id, 0.1));
    sampled += decision == Sampling::kYes ? 1 : 0;
  }
  EXPECT_NEAR(sampled, 2000, 200);
  EXPECT_FALSE(Sampler::in_ratio(root(1).trace_id, 0));
  EXPECT_TRUE(Sampler::in_ratio(root(1).trace_id, 1));
}

TEST(Sampler, KeepsAFewFailuresPerSecondOfTheirOwn) {
  Sampler sampler;
  const SamplingOptions options{.ratio = 0, .failures_per_second = 2};
  EXPECT_EQ(sampler.decide(root(1), options, kStart), Sampling::kYes);
  EXPECT_TRUE(sampler.keep_failure(options, kStart));
  EXPECT_TRUE(sampler.keep_failure(options, kStart));
  EXPECT_FALSE(sampler.keep_failure(options, kStart));
  EXPECT_TRUE(sampler.keep_failure(options, kStart + seconds(1)));
}

TEST(PerSecond, HoldsForAllThreadsTogether) {
  PerSecond permits;
  std::vector<std::thread> threads;
  std::atomic<int> taken{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        if (permits.take(kStart + seconds(i / 1000), 3)) taken.fetch_add(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(taken.load(), 15);
  EXPECT_GE(taken.load(), 3);
}

TEST(RecentTraces, GroupsSpansByTraceNewestFirst) {
  RecentTraces recent;
  const auto add = [&recent](std::uint8_t trace, std::uint8_t id, std::uint8_t parent, int at) {
    Span span;
    span.clear();
    span.trace_id.bytes[15] = trace;
    span.span_id.bytes[7] = id;
    span.parent_id.bytes[7] = parent;
    span.start = WallTime{} + milliseconds(at);
    span.end = span.start + milliseconds(2);
    span.set_name("GET");
    recent.add(span);
  };
  EXPECT_EQ(recent.to_json(), R"({"traces":[]})");
  add(1, 2, 1, 5);
  add(2, 9, 0, 1);
  add(1, 1, 0, 4);
  const std::string tail = R"("duration_ms":2.000,"error":false,"attributes":{}})";
  EXPECT_EQ(
      recent.to_json(),
      R"({"traces":[{"trace_id":"00000000000000000000000000000001","spans":[)"
      R"({"name":"GET","kind":"internal","span_id":"0000000000000001","parent_id":null,"start":"1970-01-01T00:00:00.004Z",)" +
          tail +
          R"(,{"name":"GET","kind":"internal","span_id":"0000000000000002","parent_id":"0000000000000001","start":"1970-01-01T00:00:00.005Z",)" +
          tail +
          R"(]},{"trace_id":"00000000000000000000000000000002","spans":[)"
          R"({"name":"GET","kind":"internal","span_id":"0000000000000009","parent_id":null,"start":"1970-01-01T00:00:00.001Z",)" +
          tail + "]}]}");
  EXPECT_EQ(recent.to_json(0), R"({"traces":[]})");
}

TEST(RecentTraces, AreBounded) {
  RecentTraces recent;
  Span span;
  span.clear();
  for (std::size_t i = 0; i < 2 * RecentTraces::kSpansMax; ++i) recent.add(span);
  EXPECT_EQ(recent.spans(), RecentTraces::kSpansMax);
}

}  // namespace
}  // namespace weft::telemetry
