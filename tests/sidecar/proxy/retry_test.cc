#include "sidecar/proxy/retry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace weft::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = AttemptEnd::Kind;

std::string decide(const config::RetryPolicy& policy, const AttemptEnd& end,
                   const RetryFacts& facts) {
  const RetryDecision decision = decide_retry(policy, end, facts);
  if (decision.retry) return decision.courtesy ? "courtesy" : "retry";
  if (!decision.denied) return "final";
  switch (*decision.denied) {
    case telemetry::RetryDenied::kBudget:
      return "budget";
    case telemetry::RetryDenied::kDeadline:
      return "deadline";
    case telemetry::RetryDenied::kMethod:
      return "method";
    case telemetry::RetryDenied::kBodyTooLarge:
      return "body";
    case telemetry::RetryDenied::kResponseStarted:
      return "started";
    case telemetry::RetryDenied::kRetryAfter:
      return "retry-after";
    case telemetry::RetryDenied::kBreaker:
      return "breaker";
    case telemetry::RetryDenied::kLimit:
      return "limit";
    case telemetry::RetryDenied::kAttempts:
      return "attempts";
  }
  return "?";
}

const config::RetryPolicy kDefault{.on = config::kRetryUnprocessed, .attempts_extra = 2};

TEST(Retry, RepeatsWhatWasProvablyNotProcessedForAnyMethod) {
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kUnprocessed}, {.method = http::Method::kPost}),
            "retry");
}

TEST(Retry, DoesNotRepeatAPostThatMayHaveBeenProcessed) {
  const config::RetryPolicy on_reset{.on = config::kRetryReset, .attempts_extra = 2};
  EXPECT_EQ(decide(on_reset, {.kind = Kind::kReset}, {.method = http::Method::kPost}), "method");
  EXPECT_EQ(decide(on_reset, {.kind = Kind::kReset}, {.method = http::Method::kGet}), "retry");
  config::RetryPolicy any = on_reset;
  any.any_method = true;
  EXPECT_EQ(decide(any, {.kind = Kind::kReset}, {.method = http::Method::kPost}), "retry");
}

TEST(Retry, StopsAfterItsAttempts) {
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kUnprocessed}, {.retries_done = 1}), "retry");
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kUnprocessed}, {.retries_done = 2}), "attempts");
}

TEST(Retry, NeverRepeatsOnceBytesWentDownstreamOrTheBodyIsGone) {
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kUnprocessed}, {.response_started = true}), "started");
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kUnprocessed}, {.replayable = false}), "body");
}

TEST(Retry, ChoosesByStatusOnlyWhatWasAskedFor) {
  const config::RetryPolicy gateway{.on = config::kRetryGatewayError};
  const config::RetryPolicy codes{.on = config::kRetryStatusCodes, .status_codes = {418}};
  EXPECT_EQ(decide(gateway, {.kind = Kind::kHead, .status = 503}, {}), "retry");
  EXPECT_EQ(decide(gateway, {.kind = Kind::kHead, .status = 500}, {}), "final");
  EXPECT_EQ(decide(codes, {.kind = Kind::kHead, .status = 418}, {}), "retry");
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kHead, .status = 503}, {}), "final");
  const config::RetryPolicy grpc{.on = config::kRetryGrpcUnavailable, .any_method = true};
  EXPECT_EQ(decide(grpc, {.kind = Kind::kHead, .status = 200, .grpc_status = 14},
                   {.method = http::Method::kPost}),
            "retry");
  EXPECT_EQ(decide(grpc, {.kind = Kind::kHead, .status = 200, .grpc_status = 13},
                   {.method = http::Method::kPost}),
            "final");
}

TEST(Retry, HonoursTheServersWishUpToABound) {
  const config::RetryPolicy gateway{.on = config::kRetryGatewayError};
  AttemptEnd end{.kind = Kind::kHead, .status = 503, .retry_after = milliseconds(500)};
  EXPECT_EQ(decide(gateway, end, {}), "retry");
  EXPECT_EQ(decide_retry(gateway, end, {}).delay_min, milliseconds(500));
  end.retry_after = seconds(2);
  EXPECT_EQ(decide(gateway, end, {}), "retry-after");
  end.retry_after = Duration(-1);
  EXPECT_EQ(decide(gateway, end, {}), "retry-after");
}

TEST(Retry, DoesNotTryWhatCannotFinishBeforeTheDeadline) {
  const config::RetryPolicy gateway{.on = config::kRetryGatewayError};
  const AttemptEnd end{.kind = Kind::kHead, .status = 503, .retry_after = milliseconds(500)};
  EXPECT_EQ(decide(gateway, end, {.time_left = milliseconds(400)}), "deadline");
}

TEST(Retry, ReplaysOnceWhatAnIdleConnectionLost) {
  const AttemptEnd lost{.kind = Kind::kReset, .reused_connection = true};
  EXPECT_EQ(decide(kDefault, lost, {}), "courtesy");
  EXPECT_EQ(decide(kDefault, lost, {.replays = 1}), "final");
  EXPECT_EQ(decide(kDefault, lost, {.method = http::Method::kPost}), "final");
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kReset}, {}), "final");
  EXPECT_EQ(decide({}, lost, {}), "final");
}

TEST(Retry, ReplaysWhatAnAppThatEndsNeverRead) {
  const AttemptEnd lost{.kind = Kind::kReset, .own_app = true};
  const config::RetryPolicy inbound{.on = config::kRetryUnprocessed, .attempts_extra = 0};
  EXPECT_EQ(decide(inbound, lost, {}), "courtesy");
  EXPECT_EQ(decide(inbound, lost, {.replays = 3}), "courtesy") << "each of its kept connections";
  EXPECT_EQ(decide(inbound, lost, {.replays = kReplaysOfOwnApp}), "final");
  EXPECT_EQ(decide(inbound, lost, {.method = http::Method::kPost}), "final");
  EXPECT_EQ(decide(inbound, {.kind = Kind::kUnprocessed}, {}), "attempts")
      << "the caller's sidecar knows of others";
}

TEST(Retry, ReadsTheServersWish) {
  const auto wish = [](std::string_view name, std::string_view value) {
    http::ResponseHead head;
    head.headers.add_copy(name, value);
    return wished_delay(head.headers);
  };
  EXPECT_EQ(wish("retry-after", "2"), seconds(2));
  EXPECT_EQ(wish("retry-after", "Fri, 20 Nov 2026 12:00:00 GMT"), std::nullopt);
  EXPECT_EQ(wish("retry-after", "99999999999999999999"), std::nullopt);
  EXPECT_EQ(wish("grpc-retry-pushback-ms", "250"), milliseconds(250));
  EXPECT_EQ(wish("grpc-retry-pushback-ms", "-1"), Duration(-1));
  EXPECT_EQ(wish("grpc-retry-pushback-ms", "x"), Duration(-1));
}

std::pair<Duration, Duration> range_of(const config::RetryPolicy& policy, std::uint32_t done,
                                       Duration previous) {
  Random random(7);
  Duration least = Duration::max();
  Duration most{0};
  for (int i = 0; i < 10'000; ++i) {
    const Duration delay = backoff_delay(policy, done, previous, random);
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  return {least, most};
}

TEST(Backoff, EachKindOfJitterHasItsRange) {
  config::RetryPolicy policy;
  policy.backoff_base = milliseconds(100);
  policy.backoff_max = seconds(1);
  const auto near = [](Duration is, Duration wanted) {
    return is >= wanted - milliseconds(2) && is <= wanted + milliseconds(2);
  };
  using Jitter = config::BackoffJitter;
  struct Row {
    Jitter jitter;
    std::uint32_t done;
    Duration previous;
    Duration least;
    Duration most;
  };
  for (const Row& row : {
           Row{Jitter::kFull, 0, {}, milliseconds(0), milliseconds(100)},
           Row{Jitter::kFull, 2, {}, milliseconds(0), milliseconds(400)},
           Row{Jitter::kEqual, 0, {}, milliseconds(50), milliseconds(100)},
           Row{Jitter::kEqual, 40, {}, milliseconds(500), seconds(1)},
           Row{Jitter::kNone, 1, {}, milliseconds(200), milliseconds(200)},
           Row{Jitter::kNone, 63, {}, seconds(1), seconds(1)},
           // From the base to three times the last wait, not to three times the plain delay.
           Row{Jitter::kDecorrelated, 0, {}, milliseconds(100), milliseconds(300)},
           Row{Jitter::kDecorrelated, 5, milliseconds(150), milliseconds(100), milliseconds(450)},
           Row{Jitter::kDecorrelated, 5, milliseconds(900), milliseconds(100), seconds(1)},
       }) {
    policy.jitter = row.jitter;
    const auto [least, most] = range_of(policy, row.done, row.previous);
    EXPECT_TRUE(near(least, row.least)) << static_cast<int>(row.jitter) << " " << least.count();
    EXPECT_TRUE(near(most, row.most)) << static_cast<int>(row.jitter) << " " << most.count();
  }
}

TEST(Backoff, OverflowsNowhere) {
  config::RetryPolicy policy;
  policy.backoff_base = std::chrono::hours(24 * 365);
  policy.backoff_max = Duration::max();
  for (const auto jitter : {config::BackoffJitter::kFull, config::BackoffJitter::kEqual,
                            config::BackoffJitter::kDecorrelated, config::BackoffJitter::kNone}) {
    policy.jitter = jitter;
    Random random(9);
    Duration previous{0};
    for (std::uint32_t done = 0; done < 200; ++done) {
      previous = backoff_delay(policy, done, previous, random);
      EXPECT_GE(previous, Duration::zero());
    }
  }
  // A cap below the base counts for nothing: the base does.
  policy.backoff_max = milliseconds(1);
  policy.jitter = config::BackoffJitter::kDecorrelated;
  Random random(1);
  EXPECT_EQ(backoff_delay(policy, 3, Duration::max(), random), policy.backoff_base);
}

}  // namespace
}  // namespace weft::proxy
