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

// Whether any field is there that belongs to a destination: "has(self.limits) && … || …".
std::string destination_fields() {
  std::string out;
  const PolicyFields none;
  each_policy_field(
      [&](const PolicyField& field, const auto&) {
        if (field.side != PolicySide::kDestination) return;
        std::string has;
        for (std::size_t at = 0; at != std::string_view::npos;) {
          at = field.name.find('.', at + 1);
          has += fmt::format("{}has(self.{})", has.empty() ? "" : " && ", field.name.substr(0, at));
        }
        out += fmt::format("{}({})", out.empty() ? "" : " || ", has);
      },
      none);
  return out;
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
  ref.find("group", shapes::kText);
  ref.rule(
      "!has(self.group) || (self.kind == 'HTTPRoute' ? self.group == 'gateway.networking.k8s.io' "
      ": self.group in ['', 'core'])",
      "want group gateway.networking.k8s.io for kind HTTPRoute, and none for the others");
  ref.rule("self.kind != 'Namespace' || !(has(self.__namespace__) || has(self.sectionName))",
           "a Namespace is in none and has no sections");
  if (known) read_group(ref, target.kind);
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

// Between targets, and between them and the fields.
void describe_rules(Reader& spec) {
  spec.rule_of("targetRefs", "self.size() > 0", "want 1 to 16 targets");
  spec.rule_of("targetRefs", "self.all(x, x.kind == self[0].kind)", "all targets are of one kind");
  spec.rule_of("targetRefs",
               "self.all(x, self.exists_one(y, x.kind == y.kind && x.name == y.name && "
               "(has(x.__namespace__) ? x.__namespace__ : '') == (has(y.__namespace__) ? "
               "y.__namespace__ : '') && (has(x.sectionName) ? x.sectionName : '') == "
               "(has(y.sectionName) ? y.sectionName : '')))",
               "a target is named once");
  spec.rule(
      fmt::format("self.targetRefs.all(x, x.kind != 'HTTPRoute') || !({})", destination_fields()),
      "what belongs to a destination, which all routes to it share, is for a Service or a "
      "Namespace");
}

// What others let in is not for their callers to say (behaviour.md 1).
void check_inbound(Reader& spec, const TrafficPolicy& policy) {
  if (!spec.has("inbound")) return;
  for (const PolicyTarget& target : policy.targets) {
    const std::string& home =
        target.kind == TargetKind::kNamespace ? target.object.name : target.object.name_space;
    if (home == policy.metadata.name.name_space) continue;
    spec.refuse("inbound", fmt::format("is for a policy beside its target, in namespace {}", home));
    return;
  }
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
    describe_rules(spec);
    const bool listed = spec.each("targetRefs", TrafficPolicy::kTargetsMax,
                                  [&](Reader& ref) { read_target(ref, out); });
    if (listed && out.targets.empty()) spec.refuse("targetRefs", "want 1 to 16 targets");
    const bool route = !out.targets.empty() && out.targets.front().kind == TargetKind::kHttpRoute;
    read_policy_fields(spec, route ? PolicySide::kRoute : PolicySide::kDestination, out.fields);
    check_inbound(spec, out);
    if (out.fields.fallback.value && out.fields.fallback.value->service.name_space.empty()) {
      out.fields.fallback.value->service.name_space = out.metadata.name.name_space;
    }
  });
  return out;
}

}  // namespace weft::control
