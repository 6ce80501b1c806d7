#pragma once
// Retry: may a failed attempt be made again, why, and how soon. Pure (behaviour.md section 3).
//
// What is provably unprocessed may be repeated for any method; everything else only for idempotent
// methods unless the author of the policy opted in. Budget and endpoint choice are the cluster's.

#include <cstdint>
#include <optional>

#include "sidecar/config/route_config.h"
#include "sidecar/core/backoff.h"
#include "sidecar/core/random.h"
#include "sidecar/http/message.h"
#include "telemetry/proxy_metrics.h"

namespace weft::proxy {

// How an attempt ended, as far as retrying is concerned.
struct AttemptEnd {
  enum class Kind : std::uint8_t {
    kUnprocessed,  // no connection, refused, GOAWAY above its last id, a verified peer's word
    kReset,        // ended before a response head
    kTimeout,      // the attempt's own time was up
    kHead,         // a response head came
  };
  Kind kind = Kind::kReset;
  std::uint16_t status = 0;                  // kHead
  std::optional<std::uint32_t> grpc_status;  // kHead, when the head already tells it
  std::optional<Duration> retry_after;       // the server's wish; negative: never
  bool reused_connection = false;            // kReset: it may have been closed while idle
  // kReset: by the app beside us. While it closes its listener, the kernel still takes connections
  // that nobody will ever read from.
  bool own_app = false;
};

// How often a request that may be repeated is sent again after a loss that is nobody's failure: to
// another host once; to an app that ends as often as it may have kept connections that it closes
// now and a last one that it never takes, after which the next is refused.
inline constexpr std::uint8_t kReplays = 1;
inline constexpr std::uint8_t kReplaysOfOwnApp = 4;

struct RetryFacts {
  http::Method method = http::Method::kGet;
  bool replayable = true;         // the request's body is still here, or there is none
  bool response_started = false;  // bytes have gone downstream
  std::uint8_t replays = 0;       // how often a loss was nobody's failure
  std::uint32_t retries_done = 0;
  std::optional<Duration> time_left;  // until the request's deadline
};

struct RetryDecision {
  bool retry = false;
  telemetry::RetryReason reason = telemetry::RetryReason::kUnprocessed;
  // Why not, when the failure itself was one to retry; nothing when it was not.
  std::optional<telemetry::RetryDenied> denied;
  Duration delay_min{0};  // the server's Retry-After
  bool courtesy = false;  // a free replay of what a connection lost
};

[[nodiscard]] RetryDecision decide_retry(const config::RetryPolicy& policy, const AttemptEnd& end,
                                         const RetryFacts& facts);

// How long before try `retries_done` + 1 of those that are extra. `previous`: what this returned
// before, zero at first; the decorrelated kind grows from it. Never more than backoff_max.
[[nodiscard]] Duration backoff_delay(const config::RetryPolicy& policy, std::uint32_t retries_done,
                                     Duration previous, Random& random);

// Retry-After in seconds (a date is not understood: nothing), grpc-retry-pushback-ms; negative
// means never.
[[nodiscard]] std::optional<Duration> wished_delay(const http::Headers& fields);

// The policy names a gRPC status, so that what an answer's trailers say may be a reason.
[[nodiscard]] bool retries_grpc_statuses(const config::RetryPolicy& policy);

}  // namespace weft::proxy
