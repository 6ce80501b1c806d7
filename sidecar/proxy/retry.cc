#include "sidecar/proxy/retry.h"

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::proxy {

namespace {

using telemetry::RetryDenied;
using telemetry::RetryReason;

std::optional<RetryReason> reason_for_head(const config::RetryPolicy& policy,
                                           const AttemptEnd& end) {
  const auto on = [&](std::uint32_t bit) { return (policy.on & bit) != 0; };
  if (end.grpc_status) {
    std::uint32_t bit = 0;
    switch (*end.grpc_status) {
      case 1:
        bit = config::kRetryGrpcCancelled;
        break;
      case 4:
        bit = config::kRetryGrpcDeadlineExceeded;
        break;
      case 8:
        bit = config::kRetryGrpcResourceExhausted;
        break;
      case 13:
        bit = config::kRetryGrpcInternal;
        break;
      case 14:
        bit = config::kRetryGrpcUnavailable;
        break;
      default:
        break;
    }
    if (on(bit)) return RetryReason::kGrpc;
  }
  const bool gateway = end.status == 502 || end.status == 503 || end.status == 504;
  if (on(config::kRetry5xx) && end.status >= 500) return RetryReason::k5xx;
  if (on(config::kRetryGatewayError) && gateway) return RetryReason::kGatewayError;
  if (on(config::kRetryRetriable4xx) && end.status == 409) return RetryReason::kRetriable4xx;
  if (on(config::kRetryStatusCodes) &&
      std::find(policy.status_codes.begin(), policy.status_codes.end(), end.status) !=
          policy.status_codes.end()) {
    return RetryReason::kStatusCode;
  }
  return std::nullopt;
}

std::optional<RetryReason> reason_for(const config::RetryPolicy& policy, const AttemptEnd& end) {
  const auto on = [&](std::uint32_t bits) { return (policy.on & bits) != 0; };
  switch (end.kind) {
    case AttemptEnd::Kind::kUnprocessed:
      if (on(config::kRetryUnprocessed | config::kRetry5xx)) return RetryReason::kUnprocessed;
      break;
    case AttemptEnd::Kind::kReset:
      if (on(config::kRetryReset | config::kRetry5xx)) return RetryReason::kReset;
      break;
    case AttemptEnd::Kind::kTimeout:
      if (on(config::kRetryTimeout | config::kRetry5xx)) return RetryReason::kTimeout;
      break;
    case AttemptEnd::Kind::kHead:
      return reason_for_head(policy, end);
  }
  return std::nullopt;
}

}  // namespace

RetryDecision decide_retry(const config::RetryPolicy& policy, const AttemptEnd& end,
                           const RetryFacts& facts) {
  RetryDecision decision;
  std::optional<RetryReason> reason = reason_for(policy, end);
  const bool idempotent = http::is_idempotent(facts.method);
  // A kept connection may have been closed by the peer just as we used it, a new one have waited
  // for an app that ends: nobody's failure, so it costs no try.
  const bool nobodys =
      end.kind == AttemptEnd::Kind::kReset && (end.reused_connection || end.own_app);
  if (!reason && nobodys && idempotent &&
      facts.replays < (end.own_app ? kReplaysOfOwnApp : kReplays) &&
      (policy.on & config::kRetryUnprocessed) != 0) {
    reason = RetryReason::kReset;
    decision.courtesy = true;
  }
  if (!reason) return decision;
  decision.reason = *reason;
  const auto deny = [&](RetryDenied why) {
    decision.denied = why;
    return decision;
  };
  if (facts.response_started) return deny(RetryDenied::kResponseStarted);
  if (!facts.replayable) return deny(RetryDenied::kBodyTooLarge);
  if (end.kind != AttemptEnd::Kind::kUnprocessed && !idempotent && !policy.any_method)
    return deny(RetryDenied::kMethod);
  if (!decision.courtesy && facts.retries_done >= policy.attempts_extra)
    return deny(RetryDenied::kAttempts);
  if (end.retry_after) {
    if (*end.retry_after < Duration::zero() || *end.retry_after > policy.retry_after_max) {
      return deny(RetryDenied::kRetryAfter);
    }
    decision.delay_min = *end.retry_after;
  }
  if (facts.time_left && *facts.time_left <= decision.delay_min)
    return deny(RetryDenied::kDeadline);
  decision.retry = true;
  return decision;
}

namespace {

// Uniform in [from, to].
Duration between(Duration from, Duration to, Random& random) {
  if (to <= from) return from;
  return from + Duration(static_cast<std::int64_t>(
                    random.below(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

}  // namespace

Duration backoff_delay(const config::RetryPolicy& policy, std::uint32_t retries_done,
                       Duration previous, Random& random) {
  const Duration max = std::max(policy.backoff_base, policy.backoff_max);
  const Duration ceiling = Backoff(policy.backoff_base, max).ceiling_for(retries_done);
  switch (policy.jitter) {
    case config::BackoffJitter::kFull:
      return between(Duration::zero(), ceiling, random);
    case config::BackoffJitter::kEqual:
      return between(ceiling / 2, ceiling, random);
    case config::BackoffJitter::kNone:
      return ceiling;
    case config::BackoffJitter::kDecorrelated: {
      const Duration last = std::max(previous, policy.backoff_base);
      // Capped before it is multiplied.
      const Duration widest = last > max / 3 ? max : last * 3;
      return between(policy.backoff_base, widest, random);
    }
  }
  return ceiling;
}

bool retries_grpc_statuses(const config::RetryPolicy& policy) {
  return (policy.on & (config::kRetryGrpcCancelled | config::kRetryGrpcDeadlineExceeded |
                       config::kRetryGrpcInternal | config::kRetryGrpcResourceExhausted |
                       config::kRetryGrpcUnavailable)) != 0;
}

std::optional<Duration> wished_delay(const http::Headers& fields) {
  if (const auto pushback = fields.find(http::HeaderId::kGrpcRetryPushbackMs)) {
    const std::optional<std::uint64_t> ms = parse_u64(*pushback);
    // gRFC A6: anything that is not a whole number of milliseconds means "do not retry".
    if (!ms || *ms > 86'400'000) return Duration(-1);
    return std::chrono::milliseconds(*ms);
  }
  if (const auto after = fields.find(http::HeaderId::kRetryAfter)) {
    const std::optional<std::uint64_t> seconds = parse_u64(*after);
    if (!seconds) return std::nullopt;
    return std::chrono::seconds(std::min<std::uint64_t>(*seconds, 86'400));
  }
  return std::nullopt;
}

}  // namespace weft::proxy
