#pragma once
// The manifest control.yaml: the control plane itself, its Service and who may call it. Data
// (blocks.h says how).
//
// Source: Kubernetes' Pod Security Standards, "restricted".

#include <string_view>

namespace weft::control::cli::texts {

inline constexpr std::string_view kControl = R"(apiVersion: v1
kind: Service
metadata:
  ${own_metadata}
spec:
  selector:
    ${own_pod_labels}
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
  ${own_metadata}
    weft.dev/rev: "${revision}"
spec:
  selector:
    matchLabels:
      ${own_pod_labels}
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
            ${own_pod_labels}
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels:
            ${own_pod_labels}
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
          ${ask_ready}
          periodSeconds: 1
          failureThreshold: 120
        readinessProbe:
          ${ask_ready}
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
  ${own_metadata}
spec:
  podSelector:
    matchLabels:
      ${own_pod_labels}
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

}  // namespace weft::control::cli::texts
