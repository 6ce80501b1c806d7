#pragma once
// The manifest webhooks.yaml: when a pod or an object is made or changed, the API server asks
// weft-control. Data (blocks.h says how).
//
// Which pods: control/injection/injection_reason.h says the same of their labels; what can only be
// said with OR is a webhook of its own. caBundle is weft-control's to write
// (kubernetes/webhook_keeper.h).

#include <string_view>

namespace weft::control::cli::texts {

inline constexpr std::string_view kWebhooks = R"(apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata:
  name: weft-injector${suffix}
  ${labels}
    weft.dev/rev: "${revision}"
webhooks:
#if alone
# A namespace that asks for sidecars, of no revision in particular.
- name: namespace.inject.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /inject
  ${when_a_pod_is_made}
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: In
      values: [enabled]
    - key: weft.dev/rev
      operator: DoesNotExist
    - ${not_the_own_namespaces}
  objectSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
# A pod that asks for one where its namespace does not.
- name: pod.inject.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /inject/pods
  ${when_a_pod_is_made}
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [enabled]
    - key: weft.dev/rev
      operator: DoesNotExist
    - ${not_the_own_namespaces}
  objectSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: In
      values: [enabled]
#end
# A namespace that asks for this revision.
- name: namespace-revision.inject.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /inject
  ${when_a_pod_is_made}
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/rev
      operator: In
      values: ["${revision}"]
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
    - ${not_the_own_namespaces}
  objectSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
# A pod that asks for this revision where its namespace does not.
- name: pod-revision.inject.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /inject/pods
  ${when_a_pod_is_made}
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/rev
      operator: NotIn
      values: ["${revision}"]
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
    - ${not_the_own_namespaces}
  objectSelector:
    matchExpressions:
    - key: weft.dev/rev
      operator: In
      values: ["${revision}"]
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
---
# What weft cannot obey is refused when it is written. When weft-control is not there nobody is kept
# from writing: what is bad then has no effect, and its status says so.
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: weft-validator${suffix}
  ${labels}
    weft.dev/rev: "${revision}"
webhooks:
- name: weft.validate.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /validate
  ${refuses_when_asked}
  rules:
  - operations: [CREATE, UPDATE]
    apiGroups: [weft.dev]
    apiVersions: ["*"]
    resources: [trafficpolicies, meshconfigs, workloads]
- name: others.validate.weft.dev
  clientConfig:
    service:
      ${own_service}
      path: /validate
  ${refuses_when_asked}
  rules:
  - operations: [CREATE, UPDATE]
    apiGroups: [gateway.networking.k8s.io]
    apiVersions: ["*"]
    resources: [httproutes, grpcroutes, tcproutes, tlsroutes, backendtlspolicies]
  - operations: [CREATE, UPDATE]
    apiGroups: [gateway.networking.x-k8s.io]
    apiVersions: ["*"]
    resources: [xbackendtrafficpolicies]
  - operations: [CREATE, UPDATE]
    apiGroups: [networking.istio.io]
    apiVersions: ["*"]
    resources: [virtualservices, destinationrules]
)";

}  // namespace weft::control::cli::texts
