"""The shop: what people would write for it, without a word of a mesh but the namespace's label."""

SPACE = "shop"
APP = "weft.test/app:1"


def metadata(name, name_space=SPACE, **labels):
    return {"name": name, "namespace": name_space, **({"labels": labels} if labels else {})}


def account(name, name_space=SPACE):
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name, name_space)}


def service(name, selector, port=80, target="http", name_space=SPACE, port_name="http", **spec):
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata(name, name_space),
            "spec": {"selector": selector, "ports": [{"name": port_name, "port": port, "targetPort": target}], **spec}}


def template(name, version, arguments, account_name, port=8080, port_name="http", annotations=None, probe=True):
    container = {
        "name": "app", "image": APP, "args": arguments, "ports": [{"name": port_name, "containerPort": port}],
        "env": [{"name": "APP", "value": name}, {"name": "VERSION", "value": version}],
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}
    if probe:
        container["readinessProbe"] = {"httpGet": {"path": "/ready", "port": port_name}, "periodSeconds": 1}
    return {"metadata": {"labels": {"app": name, "version": version}, **({"annotations": annotations} if annotations else {})},
            "spec": {"serviceAccountName": account_name, "containers": [container]}}


def deployment(name, app, version="v1", replicas=1, arguments=("serve",), **more):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata(name), "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": app, "version": version}},
        "template": template(app, version, list(arguments), app, **more)}}


def pod(name, arguments, name_space=SPACE, account_name="visitor", restart="Always"):
    made = template(name, "v1", list(arguments), account_name, probe=False)
    made["spec"]["restartPolicy"] = restart
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {**made["metadata"], **metadata(name, name_space)} | {
        "labels": made["metadata"]["labels"]}, "spec": made["spec"]}


def namespace(name, meshed):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": name, **({"labels": {"weft.dev/inject": "enabled"}} if meshed else {})}}


ACCOUNTS = [account(name) for name in ("web", "cart", "ledger", "db", "visitor")]
SERVICES = [
    service("web", {"app": "web"}), service("cart", {"app": "cart"}), service("ledger", {"app": "ledger"}),
    service("cart-v1", {"app": "cart", "version": "v1"}), service("cart-v2", {"app": "cart", "version": "v2"}),
    service("db", {"app": "db"}, 3306, "db", port_name="db"),
    service("db-peers", {"app": "db"}, 3306, "db", port_name="db", clusterIP="None"),
]
DEPLOYMENTS = [
    deployment("web", "web", replicas=2), deployment("cart-v1", "cart", "v1", replicas=2), deployment("cart-v2", "cart", "v2"),
    deployment("ledger", "ledger", replicas=3),
]
DATABASE = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata("db"), "spec": {
    "replicas": 2, "serviceName": "db-peers", "podManagementPolicy": "Parallel",
    "selector": {"matchLabels": {"app": "db", "version": "v1"}},
    "template": template("db", "v1", ["greet"], "db", port=3306, port_name="db", probe=False)}}
CLIENT = pod("client", ["pause"])
WORKLOADS = {"web": 2, "cart": 3, "ledger": 3, "db": 2, "client": 1}

# The sidecar in other ways than the usual one.
WAYS = {"transparent": {"weft.dev/redirect-mode": "tproxy"}, "named": {"weft.dev/dns": "true"},
        "classic": {"weft.dev/sidecar-mode": "classic"}}
OTHERS = [one for name, annotations in WAYS.items() for one in (
    account(name), service(name, {"app": name}), deployment(name, name, replicas=2, annotations=annotations))]

JOB = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata("once"), "spec": {
    "backoffLimit": 0, "template": template("once", "v1", ["job", "http://cart.shop/from-a-job"], "visitor", probe=False)}}
JOB["spec"]["template"]["spec"]["restartPolicy"] = "Never"

SPLIT = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata("cart"), "spec": {
    "parentRefs": [{"group": "", "kind": "Service", "name": "cart"}],
    "rules": [{"name": "main", "backendRefs": [{"name": "cart-v1", "port": 80, "weight": 90},
                                               {"name": "cart-v2", "port": 80, "weight": 10}]}]}}
SUBSETS = {"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": metadata("cart"), "spec": {
    "host": "cart", "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]}}
VIRTUAL = {"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": metadata("cart"), "spec": {
    "hosts": ["cart"], "http": [
        {"match": [{"headers": {"canary": {"exact": "true"}}}], "route": [{"destination": {"host": "cart", "subset": "v2"}}]},
        {"route": [{"destination": {"host": "cart", "subset": "v1"}, "weight": 90},
                   {"destination": {"host": "cart", "subset": "v2"}, "weight": 10}]}]}}
EJECTION = {"apiVersion": "weft.dev/v1alpha1", "kind": "TrafficPolicy", "metadata": metadata("ledger"), "spec": {
    "targetRefs": [{"group": "", "kind": "Service", "name": "ledger"}],
    # Nothing but the ejection shall hide the failing one.
    "retry": {"attempts": 0}, "loadBalancer": {"type": "RoundRobin"}, "circuitBreaker": {"preset": "Off"},
    "outlier": {"gatewayErrors": 3, "interval": "1s", "ejectFor": "5m", "maxEjectFor": "10m", "maxEjected": "50%"}}}


# Whose answers take so long that some are always under way.
SLOW = [account("slow"), service("slow", {"app": "slow"}), deployment("slow", "slow", replicas=2, arguments=("serve", "-work", "3s"))]


COLLECTOR = "http://collector.observe:4318/v1/traces"


def mesh_config(**spec):
    return {"apiVersion": "weft.dev/v1alpha1", "kind": "MeshConfig", "metadata": {"name": "default"}, "spec": {
        "accessLog": {"mode": "All"}, "tracing": {"sampling": "100%", "otlp": {"endpoint": COLLECTOR}}, **spec}}


# What receives traces, in a namespace that is not meshed.
def collector():
    space, labels = "observe", {"app": "collector"}
    return [
        namespace(space, meshed=False),
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("collector", space), "spec": {
            "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
                "name": "app", "image": "weft.test/collector:1", "args": ["-listen", "0.0.0.0:4318"],
                "readinessProbe": {"tcpSocket": {"port": 4318}, "periodSeconds": 1}}]}}}},
        service("collector", labels, 4318, 4318, space)]
