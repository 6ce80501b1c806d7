#pragma once
// RouteExtras: what few routes ask for beside forwarding: faults, copies of requests, somebody who
// answers instead, limits on how often, answers to browsers. A route without any has none, and its
// requests pay one look for that.
//
// Plain data, immutable once published, shared by all workers. After weft.config.v1.RoutePolicy,
// RouteAction.request_mirror_policies and Envoy's HTTP filters fault, cors and local_ratelimit.
// Matchers are compiled by whoever fills this in.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/header_edit.h"
#include "sidecar/config/matchers.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/rate_limiter.h"

namespace weft::config {

inline constexpr std::uint32_t kAlways = 1'000'000;  // of a million

// A failure on purpose. Several of a route draw each for itself.
struct FaultPolicy {
  struct Abort {
    std::optional<std::uint16_t> http_status;  // one of the two; the other follows from it
    std::optional<std::uint8_t> grpc_status;
  };
  std::string name;
  std::uint32_t per_million = kAlways;
  std::optional<WallTime> until;     // none: of a foreign control plane, which has no such thing
  std::vector<HeaderMatch> headers;  // all must match
  std::string only_cluster;          // empty: any
  std::uint32_t active_max = 0;      // at once in the whole sidecar; 0: no limit
  Duration delay{0};                 // before anything else
  Duration delay_jitter{0};          // as much more or less
  std::optional<Abort> abort;        // at most one of these three
  bool reset = false;
  std::uint64_t slow_body = 0;  // bytes of the answer a second
  std::uint32_t label = 0;      // for metrics and logs; set by the publisher
};

// A copy of the request that nobody waits for.
struct MirrorPolicy {
  std::string cluster;
  std::uint32_t per_million = kAlways;
  bool suffix_host = true;      // "cart" becomes "cart-shadow"
  std::optional<bool> sampled;  // of the copy's trace; none: as the request's
};

enum FallbackOn : std::uint8_t {
  kOnCircuitOpen = 1U << 0,
  kOnOverloaded = 1U << 1,
  kOnRetriesExhausted = 1U << 2,
};

// Who answers instead: another cluster, or what is written here.
struct Fallback {
  struct Response {
    std::uint16_t status = 503;
    std::vector<HeaderEdit> headers;
    std::string body;
  };
  std::uint8_t on = 0;  // FallbackOn bits
  std::string cluster;  // empty: `response`
  Response response;
};

// How often requests may come to this sidecar, all of its workers together.
struct RateLimit {
  enum class Key : std::uint8_t { kRoute, kIdentity, kHeader, kPath };
  std::string name;
  // Limits of one scope and name are one limit: of a virtual host, or of one of its routes.
  std::string scope;
  Key key = Key::kRoute;
  std::string header;  // kHeader; lower case
  RateLimiter::Algorithm algorithm = RateLimiter::Algorithm::kTokenBucket;
  std::uint32_t requests = 1;
  Duration interval = std::chrono::seconds(1);
  std::uint32_t burst = 1;  // of a token bucket
  std::uint16_t status = 429;
  std::vector<HeaderEdit> response_headers;  // of refusals
  std::uint32_t asked_per_million = kAlways;
  std::uint32_t enforced_per_million = kAlways;
  std::uint32_t label = 0;               // set by the publisher
  std::shared_ptr<RateLimiter> limiter;  // set by the publisher; the counts, shared by all workers
};

// Which pages of other origins may ask (Fetch, section 3.2).
struct CorsPolicy {
  bool any_origin = false;
  std::vector<TextMatch> origins;
  std::string methods;  // as they are sent
  std::string headers;
  std::string expose;
  std::string max_age;
  bool credentials = false;
  bool private_network = false;
  bool forward_unmatched_preflights = true;  // false: answered here, with no permission
  std::uint32_t per_million = kAlways;       // 0: off
};

struct RouteExtras {
  std::vector<FaultPolicy> faults;
  bool own_faults = false;  // said here, so that those of the listener do not count
  std::vector<MirrorPolicy> mirrors;
  std::optional<Fallback> fallback;
  std::vector<RateLimit> rate_limits;
  std::optional<CorsPolicy> cors;

  [[nodiscard]] bool empty() const {
    return faults.empty() && !own_faults && mirrors.empty() && !fallback && rate_limits.empty() &&
           !cors;
  }
};

}  // namespace weft::config
