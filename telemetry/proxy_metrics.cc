#include "telemetry/proxy_metrics.h"

namespace weft::telemetry {
namespace {

// Label values, in the order of the enumeration.
template <typename Enum, typename... Names>
consteval std::array<std::string_view, kCountOf<Enum>> names(Names... texts) {
  static_assert(sizeof...(texts) == kCountOf<Enum>);
  return {texts...};
}

template <typename Enum>
constexpr std::string_view pick(const std::array<std::string_view, kCountOf<Enum>>& table,
                                Enum value) {
  return table[static_cast<std::size_t>(value)];
}

constexpr auto kAttemptResultNames =
    names<AttemptResult>("ok", "server_error", "connect_failure", "tls_failure", "timeout", "reset",
                         "refused", "protocol_error", "cancelled");
constexpr auto kRetryReasonNames =
    names<RetryReason>("unprocessed", "reset", "timeout", "5xx", "gateway_error", "retriable_4xx",
                       "status_code", "grpc");
constexpr auto kRetryDeniedNames =
    names<RetryDenied>("budget", "deadline", "method", "body_too_large", "response_started",
                       "retry_after", "breaker", "limit", "attempts");
constexpr auto kHedgeResultNames = names<HedgeResult>("won", "lost", "denied");
constexpr auto kMirrorResultNames = names<MirrorResult>("sent", "failed", "dropped");
constexpr auto kSessionResultNames = names<SessionResult>("new", "kept", "pinned", "moved", "lost");
constexpr auto kCorsResultNames =
    names<CorsResult>("allowed", "preflight", "refused_preflight", "unmatched");
constexpr auto kFaultKindNames = names<FaultKind>("delay", "abort", "reset", "slow_body");
constexpr auto kRefusalNames =
    names<Refusal>("limit", "queue_timeout", "circuit_open", "no_healthy_endpoint",
                   "name_not_resolved", "draining", "rate_limited");
constexpr auto kEndpointStateNames =
    names<EndpointState>("healthy", "unhealthy", "ejected", "draining", "failing_check");
constexpr auto kHealthCheckResultNames = names<HealthCheckResult>(
    "passed", "unexpected_answer", "connect_failure", "tls_failure", "timeout", "reset");
constexpr auto kEjectionReasonNames = names<EjectionReason>(
    "gateway_errors", "local_failures", "5xx", "success_rate", "failure_percent");
constexpr auto kLimitKindNames =
    names<LimitKind>("connections", "requests", "pending", "retries", "tunnels");
constexpr auto kPoolStateNames = names<PoolState>("connecting", "idle", "busy", "draining");
constexpr auto kHandshakeSideNames = names<HandshakeSide>("server", "client");
constexpr auto kHandshakeResultNames =
    names<HandshakeResult>("ok", "no_certificate", "unknown_authority", "expired", "identity",
                           "protocol", "timeout", "reset", "plaintext", "other");
constexpr auto kDetectedProtocolNames = names<DetectedProtocol>("http1", "http2", "tls", "tcp");
constexpr auto kDetectedHowNames =
    names<DetectedHow>("declared", "alpn", "sniffed", "timeout", "remembered");
constexpr auto kProxyHeaderResultNames =
    names<ProxyHeaderResult>("v1", "v2", "absent", "malformed", "timeout");
constexpr auto kConfigTypeNames =
    names<ConfigType>("listener", "route", "cluster", "endpoint", "secret", "other");
constexpr auto kAcceptOutcomeNames =
    names<AcceptOutcome>("accepted", "limit", "overload", "no_listener", "loop");
constexpr auto kUnknownDestinationNames = names<UnknownDestination>("allowed", "denied");
constexpr auto kOnDemandNames = names<OnDemandResult>("known", "unknown", "timeout", "limit");
constexpr auto kEndedForNames =
    names<EndedFor>("protocol", "flood", "too_large", "unsupported", "too_slow");
constexpr auto kSelfLimitNames = names<SelfLimit>("downstream_connections", "buffer_bytes",
                                                  "descriptors", "memory_bytes", "block_bytes");
constexpr auto kOverloadActionNames = names<OverloadAction>(
    "shed_low_priority", "refuse_streams", "stop_accepting", "disable_keepalive", "shrink_buffers");
constexpr auto kSignalNames = names<Signal>("log_line", "span", "span_export", "label");
constexpr auto kCertificateKindNames = names<CertificateKind>("leaf", "issuer", "root");
constexpr auto kSeriesMetricNames =
    names<SeriesMetric>("requests", "tcp", "routes", "clusters", "access");
constexpr auto kFromStates = names<BreakerEdge>("closed", "open", "half_open", "half_open");
constexpr auto kToStates = names<BreakerEdge>("open", "half_open", "closed", "open");

}  // namespace

std::string_view name_of(AttemptResult value) { return pick(kAttemptResultNames, value); }
std::string_view name_of(RetryReason value) { return pick(kRetryReasonNames, value); }
std::string_view name_of(RetryDenied value) { return pick(kRetryDeniedNames, value); }
std::string_view name_of(HedgeResult value) { return pick(kHedgeResultNames, value); }
std::string_view name_of(MirrorResult value) { return pick(kMirrorResultNames, value); }
std::string_view name_of(SessionResult value) { return pick(kSessionResultNames, value); }
std::string_view name_of(CorsResult value) { return pick(kCorsResultNames, value); }
std::string_view name_of(FaultKind value) { return pick(kFaultKindNames, value); }
std::string_view name_of(Refusal value) { return pick(kRefusalNames, value); }
std::string_view name_of(EndpointState value) { return pick(kEndpointStateNames, value); }
std::string_view name_of(HealthCheckResult value) { return pick(kHealthCheckResultNames, value); }
std::string_view name_of(EjectionReason value) { return pick(kEjectionReasonNames, value); }
std::string_view name_of(LimitKind value) { return pick(kLimitKindNames, value); }
std::string_view name_of(PoolState value) { return pick(kPoolStateNames, value); }
std::string_view name_of(HandshakeSide value) { return pick(kHandshakeSideNames, value); }
std::string_view name_of(HandshakeResult value) { return pick(kHandshakeResultNames, value); }
std::string_view name_of(DetectedProtocol value) { return pick(kDetectedProtocolNames, value); }
std::string_view name_of(DetectedHow value) { return pick(kDetectedHowNames, value); }
std::string_view name_of(ProxyHeaderResult value) { return pick(kProxyHeaderResultNames, value); }
std::string_view name_of(ConfigType value) { return pick(kConfigTypeNames, value); }
std::string_view name_of(AcceptOutcome value) { return pick(kAcceptOutcomeNames, value); }
std::string_view name_of(UnknownDestination value) { return pick(kUnknownDestinationNames, value); }
std::string_view name_of(OnDemandResult value) { return pick(kOnDemandNames, value); }
std::string_view name_of(EndedFor value) { return pick(kEndedForNames, value); }
std::string_view name_of(SelfLimit value) { return pick(kSelfLimitNames, value); }
std::string_view name_of(OverloadAction value) { return pick(kOverloadActionNames, value); }
std::string_view name_of(Signal value) { return pick(kSignalNames, value); }
std::string_view name_of(CertificateKind value) { return pick(kCertificateKindNames, value); }
std::string_view name_of(SeriesMetric value) { return pick(kSeriesMetricNames, value); }
std::string_view from_state_of(BreakerEdge edge) { return pick(kFromStates, edge); }
std::string_view to_state_of(BreakerEdge edge) { return pick(kToStates, edge); }

void ClusterMetrics::clear() {
  attempts.clear();
  retries.clear();
  retries_denied.clear();
  hedges.clear();
  mirrors.clear();
  sessions.clear();
  redistributed.clear();
  faults.clear();
  refused.clear();
  endpoints.clear();
  health_checks.clear();
  ejections.clear();
  breaker_state.clear();
  breaker_transitions.clear();
  limit_in_use.clear();
  limit_high_water.clear();
  limit_max.clear();
  queue.clear();
  pool_connections.clear();
}

}  // namespace weft::telemetry
