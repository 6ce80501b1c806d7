#include "control/model/traffic_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using TargetKind = PolicyTarget::Kind;

std::string_view word_of(TargetKind kind) {
  switch (kind) {
    case TargetKind::kNamespace:
      return "Namespace";
    case TargetKind::kService:
      return "Service";
    case TargetKind::kHttpRoute:
      return "HTTPRoute";
  }
  return {};
}

// Each kind lives in one group.
void read_group(Reader& ref, TargetKind kind) {
  const config::Value* value = ref.find("group");
  if (value == nullptr) return;
  const std::string_view wanted = kind == TargetKind::kHttpRoute ? "gateway.networking.k8s.io" : "";
  const bool core = kind != TargetKind::kHttpRoute && value->is_scalar() && value->text() == "core";
  if (!core && (!value->is_scalar() || value->text() != wanted)) {
    ref.refuse("group", fmt::format("want \"{}\" for kind {}", wanted, word_of(kind)));
  }
}

void read_target(Reader& ref, TrafficPolicy& out) {
  PolicyTarget target;
  const bool known = ref.require("kind") & ref.choice("kind", target.kind,
                                                      {{"Service", TargetKind::kService},
                                                       {"HTTPRoute", TargetKind::kHttpRoute},
                                                       {"Namespace", TargetKind::kNamespace}});
  if (known) read_group(ref, target.kind);
  ref.pass("group");
  const bool space = target.kind == TargetKind::kNamespace;
  if (ref.require("name")) {
    ref.text("name", target.object.name, space ? check_label_name : check_object_name);
  }
  if (space) {
    if (ref.has("namespace")) ref.refuse("namespace", "a Namespace is in none");
    if (ref.has("sectionName")) ref.refuse("sectionName", "a Namespace has no sections");
  } else {
    target.object.name_space = out.metadata.name.name_space;
    ref.text("namespace", target.object.name_space, check_label_name);
    ref.text("sectionName", target.section, check_section_name);
  }
  if (!out.targets.empty() && out.targets.front().kind != target.kind) {
    ref.refuse("kind", fmt::format("all targets are of one kind, and {} came first",
                                   word_of(out.targets.front().kind)));
  }
  if (std::ranges::find(out.targets, target) != out.targets.end()) {
    ref.refuse("names the same target as another one");
  }
  out.targets.push_back(std::move(target));
}

}  // namespace

std::string PolicyTarget::to_string() const {
  std::string out = fmt::format("{} {}", word_of(kind), object.to_string());
  if (!section.empty()) {
    out += fmt::format(" {} {}", kind == TargetKind::kService ? "port" : "rule", section);
  }
  return out;
}

TrafficPolicy read_traffic_policy(Reader& document) {
  TrafficPolicy out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    spec.require("targetRefs");
    const bool listed = spec.each("targetRefs", TrafficPolicy::kTargetsMax,
                                  [&](Reader& ref) { read_target(ref, out); });
    if (listed && out.targets.empty()) spec.refuse("targetRefs", "want 1 to 16 targets");
    const bool route = !out.targets.empty() && out.targets.front().kind == TargetKind::kHttpRoute;
    read_policy_fields(spec, route ? PolicySide::kRoute : PolicySide::kDestination, out.fields);
  });
  return out;
}

}  // namespace weft::control
