#include "sidecar/proxy/retry.h"

#include <gtest/gtest.h>

#include <string>

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
  EXPECT_EQ(decide(kDefault, lost, {.replayed_once = true}), "final");
  EXPECT_EQ(decide(kDefault, lost, {.method = http::Method::kPost}), "final");
  EXPECT_EQ(decide(kDefault, {.kind = Kind::kReset}, {}), "final");
  EXPECT_EQ(decide({}, lost, {}), "final");
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

}  // namespace
}  // namespace weft::proxy
