// Advice on HTTPRoutes: rules that no request reaches, and weights that lead nowhere.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "control/backend.h"
#include "control/cli/advice.h"
#include "control/planner/routes.h"

namespace weft::control::cli {

namespace {

// Whether every path that `narrow` takes is one of `wide`. Regular expressions are known by their
// text only, and by the two that mean everything.
bool covers(const PathMatch& wide, const PathMatch& narrow) {
  using enum PathMatch::How;
  if (narrow.ignore_case && !wide.ignore_case && wide.value != "/") return false;
  switch (wide.how) {
    case kExact:
      return narrow.how == kExact && narrow.value == wide.value;
    case kRegex:
      return wide.value == ".*" || wide.value == "/.*" ||
             (narrow.how == kRegex && narrow.value == wide.value);
    case kBytes:
      return narrow.how != kRegex && !narrow.ignore_case && narrow.value.starts_with(wide.value);
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
    return std::ranges::any_of(narrow, [&](const NamedMatch& other) { return one == other; });
  });
}

bool covers(const RouteMatch& wide, const RouteMatch& narrow) {
  return covers(wide.path, narrow.path) && (wide.method.empty() || wide.method == narrow.method) &&
         covers(wide.headers, narrow.headers) && covers(wide.query, narrow.query) &&
         (wide.source_labels.empty() || wide.source_labels == narrow.source_labels) &&
         (wide.source_namespace.empty() || wide.source_namespace == narrow.source_namespace);
}

const char* list_of(const HttpRoute& route) {
  return route.kind == Kind::kVirtualService ? "http" : "rules";
}

std::string name_of(const RouteCandidate& one) {
  return fmt::format("{} {}[{}]", one.route->key().to_string(), list_of(*one.route),
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
    adviser.say(
        rule.self->route->metadata, key->line,
        fmt::format("{}[{}] never takes a request for {}: {} is asked first",
                    list_of(*rule.self->route), rule.self->rule_number, where, name_of(*rule.by)));
  }
}

bool has_instances(const Backend& backend) {
  // Whoever its name leads to is not ours to know.
  if (!backend.service->service->external_name.empty()) return true;
  return std::ranges::any_of(backend.port->instances, [&](const Instance& instance) {
    return backend.subset == nullptr ||
           selects(*backend.subset, instance.workload->metadata.labels);
  });
}

std::uint16_t port_of(const Mesh& mesh, const HttpRoute& route) {
  for (const auto& [scope, routes] : mesh.routes) {
    for (const auto& one : routes) {
      if (one.get() == &route) return scope.port;
    }
  }
  return 0;
}

void check_weights(const Mesh& mesh, const HttpRoute& route, const RouteRule& rule,
                   Adviser& adviser) {
  if (rule.redirect || rule.answer) return;
  const bool istio = route.kind == Kind::kVirtualService;
  const std::size_t number = static_cast<std::size_t>(&rule - route.rules.data());
  std::uint64_t weight = 0;
  for (const BackendRef& backend : rule.backends) weight += backend.weight;
  if (weight == 0) {
    adviser.say(
        route.metadata, rule.line,
        fmt::format("{}[{}] answers every request with 500: {}", list_of(route), number,
                    rule.backends.empty() ? "it has no backendRefs" : "no backend has any weight"));
    return;
  }
  for (std::size_t at = 0; at < rule.backends.size(); ++at) {
    const BackendRef& backend = rule.backends[at];
    // Of a route without a port of its own, by the first port that it stands for.
    const Backend found = find_backend(
        mesh, backend, {.clients = route.metadata.name.name_space, .port = port_of(mesh, route)});
    // What does not exist at all is a condition of the route already.
    if (!found.found() || backend.weight == 0 || has_instances(found)) continue;
    adviser.say(
        route.metadata, rule.line,
        fmt::format("{}[{}].{}[{}]: nothing is ready behind Service {} port {}{}, which is to take "
                    "{} of {} requests",
                    list_of(route), number, istio ? "route" : "backendRefs", at,
                    backend.service.to_string(), found.port->port,
                    backend.subset.empty() ? "" : " subset " + backend.subset, backend.weight,
                    weight));
  }
}

}  // namespace

void advise_on_routes(const Mesh& mesh, Adviser& adviser) {
  for (const auto& [scope, routes] : mesh.routes) {
    check_shadows(candidates_of(routes, scope.port),
                  fmt::format("Service {} port {}", scope.service.to_string(), scope.port),
                  adviser);
  }
  for (const auto& route : mesh.route_objects) {
    for (const RouteRule& rule : route->rules) check_weights(mesh, *route, rule, adviser);
  }
}

}  // namespace weft::control::cli
