#include "control/policy_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/mesh.h"

namespace weft::control {

namespace {

using TargetKind = PolicyTarget::Kind;

bool has_namespace(const Mesh& mesh, const std::string& name) {
  const auto holds = [&](const auto& map) {
    const auto first = map.lower_bound({name, ""});
    return first != map.end() && first->first.name_space == name;
  };
  return holds(mesh.services) || holds(mesh.workloads);
}

// The section as places have it, or what is not there.
Result<std::string> resolve(const Mesh& mesh, const PolicyTarget& target) {
  const auto missing = [&](std::string what) { return fail(Fault::kInvalid, std::move(what)); };
  switch (target.kind) {
    case TargetKind::kNamespace:
      if (has_namespace(mesh, target.object.name)) return std::string();
      return missing(
          fmt::format("namespace {} has neither Services nor Workloads", target.object.name));
    case TargetKind::kService: {
      const MeshService* service = mesh.find_service(target.object);
      if (service == nullptr) {
        return missing(fmt::format("there is no Service {}", target.object.to_string()));
      }
      if (target.section.empty()) return std::string();
      for (const MeshPort& port : service->ports) {
        std::string number = std::to_string(port.port);
        if (port.name == target.section || number == target.section) return number;
      }
      return missing(
          fmt::format("Service {} has no port {}", target.object.to_string(), target.section));
    }
    case TargetKind::kHttpRoute: {
      const auto route = mesh.http_routes.find(target.object);
      if (route == mesh.http_routes.end()) {
        return missing(fmt::format("there is no HTTPRoute {}", target.object.to_string()));
      }
      const bool there = target.section.empty() ||
                         std::ranges::find(route->second->rules, target.section,
                                           &RouteRule::name) != route->second->rules.end();
      if (there) return target.section;
      return missing(fmt::format("HTTPRoute {} has no rule named {}", target.object.to_string(),
                                 target.section));
    }
  }
  return std::string();
}

// The fallback that leads nowhere, and so is none.
std::string missing_fallback(const Mesh& mesh, const TrafficPolicy& policy) {
  const auto& fallback = policy.fields.fallback.value;
  if (!fallback || !fallback->on || fallback->service.name.empty()) return {};
  const MeshService* service = mesh.find_service(fallback->service);
  const MeshPort* port = service == nullptr ? nullptr : service->find_port(fallback->port);
  if (service != nullptr && !service->service->external_name.empty()) {
    return fmt::format("fallback: Service {} is an ExternalName, which only routes may name",
                       fallback->service.to_string());
  }
  if (port != nullptr && port->is_http()) return {};
  return fmt::format("fallback: {} Service {} port {}",
                     port == nullptr ? "there is no" : "not HTTP:", fallback->service.to_string(),
                     fallback->port);
}

}  // namespace

PolicyTable::PolicyTable(const Mesh& mesh,
                         const std::vector<std::shared_ptr<const TrafficPolicy>>& policies,
                         std::vector<Condition>& conditions) {
  for (const auto& policy : policies) {
    const ObjectName& name = policy->metadata.name;
    const auto say = [&](std::string reason, std::string message) {
      conditions.push_back({.about = {Kind::kTrafficPolicy, name},
                            .type = "Accepted",
                            .reason = std::move(reason),
                            .message = std::move(message)});
    };
    if (std::string missing = missing_fallback(mesh, *policy); !missing.empty()) {
      conditions.push_back({.about = {Kind::kTrafficPolicy, name},
                            .type = "ResolvedRefs",
                            .reason = "BackendNotFound",
                            .message = std::move(missing)});
    }
    for (const PolicyTarget& target : policy->targets) {
      Result<std::string> section = resolve(mesh, target);
      if (!section) {
        say("TargetNotFound", section.error().detail);
        continue;
      }
      const std::string& home =
          target.kind == TargetKind::kNamespace ? target.object.name : target.object.name_space;
      const bool own = home == name.name_space;
      const auto [at, added] =
          policies_.try_emplace({.kind = target.kind,
                                 .object = target.object,
                                 .section = *std::move(section),
                                 .client_namespace = own ? "" : name.name_space},
                                policy);
      if (!added) {
        say("Conflicted",
            fmt::format("{}: {} of TrafficPolicy {} holds instead", target.to_string(),
                        at->second->metadata.place, at->second->metadata.name.to_string()));
      } else if (!own) {
        consumers_.insert(name.name_space);
      }
    }
  }
}

const TrafficPolicy* PolicyTable::find(const Place& place) const {
  const auto found = policies_.find(place);
  return found == policies_.end() ? nullptr : found->second.get();
}

}  // namespace weft::control
