#include "control/planner/effective_policy.h"

#include <fmt/format.h>

#include "control/planner/defaults.h"

namespace weft::control {

namespace {

PolicyFields make_built_in(bool http2) {
  PolicyFields out;
  out.connect.value = defaults::kConnect;
  out.head.value = Duration::zero();
  out.attempt.value = Duration::zero();
  out.request.value = Duration::zero();
  out.idle.value = defaults::kStreamIdle;
  out.stream.value = Duration::zero();
  out.attempts.value = defaults::kRetries;
  out.on.value = RetryOn{.conditions = {"unprocessed"}, .codes = {}};
  out.methods.value = RetryMethods::kIdempotent;
  out.backoff_base.value = defaults::kBackoffBase;
  out.backoff_max.value = defaults::kBackoffMax;
  out.jitter.value = BackoffJitter::kFull;
  out.retry_after_max.value = defaults::kRetryAfterMax;
  out.buffer_limit.value = defaults::kReplayBytes;
  out.budget_percent.value = defaults::kBudgetPercent;
  out.budget_interval.value = defaults::kBudgetInterval;
  out.budget_min.value = defaults::kBudgetMinPerSecond;
  out.breaker.value = CircuitBreaker{};
  out.gateway_errors.value = defaults::kConsecutiveFailures;
  out.local_failures.value = defaults::kConsecutiveFailures;
  out.errors_5xx.value = 0;
  out.ejection_interval.value = defaults::kEjectionInterval;
  out.eject_for.value = defaults::kEjection;
  out.max_eject_for.value = defaults::kEjectionMax;
  out.max_ejected.value = defaults::kEjectedPercentMax;
  out.connections.value = defaults::kConnectionsMax;
  out.requests.value = defaults::kRequestsMax;
  out.pending.value = defaults::kPendingMax;
  out.pending_timeout.value = defaults::kPendingTimeout;
  out.requests_per_connection.value = 0;
  out.when_full.value = WhenFull::kReject;
  out.success_rate.value = SuccessRate{};
  out.failure_percent.value = FailurePercent{};
  out.balancing.value = Balancing::kPeakEwma;
  out.hash.value = RequestHash{};
  out.locality.value = LocalityChoice::kAuto;
  out.panic_below.value = 0;
  out.slow_start.value = Duration::zero();
  out.protocol.value = UpstreamProtocol::kAuto;
  out.idle_timeout.value = http2 ? defaults::kHttp2UpstreamIdle : defaults::kHttp1UpstreamIdle;
  out.max_age.value = Duration::zero();
  out.min_idle.value = 0;
  out.health.value = PolicyHealth{};
  out.empty_backend.value = EmptyBackend::kRedistribute;
  out.priority.value = config::Priority::kNormal;
  out.fallback.value = PolicyFallback{};
  out.faults.value = PolicyFaults{};
  out.inbound_connections.value = defaults::kConnectionsMax;
  out.inbound_requests.value = defaults::kRequestsMax;
  out.inbound_pending.value = defaults::kPendingMax;
  out.inbound_pending_timeout.value = defaults::kPendingTimeout;
  out.inbound_when_full.value = WhenFull::kReject;
  out.inbound_priority.value = config::Priority::kNormal;
  out.inbound_priority_max.value = config::Priority::kHigh;
  out.priority_trust.value = PriorityTrust::kNobody;
  out.rate_limits.value = PolicyRateLimits{};
  return out;
}

// "policy.yaml:3", where the document begins, and a line inside it.
std::string place_of(const Metadata& metadata, std::uint32_t line) {
  if (line == 0) return metadata.place;
  return fmt::format("{}:{}", metadata.place.substr(0, metadata.place.rfind(':')), line);
}

}  // namespace

const PolicyFields& built_in_policy(bool http2) {
  static const PolicyFields kHttp1 = make_built_in(false);
  static const PolicyFields kHttp2 = make_built_in(true);
  return http2 ? kHttp2 : kHttp1;
}

bool uses_http2(const MeshPort& port, UpstreamProtocol wanted) {
  switch (wanted) {
    case UpstreamProtocol::kAuto:
      return port.meshed || port.protocol == AppProtocol::kHttp2;
    case UpstreamProtocol::kHttp1:
      return false;
    case UpstreamProtocol::kHttp2:
      return true;
  }
  return false;
}

EffectivePolicy::EffectivePolicy(const Mesh& mesh, const PolicyScope& scope)
    : fields_(built_in_policy(uses_http2(scope.port, UpstreamProtocol::kAuto))) {
  apply({.fields = &mesh.config->defaults,
         .kind = Kind::kMeshConfig,
         .metadata = &mesh.config->metadata});
  apply_all(mesh, scope, "");
  if (!scope.client_namespace.empty()) apply_all(mesh, scope, scope.client_namespace);
  if (scope.rule != nullptr && scope.rule->policy != nullptr) {
    apply({.fields = scope.rule->policy.get(),
           .kind = scope.route->kind,
           .metadata = &scope.route->metadata});
  }
  const PolicyFields* own = scope.service.service->policy.get();
  if (*fields_.locality.value == LocalityChoice::kAuto && own != nullptr && own->locality.value) {
    fields_.locality = own->locality;
    static const std::size_t kLocality = policy_field_index("loadBalancer.locality");
    origins_[kLocality] = {.kind = Kind::kService,
                           .metadata = &scope.service.service->metadata,
                           .line = own->locality.line};
  }
  // The default of one field hangs on another: who changes the protocol gets its idle timeout.
  static const std::size_t kIdle = policy_field_index("connection.idleTimeout");
  if (origins_[kIdle].metadata == nullptr) {
    fields_.idle_timeout =
        built_in_policy(uses_http2(scope.port, *fields_.protocol.value)).idle_timeout;
  }
}

void EffectivePolicy::apply_all(const Mesh& mesh, const PolicyScope& scope,
                                std::string_view client_namespace) {
  using Target = PolicyTarget::Kind;
  const ObjectName& service = scope.service.name();
  const std::string client(client_namespace);
  apply(mesh, {Target::kNamespace, {"", service.name_space}, "", client});
  // What the Service says itself is as if somebody had said it of a whole Service, and ours know
  // more.
  const Service& object = *scope.service.service;
  if (client.empty() && object.policy != nullptr) {
    apply({.fields = object.policy.get(), .kind = Kind::kService, .metadata = &object.metadata});
  }
  if (client.empty()) apply_destination(mesh, scope);
  apply(mesh, {Target::kService, service, "", client});
  // A standard kind beats ours at the same level (behaviour.md 1).
  const auto budget = mesh.budgets.find(service);
  if (client.empty() && budget != mesh.budgets.end()) {
    apply({.fields = &budget->second->fields,
           .kind = Kind::kBackendTrafficPolicy,
           .metadata = &budget->second->metadata});
  }
  apply(mesh, {Target::kService, service, std::to_string(scope.port.port), client});
  if (scope.route == nullptr || scope.route->kind != Kind::kHttpRoute) return;
  const ObjectName& route = scope.route->metadata.name;
  apply(mesh, {Target::kHttpRoute, route, "", client});
  if (scope.rule != nullptr && !scope.rule->name.empty()) {
    apply(mesh, {Target::kHttpRoute, route, scope.rule->name, client});
  }
}

// A DestinationRule speaks for a Service; a TrafficPolicy that names the Service too beats it.
void EffectivePolicy::apply_destination(const Mesh& mesh, const PolicyScope& scope) {
  const DestinationRule* rule =
      mesh.destinations.find(scope.service.name(), scope.client_namespace);
  if (rule == nullptr) return;
  const auto add = [&](const DestinationPolicy& policy) {
    apply({.fields = &policy.of(scope.port.port),
           .kind = Kind::kDestinationRule,
           .metadata = &rule->metadata});
  };
  add(rule->policy);
  if (scope.subset != nullptr) add(scope.subset->policy);
}

void EffectivePolicy::apply(const Mesh& mesh, const PolicyTable::Place& place) {
  const TrafficPolicy* policy = mesh.policies.find(place);
  if (policy == nullptr) return;
  apply({.fields = &policy->fields, .kind = Kind::kTrafficPolicy, .metadata = &policy->metadata});
}

void EffectivePolicy::apply(const Level& level) {
  std::size_t at = 0;
  each_policy_field(
      [&](const PolicyField&, auto& mine, const auto& theirs) {
        Origin& origin = origins_[at++];
        if (!theirs.value) return;
        mine = theirs;
        origin = {.kind = level.kind, .metadata = level.metadata, .line = theirs.line};
      },
      fields_, *level.fields);
}

EffectivePolicy::Source EffectivePolicy::source_of(std::size_t field) const {
  const Origin& origin = origins_.at(field);
  if (origin.metadata == nullptr) return {.document = "weft's default", .place = ""};
  return {.document = ObjectKey{.kind = origin.kind, .name = origin.metadata->name}.to_string(),
          .place = place_of(*origin.metadata, origin.line)};
}

}  // namespace weft::control
