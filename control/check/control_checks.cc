// Of `weft check`: the control plane: its Deployment, the root that it signs with, and the webhooks
// by which the API server asks it.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "control/authority.h"
#include "control/check/checks.h"
#include "control/check/version_skew.h"
#include "control/kubernetes/root_secret.h"
#include "control/webhook.h"
#include "sidecar/core/base64.h"
#include "tls/certificate.h"
#include "tls/primitives.h"

namespace weft::control::check {

namespace {

constexpr const char* kInstallAgain = "weft install | kubectl apply --server-side -f -";
constexpr Duration kRenewSoon = std::chrono::hours(24 * 60);

// The container of weft-control; nullptr: none.
const Json* control_container(const ClusterFacts& facts) {
  const Json& containers =
      list_at(facts.deployment.object, {"spec", "template", "spec", "containers"});
  const auto found = std::ranges::find_if(
      containers, [](const Json& one) { return name_of_part(one) == "weft-control"; });
  return found == containers.end() ? nullptr : &*found;
}

std::int64_t number_at(const Json& value, std::initializer_list<const char*> path,
                       std::int64_t otherwise) {
  const Json* at = find(value, path);
  return at != nullptr && at->is_number_integer() ? at->get<std::int64_t>() : otherwise;
}

void check_replicas(const Json& deployment, Report& report) {
  const std::int64_t wanted = number_at(deployment, {"spec", "replicas"}, 1);
  const std::int64_t ready = number_at(deployment, {"status", "readyReplicas"}, 0);
  const std::int64_t updated = number_at(deployment, {"status", "updatedReplicas"}, 0);
  const bool seen = number_at(deployment, {"status", "observedGeneration"}, 0) >=
                    number_at(deployment, {"metadata", "generation"}, 0);
  const std::string name = text_at(deployment, {"metadata", "name"});
  const std::string look = fmt::format(
      "kubectl -n {} describe deployment {}; kubectl -n {} logs "
      "deployment/{}",
      Authority::kOwnNamespace, name, Authority::kOwnNamespace, name);
  const std::string text = fmt::format("{}: {} of {} replicas are ready", name, ready, wanted);
  if (ready == 0) return report.fail("control-plane", text, look);
  if (ready < wanted) return report.warn("control-plane", text, look);
  if (!seen || updated < wanted) {
    return report.warn("control-plane", text + ", not all of the newest version", look);
  }
  report.holds("control-plane", text);
}

std::string days_of(Duration left) {
  const auto hours = std::chrono::duration_cast<std::chrono::hours>(left).count();
  return hours >= 48 ? fmt::format("{} days", hours / 24) : fmt::format("{} hours", hours);
}

// What one webhook of a configuration says of itself, and whether that is weft-control's door.
std::string objection_to_webhook(const Json& webhook, bool injector) {
  const Json* service = find(webhook, {"clientConfig", "service"});
  if (service == nullptr) return "it asks no Service";
  if (text_at(*service, {"namespace"}) != Authority::kOwnNamespace)
    return "it asks a Service outside weft-system";
  const std::string path = text_at(*service, {"path"});
  const bool known = injector ? path == Webhook::kInject || path == Webhook::kInjectPods
                              : path == Webhook::kValidate;
  return known ? std::string() : fmt::format("it asks for {}", path.empty() ? "/" : path);
}

std::vector<std::string> digests_in(std::string_view pem) {
  std::vector<std::string> out;
  const auto certificates = tls::parse_certificates(pem, "caBundle");
  if (!certificates) return out;
  for (const tls::Certificate& one : *certificates) out.push_back(one.sha256);
  return out;
}

// Why the API server cannot believe the webhook; empty: it can.
std::string objection_to_bundle(const Json& webhook, const std::string& root_pem, WallTime now) {
  const std::string encoded = text_at(webhook, {"clientConfig", "caBundle"});
  if (encoded.empty()) return "it has no caBundle";
  const std::optional<std::string> pem = decode_base64(encoded);
  const auto certificates =
      tls::parse_certificates(pem ? std::string_view(*pem) : std::string_view(), "caBundle");
  if (!certificates) return "its caBundle holds no certificate";
  const bool alive = std::ranges::any_of(
      *certificates, [&](const tls::Certificate& one) { return now < one.not_after; });
  if (!alive) return "its caBundle has expired";
  if (root_pem.empty()) return {};
  const std::vector<std::string> root = digests_in(root_pem);
  const bool same = std::ranges::any_of(*certificates, [&](const tls::Certificate& one) {
    return std::ranges::find(root, one.sha256) != root.end();
  });
  return same ? std::string() : "its caBundle is not the mesh's root";
}

void check_configuration(const Answer& answer, const std::string& name, bool injector,
                         const std::string& root_pem, WallTime now, Report& report) {
  if (answer.absent) {
    return report.fail("webhooks",
                       fmt::format("{}: not there, so that {}", name,
                                   injector ? "no pod gets a sidecar by itself"
                                            : "mistakes are found only after they are applied"),
                       kInstallAgain);
  }
  if (!answer.there) {
    return report.warn("webhooks", fmt::format("{}: not known: {}", name, answer.problem),
                       "ask as somebody who may read webhook configurations");
  }
  const Json& webhooks = list_at(answer.object, {"webhooks"});
  if (webhooks.empty())
    return report.fail("webhooks", fmt::format("{}: it is empty", name), kInstallAgain);
  bool good = true;
  for (const Json& webhook : webhooks) {
    std::string objection = objection_to_webhook(webhook, injector);
    const char* remedy = kInstallAgain;
    if (objection.empty()) {
      objection = objection_to_bundle(webhook, root_pem, now);
      remedy = "weft-control writes it when it is ready and holds the Lease; look at its log";
    }
    if (objection.empty()) continue;
    good = false;
    report.fail("webhooks", fmt::format("{}: {}: {}", name, name_of_part(webhook), objection),
                remedy);
  }
  if (!good) return;
  report.holds("webhooks",
               fmt::format("{}: its {} webhooks lead to weft-control{}", name, webhooks.size(),
                           root_pem.empty() ? "" : " and are believed by the mesh's root"));
}

}  // namespace

std::string control_version(const ClusterFacts& facts) {
  const Json* container = control_container(facts);
  return container == nullptr ? std::string() : tag_of(text_at(*container, {"image"}));
}

void check_control_plane(const ClusterFacts& facts, Report& report) {
  const Answer& answer = facts.deployment;
  if (answer.absent) {
    return report.fail("control-plane", "there is no Deployment of weft-control in weft-system",
                       kInstallAgain);
  }
  if (!answer.there) {
    return report.warn("control-plane", fmt::format("not known: {}", answer.problem),
                       "ask as somebody who may read Deployments in weft-system");
  }
  check_replicas(answer.object, report);
  const Json* container = control_container(facts);
  if (container == nullptr) {
    return report.fail("control-plane", "its Deployment has no container weft-control",
                       kInstallAgain);
  }
  const std::string version = control_version(facts);
  if (!parse_minor(version)) {
    report.warn(
        "control-plane",
        fmt::format("its version is not known from its image {}", text_at(*container, {"image"})),
        "give the image a tag that is its version");
  } else if (*parse_minor(version) != parse_minor(WEFT_VERSION)) {
    report.warn("control-plane",
                fmt::format("it is weft {}, and this command is weft {}", version, WEFT_VERSION),
                "use the weft command of the same version");
  } else {
    report.holds("control-plane", fmt::format("it is weft {}", version));
  }
  if (text_at(*container, {"resources", "limits", "memory"}).empty()) {
    report.warn("control-plane",
                "weft-control has no limit of memory, so that it may take a node's",
                "set resources.limits.memory");
  }
}

std::string check_root(const ClusterFacts& facts, WallTime now, Report& report) {
  const std::string name =
      fmt::format("Secret {}/{}", Authority::kOwnNamespace, kube::RootSecret::kName);
  if (facts.root.absent) {
    report.fail("root", fmt::format("{}: not there; weft-control makes it when it starts", name),
                "look at weft-control's log");
    return {};
  }
  if (!facts.root.there) {
    report.warn("root", fmt::format("{}: not known: {}", name, facts.root.problem),
                "ask as somebody who may read Secrets in weft-system");
    return {};
  }
  std::optional<std::string> pem =
      decode_base64(text_at(facts.root.object, {"data", kube::RootSecret::kEntry}));
  // Whether it has expired is asked below, where there is another remedy.
  const Result<Authority> authority = Authority::from_pem(
      pem ? std::string_view(*pem) : std::string_view(), [] { return WallTime(); });
  if (pem) tls::wipe(*pem);
  if (!authority) {
    report.fail("root", fmt::format("{}: {}", name, authority.error().detail),
                "put back what was there, or every certificate of the mesh has to be made anew");
    return {};
  }
  const Duration left = authority->root_expires() - now;
  if (left <= Duration::zero()) {
    report.fail("root", fmt::format("{}: the root certificate has expired", name),
                "make a new root: delete the Secret, restart weft-control, then every pod");
  } else if (left < kRenewSoon) {
    report.warn("root", fmt::format("{}: the root certificate lasts {} more", name, days_of(left)),
                "plan a new root before then");
  } else {
    report.holds("root", fmt::format("{}: of trust domain {}, lasts {} more", name,
                                     authority->trust_domain(), days_of(left)));
  }
  return authority->root_pem();
}

void check_webhooks(const ClusterFacts& facts, const std::string& root_pem, WallTime now,
                    Report& report) {
  const std::string suffix = facts.revision == "default" ? "" : "-" + facts.revision;
  check_configuration(facts.injector, "weft-injector" + suffix, true, root_pem, now, report);
  check_configuration(facts.validator, "weft-validator" + suffix, false, root_pem, now, report);
}

}  // namespace weft::control::check
