#pragma once
// The manifests namespace.yaml and access.yaml: where the control plane lives, who it is to the API
// server, and all that it may do there. Data (blocks.h says how).

#include <string_view>

namespace weft::control::cli::texts {

inline constexpr std::string_view kNamespace =
    R"(# Where the control plane lives. Nothing in it is meshed.
apiVersion: v1
kind: Namespace
metadata:
  name: ${namespace}
  labels:
    app.kubernetes.io/part-of: weft
    pod-security.kubernetes.io/enforce: restricted
)";

inline constexpr std::string_view kAccess =
    R"(#helm {{- if ne .Release.Namespace "weft-system" }}{{ fail "weft lives in the namespace weft-system" }}{{ end }}
apiVersion: v1
kind: ServiceAccount
metadata:
  ${own_metadata}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  ${own_cluster_metadata}
rules:
# What exists.
- apiGroups: [""]
  resources: [services, pods, namespaces, nodes]
  verbs: [get, list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
# What people wrote, and what became of it.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes, grpcroutes, tcproutes, tlsroutes, referencegrants, backendtlspolicies]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes/status, grpcroutes/status, tcproutes/status, tlsroutes/status, backendtlspolicies/status]
  verbs: [patch]
# The certificates that a BackendTLSPolicy names, in whatever ConfigMap.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xbackendtrafficpolicies]
  verbs: [get, list, watch]
- apiGroups: [gateway.networking.x-k8s.io]
  resources: [xbackendtrafficpolicies/status]
  verbs: [patch]
- apiGroups: [networking.istio.io]
  resources: [virtualservices, destinationrules]
  verbs: [get, list, watch]
- apiGroups: [networking.istio.io]
  resources: [virtualservices/status, destinationrules/status]
  verbs: [patch]
- apiGroups: [weft.dev]
  resources: [trafficpolicies, meshconfigs, workloads]
  verbs: [get, list, watch]
- apiGroups: [weft.dev]
  resources: [trafficpolicies/status, meshconfigs/status, workloads/status]
  verbs: [patch]
# Whose token is this?
- apiGroups: [authentication.k8s.io]
  resources: [tokenreviews]
  verbs: [create]
# Why a pod is not meshed, or an object not obeyed.
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
# The root that the API server believes the webhooks by.
- apiGroups: [admissionregistration.k8s.io]
  resources: [mutatingwebhookconfigurations]
  resourceNames: [weft-injector${suffix}]
  verbs: [get, list, watch, patch]
- apiGroups: [admissionregistration.k8s.io]
  resources: [validatingwebhookconfigurations]
  resourceNames: [weft-validator${suffix}]
  verbs: [get, list, watch, patch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  ${own_cluster_metadata}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: weft-control${suffix}
subjects:
${own_account}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  ${own_metadata}
rules:
# The mesh's root key, one for all revisions. The name of what is created cannot be limited.
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [weft-root]
  verbs: [get]
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
# Who writes status and events: one replica, of all revisions.
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [weft-control]
  verbs: [get, update]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  ${own_metadata}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: weft-control${suffix}
subjects:
${own_account}
)";

}  // namespace weft::control::cli::texts
