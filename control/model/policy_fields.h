#pragma once
// PolicyFields: everything a TrafficPolicy can say about traffic, each field written or not.
//
// One owner of the fields' names and order: each_policy_field() walks them, and merging, `weft
// explain` and equality of a policy with itself are written once over it. Route objects (HTTPRoute
// timeouts and retry) speak the same language. A list or a block of which one is chosen is one
// field, so that it is replaced whole. Durations: zero means none where the field allows it. Pure
// data. Source: schemas.md 1, behaviour.md 2 to 8.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/circuit_breaker.h"
#include "control/model/policy_balancing.h"
#include "control/model/policy_fallback.h"
#include "control/model/policy_faults.h"
#include "control/model/policy_health.h"
#include "control/model/policy_priority.h"
#include "control/model/policy_rate_limits.h"
#include "sidecar/core/clock.h"

namespace weft::control {

// A field with the line it was written in, for messages; 0 when nobody wrote it.
template <typename T>
struct Setting {
  std::optional<T> value;
  std::uint32_t line = 0;
  bool operator==(const Setting&) const = default;
};

// When a failed attempt may be made again.
struct RetryOn {
  std::vector<std::string> conditions;  // of kRetryConditions, in its order, each once
  std::vector<std::uint16_t> codes;     // HTTP statuses, ascending
  bool operator==(const RetryOn&) const = default;
};

enum class RetryMethods : std::uint8_t { kIdempotent, kAny };
enum class BackoffJitter : std::uint8_t { kFull, kEqual, kDecorrelated, kNone };
// Who is refused when as many wait as may.
enum class WhenFull : std::uint8_t { kReject, kDropLowest, kDropOldest };
enum class EmptyBackend : std::uint8_t { kRedistribute, kFail };
enum class UpstreamProtocol : std::uint8_t { kAuto, kHttp1, kHttp2 };

struct PolicyFields {
  // timeouts
  Setting<Duration> connect;
  Setting<Duration> head;
  Setting<Duration> attempt;
  Setting<Duration> request;
  Setting<Duration> idle;
  Setting<Duration> stream;
  // retry
  Setting<std::uint32_t> attempts;  // extra ones
  Setting<RetryOn> on;
  Setting<RetryMethods> methods;
  Setting<Duration> backoff_base;
  Setting<Duration> backoff_max;
  Setting<BackoffJitter> jitter;
  Setting<Duration> retry_after_max;
  Setting<std::uint32_t> buffer_limit;  // bytes of a request body kept for another attempt
  // retryBudget
  Setting<double> budget_percent;
  Setting<Duration> budget_interval;
  Setting<std::uint32_t> budget_min;  // retries per second
  Setting<CircuitBreaker> breaker;
  // outlier: failures in a row, 0 for off
  Setting<std::uint32_t> gateway_errors;
  Setting<std::uint32_t> local_failures;
  Setting<std::uint32_t> errors_5xx;
  Setting<Duration> ejection_interval;
  Setting<Duration> eject_for;
  Setting<Duration> max_eject_for;
  Setting<std::uint32_t> max_ejected;  // percent
  Setting<SuccessRate> success_rate;
  Setting<FailurePercent> failure_percent;
  // limits
  Setting<std::uint32_t> connections;
  Setting<std::uint32_t> requests;
  Setting<std::uint32_t> pending;
  Setting<Duration> pending_timeout;
  Setting<std::uint32_t> requests_per_connection;  // 0: any number
  Setting<WhenFull> when_full;
  // loadBalancer
  Setting<Balancing> balancing;
  Setting<RequestHash> hash;  // where balancing hashes
  Setting<LocalityChoice> locality;
  Setting<double> panic_below;  // percent
  Setting<Duration> slow_start;
  // connection
  Setting<UpstreamProtocol> protocol;
  Setting<Duration> idle_timeout;
  Setting<Duration> max_age;        // of a connection
  Setting<std::uint32_t> min_idle;  // connections that wait for requests
  Setting<PolicyHealth> health;
  Setting<EmptyBackend> empty_backend;
  Setting<config::Priority> priority;  // where requests wait
  Setting<PolicyFallback> fallback;
  Setting<PolicyFaults> faults;
  // inbound: what an instance's own sidecar lets in
  Setting<std::uint32_t> inbound_connections;
  Setting<std::uint32_t> inbound_requests;
  Setting<std::uint32_t> inbound_pending;
  Setting<Duration> inbound_pending_timeout;
  Setting<WhenFull> inbound_when_full;
  Setting<config::Priority> inbound_priority;  // where a caller says nothing
  Setting<config::Priority> inbound_priority_max;
  Setting<PriorityTrust> priority_trust;
  Setting<PolicyRateLimits> rate_limits;

  bool operator==(const PolicyFields&) const = default;
};

// What has a field: a destination, which all routes to it share, or one way to it.
enum class PolicySide : std::uint8_t { kDestination, kRoute };

struct PolicyField {
  std::string_view name;  // "retry.attempts"
  PolicySide side = PolicySide::kDestination;
};

// Calls `visit(field, a.connect, b.connect, …)` for every field, in the order of the schema.
template <typename Visit, typename... Fields>
void each_policy_field(Visit&& visit, Fields&... in) {
  using enum PolicySide;
  visit(PolicyField{"timeouts.connect", kDestination}, in.connect...);
  visit(PolicyField{"timeouts.head", kRoute}, in.head...);
  visit(PolicyField{"timeouts.attempt", kRoute}, in.attempt...);
  visit(PolicyField{"timeouts.request", kRoute}, in.request...);
  visit(PolicyField{"timeouts.idle", kRoute}, in.idle...);
  visit(PolicyField{"timeouts.stream", kRoute}, in.stream...);
  visit(PolicyField{"retry.attempts", kRoute}, in.attempts...);
  visit(PolicyField{"retry.on", kRoute}, in.on...);
  visit(PolicyField{"retry.methods", kRoute}, in.methods...);
  visit(PolicyField{"retry.backoff.base", kRoute}, in.backoff_base...);
  visit(PolicyField{"retry.backoff.max", kRoute}, in.backoff_max...);
  visit(PolicyField{"retry.backoff.jitter", kRoute}, in.jitter...);
  visit(PolicyField{"retry.maxRetryAfter", kRoute}, in.retry_after_max...);
  visit(PolicyField{"retry.bufferLimit", kRoute}, in.buffer_limit...);
  visit(PolicyField{"retryBudget.percent", kDestination}, in.budget_percent...);
  visit(PolicyField{"retryBudget.interval", kDestination}, in.budget_interval...);
  visit(PolicyField{"retryBudget.min", kDestination}, in.budget_min...);
  visit(PolicyField{"circuitBreaker", kDestination}, in.breaker...);
  visit(PolicyField{"outlier.gatewayErrors", kDestination}, in.gateway_errors...);
  visit(PolicyField{"outlier.localFailures", kDestination}, in.local_failures...);
  visit(PolicyField{"outlier.errors5xx", kDestination}, in.errors_5xx...);
  visit(PolicyField{"outlier.interval", kDestination}, in.ejection_interval...);
  visit(PolicyField{"outlier.ejectFor", kDestination}, in.eject_for...);
  visit(PolicyField{"outlier.maxEjectFor", kDestination}, in.max_eject_for...);
  visit(PolicyField{"outlier.maxEjected", kDestination}, in.max_ejected...);
  visit(PolicyField{"outlier.successRate", kDestination}, in.success_rate...);
  visit(PolicyField{"outlier.failurePercent", kDestination}, in.failure_percent...);
  visit(PolicyField{"limits.connections", kDestination}, in.connections...);
  visit(PolicyField{"limits.requests", kDestination}, in.requests...);
  visit(PolicyField{"limits.pending", kDestination}, in.pending...);
  visit(PolicyField{"limits.pendingTimeout", kDestination}, in.pending_timeout...);
  visit(PolicyField{"limits.requestsPerConnection", kDestination}, in.requests_per_connection...);
  visit(PolicyField{"limits.whenFull", kDestination}, in.when_full...);
  visit(PolicyField{"loadBalancer.type", kDestination}, in.balancing...);
  visit(PolicyField{"loadBalancer.hash", kDestination}, in.hash...);
  visit(PolicyField{"loadBalancer.locality", kDestination}, in.locality...);
  visit(PolicyField{"loadBalancer.panicBelow", kDestination}, in.panic_below...);
  visit(PolicyField{"loadBalancer.slowStart", kDestination}, in.slow_start...);
  visit(PolicyField{"connection.protocol", kDestination}, in.protocol...);
  visit(PolicyField{"connection.idleTimeout", kDestination}, in.idle_timeout...);
  visit(PolicyField{"connection.maxAge", kDestination}, in.max_age...);
  visit(PolicyField{"connection.minIdle", kDestination}, in.min_idle...);
  visit(PolicyField{"health", kDestination}, in.health...);
  visit(PolicyField{"emptyBackend", kRoute}, in.empty_backend...);
  visit(PolicyField{"priority", kRoute}, in.priority...);
  visit(PolicyField{"fallback", kRoute}, in.fallback...);
  visit(PolicyField{"faults", kRoute}, in.faults...);
  visit(PolicyField{"inbound.limits.connections", kDestination}, in.inbound_connections...);
  visit(PolicyField{"inbound.limits.requests", kDestination}, in.inbound_requests...);
  visit(PolicyField{"inbound.limits.pending", kDestination}, in.inbound_pending...);
  visit(PolicyField{"inbound.limits.pendingTimeout", kDestination}, in.inbound_pending_timeout...);
  visit(PolicyField{"inbound.limits.whenFull", kDestination}, in.inbound_when_full...);
  visit(PolicyField{"inbound.priority.default", kDestination}, in.inbound_priority...);
  visit(PolicyField{"inbound.priority.max", kDestination}, in.inbound_priority_max...);
  visit(PolicyField{"inbound.priority.trustFrom", kDestination}, in.priority_trust...);
  visit(PolicyField{"inbound.rateLimits", kDestination}, in.rate_limits...);
}

inline constexpr std::size_t kPolicyFields = 56;
// The place of a field in that order. REQUIRES that there is one of that name.
[[nodiscard]] std::size_t policy_field_index(std::string_view name);

// The words of `retry.on`, weft's own; Envoy's for the same are understood as well.
struct RetryCondition {
  std::string_view name;
  bool grpc = false;  // a status of gRPC
};
inline constexpr RetryCondition kRetryConditions[] = {
    {"unprocessed"},       {"reset"},
    {"timeout"},           {"5xx"},
    {"gateway-error"},     {"retriable-4xx"},
    {"cancelled", true},   {"deadline-exceeded", true},
    {"internal", true},    {"resource-exhausted", true},
    {"unavailable", true},
};

// As one writes them, for people: "250ms", "[unprocessed, 503]", "64Ki", "20%", "RoundRobin".
[[nodiscard]] std::string describe(Duration value);
[[nodiscard]] std::string describe(const RetryOn& value);
[[nodiscard]] std::string describe(RetryMethods value);
[[nodiscard]] std::string describe(BackoffJitter value);
[[nodiscard]] std::string describe(WhenFull value);
[[nodiscard]] std::string describe(EmptyBackend value);
[[nodiscard]] std::string describe(UpstreamProtocol value);
// A number is bytes, a rate or a share depending on its field.
[[nodiscard]] std::string describe(const PolicyField& field, std::uint32_t value);
[[nodiscard]] std::string describe(const PolicyField& field, double value);

}  // namespace weft::control
