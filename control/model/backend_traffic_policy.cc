#include "control/model/backend_traffic_policy.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::int64_t kCountMax = 1'000'000;

void read_budget_target(Reader& ref, BackendTrafficPolicy& out) {
  ObjectName service{out.metadata.name.name_space, ""};
  std::string kind;
  const config::Value* group = ref.find("group");
  if (group != nullptr &&
      (!group->is_scalar() || (!group->text().empty() && group->text() != "core"))) {
    ref.refuse("group", "want \"\": only Services are targets");
  }
  if (ref.require("kind") && ref.text("kind", kind) && kind != "Service") {
    ref.refuse("kind", fmt::format("want Service, found '{}'", escape(kind, 64)));
  }
  if (ref.require("name")) ref.text("name", service.name, check_object_name);
  ref.unsupported("sectionName");
  if (std::ranges::find(out.services, service) != out.services.end()) {
    ref.refuse("names the same target as another one");
  }
  out.services.push_back(std::move(service));
}

void read_interval(Reader& block, Duration max, Duration& out) {
  if (!block.duration("interval", out) || (out >= std::chrono::seconds(1) && out <= max)) return;
  block.refuse("interval", fmt::format("want 1s to {}", format_duration(max)));
}

void read_constraint(Reader& constraint, PolicyFields& out) {
  constraint.object("budget", [&](Reader& budget) {
    const std::uint32_t line = budget.position().line;
    std::uint32_t percent = 20;
    Duration interval = std::chrono::seconds(10);
    budget.integer("percent", percent, 0, 100);
    // What sidecars remember; the standard would allow an hour.
    read_interval(budget, std::chrono::minutes(10), interval);
    out.budget_percent = {.value = percent, .line = line};
    out.budget_interval = {.value = interval, .line = line};
  });
  constraint.object("minRetryRate", [&](Reader& rate) {
    std::int64_t count = 10;
    Duration interval = std::chrono::seconds(1);
    rate.integer("count", count, 1, kCountMax);
    read_interval(rate, std::chrono::hours(1), interval);
    const std::int64_t whole = std::max<std::int64_t>(interval / std::chrono::seconds(1), 1);
    if (interval % std::chrono::seconds(1) != Duration::zero() || count % whole != 0) {
      rate.refuse("count", "want a whole number each second of the interval");
    }
    out.budget_min = {.value = static_cast<std::uint32_t>(count / whole),
                      .line = rate.position().line};
  });
}

}  // namespace

BackendTrafficPolicy read_backend_traffic_policy(Reader& document) {
  BackendTrafficPolicy out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    spec.require("targetRefs");
    const bool listed = spec.each("targetRefs", BackendTrafficPolicy::kTargetsMax,
                                  [&](Reader& ref) { read_budget_target(ref, out); });
    if (listed && out.services.empty()) spec.refuse("targetRefs", "want 1 to 16 targets");
    spec.object("retryConstraint",
                [&](Reader& constraint) { read_constraint(constraint, out.fields); });
    spec.unsupported("sessionPersistence");
  });
  return out;
}

}  // namespace weft::control
