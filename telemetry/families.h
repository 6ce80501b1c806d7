#pragma once
// The metrics of schemas.md section 2 that a sidecar has, in the order in which /metrics lists
// them. Every one has its HELP and TYPE line on the page from the start, also before its first
// sample.

#include <array>

#include "telemetry/family.h"

namespace weft::telemetry::families {

using enum MetricType;
using enum Combine;

// RED, by the request labels.
inline constexpr Family kRequests{"weft_requests_total", kCounter,
                                  "Requests, by every label of the request."};
inline constexpr Family kRequestDuration{
    "weft_request_duration_seconds", kHistogram,
    "Time from the first byte of a request to the end of its answer."};
inline constexpr Family kRequestBytes{"weft_request_bytes_total", kCounter,
                                      "Bytes of request bodies received."};
inline constexpr Family kResponseBytes{"weft_response_bytes_total", kCounter,
                                       "Bytes of response bodies sent."};
inline constexpr Family kRouteRequests{
    "weft_route_requests_total", kCounter,
    "Requests by route, chosen backend and class of the response."};
inline constexpr Family kTcpOpened{"weft_tcp_connections_opened_total", kCounter,
                                   "TCP connections opened."};
inline constexpr Family kTcpClosed{"weft_tcp_connections_closed_total", kCounter,
                                   "TCP connections closed."};
inline constexpr Family kTcpSent{"weft_tcp_sent_bytes_total", kCounter,
                                 "Bytes sent to the client on TCP connections."};
inline constexpr Family kTcpReceived{"weft_tcp_received_bytes_total", kCounter,
                                     "Bytes received from the client on TCP connections."};

// Resilience, by destination_service and backend.
inline constexpr Family kAttempts{"weft_attempts_total", kCounter,
                                  "Attempts against a destination, by result.", kSum, true};
inline constexpr Family kRetries{"weft_retries_total", kCounter,
                                 "Attempts beyond the first, by what the one before failed of.",
                                 kSum, true};
inline constexpr Family kRetriesDenied{"weft_retries_denied_total", kCounter,
                                       "Retries wanted but not made, by reason.", kSum, true};
inline constexpr Family kHedges{"weft_hedges_total", kCounter,
                                "Second attempts made early, by result.", kSum, true};
inline constexpr Family kMirrors{"weft_mirrors_total", kCounter, "Mirrored requests, by result.",
                                 kSum, true};
inline constexpr Family kSessions{
    "weft_sessions_total", kCounter,
    "Requests of routes that keep sessions, by what became of the session: new, kept at its "
    "endpoint, kept there though its backend's weight is 0 (pinned), moved, lost.",
    kSum, true};
inline constexpr Family kRedistributed{
    "weft_redistributed_requests_total", kCounter,
    "Requests of a backend's share that went to its siblings, for it has no ready endpoint.", kSum,
    true};
inline constexpr Family kFaults{"weft_faults_injected_total", kCounter,
                                "Faults injected on purpose, by kind.", kSum, true};
inline constexpr Family kRefused{"weft_refused_total", kCounter,
                                 "Requests refused before they reached an upstream, by cause.",
                                 kSum, true};
inline constexpr Family kEndpoints{"weft_endpoints", kGauge,
                                   "Endpoints of a destination, by state.", kMax};
inline constexpr Family kHealthChecks{"weft_health_checks_total", kCounter,
                                      "Health checks of a destination's endpoints, by result.",
                                      kSum, true};
inline constexpr Family kEjections{"weft_ejections_total", kCounter,
                                   "Endpoints ejected for their failures, by reason.", kSum, true};
inline constexpr Family kBreakerState{"weft_breaker_state", kGauge,
                                      "Circuit breaker: 0 closed, 1 half-open, 2 open.", kMax};
inline constexpr Family kBreakerTransitions{
    "weft_breaker_transitions_total", kCounter,
    "Circuit breaker transitions, by state left and entered.", kSum, true};
inline constexpr Family kLimitInUse{"weft_limit_in_use", kGauge,
                                    "What of a destination's limit is in use.", kSum, true};
inline constexpr Family kLimitHighWater{"weft_limit_high_water", kGauge,
                                        "The most that was ever in use of a destination's limit.",
                                        kMax, true};
inline constexpr Family kLimitMax{"weft_limit_max", kGauge, "A destination's limit as configured.",
                                  kMax, true};
inline constexpr Family kQueueSeconds{
    "weft_queue_seconds", kHistogram,
    "Time a request waited for a limit or a connection of its destination.", kSum, true};
inline constexpr Family kPoolConnections{"weft_pool_connections", kGauge,
                                         "Connections to a destination, by state.", kSum, true};

// Security.
inline constexpr Family kHandshakes{"weft_handshakes_total", kCounter,
                                    "TLS handshakes, by our side, result and reason."};
inline constexpr Family kAccessDecisions{"weft_access_decisions_total", kCounter,
                                         "Decisions of access policies, by policy and rule."};
inline constexpr Family kCertificateExpiry{
    "weft_certificate_expiry_timestamp_seconds", kGauge,
    "When a certificate in use expires, in seconds since the epoch.", kMax, true};

// Self.
inline constexpr Family kConfigGeneration{"weft_config_generation", kGauge,
                                          "Generation of the configuration in force.", kMax};
inline constexpr Family kConfigLastAck{
    "weft_config_last_ack_timestamp_seconds", kGauge,
    "When configuration was last accepted, in seconds since the epoch.", kMax, true};
inline constexpr Family kConfigRejected{"weft_config_rejected_total", kCounter,
                                        "Resources refused, by type."};
inline constexpr Family kProtocolDetected{
    "weft_protocol_detected_total", kCounter,
    "Connections by the protocol found and how it was known."};
inline constexpr Family kProxyHeaders{
    "weft_proxy_headers_total", kCounter,
    "Connections to listeners that expect a PROXY header, by what they sent."};
inline constexpr Family kDownstreamConnections{"weft_downstream_connections", kGauge,
                                               "Downstream connections open."};
inline constexpr Family kDownstreamConnectionsTotal{
    "weft_downstream_connections_total", kCounter,
    "Downstream connections accepted, and those refused at once, by outcome."};
inline constexpr Family kCors{
    "weft_cors_requests_total", kCounter,
    "Requests with an Origin on routes that know CORS, by what was decided.", kSum, true};
inline constexpr Family kRetryBackoff{
    "weft_retry_backoff_seconds", kHistogram,
    "How long retries waited before they were made, jitter and Retry-After included.", kSum, true};
inline constexpr Family kUnknownDestinations{
    "weft_unknown_destinations_total", kCounter,
    "Calls of the app to addresses that the mesh does not know, by what became of them."};
inline constexpr Family kOnDemand{
    "weft_on_demand_total", kCounter,
    "Destinations that the control plane was asked for as the app first called them, by result."};
inline constexpr Family kOnDemandWaiting{"weft_on_demand_waiting", kGauge,
                                         "Connections that wait for such an answer."};
inline constexpr Family kOnDemandDestinations{
    "weft_on_demand_destinations", kGauge,
    "Destinations that are asked for now, known and unknown.", kMax};
inline constexpr Family kDescriptorShortages{
    "weft_descriptor_shortages_total", kCounter,
    "Times a listener stopped accepting, or looked again in vain, for want of descriptors."};
inline constexpr Family kRateLimitKeysShared{
    "weft_rate_limit_keys_shared_total", kCounter,
    "Requests that a rate limit by key counted together with others, its table being full."};
inline constexpr Family kConnectionsEnded{
    "weft_downstream_connections_ended_total", kCounter,
    "Downstream HTTP connections that we ended for what the peer sent, by reason."};
inline constexpr Family kSelfLimitInUse{"weft_self_limit_in_use", kGauge,
                                        "What the process uses of its own limits."};
inline constexpr Family kSelfLimitHighWater{"weft_self_limit_high_water", kGauge,
                                            "The most the process ever used of its own limits.",
                                            kMax};
inline constexpr Family kSelfLimitMax{"weft_self_limit_max", kGauge,
                                      "The process's own limits; no line where there is none.",
                                      kMax, true};
inline constexpr Family kOverloadActive{"weft_overload_active", kGauge,
                                        "Whether an overload action is in force.", kMax};
inline constexpr Family kLoopLag{"weft_loop_lag_seconds", kHistogram,
                                 "How late a turn of an event loop began."};
inline constexpr Family kTelemetryDropped{
    "weft_telemetry_dropped_total", kCounter,
    "Log lines, spans and labels dropped because a bound was reached, by signal."};
inline constexpr Family kSeriesOverflow{
    "weft_series_overflow_total", kCounter,
    "Samples counted under other because a metric had too many series, by metric."};
inline constexpr Family kBuildInfo{"weft_build_info", kGauge, "Always 1; the labels say what runs.",
                                   kMax};

inline constexpr std::array kAll = {
    &kRequests,
    &kRequestDuration,
    &kRequestBytes,
    &kResponseBytes,
    &kRouteRequests,
    &kTcpOpened,
    &kTcpClosed,
    &kTcpSent,
    &kTcpReceived,
    &kAttempts,
    &kRetries,
    &kRetriesDenied,
    &kHedges,
    &kMirrors,
    &kSessions,
    &kRedistributed,
    &kFaults,
    &kRefused,
    &kEndpoints,
    &kHealthChecks,
    &kEjections,
    &kBreakerState,
    &kBreakerTransitions,
    &kLimitInUse,
    &kLimitHighWater,
    &kLimitMax,
    &kQueueSeconds,
    &kPoolConnections,
    &kHandshakes,
    &kAccessDecisions,
    &kCertificateExpiry,
    &kConfigGeneration,
    &kConfigLastAck,
    &kConfigRejected,
    &kProtocolDetected,
    &kProxyHeaders,
    &kDownstreamConnections,
    &kDownstreamConnectionsTotal,
    &kCors,
    &kRetryBackoff,
    &kUnknownDestinations,
    &kOnDemand,
    &kOnDemandWaiting,
    &kOnDemandDestinations,
    &kDescriptorShortages,
    &kRateLimitKeysShared,
    &kConnectionsEnded,
    &kSelfLimitInUse,
    &kSelfLimitHighWater,
    &kSelfLimitMax,
    &kOverloadActive,
    &kLoopLag,
    &kTelemetryDropped,
    &kSeriesOverflow,
    &kBuildInfo,
};

}  // namespace weft::telemetry::families
