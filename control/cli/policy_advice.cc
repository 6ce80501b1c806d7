// Advice on TrafficPolicies, MeshConfig's defaults and what routes say of timeouts and retries.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <type_traits>

#include "control/cli/advice.h"
#include "control/planner/effective_policy.h"
#include "sidecar/core/strings.h"

namespace weft::control::cli {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// ---- units ----

struct Plausible {
  std::string_view field;
  Duration least;
  Duration most;
};
// Outside of these somebody has probably written one unit and meant another.
constexpr std::array<Plausible, 12> kPlausible = {{
    {"timeouts.connect", milliseconds(5), seconds(60)},
    {"timeouts.head", milliseconds(5), hours(1)},
    {"timeouts.attempt", milliseconds(5), hours(1)},
    {"timeouts.request", milliseconds(5), hours(1)},
    {"timeouts.idle", milliseconds(100), hours(24)},
    {"retry.backoff.base", milliseconds(1), seconds(10)},
    {"retry.backoff.max", milliseconds(1), minutes(2)},
    {"retry.maxRetryAfter", milliseconds(1), minutes(5)},
    {"outlier.ejectFor", milliseconds(100), hours(2)},
    {"loadBalancer.slowStart", seconds(1), minutes(30)},
    {"limits.pendingTimeout", milliseconds(1), minutes(1)},
    {"connection.idleTimeout", milliseconds(100), hours(2)},
}};

void check_units(const PolicyFields& fields, const Metadata& about, Adviser& adviser) {
  advise_on_rate_limits(fields, about, adviser);
  each_policy_field(
      [&]([[maybe_unused]] const PolicyField& field, const auto& setting) {
        if constexpr (std::is_same_v<decltype(setting), const Setting<Duration>&>) {
          const auto known = std::ranges::find(kPlausible, field.name, &Plausible::field);
          if (known == kPlausible.end() || !setting.value) return;
          const Duration value = *setting.value;
          if (value == Duration::zero() || (value >= known->least && value <= known->most)) return;
          adviser.say(
              about, setting.line,
              fmt::format("{} {} is {} than most would want: is the unit right?", field.name,
                          format_duration(value), value < known->least ? "shorter" : "longer"));
        }
      },
      fields);
}

// ---- what holds together ----

// Where a value comes from, and a few words for it.
struct Said {
  const Metadata* about = nullptr;  // null: weft's default
  std::uint32_t line = 0;
};
Said said(const EffectivePolicy& policy, std::string_view name) {
  Said out;
  std::size_t at = 0;
  each_policy_field(
      [&](const PolicyField& field, const auto& setting) {
        if (field.name == name) out = {.about = policy.author_of(at), .line = setting.line};
        ++at;
      },
      policy.fields());
  return out;
}

// At the first of the fields that somebody wrote; weft's defaults need no advice.
void say_at(const EffectivePolicy& policy, std::initializer_list<std::string_view> fields,
            Adviser& adviser, const std::string& text, bool note = false) {
  for (const std::string_view field : fields) {
    const Said where = said(policy, field);
    if (where.about == nullptr) continue;
    adviser.say(*where.about, where.line, text, note);
    return;
  }
}

bool has_other_than_unprocessed(const RetryOn& on) {
  return !on.codes.empty() || std::ranges::any_of(on.conditions, [](const std::string& one) {
    return one != "unprocessed";
  });
}

// RFC 9110 9.2.2.
bool only_idempotent(const RouteRule* rule) {
  static constexpr std::array<std::string_view, 6> kMethods = {"GET",    "HEAD",    "PUT",
                                                               "DELETE", "OPTIONS", "TRACE"};
  return rule != nullptr && std::ranges::all_of(rule->matches, [](const RouteMatch& match) {
           return std::ranges::find(kMethods, match.method) != kMethods.end();
         });
}

void check_failures(const EffectivePolicy& policy, const std::string& where, Adviser& adviser) {
  const PolicyFields& fields = policy.fields();
  for (const PolicyFault& fault : *fields.faults.value) {
    if (!fault.ends_everything()) continue;
    say_at(policy, {"faults"}, adviser,
           fmt::format("{}: fault {} leaves no request an answer of the app", where, fault.name));
  }
  const PolicyFallback& fallback = *fields.fallback.value;
  if (fallback.on && fallback.circuit_open && !fallback.overloaded && !fallback.retries_exhausted &&
      !fields.breaker.value->on) {
    say_at(policy, {"fallback"}, adviser,
           fmt::format("{}: fallback waits for an open circuit, and circuitBreaker is Off", where));
  }
}

void check_requests(const EffectivePolicy& policy, const RouteRule* rule, const std::string& where,
                    Adviser& adviser) {
  const PolicyFields& fields = policy.fields();
  const Duration request = *fields.request.value;
  const Duration attempt = *fields.attempt.value;
  const Duration head = *fields.head.value;
  const std::uint32_t extra = *fields.attempts.value;
  const bool bounded = request > Duration::zero();
  // By division, since the largest of both would not fit.
  if (bounded && attempt > Duration::zero() && extra > 0 && attempt > request / (extra + 1)) {
    say_at(policy, {"timeouts.request", "timeouts.attempt", "retry.attempts"}, adviser,
           fmt::format("{}: {} tries of {} do not fit into timeouts.request {}", where, extra + 1,
                       format_duration(attempt), format_duration(request)));
  }
  if (bounded && head > request) {
    say_at(policy, {"timeouts.head"}, adviser,
           fmt::format("{}: timeouts.head {} has no effect, timeouts.request {} passes first",
                       where, format_duration(head), format_duration(request)));
  }
  const std::vector<std::string>& on = fields.on.value->conditions;
  const bool times = std::ranges::find(on, "timeout") != on.end();
  if (extra > 0 && times && attempt == Duration::zero() && head == Duration::zero()) {
    say_at(
        policy, {"retry.on"}, adviser,
        fmt::format("{}: retry.on has timeout, and no try has one: timeouts.attempt is 0s", where));
  }
  if (extra > 0 && *fields.methods.value == RetryMethods::kAny && !only_idempotent(rule) &&
      has_other_than_unprocessed(*fields.on.value)) {
    say_at(policy, {"retry.methods"}, adviser,
           fmt::format("{}: POST and PATCH are repeated as well on {}, though they may have been "
                       "processed",
                       where, describe(*fields.on.value)),
           true);
  }
  check_failures(policy, where, adviser);
  // Of the longest waits: what is left of the request's time holds no other try.
  const Duration waits = *fields.backoff_max.value * static_cast<std::int64_t>(extra);
  if (bounded && extra > 0 && *fields.backoff_base.value >= request / (extra + 1)) {
    say_at(policy, {"retry.backoff.base"}, adviser,
           fmt::format("{}: waits of up to {} between tries are more than timeouts.request {} "
                       "has room for",
                       where, format_duration(waits), format_duration(request)));
  }
  if (*fields.backoff_base.value > *fields.backoff_max.value) {
    say_at(policy, {"retry.backoff.base", "retry.backoff.max"}, adviser,
           fmt::format("{}: retry.backoff.base {} is more than max {}, so every wait is base's",
                       where, format_duration(*fields.backoff_base.value),
                       format_duration(*fields.backoff_max.value)));
  }
}

void check_balancing(const EffectivePolicy& policy, const MeshPort& port, const std::string& where,
                     Adviser& adviser) {
  const PolicyFields& fields = policy.fields();
  const Balancing type = *fields.balancing.value;
  const RequestHash& hash = *fields.hash.value;
  if (*fields.slow_start.value > Duration::zero() && !starts_slowly(type)) {
    say_at(policy, {"loadBalancer.slowStart", "loadBalancer.type"}, adviser,
           fmt::format("{}: loadBalancer.slowStart {} has no effect with {}", where,
                       format_duration(*fields.slow_start.value), describe(type)));
  }
  if (hash.of != RequestHash::Of::kNothing && !hashes(type)) {
    say_at(policy, {"loadBalancer.hash", "loadBalancer.type"}, adviser,
           fmt::format("{}: loadBalancer.hash {} has no effect with {}: RingHash and Maglev hash",
                       where, describe(hash), describe(type)));
  }
  if (hash.of == RequestHash::Of::kSource && hashes(type)) {
    say_at(policy, {"loadBalancer.hash"}, adviser,
           fmt::format("{}: hashes by the caller's address; where apps reach their sidecar over "
                       "127.0.0.1 they all have that one, and share one instance",
                       where));
  }
  const bool zoned = std::ranges::any_of(
      port.instances, [](const Instance& one) { return !one.workload->zone.empty(); });
  if (*fields.locality.value == LocalityChoice::kOwnZone && !zoned && !port.instances.empty()) {
    say_at(policy, {"loadBalancer.locality"}, adviser,
           fmt::format("{}: own zone first, and no Workload behind it says its zone", where), true);
  }
}

void check_rates(const EffectivePolicy& policy, const MeshPort& port, const std::string& where,
                 Adviser& adviser) {
  const auto few = [&](std::string_view field, bool on, std::uint32_t least) {
    if (!on || port.instances.empty() || port.instances.size() >= least) return;
    say_at(policy, {field}, adviser,
           fmt::format("{}: {} compares at least {} instances, and there are {}", where, field,
                       least, port.instances.size()));
  };
  const SuccessRate& success = *policy.fields().success_rate.value;
  const FailurePercent& failures = *policy.fields().failure_percent.value;
  few("outlier.successRate", success.on, success.instances_min);
  few("outlier.failurePercent", failures.on, failures.instances_min);
}

void check_destination(const EffectivePolicy& policy, const MeshPort& port,
                       const std::string& where, Adviser& adviser) {
  const PolicyFields& fields = policy.fields();
  check_balancing(policy, port, where, adviser);
  check_rates(policy, port, where, adviser);
  if (*fields.eject_for.value > *fields.max_eject_for.value) {
    say_at(policy, {"outlier.ejectFor", "outlier.maxEjectFor"}, adviser,
           fmt::format("{}: outlier.ejectFor {} is more than maxEjectFor {}, and holds", where,
                       format_duration(*fields.eject_for.value),
                       format_duration(*fields.max_eject_for.value)));
  }
}

void check_port(const Mesh& mesh, const MeshService& service, const MeshPort& port,
                const std::string& client, Adviser& adviser) {
  const std::string where =
      fmt::format("Service {} port {}{}", service.name().to_string(), port.port,
                  client.empty() ? "" : " from namespace " + client);
  const EffectivePolicy plain(mesh, {service, port, client});
  check_destination(plain, port, where, adviser);
  if (!port.is_http()) return;
  const auto* routes = mesh.find_routes(service.name(), port.port, client);
  if (routes == nullptr) return check_requests(plain, nullptr, where, adviser);
  for (const auto& route : *routes) {
    for (const RouteRule& rule : route->rules) {
      if (rule.redirect || rule.answer) continue;
      const EffectivePolicy policy(mesh, {service, port, client, route.get(), &rule});
      check_requests(policy, &rule,
                     fmt::format("{} by {} {}[{}]", where, route->key().to_string(),
                                 route->kind == Kind::kVirtualService ? "http" : "rules",
                                 &rule - route->rules.data()),
                     adviser);
    }
  }
}

// ---- fields that no traffic meets ----

bool goes_to_itself(const Mesh& mesh, const ObjectName& service, const MeshPort& port) {
  const auto* routes = mesh.find_routes(service, port.port, "");
  if (routes == nullptr) return true;
  const auto leads_here = [&](const BackendRef& backend) {
    return backend.service == service && (backend.port == 0 || backend.port == port.port);
  };
  for (const auto& route : *routes) {
    for (const RouteRule& rule : route->rules) {
      if (std::ranges::any_of(rule.backends, leads_here)) return true;
    }
  }
  return false;
}

bool meets_requests(const Mesh& mesh, const PolicyTable::Place& place) {
  const MeshService* service =
      place.kind == PolicyTarget::Kind::kService ? mesh.find_service(place.object) : nullptr;
  return service == nullptr || std::ranges::any_of(service->ports, [&](const MeshPort& port) {
           return (place.section.empty() || place.section == std::to_string(port.port)) &&
                  goes_to_itself(mesh, place.object, port);
         });
}

// A destination's fields on Services whose routes all lead to others.
void check_targets(const Mesh& mesh, Adviser& adviser) {
  std::map<std::shared_ptr<const TrafficPolicy>, std::vector<PolicyTable::Place>> places;
  for (const auto& [place, policy] : mesh.policies.all()) places[policy].push_back(place);
  for (const auto& [policy, all] : places) {
    const auto meets = [&](const PolicyTable::Place& place) { return meets_requests(mesh, place); };
    bool told = std::ranges::any_of(all, meets);
    each_policy_field(
        [&](const PolicyField& field, const auto& setting) {
          if (told || !setting.value || field.side == PolicySide::kRoute) return;
          // What an instance lets in holds whichever Service led there.
          if (field.name.starts_with("inbound.")) return;
          told = true;  // one line for them all
          adviser.say(policy->metadata, setting.line,
                      fmt::format("{} is met by no request: the routes of Service {} lead to "
                                  "other Services, which want a policy of their own",
                                  field.name, all.front().object.to_string()));
        },
        policy->fields);
  }
}

}  // namespace

void advise_on_policies(const Mesh& mesh, Adviser& adviser) {
  check_units(mesh.config->defaults, mesh.config->metadata, adviser);
  for (const auto& [place, policy] : mesh.policies.all()) {
    check_units(policy->fields, policy->metadata, adviser);
  }
  check_targets(mesh, adviser);
  for (const auto& route : mesh.route_objects) {
    for (const RouteRule& rule : route->rules) {
      if (rule.policy != nullptr) check_units(*rule.policy, route->metadata, adviser);
    }
  }
  std::set<std::string> clients = mesh.policies.consumers();
  clients.insert("");
  for (const auto& [scope, routes] : mesh.routes) clients.insert(scope.client_namespace);
  for (const auto& [name, service] : mesh.services) {
    for (const MeshPort& port : service.ports) {
      for (const std::string& client : clients) {
        // Only where a namespace has something of its own; else it is everybody's case again.
        const bool own = client.empty() || mesh.policies.consumers().contains(client) ||
                         mesh.routes.contains({name, port.port, client});
        if (own) check_port(mesh, service, port, client, adviser);
      }
    }
  }
}

}  // namespace weft::control::cli
