#pragma once
// ManifestTexts: the manifests themselves, with holes (manifest_template.h). Data.
//
// Values: namespace, suffix ("" or "-REVISION"), revision ("default" or its name), image,
// sidecar_image, bind, cpu, memory, memory_limit, labels (of an object). Conditions: ha, revision
// (there is one), alone (there is none). Source: Kubernetes' Pod Security Standards, "restricted".

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

// Who weft-control is to the API server, and all that it may do.
inline constexpr std::string_view kAccess =
    R"(#helm {{- if ne .Release.Namespace "weft-system" }}{{ fail "weft lives in the namespace weft-system" }}{{ end }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: weft-control${suffix}
  ${labels}
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
  name: weft-control${suffix}
  ${labels}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: weft-control${suffix}
subjects:
- kind: ServiceAccount
  name: weft-control${suffix}
  namespace: ${namespace}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
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
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: weft-control${suffix}
subjects:
- kind: ServiceAccount
  name: weft-control${suffix}
  namespace: ${namespace}
)";

inline constexpr std::string_view kControl = R"(apiVersion: v1
kind: Service
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
spec:
  selector:
    app.kubernetes.io/name: weft-control
    weft.dev/rev: "${revision}"
  ports:
  - name: tls-xds
    port: 15012
    targetPort: xds
  - name: https-webhook
    port: 443
    targetPort: webhook
  - name: http-admin
    port: 15014
    targetPort: admin
  - name: http-metrics
    port: 15018
    targetPort: metrics
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
    weft.dev/rev: "${revision}"
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: weft-control
      weft.dev/rev: "${revision}"
  strategy:
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels:
        app.kubernetes.io/name: weft-control
        app.kubernetes.io/part-of: weft
        weft.dev/rev: "${revision}"
        weft.dev/inject: disabled
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "15018"
        prometheus.io/path: /metrics
    spec:
      serviceAccountName: weft-control${suffix}
      automountServiceAccountToken: true
      enableServiceLinks: false
      terminationGracePeriodSeconds: 30
#helm {{- with .Values.imagePullSecrets }}
#helm       imagePullSecrets:
#helm {{ toYaml . | indent 6 }}
#helm {{- end }}
#helm {{- with .Values.nodeSelector }}
#helm       nodeSelector:
#helm {{ toYaml . | indent 8 }}
#helm {{- end }}
#helm {{- with .Values.tolerations }}
#helm       tolerations:
#helm {{ toYaml . | indent 6 }}
#helm {{- end }}
#helm {{- with .Values.priorityClassName }}
#helm       priorityClassName: {{ . }}
#helm {{- end }}
#if ha
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: topology.kubernetes.io/zone
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: weft-control
            weft.dev/rev: "${revision}"
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: weft-control
            weft.dev/rev: "${revision}"
#end
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      containers:
      - name: weft-control
        image: ${image}
        imagePullPolicy: IfNotPresent
        args:
        - --kubernetes
        - --listen=${bind}:15012
        - --admin=${bind}:15014
        - --metrics=${bind}:15018
        - --webhook=${bind}:15017
        - --inject-image=${sidecar_image}
        - --inject-control=weft-control${suffix}.${namespace}.svc:15012
        - --revision=${revision}
        - --drain-time=20s
#helm {{- range .Values.extraArgs }}
#helm         - {{ . | quote }}
#helm {{- end }}
        env:
        - name: WEFT_POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: WEFT_POD_NAMESPACE
          valueFrom:
            fieldRef:
              fieldPath: metadata.namespace
        ports:
        - name: xds
          containerPort: 15012
        - name: admin
          containerPort: 15014
        - name: webhook
          containerPort: 15017
        - name: metrics
          containerPort: 15018
        # The pages answer only for the names of this machine, so that no page of the web can ask.
        startupProbe:
          httpGet:
            path: /ready
            port: admin
            httpHeaders:
            - name: Host
              value: localhost
          periodSeconds: 1
          failureThreshold: 120
        readinessProbe:
          httpGet:
            path: /ready
            port: admin
            httpHeaders:
            - name: Host
              value: localhost
          periodSeconds: 5
          failureThreshold: 2
        livenessProbe:
          tcpSocket:
            port: admin
          periodSeconds: 10
          timeoutSeconds: 5
          failureThreshold: 6
        resources:
          requests:
            cpu: ${cpu}
            memory: ${memory}
          limits:
            memory: ${memory_limit}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
---
# Sidecars and the API server come from anywhere; figures are for this namespace and for those that are
# marked, the pages for this one.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
spec:
  podSelector:
    matchLabels:
      app.kubernetes.io/name: weft-control
      weft.dev/rev: "${revision}"
  policyTypes: [Ingress]
  ingress:
  - ports:
    - port: xds
    - port: webhook
  - from:
    - podSelector: {}
    ports:
    - port: admin
  - from:
    - podSelector: {}
    - namespaceSelector:
        matchLabels:
          weft.dev/metrics: allowed
    ports:
    - port: metrics
)";

// When a pod or an object is made or changed, the API server asks weft-control. Which pods:
// control/injection/injection_reason.h says the same of their labels; what can only be said with OR
// is a webhook of its own. caBundle is weft-control's to write (kubernetes/webhook_keeper.h).
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
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /inject
  admissionReviewVersions: [v1]
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
  timeoutSeconds: 5
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: In
      values: [enabled]
    - key: weft.dev/rev
      operator: DoesNotExist
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [kube-system, kube-public, kube-node-lease, ${namespace}]
  objectSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
# A pod that asks for one where its namespace does not.
- name: pod.inject.weft.dev
  clientConfig:
    service:
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /inject/pods
  admissionReviewVersions: [v1]
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
  timeoutSeconds: 5
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [enabled]
    - key: weft.dev/rev
      operator: DoesNotExist
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [kube-system, kube-public, kube-node-lease, ${namespace}]
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
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /inject
  admissionReviewVersions: [v1]
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
  timeoutSeconds: 5
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/rev
      operator: In
      values: ["${revision}"]
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [kube-system, kube-public, kube-node-lease, ${namespace}]
  objectSelector:
    matchExpressions:
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
# A pod that asks for this revision where its namespace does not.
- name: pod-revision.inject.weft.dev
  clientConfig:
    service:
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /inject/pods
  admissionReviewVersions: [v1]
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
  timeoutSeconds: 5
  namespaceSelector:
    matchExpressions:
    - key: weft.dev/rev
      operator: NotIn
      values: ["${revision}"]
    - key: weft.dev/inject
      operator: NotIn
      values: [disabled]
    - key: kubernetes.io/metadata.name
      operator: NotIn
      values: [kube-system, kube-public, kube-node-lease, ${namespace}]
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
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /validate
  admissionReviewVersions: [v1]
  matchPolicy: Equivalent
  failurePolicy: Ignore
  sideEffects: None
  timeoutSeconds: 5
  rules:
  - operations: [CREATE, UPDATE]
    apiGroups: [weft.dev]
    apiVersions: ["*"]
    resources: [trafficpolicies, meshconfigs, workloads]
- name: others.validate.weft.dev
  clientConfig:
    service:
      name: weft-control${suffix}
      namespace: ${namespace}
      port: 443
      path: /validate
  admissionReviewVersions: [v1]
  matchPolicy: Equivalent
  failurePolicy: Ignore
  sideEffects: None
  timeoutSeconds: 5
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

inline constexpr std::string_view kHa = R"(#if ha
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app.kubernetes.io/name: weft-control
      weft.dev/rev: "${revision}"
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: weft-control${suffix}
  namespace: ${namespace}
  ${labels}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: weft-control${suffix}
  minReplicas: 2
  maxReplicas: 5
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: 80
#end
)";

}  // namespace weft::control::cli::texts
