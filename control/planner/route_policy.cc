// Timeouts, retries and the hash of a request, as xDS says them of a route.

#include "control/planner/route_policy.h"

#include <algorithm>
#include <optional>

#include "control/backend.h"
#include "control/planner/defaults.h"
#include "control/planner/effective_policy.h"
#include "control/planner/route_extras.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace rt = envoy::config::route::v3;

namespace {

// Envoy's words; `timeout` is ours, and passed over by others.
std::string retry_words(const RetryOn& on) {
  std::string out;
  for (const std::string& condition : on.conditions) {
    out += out.empty() ? "" : ",";
    out += condition == "unprocessed" ? defaults::kRetryOn : condition;
  }
  if (!on.codes.empty()) out += out.empty() ? "retriable-status-codes" : ",retriable-status-codes";
  return out;
}

void set_retry(const PolicyFields& policy, rt::RetryPolicy& out) {
  out.set_retry_on(retry_words(*policy.on.value));
  for (const std::uint16_t code : policy.on.value->codes) out.add_retriable_status_codes(code);
  out.mutable_num_retries()->set_value(*policy.attempts.value);
  if (*policy.attempt.value > Duration::zero()) {
    set(*out.mutable_per_try_timeout(), *policy.attempt.value);
  }
  auto& back_off = *out.mutable_retry_back_off();
  set(*back_off.mutable_base_interval(), *policy.backoff_base.value);
  // Both may come from different documents.
  set(*back_off.mutable_max_interval(),
      std::max(*policy.backoff_base.value, *policy.backoff_max.value));
  auto& elsewhere = *out.add_retry_host_predicate();
  elsewhere.set_name("envoy.retry_host_predicates.previous_hosts");
  pack(*elsewhere.mutable_typed_config(),
       envoy::extensions::retry::host::previous_hosts::v3::PreviousHostsPredicate());
}

// Whose hash leads the requests of a rule: the first backend's that wants one, as a request has
// one hash wherever it goes.
std::optional<RequestHash> hash_of(const RouteContext& context, const RouteRule* rule,
                                   const PolicyFields& own) {
  const auto wanted = [](const PolicyFields& policy) -> std::optional<RequestHash> {
    const bool used =
        hashes(*policy.balancing.value) && policy.hash.value->of != RequestHash::Of::kNothing;
    return used ? policy.hash.value : std::nullopt;
  };
  if (rule == nullptr) return wanted(own);
  for (const BackendRef& backend : rule->backends) {
    const Backend found =
        find_backend(context.mesh, backend, {context.client.name_space, context.port.port});
    if (backend.weight == 0 || !found.found()) continue;
    const EffectivePolicy policy(context.mesh, {.service = *found.service,
                                                .port = *found.port,
                                                .client_namespace = context.client.name_space,
                                                .subset = found.subset});
    if (const auto hash = wanted(policy.fields())) return hash;
  }
  return std::nullopt;
}

void set_hash(const RequestHash& hash, Audience audience, rt::RouteAction& out) {
  // gRPC looks at headers only (A42).
  if (audience == Audience::kProxyless && hash.of != RequestHash::Of::kHeader) return;
  auto& policy = *out.add_hash_policy();
  switch (hash.of) {
    case RequestHash::Of::kHeader:
      policy.mutable_header()->set_header_name(hash.name);
      break;
    case RequestHash::Of::kCookie:
      policy.mutable_cookie()->set_name(hash.name);
      // Made for the session where a request has none.
      set(*policy.mutable_cookie()->mutable_ttl(), Duration::zero());
      policy.mutable_cookie()->set_path("/");
      break;
    case RequestHash::Of::kQuery:
      policy.mutable_query_parameter()->set_name(hash.name);
      break;
    case RequestHash::Of::kPath:
      policy.mutable_header()->set_header_name(":path");
      break;
    case RequestHash::Of::kSource:
      policy.mutable_connection_properties()->set_source_ip(true);
      break;
    case RequestHash::Of::kNothing:
      break;
  }
}

}  // namespace

void set_route_policy(const RouteContext& context, const HttpRoute* route, const RouteRule* rule,
                      rt::Route& out) {
  const EffectivePolicy effective(
      context.mesh, {context.service, context.port, context.client.name_space, route, rule});
  const PolicyFields& policy = effective.fields();
  auto& action = *out.mutable_route();
  set(*action.mutable_timeout(), *policy.request.value);
  auto& stream = *action.mutable_max_stream_duration();
  set(*stream.mutable_grpc_timeout_header_max(), Duration::zero());
  if (*policy.stream.value > Duration::zero()) {
    set(*stream.mutable_max_stream_duration(), *policy.stream.value);
  }
  // Others than the listener's, where it stands for every route.
  if (*policy.idle.value != defaults::kStreamIdle) {
    set(*action.mutable_idle_timeout(), *policy.idle.value);
  }
  // gRPC knows no retry policy that allows no retry (A44).
  if (context.audience == Audience::kSidecar || *policy.attempts.value != 0) {
    set_retry(policy, *action.mutable_retry_policy());
  }
  if (const auto hash = hash_of(context, rule, policy)) {
    set_hash(*hash, context.audience, action);
  }
  out.mutable_per_request_buffer_limit_bytes()->set_value(*policy.buffer_limit.value);
  weft::config::v1::RoutePolicy ours;
  ours.set_retry_idempotent_only(*policy.methods.value == RetryMethods::kIdempotent);
  set(*ours.mutable_retry_after_max(), *policy.retry_after_max.value);
  if (*policy.head.value > Duration::zero()) set(*ours.mutable_head_timeout(), *policy.head.value);
  set_extras(context.mesh, policy, ours);
  set_typed(*out.mutable_metadata(), ours);
}

}  // namespace weft::control
