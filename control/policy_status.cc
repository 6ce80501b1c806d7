#include "control/policy_status.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "control/model/traffic_policy.h"
#include "control/planner/effective_policy.h"

namespace weft::control {

namespace {

constexpr std::size_t kOverriddenNamed = 4;

// Which policy decides which field somewhere, and who decides it instead where one does not.
class Deciders final {
 public:
  explicit Deciders(const Mesh& mesh) : mesh_(mesh) {
    std::set<std::string> clients = mesh.policies.consumers();
    clients.insert("");
    for (const auto& [scope, routes] : mesh.routes) clients.insert(scope.client_namespace);
    for (const auto& [name, service] : mesh.services) {
      for (const MeshPort& port : service.ports) {
        for (const std::string& client : clients) look(service, port, client);
      }
    }
  }

  // The fields of `policy` that it decides nowhere: "retry.attempts overridden by …". `all`: there
  // is no other.
  [[nodiscard]] std::string overridden(const TrafficPolicy& policy, bool& all) const {
    std::string out;
    std::size_t named = 0;
    std::size_t at = 0;
    all = true;
    each_policy_field(
        [&](const PolicyField& field, const auto& setting) {
          const std::size_t number = at++;
          if (!setting.value) return;
          if (decided_.contains({&policy.metadata, number})) {
            all = false;
            return;
          }
          const auto other = others_.find({&policy.metadata, number});
          if (other == others_.end()) {
            all = false;
          } else if (++named <= kOverriddenNamed) {
            out += fmt::format("; {} overridden by {}", field.name, other->second);
          }
        },
        policy.fields);
    if (named > kOverriddenNamed) out += fmt::format(" and {} more", named - kOverriddenNamed);
    all = all && named > 0;
    return out;
  }

 private:
  void look(const MeshService& service, const MeshPort& port, const std::string& client) {
    const auto* routes =
        port.is_http() ? mesh_.find_routes(service.name(), port.port, client) : nullptr;
    if (routes == nullptr) return look(PolicyScope{service, port, client});
    for (const auto& route : *routes) {
      for (const RouteRule& rule : route->rules) {
        look(PolicyScope{service, port, client, route.get(), &rule});
      }
    }
  }

  void look(const PolicyScope& scope) {
    const EffectivePolicy effective(mesh_, scope);
    const std::vector<const TrafficPolicy*> candidates = policies_at(scope);
    for (std::size_t field = 0; field < kPolicyFields; ++field) {
      const Metadata* author = effective.author_of(field);
      if (author == nullptr) continue;
      decided_.insert({author, field});
      for (const TrafficPolicy* policy : candidates) {
        if (&policy->metadata == author) continue;
        others_.try_emplace({&policy->metadata, field}, effective.source_of(field).document);
      }
    }
  }

  // Those that hold for such traffic at all.
  [[nodiscard]] std::vector<const TrafficPolicy*> policies_at(const PolicyScope& scope) const {
    using Target = PolicyTarget::Kind;
    std::vector<const TrafficPolicy*> out;
    const auto add = [&](Target kind, const ObjectName& object, const std::string& section) {
      for (const std::string& client : {std::string(), std::string(scope.client_namespace)}) {
        const TrafficPolicy* policy = mesh_.policies.find({kind, object, section, client});
        if (policy != nullptr) out.push_back(policy);
      }
    };
    const ObjectName& service = scope.service.name();
    add(Target::kNamespace, {"", service.name_space}, "");
    add(Target::kService, service, "");
    add(Target::kService, service, std::to_string(scope.port.port));
    if (scope.route == nullptr) return out;
    add(Target::kHttpRoute, scope.route->metadata.name, "");
    if (!scope.rule->name.empty()) {
      add(Target::kHttpRoute, scope.route->metadata.name, scope.rule->name);
    }
    return out;
  }

  using Pair = std::pair<const Metadata*, std::size_t>;
  const Mesh& mesh_;
  std::set<Pair> decided_;
  std::map<Pair, std::string> others_;
};

// Empty where it holds for everybody somewhere.
std::string only_clients(const Mesh& mesh, const TrafficPolicy& policy) {
  for (const auto& [place, held] : mesh.policies.all()) {
    if (held.get() == &policy && place.client_namespace.empty()) return {};
  }
  return policy.metadata.name.name_space;
}

}  // namespace

std::vector<PolicyStatus> policy_statuses(const Registry& registry,
                                          const std::vector<ClientReport>& clients) {
  return policy_statuses(registry, SidecarCounts(*registry.mesh(), clients));
}

std::vector<PolicyStatus> policy_statuses(const Registry& registry, const SidecarCounts& sidecars) {
  const Mesh& mesh = *registry.mesh();
  std::set<const TrafficPolicy*> holding;
  for (const auto& [place, policy] : mesh.policies.all()) holding.insert(policy.get());
  const Deciders deciders(mesh);
  std::map<ObjectName, PolicyStatus> out;
  for (const TrafficPolicy* policy : holding) {
    const ObjectName& name = policy->metadata.name;
    const auto held = registry.accepted().find({Kind::kTrafficPolicy, name});
    const std::uint64_t since =
        held == registry.accepted().end() ? mesh.generation : held->second.generation;
    const SidecarCount count = sidecars.count({.client_namespace = only_clients(mesh, *policy),
                                               .object = {Kind::kTrafficPolicy, name},
                                               .version = policy->metadata.generation,
                                               .since = since});
    bool all = false;
    const std::string overridden = deciders.overridden(*policy, all);
    PolicyStatus& status = out[name];
    status.name = name;
    status.message = fmt::format("{} of {} sidecars{}", count.have, count.all, overridden);
    if (count.refused > 0) {
      status.reason = "PartiallyProgrammed";
    } else if (count.have < count.all) {
      status.reason = "Reconciling";
    } else if (all) {
      status.reason = "Overridden";
    }
  }
  for (const Condition& condition : mesh.conditions) {
    if (condition.about.kind != Kind::kTrafficPolicy || condition.type != "Accepted") continue;
    const auto [at, absent] = out.try_emplace(condition.about.name);
    PolicyStatus& status = at->second;
    status.name = condition.about.name;
    status.accepted = false;
    status.accepted_reason = condition.reason;
    status.accepted_message += (status.accepted_message.empty() ? "" : "; ") + condition.message;
    // It holds at none of its targets.
    if (absent) status.reason = condition.reason;
  }
  std::vector<PolicyStatus> list;
  for (auto& [name, status] : out) list.push_back(std::move(status));
  return list;
}

}  // namespace weft::control
