// One rule of an HTTPRoute -> xDS routes: matches, header changes, redirects, rewrites, backends,
// timeouts, retries.

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "control/planner/defaults.h"
#include "control/planner/effective_policy.h"
#include "control/planner/routes.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

namespace rt = envoy::config::route::v3;
namespace core = envoy::config::core::v3;

namespace {

using Routes = google::protobuf::RepeatedPtrField<rt::Route>;
using HeadersToAdd = google::protobuf::RepeatedPtrField<core::HeaderValueOption>;
using HeadersToRemove = google::protobuf::RepeatedPtrField<std::string>;

// In xDS a '%' begins an operator; ours are literal.
std::string literal(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '%' ? 2 : 1, c);
  return out;
}

// For a regular expression that means just this text.
std::string regex_of(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\.+*?()|[]{}^$").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

void set_changes(const HeaderChanges& changes, HeadersToAdd& add, HeadersToRemove& remove) {
  for (const std::string& name : changes.remove) *remove.Add() = name;
  const auto append = [&](const auto& pair, core::HeaderValueOption::HeaderAppendAction action) {
    auto& option = *add.Add();
    option.mutable_header()->set_key(pair.first);
    option.mutable_header()->set_value(literal(pair.second));
    option.set_append_action(action);
  };
  for (const auto& pair : changes.set) {
    append(pair, core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD);
  }
  for (const auto& pair : changes.add) {
    append(pair, core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD);
  }
}

void set_named(const NamedMatch& match, envoy::type::matcher::v3::StringMatcher& out) {
  if (match.regex) {
    out.mutable_safe_regex()->set_regex(match.value);
  } else {
    out.set_exact(match.value);
  }
}

void set_match(const RouteMatch& match, Audience audience, rt::RouteMatch& out) {
  switch (match.path.how) {
    case PathMatch::How::kExact:
      out.set_path(match.path.value);
      break;
    case PathMatch::How::kRegex:
      out.mutable_safe_regex()->set_regex(match.path.value);
      break;
    case PathMatch::How::kPrefix:
      if (match.path.value == "/") {
        out.set_prefix("/");
      } else if (audience == Audience::kSidecar) {
        out.set_path_separated_prefix(match.path.value);
      } else {
        // gRPC knows prefix, path and safe_regex only (A28).
        out.mutable_safe_regex()->set_regex(regex_of(match.path.value) + "(/.*)?");
      }
      break;
  }
  if (!match.method.empty()) {
    auto& header = *out.add_headers();
    header.set_name(":method");
    header.mutable_string_match()->set_exact(match.method);
  }
  for (const NamedMatch& named : match.headers) {
    auto& header = *out.add_headers();
    header.set_name(named.name);
    set_named(named, *header.mutable_string_match());
  }
  for (const NamedMatch& named : match.query) {
    auto& parameter = *out.add_query_parameters();
    parameter.set_name(named.name);
    set_named(named, *parameter.mutable_string_match());
  }
}

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

void set_policy(const RouteContext& context, const HttpRoute* route, const RouteRule* rule,
                rt::Route& out) {
  const EffectivePolicy effective(
      context.mesh, {context.service, context.port, context.client_namespace, route, rule});
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
  out.mutable_per_request_buffer_limit_bytes()->set_value(*policy.buffer_limit.value);
  weft::config::v1::RoutePolicy ours;
  ours.set_retry_idempotent_only(*policy.methods.value == RetryMethods::kIdempotent);
  set(*ours.mutable_retry_after_max(), *policy.retry_after_max.value);
  if (*policy.head.value > Duration::zero()) set(*ours.mutable_head_timeout(), *policy.head.value);
  set_typed(*out.mutable_metadata(), ours);
}

rt::RedirectAction::RedirectResponseCode code_of(std::uint16_t status) {
  switch (status) {
    case 301:
      return rt::RedirectAction::MOVED_PERMANENTLY;
    case 303:
      return rt::RedirectAction::SEE_OTHER;
    case 307:
      return rt::RedirectAction::TEMPORARY_REDIRECT;
    case 308:
      return rt::RedirectAction::PERMANENT_REDIRECT;
    default:
      return rt::RedirectAction::FOUND;
  }
}

// Lets `prefix` replace what `matched` matched, by whole path elements: "/a" -> "/b" makes "/a/x"
// into "/b/x", and "/a" -> "" makes it into "/x". Returns what xDS, which replaces bytes, must be
// told.
std::string byte_prefix(const std::string& matched, std::string prefix) {
  if (prefix.ends_with('/')) prefix.pop_back();
  if (matched == "/" || prefix.empty()) prefix += '/';
  return prefix;
}

void set_redirect(const RouteContext& context, const Redirect& redirect, const RouteMatch& match,
                  rt::RedirectAction& out) {
  out.set_response_code(code_of(redirect.status));
  out.set_host_redirect(redirect.hostname);
  if (!redirect.scheme.empty()) out.set_scheme_redirect(redirect.scheme);
  if (redirect.port) {
    out.set_port_redirect(*redirect.port);
  } else if (!redirect.scheme.empty() && context.port.port != 80) {
    // Gateway API: the scheme's own port, not the one the request came to.
    out.set_port_redirect(redirect.scheme == "https" ? 443 : 80);
  }
  if (!redirect.path) return;
  if (redirect.path->prefix) {
    out.set_prefix_rewrite(byte_prefix(match.path.value, redirect.path->value));
  } else {
    out.set_path_redirect(redirect.path->value.empty() ? "/" : redirect.path->value);
  }
}

void set_rewrite(const Rewrite& rewrite, const RouteMatch& match, rt::RouteAction& out) {
  out.set_host_rewrite_literal(rewrite.hostname);
  if (!rewrite.path) return;
  if (rewrite.path->prefix) {
    out.set_prefix_rewrite(byte_prefix(match.path.value, rewrite.path->value));
    return;
  }
  out.mutable_regex_rewrite()->mutable_pattern()->set_regex("^.*$");
  out.mutable_regex_rewrite()->set_substitution(rewrite.path->value.empty() ? "/"
                                                                            : rewrite.path->value);
}

// False when no backend takes anything, so that the answer is 500 whatever exists.
bool set_backends(const RouteContext& context, const RouteRule& rule, rt::RouteAction& out) {
  std::uint64_t weight = 0;
  bool plain = rule.backends.size() == 1;
  for (const BackendRef& backend : rule.backends) {
    weight += backend.weight;
    plain = plain && backend.request.empty() && backend.response.empty();
    // Gateway API: requests for a backend that cannot be resolved get 500 (decisions A6).
    if (backend.weight > 0 && context.mesh.find_backend(backend) == nullptr) {
      out.set_cluster_not_found_response_code(rt::RouteAction::INTERNAL_SERVER_ERROR);
    }
  }
  if (weight == 0) return false;
  const auto name_of_backend = [](const BackendRef& backend) {
    return backend.unusable.empty() ? outbound_cluster_name(host_of(backend.service), backend.port)
                                    : std::string("unusable");
  };
  if (plain) {
    out.set_cluster(name_of_backend(rule.backends[0]));
    return true;
  }
  for (const BackendRef& backend : rule.backends) {
    auto& cluster = *out.mutable_weighted_clusters()->add_clusters();
    cluster.set_name(name_of_backend(backend));
    cluster.mutable_weight()->set_value(backend.weight);
    set_changes(backend.request, *cluster.mutable_request_headers_to_add(),
                *cluster.mutable_request_headers_to_remove());
    set_changes(backend.response, *cluster.mutable_response_headers_to_add(),
                *cluster.mutable_response_headers_to_remove());
  }
  return true;
}

void set_action(const RouteContext& context, const HttpRoute& route, const RouteRule& rule,
                const RouteMatch& match, rt::Route& out) {
  set_changes(rule.request, *out.mutable_request_headers_to_add(),
              *out.mutable_request_headers_to_remove());
  set_changes(rule.response, *out.mutable_response_headers_to_add(),
              *out.mutable_response_headers_to_remove());
  if (rule.redirect) {
    set_redirect(context, *rule.redirect, match, *out.mutable_redirect());
    return;
  }
  if (!set_backends(context, rule, *out.mutable_route())) {
    out.mutable_direct_response()->set_status(500);
    out.mutable_direct_response()->mutable_body()->set_inline_string("no backend has any weight\n");
    return;
  }
  if (rule.rewrite) set_rewrite(*rule.rewrite, match, *out.mutable_route());
  set_policy(context, &route, &rule, out);
}

bool cuts_prefix_away(const RouteRule& rule, const RouteMatch& match) {
  const std::optional<PathChange>& change = rule.redirect  ? rule.redirect->path
                                            : rule.rewrite ? rule.rewrite->path
                                                           : std::nullopt;
  return change && change->prefix && match.path.value != "/" &&
         (change->value.empty() || change->value == "/");
}

}  // namespace

void add_routes(const RouteContext& context, const HttpRoute& route, const RouteRule& rule,
                std::size_t rule_number, const RouteMatch& match, Routes& out) {
  const std::string name = fmt::format("{}/{}", route.metadata.name.to_string(),
                                       rule.name.empty() ? std::to_string(rule_number) : rule.name);
  auto& first = *out.Add();
  first.set_name(name);
  set_match(match, context.audience, *first.mutable_match());
  set_action(context, route, rule, match, first);
  if (!cuts_prefix_away(rule, match)) return;
  // "/a" -> "": "/a" itself becomes "/", and of "/a/x" the bytes "/a/" become "/".
  first.mutable_match()->set_path(match.path.value);
  auto& second = *out.Add();
  second = first;
  second.mutable_match()->set_prefix(match.path.value + "/");
}

void add_default_route(const RouteContext& context, Routes& out) {
  auto& route = *out.Add();
  route.set_name("default");
  route.mutable_match()->set_prefix("/");
  route.mutable_route()->set_cluster(
      outbound_cluster_name(context.service.host, context.port.port));
  set_policy(context, nullptr, nullptr, route);
}

}  // namespace weft::control
