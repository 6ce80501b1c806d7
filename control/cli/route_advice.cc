// Advice on HTTPRoutes: rules that no request reaches, and weights that lead nowhere.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/cli/advice.h"
#include "control/planner/routes.h"

namespace weft::control::cli {

namespace {

// Whether every path that `narrow` takes is one of `wide`. Regular expressions are known by their
// text only, and by the two that mean everything.
bool covers(const PathMatch& wide, const PathMatch& narrow) {
  using enum PathMatch::How;
  switch (wide.how) {
    case kExact:
      return narrow.how == kExact && narrow.value == wide.value;
    case kRegex:
      return wide.value == ".*" || wide.value == "/.*" ||
             (narrow.how == kRegex && narrow.value == wide.value);
    case kPrefix:
      if (wide.value == "/") return true;
      return narrow.how != kRegex && narrow.value.starts_with(wide.value) &&
             (narrow.value.size() == wide.value.size() || narrow.value[wide.value.size()] == '/');
  }
  return false;
}

// Whether each condition of `wide` is one of `narrow` too.
bool covers(const std::vector<NamedMatch>& wide, const std::vector<NamedMatch>& narrow) {
  return std::ranges::all_of(wide, [&](const NamedMatch& one) {
    return std::ranges::any_of(narrow, [&](const NamedMatch& other) {
      return one.name == other.name && one.value == other.value && one.regex == other.regex;
    });
  });
}

bool covers(const RouteMatch& wide, const RouteMatch& narrow) {
  return covers(wide.path, narrow.path) && (wide.method.empty() || wide.method == narrow.method) &&
         covers(wide.headers, narrow.headers) && covers(wide.query, narrow.query);
}

std::string name_of(const RouteCandidate& one) {
  return fmt::format("HTTPRoute {} rules[{}]", one.route->metadata.name.to_string(),
                     one.rule_number);
}

// A rule is shadowed when others, asked before it, take all of its matches.
void check_shadows(const std::vector<RouteCandidate>& candidates, const std::string& where,
                   Adviser& adviser) {
  struct Rule {
    std::size_t matches = 0;
    std::size_t taken = 0;
    const RouteCandidate* by = nullptr;
    const RouteCandidate* self = nullptr;
  };
  std::map<const RouteRule*, Rule> rules;
  for (std::size_t at = 0; at < candidates.size(); ++at) {
    Rule& rule = rules[candidates[at].rule];
    rule.self = &candidates[at];
    ++rule.matches;
    for (std::size_t before = 0; before < at; ++before) {
      if (candidates[before].rule == candidates[at].rule) continue;
      if (!covers(*candidates[before].match, *candidates[at].match)) continue;
      ++rule.taken;
      rule.by = &candidates[before];
      break;
    }
  }
  for (const auto& [key, rule] : rules) {
    if (rule.taken != rule.matches) continue;
    adviser.say(rule.self->route->metadata, key->line,
                fmt::format("rules[{}] never takes a request for {}: {} is asked first",
                            rule.self->rule_number, where, name_of(*rule.by)));
  }
}

void check_weights(const Mesh& mesh, const HttpRoute& route, const RouteRule& rule,
                   Adviser& adviser) {
  if (rule.redirect) return;
  const std::size_t number = static_cast<std::size_t>(&rule - route.rules.data());
  std::uint64_t weight = 0;
  for (const BackendRef& backend : rule.backends) weight += backend.weight;
  if (weight == 0) {
    adviser.say(
        route.metadata, rule.line,
        fmt::format("rules[{}] answers every request with 500: {}", number,
                    rule.backends.empty() ? "it has no backendRefs" : "no backend has any weight"));
    return;
  }
  for (std::size_t at = 0; at < rule.backends.size(); ++at) {
    const BackendRef& backend = rule.backends[at];
    const MeshPort* port = mesh.find_backend(backend);
    // What does not exist at all is a condition of the route already.
    if (port == nullptr || backend.weight == 0 || !port->instances.empty()) continue;
    adviser.say(
        route.metadata, rule.line,
        fmt::format("rules[{}].backendRefs[{}]: nothing is ready behind Service {} port "
                    "{}, which is to take {} of {} requests",
                    number, at, backend.service.to_string(), backend.port, backend.weight, weight));
  }
}

}  // namespace

void advise_on_routes(const Mesh& mesh, Adviser& adviser) {
  for (const auto& [scope, routes] : mesh.routes) {
    check_shadows(candidates_of(routes),
                  fmt::format("Service {} port {}", scope.service.to_string(), scope.port),
                  adviser);
  }
  for (const auto& [name, route] : mesh.http_routes) {
    for (const RouteRule& rule : route->rules) check_weights(mesh, *route, rule, adviser);
  }
}

}  // namespace weft::control::cli
