#include "control/model/http_route.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::control {

namespace {

template <typename T>
void keep(Reader& block, std::string_view key, T value, Setting<T>& out) {
  out = {.value = std::move(value), .line = block.find(key)->position().line};
}

void read_timeouts(Reader& rule, PolicyFields& out) {
  rule.object("timeouts", [&](Reader& timeouts) {
    Duration read{};
    if (timeouts.duration("request", read)) keep(timeouts, "request", read, out.request);
    if (timeouts.duration("backendRequest", read)) {
      keep(timeouts, "backendRequest", read, out.attempt);
    }
    const Duration request = out.request.value.value_or(Duration::zero());
    if (request > Duration::zero() && out.attempt.value.value_or(Duration::zero()) > request) {
      timeouts.refuse("backendRequest", "must not be longer than request");
    }
  });
}

bool read_codes(Reader& retry, std::vector<std::uint16_t>& out) {
  const config::Value* codes = retry.find("codes");
  if (codes == nullptr) return false;
  if (!codes->is_list() || codes->items().size() > HttpRoute::kItemsMax) {
    retry.refuse("codes", fmt::format("want a list of at most {} codes", HttpRoute::kItemsMax));
    return false;
  }
  for (const config::Value& item : codes->items()) {
    const Result<std::int64_t> code = item.as_int();
    if (!code || *code < 400 || *code > 599) {
      retry.refuse("codes", "want numbers from 400 to 599");
      return false;
    }
    out.push_back(static_cast<std::uint16_t>(*code));
  }
  return !out.empty();
}

void read_retry(Reader& rule, PolicyFields& out) {
  rule.object("retry", [&](Reader& retry) {
    // Whoever writes `retry` wants it for every method (behaviour.md 3).
    const std::uint32_t line = retry.position().line;
    out.methods = {.value = RetryMethods::kAny, .line = line};
    // HTTPRouteRetryBackendTimeout: an attempt that took too long is made again as well.
    const bool timed = out.attempt.value.value_or(Duration::zero()) > Duration::zero();
    RetryOn on{.conditions = {"unprocessed"}, .codes = {}};
    if (timed) on.conditions.emplace_back("timeout");
    if (read_codes(retry, on.codes) || timed) out.on = {.value = std::move(on), .line = line};
    std::uint32_t attempts = 0;
    if (retry.integer("attempts", attempts, 0, HttpRoute::kAttemptsMax)) {
      keep(retry, "attempts", attempts, out.attempts);
    }
    Duration backoff{};
    if (retry.duration("backoff", backoff)) {
      if (backoff == Duration::zero()) retry.refuse("backoff", "must be more than 0s");
      keep(retry, "backoff", backoff, out.backoff_base);
      keep(retry, "backoff", backoff * 10, out.backoff_max);
    }
  });
}

void read_rule(Reader& rule, HttpRoute& route) {
  RouteRule out;
  out.line = rule.position().line;
  rule.text("name", out.name, check_section_name);
  read_matches(rule, out);
  read_filters(rule, route.metadata.name, out);
  read_backends(rule, route.metadata.name, read_backend_filters, out.backends);
  if (out.redirect && !out.backends.empty()) {
    rule.refuse("backendRefs", "must not be there: the rule redirects");
  }
  PolicyFields policy;
  read_timeouts(rule, policy);
  read_retry(rule, policy);
  if (policy != PolicyFields{}) {
    out.policy = std::make_shared<const PolicyFields>(std::move(policy));
  }
  rule.object("sessionPersistence",
              [&](Reader& session) { out.session = read_session_persistence(session); });
  const bool taken = std::ranges::any_of(route.rules, [&](const RouteRule& other) {
    return !out.name.empty() && other.name == out.name;
  });
  if (taken) rule.refuse("name", "is another rule's name already");
  route.rules.push_back(std::move(out));
}

void read_rules(Reader& spec, HttpRoute& out) {
  spec.each("rules", HttpRoute::kRulesMax, [&](Reader& rule) { read_rule(rule, out); });
  if (!spec.has("rules")) out.rules.push_back({.matches = {RouteMatch{}}});
  std::size_t matches = 0;
  for (const RouteRule& rule : out.rules) matches += rule.matches.size();
  if (matches > HttpRoute::kMatchesTotalMax) {
    spec.refuse("rules", fmt::format("have {} matches together, at most {} are allowed", matches,
                                     HttpRoute::kMatchesTotalMax));
  }
}

}  // namespace

HttpRoute read_http_route(Reader& document) {
  HttpRoute out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    std::vector<std::string> hostnames;
    spec.texts("hostnames", hostnames, HttpRoute::kItemsMax, check_hostname_or_wildcard);
    // GEP-1294: the Service that was called says which routes apply, not the Host.
    if (!hostnames.empty()) spec.note("hostnames", "are passed over for Service parents");
    read_parents(spec, out.metadata.name, out.parents);
    spec.unsupported("useDefaultGateways");
    read_rules(spec, out);
  });
  return out;
}

}  // namespace weft::control
