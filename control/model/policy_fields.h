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
enum class Balancing : std::uint8_t { kRoundRobin, kRandom, kLeastRequest };
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
  // limits
  Setting<std::uint32_t> connections;
  Setting<std::uint32_t> requests;
  Setting<std::uint32_t> pending;
  Setting<Duration> pending_timeout;
  Setting<std::uint32_t> requests_per_connection;  // 0: any number
  // loadBalancer
  Setting<Balancing> balancing;
  Setting<double> panic_below;  // percent
  // connection
  Setting<UpstreamProtocol> protocol;
  Setting<Duration> idle_timeout;

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
  visit(PolicyField{"limits.connections", kDestination}, in.connections...);
  visit(PolicyField{"limits.requests", kDestination}, in.requests...);
  visit(PolicyField{"limits.pending", kDestination}, in.pending...);
  visit(PolicyField{"limits.pendingTimeout", kDestination}, in.pending_timeout...);
  visit(PolicyField{"limits.requestsPerConnection", kDestination}, in.requests_per_connection...);
  visit(PolicyField{"loadBalancer.type", kDestination}, in.balancing...);
  visit(PolicyField{"loadBalancer.panicBelow", kDestination}, in.panic_below...);
  visit(PolicyField{"connection.protocol", kDestination}, in.protocol...);
  visit(PolicyField{"connection.idleTimeout", kDestination}, in.idle_timeout...);
}

inline constexpr std::size_t kPolicyFields = 33;

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
[[nodiscard]] std::string describe(Balancing value);
[[nodiscard]] std::string describe(UpstreamProtocol value);
// A number is bytes, a rate or a share depending on its field.
[[nodiscard]] std::string describe(const PolicyField& field, std::uint32_t value);
[[nodiscard]] std::string describe(const PolicyField& field, double value);

}  // namespace weft::control
