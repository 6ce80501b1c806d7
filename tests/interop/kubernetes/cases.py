"""Objects of weft's kinds, good and bad; what the readers say of each, the API server shall say as well."""

OURS = "weft.dev/v1alpha1"
SERVICE = {"group": "", "kind": "Service", "name": "cart"}
ROUTE = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": "cart"}


def policy(targets=None, **spec):
    return {"apiVersion": OURS, "kind": "TrafficPolicy", "metadata": {"name": "case", "namespace": "shop"},
            "spec": {"targetRefs": [SERVICE] if targets is None else targets, **spec}}


def workload(**spec):
    return {"apiVersion": OURS, "kind": "Workload", "metadata": {"name": "case", "namespace": "shop"},
            "spec": {"address": "10.1.2.3", **spec}}


def mesh(name="default", **spec):
    return {"apiVersion": OURS, "kind": "MeshConfig", "metadata": {"name": name}, "spec": spec}


def fault(**fields):
    return {"name": "slow", "until": "2026-12-15T18:00:00Z", **fields}


GOOD = [
    policy(timeouts={"connect": "1s", "attempt": "2s", "request": "10s", "idle": "0s", "stream": "1h30m"}),
    policy(timeouts={"attempt": "2s", "request": "0s"}),
    policy([ROUTE], timeouts={"request": "5s"}, retry={"attempts": 2}),
    policy([ROUTE], limits={}),
    policy([SERVICE, dict(SERVICE, name="web")], limits={"whenFull": "DropOldest"}),
    policy([SERVICE, dict(SERVICE, sectionName="http")]),
    policy([{"kind": "Namespace", "name": "shop"}]),
    policy([dict(SERVICE, group="core")]),
    policy(retry={"on": ["unprocessed", "5xx", "connect-failure", 503], "bufferLimit": "16Mi"}),
    policy(retry={"bufferLimit": 0, "backoff": {"base": "10ms", "max": "10ms", "jitter": "None"}}),
    policy(retryBudget={"percent": "100%", "interval": "1s", "min": "600/1m"}),
    policy(circuitBreaker={"preset": "Off"}),
    policy(circuitBreaker={"preset": "Fast", "failureRatio": "0.5%", "count": ["Timeout", "RateLimited"]}),
    policy(circuitBreaker={"slowCalls": {"threshold": "1s", "ratio": "80%"}, "openFor": "10s", "maxOpenFor": "2m"}),
    policy(outlier={"ejectFor": "6s", "maxEjectFor": "7s", "maxEjected": "50%", "failurePercent": {"threshold": "50%"}}),
    policy(loadBalancer={"type": "RingHash", "hash": {"header": "x-user", "boundedLoad": "125%"}}),
    policy(loadBalancer={"hash": {"source": True}}),
    policy(health={"http": {"path": "/healthz"}, "interval": "10ms"}),
    policy(health={"tcp": {}}),
    policy(health={"enabled": False}),
    policy(fallback={"on": ["CircuitOpen", "Overloaded"], "response": {"status": 503}}),
    policy(fallback={"enabled": False}),
    policy(faults=[fault(delay={"fixed": "2s", "jitter": "100ms"}), fault(name="b", percent="0.5%", abort={"grpc": 14})]),
    policy(inbound={"limits": {"requests": 2}, "rateLimits": [{"name": "a", "rate": "100/1s"},
                                                              {"name": "b", "key": "Header", "header": "x", "rate": "1/1m"}]}),
    workload(ports=[{"name": "http", "port": 8080, "appPort": 9001}, {"port": 9090}]),
    workload(address="2001:db8::7", sidecar=False, ports=[{"port": 15000}]),
    mesh(trustDomain="example.org", identity={"leafLifetime": "1h"}, accessLog={"mode": "Off"}),
    mesh(defaults={"timeouts": {"request": "30s"}}),
]

# Each with a part of what the API server has to say.
BAD = [
    (policy(timeouts={"request": 5}), "spec.timeouts.request"),
    (policy(timeouts={"request": "5 seconds"}), "spec.timeouts.request"),
    (policy(timeouts={"request": "9999h"}), "want 0s for none, or 1ms to 8760h"),
    (policy(timeouts={"connect": "0s"}), "want 1ms to 1h"),
    (policy(timeouts={"attempt": "2s", "request": "1s"}), "attempt must not be longer than request"),
    (policy(timeouts={"head": "2s", "request": "1s"}), "head must not be longer than request"),
    (policy(timeouts={"requst": "5s"}), "requst"),
    (policy(timeout={}), "timeout"),
    (policy([]), "want 1 to 16 targets"),
    (policy([SERVICE, ROUTE]), "all targets are of one kind"),
    (policy([SERVICE, SERVICE]), "a target is named once"),
    (policy([dict(ROUTE, group="")]), "want group gateway.networking.k8s.io"),
    (policy([dict(SERVICE, group="apps")]), "want group gateway.networking.k8s.io"),
    (policy([{"kind": "Namespace", "name": "shop", "sectionName": "a"}]), "a Namespace is in none"),
    (policy([{"kind": "Gateway", "name": "a"}]), "Unsupported value"),
    (policy([{"kind": "Service"}]), "name"),
    (policy([SERVICE] * 17), "must have at most 16 items"),
    (policy([ROUTE], limits={"requests": 4}), "what belongs to a destination"),
    (policy([ROUTE], timeouts={"connect": "1s"}), "what belongs to a destination"),
    (policy([ROUTE], health={"tcp": {}}), "what belongs to a destination"),
    (policy(retry={"attempts": 11}), "less than or equal to 10"),
    (policy(retry={"attempts": "2"}), "attempts"),
    (policy(retry={"methods": "All"}), "Unsupported value"),
    (policy(retry={"bufferLimit": "64KB"}), "bufferLimit"),
    (policy(retry={"bufferLimit": "17Mi"}), "bufferLimit"),
    (policy(retry={"bufferLimit": 64}), "bufferLimit"),
    (policy(retry={"on": []}), "at least 1 items"),
    (policy(retry={"on": ["sometimes"]}), "spec.retry.on"),
    (policy(retry={"on": [200]}), "spec.retry.on"),
    (policy(retry={"backoff": {"base": "2s", "max": "1s"}}), "max must not be less than base"),
    (policy(retryBudget={"percent": "101%"}), "spec.retryBudget.percent"),
    (policy(retryBudget={"interval": "11m"}), "want 1"),
    (policy(retryBudget={"min": "10"}), "want a rate"),
    (policy(circuitBreaker={}), "want a preset"),
    (policy(circuitBreaker={"preset": "Off", "trials": 2}), "Off leaves nothing"),
    (policy(circuitBreaker={"failureRatio": "0%"}), "want more than 0%"),
    (policy(circuitBreaker={"preset": "Fast", "count": ["Sadness"]}), "want Timeout, Connect"),
    (policy(circuitBreaker={"preset": "Fast", "openFor": "2m", "maxOpenFor": "1m"}), "maxOpenFor must not"),
    (policy(circuitBreaker={"slowCalls": {"ratio": "5%"}}), "threshold"),
    (policy(outlier={"maxEjected": "1.5%"}), "want a whole percentage"),
    (policy(outlier={"ejectFor": "2m", "maxEjectFor": "1m"}), "maxEjectFor must not"),
    (policy(outlier={"failurePercent": {"threshold": "0%"}}), "want a whole percentage from 1%"),
    (policy(loadBalancer={"type": "Maglev"}), "need hash"),
    (policy(loadBalancer={"hash": {"header": "a", "cookie": "b"}}), "want one of header"),
    (policy(loadBalancer={"hash": {"path": False}}), "want true"),
    (policy(loadBalancer={"hash": {"path": True, "boundedLoad": "99%"}}), "want 100% to 1000%"),
    (policy(health={"http": {}, "tcp": {}}), "want one of http"),
    (policy(health={"enabled": False, "tcp": {}}), "want one of http"),
    (policy(health={"tcp": {}, "interval": "5ms"}), "want 10ms to 1h"),
    (policy(fallback={"response": {"status": 503}, "backendRef": {"name": "a", "port": 80}}), "want one of backendRef"),
    (policy(fallback={"on": ["Overloaded", "Overloaded"], "response": {}}), "each once"),
    (policy(fallback={"response": {"status": 99}}), "status"),
    (policy(faults=[fault()]), "want delay, abort"),
    (policy(faults=[fault(reset=True, abort={"status": 503})]), "want one of abort"),
    (policy(faults=[fault(abort={"status": 503, "grpc": 1})]), "want one of status"),
    (policy(faults=[fault(delay={"fixed": "1s", "jitter": "2s"})]), "jitter must not"),
    (policy(faults=[fault(delay={"fixed": "0s"})]), "want more than 0s"),
    (policy(faults=[fault(percent="0%", reset=True)]), "want more than 0%"),
    (policy(faults=[fault(until="tomorrow", reset=True)]), "want a time"),
    (policy(faults=[fault(reset=True), fault(reset=True)]), "uplicate"),
    (policy(inbound={"rateLimits": [{"name": "a", "rate": "1/1s"}, {"name": "a", "rate": "2/1s"}]}), "uplicate"),
    (policy(inbound={"rateLimits": [{"name": "a", "key": "Header", "rate": "1/1s"}]}), "header goes with"),
    (policy(inbound={"rateLimits": [{"name": "a", "header": "x", "rate": "1/1s"}]}), "header goes with"),
    (policy(inbound={"rateLimits": [{"name": "a", "rate": "fast"}]}), "want a rate"),
    (policy(hedge={"after": "p95"}), "hedge"),
    (workload(address="cart.example"), "want the address"),
    (workload(ports=[{"name": "a", "port": 1}, {"name": "a", "port": 2}]), "no two ports"),
    (workload(ports=[{"port": 1}, {"port": 1}]), "uplicate"),
    (workload(ports=[{"port": 15001}]), "the sidecar's own"),
    (workload(ports=[{"port": 15006}], redirect=True), "where redirect is true"),
    (workload(ports=[{"port": 15020}], redirect=True), "where redirect is true"),
    (workload(sidecar=False, ports=[{"port": 1, "appPort": 2}]), "appPort is for"),
    (workload(sidecar=False, redirect=True), "redirect is for"),
    (workload(weight=10001), "weight"),
    (mesh(name="other"), "named default"),
    (mesh(identity={"leafLifetime": "1s"}), "want 10s to 168h"),
    (mesh(defaults={"faults": [fault(reset=True)]}), "faults are for"),
    (mesh(defaults={"fallback": {"backendRef": {"name": "a", "port": 80}}}), "needs a namespace"),
    (mesh(accessLog={"mode": "Loud"}), "Unsupported value"),
]

# group, resource, verb, what else; in every namespace unless one is named.
CONTROL_MAY = (
    [("", resource, verb, {}) for resource in ("services", "pods", "namespaces", "nodes") for verb in ("get", "list", "watch")]
    + [("discovery.k8s.io", "endpointslices", verb, {}) for verb in ("get", "list", "watch")]
    + [("gateway.networking.k8s.io", resource, verb, {})
       for resource in ("httproutes", "grpcroutes", "tcproutes", "tlsroutes", "referencegrants", "backendtlspolicies")
       for verb in ("list", "watch")]
    + [("", "configmaps", verb, {}) for verb in ("list", "watch")]
    + [("admissionregistration.k8s.io", f"{which}webhookconfigurations", verb, {"name": name})
       for which, name in (("mutating", "weft-injector"), ("validating", "weft-validator"))
       for verb in ("list", "watch", "patch")]
    + [("gateway.networking.k8s.io", "httproutes", "patch", {"subresource": "status"}),
       ("gateway.networking.x-k8s.io", "xbackendtrafficpolicies", "watch", {}),
       ("networking.istio.io", "virtualservices", "list", {}), ("networking.istio.io", "destinationrules", "watch", {}),
       ("networking.istio.io", "virtualservices", "patch", {"subresource": "status"}),
       ("weft.dev", "trafficpolicies", "watch", {}), ("weft.dev", "meshconfigs", "list", {}), ("weft.dev", "workloads", "list", {}),
       ("weft.dev", "trafficpolicies", "patch", {"subresource": "status"}),
       ("authentication.k8s.io", "tokenreviews", "create", {}), ("events.k8s.io", "events", "create", {"name_space": "shop"}),
       ("gateway.networking.k8s.io", "backendtlspolicies", "patch", {"subresource": "status"}),
       ("", "secrets", "get", {"name_space": "weft-system", "name": "weft-root"}),
       ("", "secrets", "create", {"name_space": "weft-system"}),
       ("coordination.k8s.io", "leases", "update", {"name_space": "weft-system", "name": "weft-control"}),
       ("coordination.k8s.io", "leases", "create", {"name_space": "weft-system"})])

CONTROL_MAY_NOT = [
    ("", "secrets", "list", {}), ("", "secrets", "get", {"name_space": "shop", "name": "weft-root"}),
    ("", "secrets", "list", {"name_space": "weft-system"}),
    ("", "secrets", "get", {"name_space": "weft-system", "name": "another"}),
    ("", "secrets", "delete", {"name_space": "weft-system", "name": "weft-root"}),
    ("", "pods", "create", {"name_space": "shop"}), ("", "pods", "patch", {"name_space": "shop"}),
    ("", "pods", "create", {"name_space": "shop", "subresource": "exec"}),
    ("", "services", "update", {"name_space": "shop"}), ("", "configmaps", "update", {"name_space": "shop"}),
    ("", "nodes", "patch", {}),
    ("", "serviceaccounts", "create", {"name_space": "shop", "subresource": "token"}),
    ("", "users", "impersonate", {}), ("rbac.authorization.k8s.io", "clusterroles", "patch", {}),
    ("gateway.networking.k8s.io", "httproutes", "patch", {"name_space": "shop"}),
    ("weft.dev", "trafficpolicies", "update", {"name_space": "shop"}),
    ("networking.istio.io", "virtualservices", "update", {"name_space": "shop"}),
    ("apiextensions.k8s.io", "customresourcedefinitions", "update", {}),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch", {"name": "another"}),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "create", {}),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "list", {}),
    ("coordination.k8s.io", "leases", "delete", {"name_space": "weft-system", "name": "weft-control"}),
    ("coordination.k8s.io", "leases", "update", {"name_space": "kube-system", "name": "kube-scheduler"}),
]
