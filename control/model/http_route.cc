#include "control/model/http_route.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";

bool is_core(std::string_view group) { return group.empty() || group == "core"; }

// "" is a group's name, so that its text cannot be checked as one.
void read_group(Reader& ref, std::string& group) {
  const config::Value* value = ref.find("group");
  if (value != nullptr && value->is_scalar()) {
    group = value->text();
  } else if (value != nullptr) {
    ref.refuse("group", "want text");
  }
}

void read_parent(Reader& ref, HttpRoute& out) {
  std::string group(kGatewayGroup);
  std::string kind = "Gateway";
  ParentRef parent{.service = {out.metadata.name.name_space, ""}};
  read_group(ref, group);
  ref.text("kind", kind);
  if (ref.require("name")) ref.text("name", parent.service.name, check_object_name);
  ref.text("namespace", parent.service.name_space, check_label_name);
  std::uint16_t port = 0;
  if (ref.integer("port", port, 1, 65535)) parent.port = port;
  ref.text("sectionName", parent.section, check_section_name);
  if (!is_core(group) || kind != "Service") {
    ref.note("kind", fmt::format("{} is not a parent here, only Services are", escape(kind, 64)));
    return;
  }
  if (std::ranges::find(out.parents, parent) != out.parents.end()) {
    ref.refuse("names the same parent as another one: give each its own port or sectionName");
  }
  out.parents.push_back(std::move(parent));
}

void read_backend(Reader& ref, const ObjectName& route, RouteRule& rule) {
  BackendRef out{.service = {route.name_space, ""}};
  std::string group;
  std::string kind = "Service";
  read_group(ref, group);
  ref.text("kind", kind);
  if (ref.require("name")) ref.text("name", out.service.name, check_object_name);
  ref.text("namespace", out.service.name_space, check_label_name);
  ref.integer("port", out.port, 1, 65535);
  ref.integer("weight", out.weight, 0, 1'000'000);
  read_backend_filters(ref, out);
  if (!is_core(group) || kind != "Service") {
    out.unusable = fmt::format("kind {} is not a Service", escape(kind, 64));
  } else if (out.port == 0) {
    ref.refuse("port", "is required for a Service");
  }
  rule.backends.push_back(std::move(out));
}

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
  read_filters(rule, out);
  rule.each("backendRefs", HttpRoute::kBackendsMax,
            [&](Reader& ref) { read_backend(ref, route.metadata.name, out); });
  if (out.redirect && !out.backends.empty()) {
    rule.refuse("backendRefs", "must not be there: the rule redirects");
  }
  PolicyFields policy;
  read_timeouts(rule, policy);
  read_retry(rule, policy);
  if (policy != PolicyFields{}) {
    out.policy = std::make_shared<const PolicyFields>(std::move(policy));
  }
  rule.unsupported("sessionPersistence");
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
    spec.require("parentRefs");
    spec.each("parentRefs", HttpRoute::kParentsMax, [&](Reader& ref) { read_parent(ref, out); });
    spec.unsupported("useDefaultGateways");
    read_rules(spec, out);
  });
  return out;
}

}  // namespace weft::control
