#pragma once
// What several manifests say in the same words, each said once. Data.
//
// A manifest here is a template (manifest_template.h). Its holes are one word of `weft install`
// (namespace, suffix "" or "-REVISION", revision "default" or its name, image, sidecar_image, bind,
// cpu, memory, memory_limit) or one of these blocks, whose lines stand as far in as the hole does.
// Its conditions: ha, revision (there is one), alone (there is none).

#include <array>
#include <string_view>

namespace weft::control::cli::texts {

struct Block {
  std::string_view name;
  std::string_view text;
};

inline constexpr auto kBlocks = std::to_array<Block>({
    {"labels", R"(labels:
  app.kubernetes.io/name: weft-control
  app.kubernetes.io/part-of: weft)"},
    {"own_metadata", R"(name: weft-control${suffix}
namespace: ${namespace}
${labels})"},
    {"own_cluster_metadata", R"(name: weft-control${suffix}
${labels})"},
    {"own_account", R"(- kind: ServiceAccount
  name: weft-control${suffix}
  namespace: ${namespace})"},
    // By which a selector finds the pods of this revision.
    {"own_pod_labels", R"(app.kubernetes.io/name: weft-control
weft.dev/rev: "${revision}")"},
    {"ask_ready", R"(httpGet:
  path: /ready
  port: admin
  httpHeaders:
  - name: Host
    value: localhost)"},
    {"own_service", R"(name: weft-control${suffix}
namespace: ${namespace}
port: 443)"},
    {"when_a_pod_is_made", R"(admissionReviewVersions: [v1]
rules:
- operations: [CREATE]
  apiGroups: [""]
  apiVersions: [v1]
  resources: [pods]
  scope: Namespaced
matchPolicy: Equivalent
matchConditions:
- name: not-of-a-file-on-its-node
  expression: "!has(object.metadata.annotations) || ('kubernetes.io/config.mirror' in object.metadata.annotations) == false"
failurePolicy: Fail
reinvocationPolicy: IfNeeded
sideEffects: None
timeoutSeconds: 5)"},
    {"not_the_own_namespaces", R"(key: kubernetes.io/metadata.name
operator: NotIn
values: [kube-system, kube-public, kube-node-lease, ${namespace}])"},
    {"refuses_when_asked", R"(admissionReviewVersions: [v1]
matchPolicy: Equivalent
failurePolicy: Ignore
sideEffects: None
timeoutSeconds: 5)"},
});

}  // namespace weft::control::cli::texts
