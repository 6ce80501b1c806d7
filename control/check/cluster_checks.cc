// Of `weft check`: the cluster itself, its definitions, access.

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "control/check/checks.h"
#include "control/check/version_skew.h"
#include "control/kubernetes/watched_kinds.h"
#include "control/model/crd.h"
#include "control/model/schema.h"
#include "sidecar/config/document.h"
#include "sidecar/core/assert.h"

namespace weft::control::check {

namespace {

constexpr const char* kApplyInstall = "weft install | kubectl apply --server-side -f -";
constexpr const char* kApplyDefinitions = "weft schema --crd | kubectl apply --server-side -f -";
constexpr std::size_t kNamedMax = 8;

// The version of the definition that is served under that name; nullptr: none.
const Json* served_version(const Json& definition, std::string_view name) {
  for (const Json& version : list_at(definition, {"spec", "versions"})) {
    if (name_of_part(version) == name && flag_at(version, {"served"}, false)) return &version;
  }
  return nullptr;
}

bool is_established(const Json& definition) {
  const Json& conditions = list_at(definition, {"status", "conditions"});
  return std::ranges::any_of(conditions, [](const Json& condition) {
    return text_at(condition, {"type"}) == "Established" &&
           text_at(condition, {"status"}) == "True";
  });
}

// What this weft would install.
Json own_definition(const std::string& kind) {
  const auto documents = config::parse_documents(crd_of(kind), "definition");
  WEFT_ASSERT(documents && documents->size() == 1);
  return parse_json(config::to_json(documents->front().root));
}

// Whether the cluster's definition has every version of ours, with the schema of this weft. The API
// server fills defaults in elsewhere, but keeps a schema as it was applied.
bool is_of_this_weft(const Json& ours, const Json& theirs) {
  const Json& versions = list_at(ours, {"spec", "versions"});
  return std::ranges::all_of(versions, [&](const Json& version) {
    const Json* served = served_version(theirs, name_of_part(version));
    const Json* schema = find(version, {"schema"});
    return served != nullptr && schema != nullptr && find(*served, {"schema"}) != nullptr &&
           *find(*served, {"schema"}) == *schema;
  });
}

const Answer& definition_in(const ClusterFacts& facts, const std::string& name) {
  static const Answer kNotAsked{.problem = "it was not asked for"};
  const auto found = facts.definitions.find(name);
  return found == facts.definitions.end() ? kNotAsked : found->second;
}

void check_foreign(const ClusterFacts& facts, const kube::Resource& resource, Report& report) {
  const std::string name = fmt::format("{}.{}", resource.plural, resource.group);
  const Answer& answer = definition_in(facts, name);
  const bool gateway = resource.group == "gateway.networking.k8s.io";
  if (answer.absent) {
    const bool needed = gateway && (resource.kind == "HTTPRoute" || resource.kind == "GRPCRoute");
    if (!needed) {
      return report.holds("definitions", fmt::format("{}: not there, so there are none", name));
    }
    return report.warn("definitions",
                       fmt::format("{}: not there, so nobody can write a {}", name, resource.kind),
                       "install the Gateway API (standard channel); weft never does it for you");
  }
  if (!answer.there) {
    return report.warn("definitions", fmt::format("{}: not known: {}", name, answer.problem),
                       "ask as somebody who may read CustomResourceDefinitions");
  }
  for (std::size_t i = 0; i < resource.versions_count(); ++i) {
    if (served_version(answer.object, resource.versions[i]) == nullptr) continue;
    const std::string bundle = text_at(
        answer.object, {"metadata", "annotations", "gateway.networking.k8s.io/bundle-version"});
    return report.holds("definitions", fmt::format("{}: read as {}{}", name, resource.versions[i],
                                                   bundle.empty() ? "" : ", of bundle " + bundle));
  }
  report.warn("definitions",
              fmt::format("{}: none of its versions is one that weft reads ({} is)", name,
                          resource.versions[0]),
              "upgrade who brought it; weft never does it for you");
}

}  // namespace

bool is_foreign_definition(const kube::Resource& resource) {
  return !resource.group.empty() && resource.group != "weft.dev";
}

void check_kubernetes(const ClusterFacts& facts, Report& report) {
  const std::string version = text_at(facts.version.object, {"gitVersion"});
  const std::optional<MinorVersion> minor = parse_minor(version);
  if (!facts.version.there || !minor) {
    return report.warn("kubernetes",
                       facts.version.there
                           ? "its version cannot be understood"
                           : fmt::format("its version is not known: {}", facts.version.problem),
                       "look with: kubectl version");
  }
  const std::string found = fmt::format("{} at {}", version, facts.server);
  if (*minor < kKubernetesMin) {
    return report.fail("kubernetes",
                       fmt::format("{}: {} or later is needed, for native sidecars", found,
                                   kKubernetesMin.to_string()),
                       "upgrade the cluster");
  }
  report.holds("kubernetes",
               fmt::format("{}; {} or later is needed", found, kKubernetesMin.to_string()));
}

void check_own_definitions(const ClusterFacts& facts, bool before_install, Report& report) {
  for (const std::string& kind : kinds_with_schema()) {
    const std::string name = crd_name(kind);
    const Answer& answer = definition_in(facts, name);
    if (answer.absent && before_install) {
      report.holds("definitions", fmt::format("{}: not there yet", name));
    } else if (answer.absent) {
      report.fail("definitions", fmt::format("{}: not there", name), kApplyDefinitions);
    } else if (!answer.there) {
      report.warn("definitions", fmt::format("{}: not known: {}", name, answer.problem),
                  "ask as somebody who may read CustomResourceDefinitions");
    } else if (!is_established(answer.object)) {
      report.fail("definitions", fmt::format("{}: the API server has not established it", name),
                  fmt::format("kubectl describe crd {}", name));
    } else if (!is_of_this_weft(own_definition(kind), answer.object)) {
      report.warn("definitions",
                  fmt::format("{}: not as weft {} has it, so that what is new is refused", name,
                              WEFT_VERSION),
                  kApplyDefinitions);
    } else {
      report.holds("definitions", fmt::format("{}: as weft {} has it", name, WEFT_VERSION));
    }
  }
}

void check_foreign_definitions(const ClusterFacts& facts, Report& report) {
  for (const kube::WatchedKind& watched : kube::kWatchedKinds) {
    if (is_foreign_definition(watched.resource)) check_foreign(facts, watched.resource, report);
  }
}

void check_permissions(const ClusterFacts& facts, std::string_view who, std::string_view remedy,
                       Report& report) {
  std::vector<std::string> denied;
  std::string problem;
  for (const AnsweredPermission& one : facts.permissions) {
    if (!one.problem.empty()) {
      problem = one.problem;
    } else if (!one.allowed) {
      denied.push_back(one.permission.to_string());
    }
  }
  if (!problem.empty()) {
    return report.warn("access", fmt::format("what {} may do is not known: {}", who, problem),
                       "ask as somebody who may create access reviews");
  }
  if (denied.empty()) {
    return report.holds("access", fmt::format("{} may do all {} things that it takes", who,
                                              facts.permissions.size()));
  }
  for (std::size_t i = 0; i < denied.size(); ++i) {
    if (i == kNamedMax) {
      report.fail("access",
                  fmt::format("{} may not do {} more things", who, denied.size() - kNamedMax),
                  remedy);
      break;
    }
    report.fail("access", fmt::format("{} may not {}", who, denied[i]), remedy);
  }
}

Report check_before_install(const ClusterFacts& facts) {
  Report report;
  check_kubernetes(facts, report);
  check_own_definitions(facts, true, report);
  check_foreign_definitions(facts, report);
  check_permissions(facts, "who asks", "apply the manifests as a cluster-admin", report);
  if (text_at(facts.name_space.object, {"status", "phase"}) == "Terminating") {
    report.fail("namespace", "weft-system is being deleted", "wait until it has gone");
  } else if (facts.deployment.there) {
    report.holds("namespace", "weft-system has a weft-control already: this is an upgrade");
  }
  check_namespaces(facts, report);
  return report;
}

Report check_installed(const ClusterFacts& facts, WallTime now) {
  Report report;
  check_kubernetes(facts, report);
  check_own_definitions(facts, false, report);
  check_foreign_definitions(facts, report);
  check_permissions(facts, "weft-control", kApplyInstall, report);
  check_control_plane(facts, report);
  const std::string root = check_root(facts, now, report);
  check_webhooks(facts, root, now, report);
  check_figures(facts, now, report);
  check_namespaces(facts, report);
  check_pods(facts, report);
  return report;
}

}  // namespace weft::control::check
