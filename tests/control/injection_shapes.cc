#include "tests/control/injection_shapes.h"

#include "sidecar/core/strings.h"

namespace weft::control::testing {

const std::vector<PodShape>& pod_shapes() {
  static const std::vector<PodShape> shapes = {
      // ---- pods as people write them ----
      {"plain", "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}"},
      {"no metadata", "{spec: {containers: [{name: app, image: cart}]}}"},
      {"a name is generated",
       "{metadata: {generateName: cart-, labels: {app: cart, version: v2}}, spec: {containers: "
       "[{name: app, image: cart}]}}"},
      {"names by the recommended labels",
       "{metadata: {labels: {app: old, app.kubernetes.io/name: cart, app.kubernetes.io/version: "
       "'1.2'}}, spec: {containers: [{name: app, image: cart}]}}"},
      {"empty lists",
       "{metadata: {annotations: {}, labels: {}}, spec: {initContainers: [], volumes: [], "
       "containers: [{name: app, image: cart}]}}"},
      {"null lists",
       "{metadata: {annotations: null}, spec: {initContainers: null, volumes: null, containers: "
       "[{name: app, image: cart}]}}"},
      {"two containers",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}, {name: cache, "
       "image: "
       "redis}]}}"},
      {"init containers of its own",
       "{metadata: {name: cart}, spec: {initContainers: [{name: migrate, image: cart}, {name: "
       "warm, "
       "image: cart}], containers: [{name: app, image: cart}]}}"},
      {"a native sidecar of its own",
       "{metadata: {name: cart}, spec: {initContainers: [{name: logs, image: tail, restartPolicy: "
       "Always, startupProbe: {httpGet: {path: /up, port: 9999}}}], containers: [{name: app, "
       "image: "
       "cart}]}}"},
      {"volumes of its own",
       "{metadata: {name: cart}, spec: {volumes: [{name: data, emptyDir: {}}], containers: [{name: "
       "app, image: cart, volumeMounts: [{name: data, mountPath: /data}]}]}}"},
      {"annotations of its own",
       "{metadata: {annotations: {a/b~c: d, team: shop}}, spec: {containers: [{name: app, image: "
       "cart}]}}"},
      {"no token is mounted",
       "{metadata: {name: cart}, spec: {automountServiceAccountToken: false, containers: [{name: "
       "app, image: cart}]}}"},
      {"a service account",
       "{metadata: {name: cart}, spec: {serviceAccountName: cart, containers: [{name: app, image: "
       "cart}]}}"},
      {"a group owns its volumes",
       "{metadata: {name: cart}, spec: {securityContext: {fsGroup: 2000, runAsNonRoot: true, "
       "runAsUser: 1000}, containers: [{name: app, image: cart}]}}"},
      {"its class is Guaranteed",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, resources: {limits: "
       "{cpu: '1', memory: 1Gi}, requests: {cpu: '1', memory: 1Gi}}}]}}"},
      {"limits without requests are Guaranteed as well",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, resources: {limits: "
       "{cpu: '1', memory: 1Gi}}}]}}"},
      {"its class is Burstable",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, resources: {limits: "
       "{cpu: '1', memory: 1Gi}, requests: {cpu: 500m, memory: 1Gi}}}]}}"},
      {"a job",
       "{metadata: {labels: {job-name: report}}, spec: {restartPolicy: Never, containers: [{name: "
       "report, image: report}]}}"},
      {"ends slowly",
       "{metadata: {name: cart}, spec: {terminationGracePeriodSeconds: 300, containers: [{name: "
       "app, image: cart}]}}"},
      {"ends at once",
       "{metadata: {name: cart}, spec: {terminationGracePeriodSeconds: 1, containers: [{name: app, "
       "image: cart}]}}"},
      {"host ports",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, ports: "
       "[{containerPort: 8080, hostPort: 80}]}]}}"},
      {"speaks UDP",
       "{metadata: {name: dns}, spec: {containers: [{name: app, image: dns, ports: "
       "[{containerPort: "
       "53, protocol: UDP}, {containerPort: 53, protocol: TCP}]}]}}"},
      // ---- probes ----
      {"a liveness probe over HTTP",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, livenessProbe: "
       "{httpGet: {path: /live, port: 8080}, periodSeconds: 5, timeoutSeconds: 2}}]}}"},
      {"a port by its name",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, ports: [{name: http, "
       "containerPort: 8080}], readinessProbe: {httpGet: {path: /ready, port: http}}}]}}"},
      {"a port in quotes",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, readinessProbe: "
       "{tcpSocket: {port: '8080'}}}]}}"},
      {"a port that is not there",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, readinessProbe: "
       "{httpGet: {port: web}}}]}}"},
      {"HTTPS, headers and a host name in them",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, startupProbe: "
       "{failureThreshold: 30, httpGet: {path: '/up?deep=1', port: 8443, scheme: HTTPS, "
       "httpHeaders: "
       "[{name: Host, value: cart.example}, {name: X-Probe, value: 'yes'}]}}}]}}"},
      {"a probe of another host",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, livenessProbe: "
       "{httpGet: {host: 10.0.0.1, path: /, port: 80}}}]}}"},
      {"a probe over TCP",
       "{metadata: {name: db}, spec: {containers: [{name: db, image: db, livenessProbe: "
       "{tcpSocket: "
       "{port: 5432}, initialDelaySeconds: 5}}]}}"},
      {"a probe over gRPC",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, livenessProbe: "
       "{grpc: "
       "{port: 9000, service: cart.v1}}}]}}"},
      {"a probe by command",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, livenessProbe: "
       "{exec: "
       "{command: [curl, localhost]}}}]}}"},
      {"hooks over HTTP",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, lifecycle: "
       "{postStart: {httpGet: {path: /hello, port: 8080}}, preStop: {httpGet: {path: /bye, port: "
       "8080}}}}]}}"},
      {"hooks that sleep and run",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, lifecycle: "
       "{postStart: {exec: {command: [echo]}}, preStop: {sleep: {seconds: 5}}}}]}}"},
      {"every probe of two containers",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, livenessProbe: "
       "{httpGet: {path: /l, port: 1}}, readinessProbe: {tcpSocket: {port: 2}}, startupProbe: "
       "{grpc: {port: 3}}}, {name: cache, image: redis, livenessProbe: {tcpSocket: {port: 6379}}, "
       "readinessProbe: {exec: {command: [redis-cli, ping]}}}]}}"},
      {"probes are to stay",
       "{metadata: {annotations: {weft.dev/rewrite-probes: 'false'}}, spec: {containers: [{name: "
       "app, image: cart, livenessProbe: {httpGet: {path: /live, port: 8080}}}]}}"},
      // ---- metrics ----
      {"metrics of its own",
       "{metadata: {annotations: {prometheus.io/scrape: 'true', prometheus.io/port: '9102', "
       "prometheus.io/path: /stats}}, spec: {containers: [{name: app, image: cart}]}}"},
      {"metrics of its own at its first port",
       "{metadata: {annotations: {prometheus.io/scrape: 'true', prometheus.io/scheme: https}}, "
       "spec: {containers: [{name: app, image: cart, ports: [{containerPort: 8080}]}]}}"},
      {"metrics are not to be read",
       "{metadata: {annotations: {prometheus.io/scrape: 'false'}}, spec: {containers: [{name: app, "
       "image: cart}]}}"},
      {"metrics are to stay",
       "{metadata: {annotations: {weft.dev/merge-metrics: 'false', prometheus.io/scrape: 'true', "
       "prometheus.io/port: '9102'}}, spec: {containers: [{name: app, image: cart}]}}"},
      // ---- wishes ----
      {"ports to leave alone",
       "{metadata: {annotations: {weft.dev/exclude-inbound-ports: '22, 9000-9010', "
       "weft.dev/exclude-outbound-ports: '5432', weft.dev/include-inbound-ports: '80,443'}}, spec: "
       "{containers: [{name: app, image: cart}]}}"},
      {"ranges to leave alone",
       "{metadata: {annotations: {weft.dev/exclude-outbound-cidrs: '169.254.169.254/32, "
       "fd00::/8', weft.dev/include-outbound-cidrs: '10.0.0.0/8', weft.dev/exclude-interfaces: "
       "'eth1,net0', weft.dev/exclude-inbound-cidrs: 192.0.2.0/24}}, spec: {containers: [{name: "
       "app, image: cart}]}}"},
      {"everything, in words",
       "{metadata: {annotations: {weft.dev/include-inbound-ports: '*', "
       "weft.dev/include-outbound-cidrs: '*', weft.dev/exclude-inbound-ports: ''}}, spec: "
       "{containers: [{name: app, image: cart}]}}"},
      {"tproxy and DNS",
       "{metadata: {annotations: {weft.dev/redirect-mode: tproxy, weft.dev/dns: 'true'}}, spec: "
       "{containers: [{name: app, image: cart}]}}"},
      {"DNS by default", "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}",
       "dns"},
      {"resources of its own",
       "{metadata: {annotations: {weft.dev/cpu-request: 100m, weft.dev/memory-request: 64Mi, "
       "weft.dev/cpu-limit: '1.5', weft.dev/memory-limit: 1Gi}}, spec: {containers: [{name: app, "
       "image: cart}]}}"},
      {"a sidecar of its own kind",
       "{metadata: {annotations: {weft.dev/log-level: debug, weft.dev/workers: '2', "
       "weft.dev/drain-time: 1m, weft.dev/proxy-image: 'registry.example:5000/weft@sha256:abc', "
       "weft.dev/uses: 'cart, shop/ledger, bank/*'}}, spec: {containers: [{name: app, image: "
       "cart}]}}"},
      {"a slip in an annotation",
       "{metadata: {annotations: {weft.dev/exclude-outbound-port: '5432', weft.dev/inject: "
       "enabled}}, spec: {containers: [{name: app, image: cart}]}}"},
      {"annotations that cannot be obeyed",
       "{metadata: {annotations: {weft.dev/exclude-inbound-ports: '80,http', "
       "weft.dev/exclude-outbound-cidrs: 10.0.0.1/33, weft.dev/cpu-request: lots, "
       "weft.dev/log-level: loud, weft.dev/proxy-image: 'a b', weft.dev/exclude-interfaces: "
       "'--uid', weft.dev/dns: 'yes', weft.dev/uses: 'a b', weft.dev/drain-time: '5', "
       "weft.dev/workers: '0', weft.dev/redirect-mode: bpf, weft.dev/sidecar-mode: modern}}, spec: "
       "{containers: [{name: app, image: cart}]}}"},
      {"two roots and a pull policy",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}",
       "two-roots pull=IfNotPresent"},
      // ---- classic mode ----
      {"classic",
       "{metadata: {name: cart}, spec: {initContainers: [{name: migrate, image: cart}], "
       "containers: "
       "[{name: app, image: cart, livenessProbe: {httpGet: {port: 8080}}}]}}",
       "classic"},
      {"a classic job",
       "{metadata: {name: report}, spec: {restartPolicy: OnFailure, containers: [{name: report, "
       "image: report}]}}",
       "classic"},
      {"classic by annotation, with a default container",
       "{metadata: {annotations: {weft.dev/sidecar-mode: classic, "
       "kubectl.kubernetes.io/default-container: cache}}, spec: {containers: [{name: app, image: "
       "cart}, {name: cache, image: redis}]}}"},
      // ---- who is asked for ----
      {"only the pod asks",
       "{metadata: {labels: {weft.dev/inject: enabled}}, spec: {containers: [{name: app, image: "
       "cart}]}}",
       "no-namespace"},
      {"the pod asks and its namespace says no",
       "{metadata: {labels: {weft.dev/inject: enabled}}, spec: {containers: [{name: app, image: "
       "cart}]}}",
       "disabled"},
      {"the pod says no",
       "{metadata: {labels: {weft.dev/inject: disabled}}, spec: {containers: [{name: app, image: "
       "cart}]}}"},
      {"the namespace says no",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}", "disabled"},
      {"nobody asks", "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}",
       "no-namespace"},
      {"a revision asks",
       "{metadata: {labels: {weft.dev/rev: canary}}, spec: {containers: [{name: app, image: "
       "cart}]}}",
       "no-namespace rev=canary"},
      {"another revision is asked for by the namespace",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart}]}}", "ns-rev=canary"},
      {"the pod's revision beats the namespace's",
       "{metadata: {labels: {weft.dev/rev: default}}, spec: {containers: [{name: app, image: "
       "cart}]}}",
       "ns-rev=canary"},
      {"in kube-system",
       "{metadata: {labels: {weft.dev/inject: enabled}}, spec: {containers: [{name: app, image: "
       "cart}]}}",
       "in=kube-system"},
      {"in the mesh's own namespace",
       "{metadata: {name: weft-control}, spec: {containers: [{name: app, image: cart}]}}",
       "in=weft-system"},
      // ---- what cannot be ----
      {"the node's network",
       "{metadata: {name: agent}, spec: {hostNetwork: true, containers: [{name: app, image: "
       "agent}]}}"},
      {"Windows by its system",
       "{metadata: {name: cart}, spec: {os: {name: windows}, containers: [{name: app, image: "
       "cart}]}}"},
      {"Windows by its nodes",
       "{metadata: {name: cart}, spec: {nodeSelector: {kubernetes.io/os: windows}, containers: "
       "[{name: app, image: cart}]}}"},
      {"Istio's sidecar",
       "{metadata: {annotations: {sidecar.istio.io/status: '{}'}}, spec: {containers: [{name: app, "
       "image: cart}, {name: istio-proxy, image: proxyv2}]}}"},
      {"Linkerd's sidecar",
       "{metadata: {name: cart}, spec: {initContainers: [{name: linkerd-init, image: x}, {name: "
       "linkerd-proxy, image: x}], containers: [{name: app, image: cart}]}}"},
      {"Kuma's sidecar by its annotation",
       "{metadata: {annotations: {kuma.io/sidecar-injected: 'true'}}, spec: {containers: [{name: "
       "app, image: cart}]}}"},
      {"a static pod",
       "{metadata: {annotations: {kubernetes.io/config.mirror: abc}}, spec: {containers: [{name: "
       "app, image: cart}]}}"},
      {"a container by our name",
       "{metadata: {name: cart}, spec: {containers: [{name: weft-sidecar, image: mine}]}}"},
      {"a volume by our name",
       "{metadata: {name: cart}, spec: {volumes: [{name: weft-token, emptyDir: {}}], containers: "
       "[{name: app, image: cart}]}}"},
      {"our user in the pod",
       "{metadata: {name: cart}, spec: {securityContext: {runAsUser: 5150}, containers: [{name: "
       "app, image: cart}]}}"},
      {"our user in a container",
       "{metadata: {name: cart}, spec: {securityContext: {runAsUser: 1000}, containers: [{name: "
       "app, image: cart}, {name: other, image: x, securityContext: {runAsUser: 5150}}]}}"},
      {"our port",
       "{metadata: {name: cart}, spec: {containers: [{name: app, image: cart, ports: "
       "[{containerPort: 15006}]}]}}"},
      {"the sidecar of another revision",
       "{metadata: {annotations: {weft.dev/status: '{\"annotations\":{},\"containers\":"
       "[\"weft-sidecar\"],\"made\":{},\"revision\":\"old\",\"volumes\":[]}'}}, spec: "
       "{initContainers: [{name: weft-sidecar, image: x}], containers: [{name: app, image: "
       "cart}]}}"},
      // ---- what is no pod ----
      {"no spec", "{metadata: {name: cart}}"},
      {"no containers", "{metadata: {name: cart}, spec: {containers: []}}"},
      {"containers are a map", "{metadata: {name: cart}, spec: {containers: {name: app}}}"},
      {"a container without a name", "{spec: {containers: [{image: cart}]}}"},
      {"annotations are a list",
       "{metadata: {annotations: [a]}, spec: {containers: [{name: app, image: cart}]}}"},
      {"a status that is none",
       "{metadata: {annotations: {weft.dev/status: injected}}, spec: {containers: [{name: app, "
       "image: cart}]}}"},
  };
  return shapes;
}

injection::InjectionContext context_of(const PodShape& shape) {
  injection::InjectionContext context;
  context.name_space = "shop";
  context.namespace_labels = {{"weft.dev/inject", "enabled"}};
  context.version = "1.0";
  context.image = "weft-sidecar:1.0";
  context.roots_sha256 = {"5f"};
  for (const std::string_view word : split(shape.where, ' ')) {
    const std::string_view value = word.substr(std::min(word.find('=') + 1, word.size()));
    if (word == "classic") context.native = false;
    if (word == "dns") context.dns = true;
    if (word == "no-namespace") context.namespace_labels.clear();
    if (word == "disabled") context.namespace_labels["weft.dev/inject"] = "disabled";
    if (word == "two-roots") context.roots_sha256 = {"5f", "6a"};
    if (word.starts_with("in=")) context.name_space = value;
    if (word.starts_with("rev=")) context.revision = value;
    if (word.starts_with("ns-rev=")) context.namespace_labels["weft.dev/rev"] = value;
    if (word.starts_with("pull=")) context.pull_policy = value;
  }
  return context;
}

}  // namespace weft::control::testing
