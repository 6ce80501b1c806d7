// One rule of a route -> xDS routes: matches, header changes, redirects, rewrites, backends,
// mirrors.

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "control/backend.h"
#include "control/planner/client_faults.h"
#include "control/planner/route_filters.h"
#include "control/planner/route_policy.h"
#include "control/planner/routes.h"

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

// Headers and query parameters have the same two fields for it.
template <typename Matcher>
void set_named(const NamedMatch& match, Matcher& out) {
  switch (match.how) {
    case NamedMatch::How::kExact:
      out.mutable_string_match()->set_exact(match.value);
      break;
    case NamedMatch::How::kPrefix:
      out.mutable_string_match()->set_prefix(match.value);
      break;
    case NamedMatch::How::kRegex:
      out.mutable_string_match()->mutable_safe_regex()->set_regex(match.value);
      break;
    case NamedMatch::How::kPresent:
      out.set_present_match(true);
      break;
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
    case PathMatch::How::kBytes:
      out.set_prefix(match.path.value);
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
  if (match.path.ignore_case) out.mutable_case_sensitive()->set_value(false);
  if (!match.method.empty()) {
    auto& header = *out.add_headers();
    header.set_name(":method");
    header.mutable_string_match()->set_exact(match.method);
  }
  for (const NamedMatch& named : match.headers) {
    auto& header = *out.add_headers();
    header.set_name(named.name);
    set_named(named, header);
    header.set_invert_match(named.invert);
    // A header that is not there does not have the value either.
    header.set_treat_missing_header_as_empty(named.invert &&
                                             named.how != NamedMatch::How::kPresent);
  }
  for (const NamedMatch& named : match.query) {
    auto& parameter = *out.add_query_parameters();
    parameter.set_name(named.name);
    set_named(named, parameter);
  }
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
  } else if (!redirect.scheme.empty() && !redirect.keep_port && context.port.port != 80) {
    // Gateway API: the scheme's own port, not the one the request came to.
    out.set_port_redirect(redirect.scheme == "https" ? 443 : 80);
  }
  if (!redirect.path) return;
  if (redirect.path->how == PathChange::How::kElements) {
    out.set_prefix_rewrite(byte_prefix(match.path.value, redirect.path->value));
  } else {
    out.set_path_redirect(redirect.path->value.empty() ? "/" : redirect.path->value);
  }
}

void set_rewrite(const Rewrite& rewrite, const RouteMatch& match, rt::RouteAction& out) {
  out.set_host_rewrite_literal(rewrite.hostname);
  if (!rewrite.path) return;
  const PathChange& change = *rewrite.path;
  auto how = change.how;
  // Istio's: of a prefix its bytes, of any other match the whole path.
  const bool by_prefix = match.path.how == PathMatch::How::kBytes;
  if (how == PathChange::How::kBytes && !by_prefix) how = PathChange::How::kWhole;
  switch (how) {
    case PathChange::How::kElements:
      out.set_prefix_rewrite(byte_prefix(match.path.value, change.value));
      break;
    case PathChange::How::kBytes:
      out.set_prefix_rewrite(change.value);
      break;
    case PathChange::How::kRegex:
      out.mutable_regex_rewrite()->mutable_pattern()->set_regex(change.pattern);
      out.mutable_regex_rewrite()->set_substitution(change.value);
      break;
    case PathChange::How::kWhole:
      out.mutable_regex_rewrite()->mutable_pattern()->set_regex("^.*$");
      out.mutable_regex_rewrite()->set_substitution(change.value.empty() ? "/" : change.value);
      break;
  }
}

// False when no backend takes anything, so that the answer is 500 whatever exists.
bool set_backends(const RouteContext& context, const RouteRule& rule, rt::RouteAction& out) {
  std::uint64_t weight = 0;
  bool plain = rule.backends.size() == 1;
  for (const BackendRef& backend : rule.backends) {
    weight += backend.weight;
    plain = plain && backend.request.empty() && backend.response.empty();
    // Gateway API: requests for a backend that cannot be resolved get 500 (decisions A6).
    const BackendQuestion question{context.client.name_space, context.port.port};
    if (backend.weight > 0 && !find_backend(context.mesh, backend, question).found()) {
      out.set_cluster_not_found_response_code(rt::RouteAction::INTERNAL_SERVER_ERROR);
    }
  }
  if (weight == 0) return false;
  const auto name_of_backend = [&](const BackendRef& backend) {
    return backend_cluster(context.mesh, backend, {context.client.name_space, context.port.port});
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

// A mirror that leads nowhere is none (Gateway API: the route's condition says it).
void set_mirrors(const RouteContext& context, const RouteRule& rule, rt::RouteAction& out) {
  const BackendQuestion question{context.client.name_space, context.port.port};
  for (const Mirror& mirror : rule.mirrors) {
    if (mirror.per_million == 0) continue;
    if (!find_backend(context.mesh, mirror.backend, question).found()) continue;
    auto& policy = *out.add_request_mirror_policies();
    policy.set_cluster(backend_cluster(context.mesh, mirror.backend, question));
    if (mirror.per_million == Mirror::kAll) continue;
    auto& fraction = *policy.mutable_runtime_fraction()->mutable_default_value();
    fraction.set_numerator(mirror.per_million);
    fraction.set_denominator(envoy::type::v3::FractionalPercent::MILLION);
  }
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
  if (rule.answer) {
    out.mutable_direct_response()->set_status(rule.answer->status);
    out.mutable_direct_response()->mutable_body()->set_inline_string(rule.answer->body);
    return;
  }
  if (!set_backends(context, rule, *out.mutable_route())) {
    out.mutable_direct_response()->set_status(500);
    out.mutable_direct_response()->mutable_body()->set_inline_string("no backend has any weight\n");
    return;
  }
  if (rule.rewrite) set_rewrite(*rule.rewrite, match, *out.mutable_route());
  if (context.audience == Audience::kSidecar) set_mirrors(context, rule, *out.mutable_route());
  set_route_policy(context, &route, &rule, out);
  if (context.audience == Audience::kSidecar) {
    set_route_filters(rule, out.name(), out);
  } else {
    set_client_filters(rule, out);
  }
}

bool cuts_prefix_away(const RouteRule& rule, const RouteMatch& match) {
  const std::optional<PathChange>& change = rule.redirect  ? rule.redirect->path
                                            : rule.rewrite ? rule.rewrite->path
                                                           : std::nullopt;
  return change && change->how == PathChange::How::kElements && match.path.value != "/" &&
         (change->value.empty() || change->value == "/");
}

}  // namespace

void add_routes(const RouteContext& context, const HttpRoute& route, const RouteRule& rule,
                std::size_t rule_number, const RouteMatch& match, Routes& out) {
  const std::string name = fmt::format("{}/{}", route.metadata.name.to_string(),
                                       rule.name.empty() ? std::to_string(rule_number) : rule.name);
  rt::Route first;
  first.set_name(name);
  set_match(match, context.audience, *first.mutable_match());
  set_action(context, route, rule, match, first);
  const bool twice = cuts_prefix_away(rule, match);
  // "/a" -> "": "/a" itself becomes "/", and of "/a/x" the bytes "/a/" become "/".
  if (twice) first.mutable_match()->set_path(match.path.value);
  if (!twice) return add_with_faults(context, &route, &rule, std::move(first), out);
  add_with_faults(context, &route, &rule, first, out);
  first.mutable_match()->set_prefix(match.path.value + "/");
  add_with_faults(context, &route, &rule, std::move(first), out);
}

void add_default_route(const RouteContext& context, Routes& out) {
  rt::Route route;
  route.set_name("default");
  route.mutable_match()->set_prefix("/");
  route.mutable_route()->set_cluster(
      outbound_cluster_name(context.service.host, context.port.port));
  set_route_policy(context, nullptr, nullptr, route);
  add_with_faults(context, nullptr, nullptr, std::move(route), out);
}

}  // namespace weft::control
