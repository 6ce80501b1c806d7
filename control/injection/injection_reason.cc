#include "control/injection/injection_reason.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/authority.h"
#include "control/injection/pod_wishes.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::injection {

namespace {

constexpr std::array<std::string_view, 4> kSystemNamespaces = {
    "kube-system", "kube-public", "kube-node-lease", Authority::kOwnNamespace};

struct OtherMesh {
  std::string_view name;
  std::array<std::string_view, 2> containers;
  std::array<std::string_view, 2> annotations;
};
constexpr std::array<OtherMesh, 4> kOtherMeshes = {{
    {"Istio",
     {"istio-proxy", "istio-init"},
     {"sidecar.istio.io/status", "ambient.istio.io/redirection"}},
    {"Linkerd", {"linkerd-proxy", "linkerd-init"}, {"linkerd.io/proxy-version", ""}},
    {"Consul",
     {"consul-dataplane", "consul-connect-inject-init"},
     {"consul.hashicorp.com/connect-inject-status", ""}},
    {"Kuma", {"kuma-sidecar", "kuma-init"}, {"kuma.io/sidecar-injected", ""}},
}};

constexpr std::array<std::uint16_t, 5> kOwnPorts = {
    pod::kAdminPort, pod::kOutboundPort, pod::kInboundPort, pod::kStatusPort, pod::kDnsPort};

std::string label_of(const Json& pod, const char* name) {
  return text_of(member(member(member(&pod, "metadata"), "labels"), name));
}

std::string namespace_label(const InjectionContext& context, const char* name) {
  const auto found = context.namespace_labels.find(name);
  return found == context.namespace_labels.end() ? std::string() : found->second;
}

template <typename Call>
void for_each_container(const Json& pod, const Call& call) {
  const Json* spec = member(&pod, "spec");
  for (const char* list : {"initContainers", "containers"}) {
    for (const Json& container : list_of(member(spec, list))) call(container);
  }
}

std::string find_other_mesh(const Json& pod) {
  const Json* annotations = member(member(&pod, "metadata"), "annotations");
  std::string found;
  for (const OtherMesh& mesh : kOtherMeshes) {
    for_each_container(pod, [&](const Json& container) {
      if (std::ranges::find(mesh.containers, name_of_part(container)) != mesh.containers.end())
        found = fmt::format("{}'s sidecar is there ({})", mesh.name, name_of_part(container));
    });
    for (const std::string_view key : mesh.annotations) {
      if (!key.empty() && member(annotations, key) != nullptr && found.empty())
        found = fmt::format("{}'s sidecar is there ({})", mesh.name, key);
    }
  }
  return found;
}

std::string find_taken_name(const Json& pod) {
  std::string found;
  for_each_container(pod, [&](const Json& container) {
    const std::string name = name_of_part(container);
    if (name == kSidecarContainer || name == kRedirectContainer)
      found = fmt::format("a container is called {}, and weft has not put it in", name);
  });
  for (const Json& volume : list_of(member(member(&pod, "spec"), "volumes"))) {
    if (name_of_part(volume) == kTokenVolume)
      found = fmt::format("a volume is called {}, and weft has not put it in", kTokenVolume);
  }
  return found;
}

bool is_own_user(const Json* security) {
  const Json* user = member(security, "runAsUser");
  return user != nullptr && user->is_number_integer() && *user == pod::kUid;
}

// The redirect rules leave alone what the sidecar's user sends.
std::string find_taken_user(const Json& pod) {
  const Json* spec = member(&pod, "spec");
  const bool of_the_pod = is_own_user(member(spec, "securityContext"));
  std::string found;
  for_each_container(pod, [&](const Json& container) {
    const Json* security = member(&container, "securityContext");
    const bool own = member(security, "runAsUser") == nullptr ? of_the_pod : is_own_user(security);
    if (own && found.empty()) {
      found = fmt::format("container {} runs as user {}, which is the sidecar's",
                          escape(name_of_part(container), 80), pod::kUid);
    }
  });
  return found;
}

std::string find_taken_port(const Json& pod) {
  std::string found;
  for_each_container(pod, [&](const Json& container) {
    for (const Json& port : list_of(member(&container, "ports"))) {
      const Json* number = member(&port, "containerPort");
      if (number == nullptr || !number->is_number_integer() || !found.empty()) continue;
      const auto taken =
          std::ranges::find_if(kOwnPorts, [&](std::uint16_t own) { return *number == own; });
      if (taken != kOwnPorts.end()) {
        found = fmt::format("container {} listens on port {}, which is the sidecar's",
                            escape(name_of_part(container), 80), *taken);
      }
    }
  });
  return found;
}

bool is_windows(const Json& pod) {
  const Json* spec = member(&pod, "spec");
  return text_of(member(member(spec, "os"), "name")) == "windows" ||
         text_of(member(member(spec, "nodeSelector"), "kubernetes.io/os")) == "windows";
}

// What people said; kInjected: somebody asks.
Judgement judge_wish(const Json& pod, const InjectionContext& context) {
  using enum InjectionReason;
  if (std::ranges::find(kSystemNamespaces, context.name_space) != kSystemNamespaces.end())
    return {kSystemNamespace, fmt::format("namespace {} is never meshed", context.name_space)};
  const std::string pod_wish = label_of(pod, kInjectLabel);
  const std::string namespace_wish = namespace_label(context, kInjectLabel);
  std::string revision = label_of(pod, kRevisionLabel);
  if (pod_wish == "disabled")
    return {kPodSaysNo, fmt::format("the pod's label {} says disabled", kInjectLabel)};
  if (revision.empty()) revision = namespace_label(context, kRevisionLabel);
  const bool asked = pod_wish == "enabled" || namespace_wish == "enabled" ||
                     (!revision.empty() && namespace_wish != "disabled");
  if (!asked) {
    if (namespace_wish == "disabled") {
      return {kNamespaceSaysNo, fmt::format("the label {} of namespace {} says disabled",
                                            kInjectLabel, context.name_space)};
    }
    return {kNobodyAsks, fmt::format("neither the pod nor namespace {} has the label {}: enabled",
                                     context.name_space, kInjectLabel)};
  }
  if (!revision.empty() && revision != context.revision) {
    return {kOtherRevision, fmt::format("revision {} is asked for, this is {}",
                                        escape(revision, 80), context.revision)};
  }
  return {};
}

// What cannot be.
Judgement judge_pod(const Json& pod) {
  using enum InjectionReason;
  const Json* spec = member(&pod, "spec");
  if (std::string mesh = find_other_mesh(pod); !mesh.empty()) return {kOtherMesh, mesh, true};
  if (member(member(member(&pod, "metadata"), "annotations"), "kubernetes.io/config.mirror") !=
      nullptr) {
    return {kStaticPod, "it mirrors a static pod, which only its node can change", true};
  }
  if (is_true(member(spec, "hostNetwork")))
    return {kHostNetwork, "hostNetwork: its traffic is the node's", true};
  if (is_windows(pod)) return {kWindows, "the sidecar is for Linux", true};
  if (std::string taken = find_taken_name(pod); !taken.empty()) return {kNameTaken, taken, true};
  if (std::string taken = find_taken_user(pod); !taken.empty()) return {kUserTaken, taken, true};
  if (std::string taken = find_taken_port(pod); !taken.empty()) return {kPortTaken, taken, true};
  return {};
}

}  // namespace

std::string_view name_of(InjectionReason reason) {
  switch (reason) {
    case InjectionReason::kInjected:
      return "injected";
    case InjectionReason::kUnchanged:
      return "unchanged";
    case InjectionReason::kSystemNamespace:
      return "system_namespace";
    case InjectionReason::kPodSaysNo:
      return "pod_says_no";
    case InjectionReason::kNamespaceSaysNo:
      return "namespace_says_no";
    case InjectionReason::kNobodyAsks:
      return "nobody_asks";
    case InjectionReason::kOtherRevision:
      return "other_revision";
    case InjectionReason::kOtherRevisionsSidecar:
      return "other_revisions_sidecar";
    case InjectionReason::kOtherMesh:
      return "other_mesh";
    case InjectionReason::kStaticPod:
      return "static_pod";
    case InjectionReason::kHostNetwork:
      return "host_network";
    case InjectionReason::kWindows:
      return "windows";
    case InjectionReason::kNameTaken:
      return "name_taken";
    case InjectionReason::kUserTaken:
      return "user_taken";
    case InjectionReason::kPortTaken:
      return "port_taken";
  }
  return {};
}

Judgement judge_injection(const Json& pod, std::string_view injected_by,
                          const InjectionContext& context) {
  if (Judgement wish = judge_wish(pod, context); wish.reason != InjectionReason::kInjected)
    return wish;
  if (!injected_by.empty() && injected_by != context.revision) {
    return {InjectionReason::kOtherRevisionsSidecar,
            fmt::format("the sidecar of revision {} is there", escape(injected_by, 80)), true};
  }
  return judge_pod(pod);
}

}  // namespace weft::control::injection
