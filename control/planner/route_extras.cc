#include "control/planner/route_extras.h"

#include "control/planner/parts.h"

namespace weft::control {

using weft::config::v1::RoutePolicy;

void set_header(const HeaderCondition& condition, envoy::config::route::v3::HeaderMatcher& out) {
  out.set_name(condition.name);
  auto& text = *out.mutable_string_match();
  if (condition.regex) {
    text.mutable_safe_regex()->set_regex(condition.value);
  } else {
    text.set_exact(condition.value);
  }
}

namespace {

void set_fault(const PolicyFault& fault, RoutePolicy::Fault& out) {
  out.set_name(fault.name);
  out.mutable_percent()->set_value(fault.percent);
  out.mutable_until()->set_seconds(
      std::chrono::duration_cast<std::chrono::seconds>(fault.until.time_since_epoch()).count());
  for (const HeaderCondition& header : fault.headers) set_header(header, *out.add_headers());
  if (fault.delay > Duration::zero()) {
    set(*out.mutable_delay()->mutable_fixed(), fault.delay);
    if (fault.jitter > Duration::zero()) set(*out.mutable_delay()->mutable_jitter(), fault.jitter);
  }
  if (fault.http_status != 0) out.mutable_abort()->set_http_status(fault.http_status);
  if (fault.grpc_status) out.mutable_abort()->set_grpc_status(*fault.grpc_status);
  if (fault.reset) out.set_reset(true);
  if (fault.bytes_per_second != 0) {
    out.mutable_slow_body()->set_bytes_per_second(fault.bytes_per_second);
  }
}

// Nothing where the Service it names does not exist, which a Condition says.
void set_fallback(const Mesh& mesh, const PolicyFallback& fallback, RoutePolicy& out) {
  if (!fallback.on) return;
  RoutePolicy::Fallback told;
  if (fallback.service.name.empty()) {
    auto& response = *told.mutable_response();
    response.set_status(fallback.status);
    response.set_body(fallback.body);
    for (const auto& [name, value] : fallback.headers) {
      auto& header = *response.add_headers();
      header.set_key(name);
      header.set_value(value);
    }
  } else {
    const MeshService* service = mesh.find_service(fallback.service);
    const MeshPort* port = service == nullptr ? nullptr : service->find_port(fallback.port);
    if (port == nullptr || !port->is_http()) return;
    // A policy's fallback may name another namespace's Service, and so no ExternalName at all.
    if (!service->service->external_name.empty()) return;
    told.set_cluster(outbound_cluster_name(service->host, fallback.port));
  }
  if (fallback.circuit_open) told.add_on(RoutePolicy::Fallback::CIRCUIT_OPEN);
  if (fallback.overloaded) told.add_on(RoutePolicy::Fallback::OVERLOADED);
  if (fallback.retries_exhausted) told.add_on(RoutePolicy::Fallback::RETRIES_EXHAUSTED);
  *out.mutable_fallback() = std::move(told);
}

RoutePolicy::BackoffJitter jitter_of(BackoffJitter jitter) {
  switch (jitter) {
    case BackoffJitter::kFull:
      return RoutePolicy::FULL;
    case BackoffJitter::kEqual:
      return RoutePolicy::EQUAL;
    case BackoffJitter::kDecorrelated:
      return RoutePolicy::DECORRELATED;
    case BackoffJitter::kNone:
      return RoutePolicy::NONE;
  }
  return RoutePolicy::FULL;
}

RoutePolicy::RateLimit::Key limit_key_of(PolicyRateLimit::Key key) {
  switch (key) {
    case PolicyRateLimit::Key::kRoute:
      return RoutePolicy::RateLimit::ROUTE;
    case PolicyRateLimit::Key::kIdentity:
      return RoutePolicy::RateLimit::IDENTITY;
    case PolicyRateLimit::Key::kHeader:
      return RoutePolicy::RateLimit::HEADER;
    case PolicyRateLimit::Key::kPath:
      return RoutePolicy::RateLimit::PATH;
  }
  return RoutePolicy::RateLimit::ROUTE;
}

RoutePolicy::Priority told_priority(config::Priority priority) {
  switch (priority) {
    case config::Priority::kCritical:
      return RoutePolicy::CRITICAL;
    case config::Priority::kHigh:
      return RoutePolicy::HIGH;
    case config::Priority::kNormal:
      return RoutePolicy::NORMAL;
    case config::Priority::kLow:
      return RoutePolicy::LOW;
  }
  return RoutePolicy::NORMAL;
}

void set_rate_limit(const PolicyRateLimit& limit, RoutePolicy::RateLimit& out) {
  out.set_name(limit.name);
  out.set_key(limit_key_of(limit.key));
  out.set_header(limit.header);
  out.set_requests(limit.requests);
  set(*out.mutable_interval(), limit.interval);
  out.set_burst(limit.burst);
  if (limit.sliding) out.set_algorithm(RoutePolicy::RateLimit::SLIDING_WINDOW);
}

}  // namespace

void set_extras(const Mesh& mesh, const PolicyFields& policy, RoutePolicy& out) {
  for (const PolicyFault& fault : *policy.faults.value) set_fault(fault, *out.add_faults());
  set_fallback(mesh, *policy.fallback.value, out);
  out.set_empty_backend(*policy.empty_backend.value == EmptyBackend::kFail
                            ? RoutePolicy::FAIL
                            : RoutePolicy::REDISTRIBUTE);
  out.set_backoff_jitter(jitter_of(*policy.jitter.value));
  out.set_priority(told_priority(*policy.priority.value));
}

void set_inbound_extras(const PolicyFields& inbound,
                        envoy::config::route::v3::RouteConfiguration& out) {
  const config::Priority usual = *inbound.inbound_priority.value;
  const bool trusts = *inbound.priority_trust.value == PriorityTrust::kMesh;
  if (inbound.rate_limits.value->empty() && usual == config::Priority::kNormal && !trusts) return;
  RoutePolicy policy;
  policy.set_priority(told_priority(usual));
  if (trusts) {
    policy.mutable_priority_trust()->set_max(told_priority(*inbound.inbound_priority_max.value));
  }
  for (const PolicyRateLimit& limit : *inbound.rate_limits.value) {
    set_rate_limit(limit, *policy.add_rate_limits());
  }
  for (auto& host : *out.mutable_virtual_hosts()) {
    for (auto& route : *host.mutable_routes()) set_typed(*route.mutable_metadata(), policy);
  }
}

}  // namespace weft::control
