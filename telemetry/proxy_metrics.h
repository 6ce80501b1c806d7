#pragma once
// ProxyMetrics: what one thread counts about itself, and ClusterMetrics: what it counts about one
// destination.
//
// Plain structs of core's Counter, Gauge and Histogram, written by the thread that owns the Shard
// and read by a scrape. How a member is called on /metrics is said by telemetry/families.h and
// written by telemetry/collect.cc. A gauge that only the main loop knows (configuration,
// certificates) is set in the main loop's own Shard.

#include <cstdint>
#include <string_view>

#include "sidecar/core/counters.h"
#include "telemetry/by_enum.h"

namespace weft::telemetry {

// ---- one destination ----

enum class AttemptResult : std::uint8_t {
  kOk,
  kServerError,
  kConnectFailure,
  kTlsFailure,
  kTimeout,
  kReset,
  kRefused,
  kProtocolError,
  kCancelled
};
enum class RetryReason : std::uint8_t {
  kUnprocessed,
  kReset,
  kTimeout,
  k5xx,
  kGatewayError,
  kRetriable4xx,
  kStatusCode,
  kGrpc
};
enum class RetryDenied : std::uint8_t {
  kBudget,
  kDeadline,
  kMethod,
  kBodyTooLarge,
  kResponseStarted,
  kRetryAfter,
  kBreaker,
  kLimit,
  kAttempts
};
enum class HedgeResult : std::uint8_t { kWon, kLost, kDenied };
enum class MirrorResult : std::uint8_t { kSent, kFailed, kDropped };
// Of a request whose route keeps sessions. kPinned: kept, and new sessions no longer go to that
// backend, whose weight is 0. kLost: refused, for its endpoint is not usable and no other will do.
enum class SessionResult : std::uint8_t { kNew, kKept, kPinned, kMoved, kLost };
enum class FaultKind : std::uint8_t { kDelay, kAbort, kReset, kSlowBody };
enum class Refusal : std::uint8_t {
  kLimit,
  kQueueTimeout,
  kCircuitOpen,
  kNoHealthyEndpoint,
  kNameNotResolved,
  kDraining,
  kRateLimited
};
enum class EndpointState : std::uint8_t {
  kHealthy,
  kUnhealthy,
  kEjected,
  kDraining,
  kFailingCheck
};
// Of one health check.
enum class HealthCheckResult : std::uint8_t {
  kPassed,
  kUnexpectedAnswer,
  kConnectFailure,
  kTlsFailure,
  kTimeout,
  kReset
};
enum class EjectionReason : std::uint8_t {
  kGatewayErrors,
  kLocalFailures,
  k5xx,
  kSuccessRate,
  kFailurePercent
};
enum class BreakerEdge : std::uint8_t {
  kClosedToOpen,
  kOpenToHalfOpen,
  kHalfOpenToClosed,
  kHalfOpenToOpen
};
enum class LimitKind : std::uint8_t { kConnections, kRequests, kPending, kRetries, kTunnels };
enum class PoolState : std::uint8_t { kConnecting, kIdle, kBusy, kDraining };

template <>
inline constexpr std::size_t kCountOf<AttemptResult> = 9;
template <>
inline constexpr std::size_t kCountOf<RetryReason> = 8;
template <>
inline constexpr std::size_t kCountOf<RetryDenied> = 9;
template <>
inline constexpr std::size_t kCountOf<HedgeResult> = 3;
template <>
inline constexpr std::size_t kCountOf<MirrorResult> = 3;
template <>
inline constexpr std::size_t kCountOf<SessionResult> = 5;
template <>
inline constexpr std::size_t kCountOf<FaultKind> = 4;
template <>
inline constexpr std::size_t kCountOf<Refusal> = 7;
template <>
inline constexpr std::size_t kCountOf<EndpointState> = 5;
template <>
inline constexpr std::size_t kCountOf<HealthCheckResult> = 6;
template <>
inline constexpr std::size_t kCountOf<EjectionReason> = 5;
template <>
inline constexpr std::size_t kCountOf<BreakerEdge> = 4;
template <>
inline constexpr std::size_t kCountOf<LimitKind> = 5;
template <>
inline constexpr std::size_t kCountOf<PoolState> = 4;

// As label values.
[[nodiscard]] std::string_view name_of(AttemptResult value);
[[nodiscard]] std::string_view name_of(RetryReason value);
[[nodiscard]] std::string_view name_of(RetryDenied value);
[[nodiscard]] std::string_view name_of(HedgeResult value);
[[nodiscard]] std::string_view name_of(MirrorResult value);
[[nodiscard]] std::string_view name_of(SessionResult value);
[[nodiscard]] std::string_view name_of(FaultKind value);
[[nodiscard]] std::string_view name_of(Refusal value);
[[nodiscard]] std::string_view name_of(EndpointState value);
[[nodiscard]] std::string_view name_of(HealthCheckResult value);
[[nodiscard]] std::string_view name_of(EjectionReason value);
[[nodiscard]] std::string_view name_of(LimitKind value);
[[nodiscard]] std::string_view name_of(PoolState value);
[[nodiscard]] std::string_view from_state_of(BreakerEdge edge);
[[nodiscard]] std::string_view to_state_of(BreakerEdge edge);

// As values of the gauge weft_breaker_state.
inline constexpr std::int64_t kBreakerClosed = 0;
inline constexpr std::int64_t kBreakerHalfOpen = 1;
inline constexpr std::int64_t kBreakerOpen = 2;

struct ClusterMetrics {
  ByEnum<Counter, AttemptResult> attempts;
  ByEnum<Counter, RetryReason> retries;
  ByEnum<Counter, RetryDenied> retries_denied;
  ByEnum<Counter, HedgeResult> hedges;
  ByEnum<Counter, MirrorResult> mirrors;
  ByEnum<Counter, SessionResult> sessions;
  Counter redistributed;  // its share of a split, while it has no ready endpoint
  ByEnum<Counter, FaultKind> faults;
  ByEnum<Counter, Refusal> refused;
  ByEnum<Gauge, EndpointState> endpoints;
  ByEnum<Counter, HealthCheckResult> health_checks;  // counted on the main loop
  ByEnum<Counter, EjectionReason> ejections;
  Gauge breaker_state;
  ByEnum<Counter, BreakerEdge> breaker_transitions;
  ByEnum<Gauge, LimitKind> limit_in_use;
  ByEnum<Gauge, LimitKind> limit_high_water;
  ByEnum<Gauge, LimitKind> limit_max;
  Histogram queue;
  ByEnum<Gauge, PoolState> pool_connections;

  void clear();
};

// ---- one thread ----

enum class HandshakeSide : std::uint8_t { kServer, kClient };
enum class HandshakeResult : std::uint8_t {
  kOk,
  kNoCertificate,
  kUnknownAuthority,
  kExpired,
  kIdentity,
  kProtocol,
  kTimeout,
  kReset,
  kPlaintext,
  kOther
};
enum class DetectedProtocol : std::uint8_t { kHttp1, kHttp2, kTls, kTcp };
// kRemembered: by a timeout that was shorter, for others to that destination had been silent.
enum class DetectedHow : std::uint8_t { kDeclared, kAlpn, kSniffed, kTimeout, kRemembered };
// What a connection said of itself where a PROXY header is looked for.
enum class ProxyHeaderResult : std::uint8_t { kV1, kV2, kAbsent, kMalformed, kTimeout };
enum class ConfigType : std::uint8_t { kListener, kRoute, kCluster, kEndpoint, kSecret, kOther };
// kLoop: it called a listener for redirected connections by itself.
enum class AcceptOutcome : std::uint8_t { kAccepted, kLimit, kOverload, kNoListener, kLoop };
// Of a request with an Origin, on a route that knows CORS. kUnmatched: of none that is allowed; it
// went on as it was.
enum class CorsResult : std::uint8_t { kAllowed, kPreflight, kRefusedPreflight, kUnmatched };
// What became of a call to an address that no endpoint has.
enum class UnknownDestination : std::uint8_t { kAllowed, kDenied };
// What came of asking the control plane for a destination.
enum class OnDemandResult : std::uint8_t { kKnown, kUnknown, kTimeout, kLimit };
enum class EndedFor : std::uint8_t {
  kProtocol,
  kFlood,
  kTooLarge,     // a head, or a target
  kUnsupported,  // a version, or a method
  kTooSlow       // a head that does not come, or bytes that are not taken
};
enum class SelfLimit : std::uint8_t {
  kDownstreamConnections,
  kBufferBytes,  // of request and response bodies that proxy::Exchanges hold, both ways
  kDescriptors,
  kMemoryBytes,
  kBlockBytes  // of the workers' buffers, whole blocks; the limit is their budgets'
};
enum class OverloadAction : std::uint8_t {
  kShedLowPriority,
  kRefuseStreams,
  kStopAccepting,
  kDisableKeepalive,
  kShrinkBuffers  // a worker's buffers are more than half full: shares are smaller
};
enum class Signal : std::uint8_t { kLogLine, kSpan, kSpanExport, kLabel };
enum class CertificateKind : std::uint8_t { kLeaf, kIssuer, kRoot };
enum class SeriesMetric : std::uint8_t { kRequests, kTcp, kRoutes, kClusters, kAccess };

template <>
inline constexpr std::size_t kCountOf<HandshakeSide> = 2;
template <>
inline constexpr std::size_t kCountOf<HandshakeResult> = 10;
template <>
inline constexpr std::size_t kCountOf<DetectedProtocol> = 4;
template <>
inline constexpr std::size_t kCountOf<DetectedHow> = 5;
template <>
inline constexpr std::size_t kCountOf<ProxyHeaderResult> = 5;
template <>
inline constexpr std::size_t kCountOf<ConfigType> = 6;
template <>
inline constexpr std::size_t kCountOf<AcceptOutcome> = 5;
template <>
inline constexpr std::size_t kCountOf<CorsResult> = 4;
template <>
inline constexpr std::size_t kCountOf<UnknownDestination> = 2;
template <>
inline constexpr std::size_t kCountOf<OnDemandResult> = 4;
template <>
inline constexpr std::size_t kCountOf<EndedFor> = 5;
template <>
inline constexpr std::size_t kCountOf<SelfLimit> = 5;
template <>
inline constexpr std::size_t kCountOf<OverloadAction> = 5;
template <>
inline constexpr std::size_t kCountOf<Signal> = 4;
template <>
inline constexpr std::size_t kCountOf<CertificateKind> = 3;
template <>
inline constexpr std::size_t kCountOf<SeriesMetric> = 5;

// As label values. A handshake has two: its result and, when it failed, the reason.
[[nodiscard]] std::string_view name_of(HandshakeSide value);
[[nodiscard]] std::string_view name_of(HandshakeResult value);
[[nodiscard]] std::string_view name_of(DetectedProtocol value);
[[nodiscard]] std::string_view name_of(DetectedHow value);
[[nodiscard]] std::string_view name_of(ProxyHeaderResult value);
[[nodiscard]] std::string_view name_of(ConfigType value);
[[nodiscard]] std::string_view name_of(AcceptOutcome value);
[[nodiscard]] std::string_view name_of(CorsResult value);
[[nodiscard]] std::string_view name_of(UnknownDestination value);
[[nodiscard]] std::string_view name_of(OnDemandResult value);
[[nodiscard]] std::string_view name_of(EndedFor value);
[[nodiscard]] std::string_view name_of(SelfLimit value);
[[nodiscard]] std::string_view name_of(OverloadAction value);
[[nodiscard]] std::string_view name_of(Signal value);
[[nodiscard]] std::string_view name_of(CertificateKind value);
[[nodiscard]] std::string_view name_of(SeriesMetric value);

struct ProxyMetrics {
  ByEnum<Counter, HandshakeSide, HandshakeResult> handshakes;
  ByEnum<Counter, DetectedProtocol, DetectedHow> protocol_detected;
  ByEnum<Counter, ProxyHeaderResult> proxy_headers;
  ByEnum<Counter, AcceptOutcome> downstream_accepted;
  ByEnum<Counter, CorsResult> cors;
  Histogram retry_backoff;  // how long retries waited, jitter and Retry-After included
  ByEnum<Counter, UnknownDestination> unknown_destinations;
  ByEnum<Counter, OnDemandResult> on_demand;
  Gauge on_demand_waiting;       // connections
  Gauge on_demand_destinations;  // the main loop's
  ByEnum<Counter, EndedFor> downstream_ended;
  Gauge downstream_connections;
  Counter descriptor_shortages;
  Counter rate_limit_keys_shared;
  ByEnum<Gauge, SelfLimit> self_limit_in_use;
  ByEnum<Gauge, SelfLimit> self_limit_high_water;
  ByEnum<Gauge, SelfLimit> self_limit_max;
  ByEnum<Gauge, OverloadAction> overload_active;
  Histogram loop_lag;
  ByEnum<Counter, Signal> dropped;
  ByEnum<Counter, SeriesMetric> series_overflow;
  // The main loop's.
  Gauge config_generation;
  Gauge config_last_ack;  // seconds since the epoch
  ByEnum<Counter, ConfigType> config_rejected;
  ByEnum<Gauge, CertificateKind> certificate_expiry;  // seconds since the epoch
};

}  // namespace weft::telemetry
