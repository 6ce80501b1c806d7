#include "control/model/objections.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::control {

namespace {

std::string at_line(const Metadata& metadata, std::uint32_t line) {
  if (line == 0) return metadata.place;
  return fmt::format("{}:{}", metadata.place.substr(0, metadata.place.rfind(':')), line);
}

std::string unless_forced(const std::string& place, const std::string& what) {
  return fmt::format("{}: {}; whoever means it writes the annotation {}: \"true\"", place, what,
                     kForceAnnotation);
}

// A Service that fails whole is an experiment, a namespace is an outage.
std::string nowhere(const TrafficPolicy& policy) {
  const bool wide = std::ranges::any_of(policy.targets, [](const PolicyTarget& target) {
    return target.kind == PolicyTarget::Kind::kNamespace;
  });
  const auto& faults = policy.fields.faults;
  if (!wide || !faults.value) return {};
  for (std::size_t at = 0; at < faults.value->size(); ++at) {
    if (!(*faults.value)[at].ends_everything()) continue;
    return unless_forced(at_line(policy.metadata, faults.line),
                         fmt::format("spec.faults[{}] would fail every request to a whole "
                                     "namespace",
                                     at));
  }
  return {};
}

std::string nowhere(const HttpRoute& route) {
  if (route.kind == Kind::kVirtualService) return {};  // Istio refuses it by itself
  std::uint64_t weight = 0;
  for (const RouteRule& rule : route.rules) {
    // Rules without backends answer by themselves, as their author wrote it.
    if (rule.backends.empty()) return {};
    for (const BackendRef& backend : rule.backends) weight += backend.weight;
  }
  if (weight > 0 || route.rules.empty()) return {};
  return unless_forced(at_line(route.metadata, route.rules.front().line),
                       "spec.rules[0].backendRefs: no backend of any rule has any weight, so every "
                       "request would be answered with 500");
}

template <typename Other>
std::string nowhere(const Other&) {
  return {};
}

}  // namespace

std::string objection_to_nowhere(const Object& object) {
  const Metadata& metadata = metadata_of(object);
  const auto forced = metadata.annotations.find(kForceAnnotation);
  if (forced != metadata.annotations.end() && forced->second == "true") return {};
  return std::visit([](const auto& held) { return nowhere(*held); }, object);
}

std::string objection_to_times(const Object& object, WallTime now) {
  const auto* policy = std::get_if<std::shared_ptr<const TrafficPolicy>>(&object);
  if (policy == nullptr || !(*policy)->fields.faults.value) return {};
  const auto& faults = (*policy)->fields.faults;
  const std::string objection = objection_to_times(*faults.value, now);
  return objection.empty() ? objection
                           : at_line((*policy)->metadata, faults.line) + ": " + objection;
}

}  // namespace weft::control
