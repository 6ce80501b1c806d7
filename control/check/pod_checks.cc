// Of `weft check`: the namespaces that ask for sidecars, and their pods.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "control/check/checks.h"
#include "control/check/version_skew.h"
#include "sidecar/core/strings.h"

namespace weft::control::check {

namespace {

constexpr std::size_t kPodsNamed = 5;
// A sidecar that is told of a middling mesh and carries a few hundred requests at once.
constexpr double kSidecarMemoryMin = 32.0 * 1024 * 1024;

struct OtherInjector {
  const char* mesh;
  bool label;  // otherwise an annotation
  const char* key;
  const char* value;  // empty: any but "disabled" and "none"
};
constexpr std::array<OtherInjector, 5> kOtherInjectors = {{
    {"Istio", true, "istio-injection", "enabled"},
    {"Istio", true, "istio.io/rev", ""},
    {"Istio's ambient mode", true, "istio.io/dataplane-mode", ""},
    {"Linkerd", false, "linkerd.io/inject", ""},
    {"Kuma", true, "kuma.io/sidecar-injection", "enabled"},
}};

bool is_asked_by(const OtherInjector& other, const NamespaceFacts& name_space) {
  const auto& map = other.label ? name_space.labels : name_space.annotations;
  const auto found = map.find(other.key);
  if (found == map.end() || found->second.empty()) return false;
  if (*other.value != '\0') return found->second == other.value;
  return found->second != "disabled" && found->second != "none";
}

// Quotas that make a pod name what a sidecar has not by default.
bool asks_for_cpu_limits(const ClusterFacts& facts, const std::string& name) {
  const auto in_it = [&](const Json& one) {
    return text_at(one, {"metadata", "namespace"}) == name;
  };
  const Json& quotas = list_at(facts.quotas.object, {"items"});
  const bool asked = std::ranges::any_of(quotas, [&](const Json& quota) {
    return in_it(quota) && find(quota, {"spec", "hard", "limits.cpu"}) != nullptr;
  });
  const Json& ranges = list_at(facts.ranges.object, {"items"});
  const bool given = std::ranges::any_of(ranges, [&](const Json& range) {
    const Json& limits = list_at(range, {"spec", "limits"});
    return in_it(range) && std::ranges::any_of(limits, [](const Json& limit) {
             return text_at(limit, {"type"}) == "Container" &&
                    find(limit, {"default", "cpu"}) != nullptr;
           });
  });
  return asked && !given;
}

// Whether nothing stands in the way of sidecars there.
bool check_namespace(const ClusterFacts& facts, const std::string& name,
                     const NamespaceFacts& name_space, Report& report) {
  bool good = true;
  for (const OtherInjector& other : kOtherInjectors) {
    if (!is_asked_by(other, name_space)) continue;
    good = false;
    report.fail(
        "namespaces",
        fmt::format("{}: {} is asked for its sidecars as well ({}), and both would take the "
                    "pods' traffic",
                    name, other.mesh, other.key),
        fmt::format("kubectl {} namespace {} {}-", other.label ? "label" : "annotate", name,
                    other.key));
  }
  const auto level = name_space.labels.find("pod-security.kubernetes.io/enforce");
  if (level != name_space.labels.end() &&
      (level->second == "baseline" || level->second == "restricted")) {
    good = false;
    report.fail("namespaces",
                fmt::format("{}: its Pod Security level {} refuses the container that redirects "
                            "traffic (it needs NET_ADMIN)",
                            name, level->second),
                fmt::format("kubectl label --overwrite namespace {} "
                            "pod-security.kubernetes.io/enforce=privileged",
                            name));
  }
  if (asks_for_cpu_limits(facts, name)) {
    good = false;
    report.warn(
        "namespaces",
        fmt::format("{}: its ResourceQuota refuses pods without a CPU limit, which a sidecar "
                    "has not by itself",
                    name),
        "annotate its pods with weft.dev/cpu-limit, or add a LimitRange with a default");
  }
  return good;
}

struct PodGroup {
  std::size_t count = 0;
  std::string names;

  void add(const std::string& name) {
    if (count < kPodsNamed) names += (names.empty() ? "" : ", ") + name;
    if (count++ == kPodsNamed) names += ", …";
  }
  [[nodiscard]] std::string text(std::string_view name_space) const {
    return fmt::format("{}: {} {} ({})", name_space, count, count == 1 ? "pod" : "pods", names);
  }
};
// By namespace and what is to be said.
using PodGroups = std::map<std::pair<std::string, std::string>, PodGroup>;

std::string restart_of(const std::string& name_space) {
  return fmt::format("kubectl -n {} rollout restart deployment,statefulset,daemonset", name_space);
}

void add_skew(const CheckedPod& pod, const std::string& control, PodGroups& out) {
  const auto add = [&](std::string what) {
    out[{pod.name.name_space, std::move(what)}].add(pod.name.name);
  };
  switch (judge_skew(pod.version, control)) {
    case Skew::kNone:
    case Skew::kAllowed:
      return;
    case Skew::kTooOld:
      return add(
          fmt::format("sidecars of weft {}, more than {} minor versions behind weft-control "
                      "{}",
                      escape(pod.version, 40), kMinorSkewMax, control));
    case Skew::kNewer:
      return add(fmt::format("sidecars of weft {}, newer than weft-control {}",
                             escape(pod.version, 40), control));
    case Skew::kUnknown:
      return add("sidecars of an unknown version");
  }
}

void add_memory(const CheckedPod& pod, PodGroups& out) {
  if (pod.memory_limit.empty()) {
    out[{pod.name.name_space,
         "sidecars without a limit of memory, by which they know when to shed "
         "load"}]
        .add(pod.name.name);
    return;
  }
  const std::optional<double> limit = parse_quantity(pod.memory_limit);
  if (limit && *limit < kSidecarMemoryMin) {
    out[{pod.name.name_space,
         fmt::format("sidecars with a limit of {}, which is less than 32Mi", pod.memory_limit)}]
        .add(pod.name.name);
  }
}

void warn_of(const PodGroups& groups, Report& report) {
  for (const auto& [key, group] : groups) {
    report.warn(
        "sidecars", fmt::format("{} with {}", group.text(key.first), key.second),
        restart_of(key.first) + " after a change of their annotations, or after an upgrade");
  }
}

}  // namespace

std::optional<double> parse_quantity(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, double>, 12> kUnits = {
      {{"", 1.0},
       {"m", 1e-3},
       {"k", 1e3},
       {"M", 1e6},
       {"G", 1e9},
       {"T", 1e12},
       {"P", 1e15},
       {"Ki", 1024.0},
       {"Mi", 1024.0 * 1024},
       {"Gi", 1024.0 * 1024 * 1024},
       {"Ti", 1024.0 * 1024 * 1024 * 1024},
       {"Pi", 1024.0 * 1024 * 1024 * 1024 * 1024}}};
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, end);
  const std::size_t dot = std::min(number.find('.'), number.size());
  const std::optional<std::uint64_t> whole = parse_u64(number.substr(0, dot));
  if (!whole) return std::nullopt;
  double value = static_cast<double>(*whole);
  if (dot != number.size()) {
    double unit = 0.1;
    for (const char c : number.substr(dot + 1)) {
      if (c == '.') return std::nullopt;
      value += unit * (c - '0');
      unit /= 10;
    }
  }
  for (const auto& [unit, factor] : kUnits) {
    if (text.substr(end) == unit) return value * factor;
  }
  return std::nullopt;
}

void check_namespaces(const ClusterFacts& facts, Report& report) {
  if (!facts.namespaces.there) {
    return report.warn("namespaces", fmt::format("not known: {}", facts.namespaces.problem),
                       "ask as somebody who may list Namespaces");
  }
  std::vector<std::string> good;
  std::size_t asking = 0;
  for (const auto& [name, name_space] : facts.by_namespace) {
    if (!asks_for_sidecars(name_space, facts.revision)) continue;
    ++asking;
    if (check_namespace(facts, name, name_space, report)) good.push_back(name);
  }
  for (const std::string& name : good) {
    report.holds("namespaces",
                 fmt::format("{}: asks for sidecars, and nothing is in their way", name));
  }
  if (asking == 0) {
    report.warn("namespaces", "none asks for sidecars",
                "kubectl label namespace NAME weft.dev/inject=enabled");
  }
}

void check_pods(const ClusterFacts& facts, Report& report) {
  if (!facts.pods_problem.empty()) {
    report.warn("pods", fmt::format("not all are known: {}", facts.pods_problem),
                "ask as somebody who may list Pods everywhere");
  }
  const std::string control = control_version(facts);
  std::size_t meshed = 0;
  PodGroups missed;
  PodGroups impossible;
  PodGroups skewed;
  PodGroups memory;
  for (const CheckedPod& pod : facts.pods) {
    const std::pair<std::string, std::string> key{pod.name.name_space, pod.why};
    switch (pod.state) {
      case CheckedPod::State::kMeshed:
        if (pod.revision != facts.revision) break;  // another control plane's
        ++meshed;
        add_skew(pod, control, skewed);
        add_memory(pod, memory);
        break;
      case CheckedPod::State::kMissed:
        missed[key].add(pod.name.name);
        break;
      case CheckedPod::State::kImpossible:
      case CheckedPod::State::kBroken:
        impossible[key].add(pod.name.name);
        break;
    }
  }
  report.holds("pods", fmt::format("with a sidecar: {}{}", meshed,
                                   facts.pods_left_out == 0
                                       ? ""
                                       : fmt::format(", of those {} that were looked at",
                                                     facts.pods.size())));
  for (const auto& [key, group] : missed) {
    report.fail("pods", fmt::format("{} without a sidecar: {}", group.text(key.first), key.second),
                restart_of(key.first));
  }
  for (const auto& [key, group] : impossible) {
    report.warn("pods", fmt::format("{} cannot be meshed: {}", group.text(key.first), key.second),
                "change the pod, or label it weft.dev/inject=disabled");
  }
  warn_of(skewed, report);
  warn_of(memory, report);
}

}  // namespace weft::control::check
