"""What a mesh in a cluster promises, a function each; `cluster` is a Whole in which the steps before have been done."""

import base64
import json
import os
import re
import subprocess
import time

import shop
from harness.checks import Failed, wait_until
from harness.processes import temp_dir
from manifests import documents_in, weft

MESH = "weft-system"
IDENTITY = "spiffe://cluster.local/ns/shop/sa/{}"


def whole(cluster):
    """The control planes that are ready."""
    return cluster.ready_pods(MESH, "app.kubernetes.io/name=weft-control")


# ---- it comes up ----

def asks_the_webhooks(cluster):
    """Whether a pod would be taken, which makes the API server ask the injector of it."""
    pod = shop.pod("probe", ["pause"], shop.SPACE, "default")
    done = cluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", text=json.dumps(pod))
    return done.returncode == 0


def install(checks, cluster):
    """What `weft install` prints is all that people apply."""
    documents = documents_in(weft("install"))
    # Definitions first and alone: an object of a kind that was made just now is refused for a moment.
    crds = [one for one in documents if one["kind"] in ("CustomResourceDefinition", "Namespace")]
    cluster.apply_with_kubectl(*crds)
    for crd in crds:
        if crd["kind"] == "CustomResourceDefinition":
            wait_until(lambda path=cluster.path_of(crd): cluster.condition(cluster.get(path), "Established"),
                       crd["metadata"]["name"], 30, 0.2)
    cluster.apply_with_kubectl(*[one for one in documents if one not in crds])
    configured = [one for one in documents if one["kind"].endswith("WebhookConfiguration")]
    if configured:
        cluster.wait_rolled_out(MESH, "deployment/weft-control")
        for one in configured:
            wait_until(lambda path=cluster.path_of(one): all(
                hook["clientConfig"].get("caBundle") for hook in cluster.get(path)["webhooks"]),
                f"caBundle of {one['metadata']['name']}", 30, 0.2)
        # What is rolled out is in kube-proxy's rules a moment later; until then they refuse the API server.
        cluster.apply_with_kubectl(shop.namespace(shop.SPACE, meshed=True))
        wait_until(lambda: asks_the_webhooks(cluster), "a way to the webhooks", 20, 0.2)
    else:
        own_webhook(cluster)
    checks.that("what weft install prints comes up", whole(cluster))


def own_webhook(cluster):
    """In the place of what `weft install` does not print: the flag, and the configuration with the root of the Secret."""
    print("note: weft install prints no webhook configurations; the test applies its own", flush=True)
    cluster.told("patch", "deployment/weft-control", "-n", MESH, "--type=json", "-p", json.dumps(
        [{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--webhook=0.0.0.0:15017"}]))
    cluster.wait_rolled_out(MESH, "deployment/weft-control")
    secret = wait_until(lambda: cluster.get(f"/api/v1/namespaces/{MESH}/secrets/weft-root"), "root in a Secret", 30, 0.2)
    root = base64.b64decode(secret["data"]["root.pem"]).decode()
    certificate = re.search("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", root, re.DOTALL)[0]

    def asked(name, path, **selectors):
        return {"name": name, "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
                "clientConfig": {"service": {"namespace": MESH, "name": "weft-control", "path": path, "port": 443},
                                 "caBundle": base64.b64encode(certificate.encode()).decode()},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}], **selectors}
    cluster.apply_all({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                       "metadata": {"name": "weft-injector"}, "webhooks": [
                           asked("namespaces.weft.dev", "/inject",
                                 namespaceSelector={"matchLabels": {"weft.dev/inject": "enabled"}})]})


def come_up(checks, cluster):
    """A namespace is labelled, and what is made in it is meshed."""
    cluster.apply_with_kubectl(*shop.collector(), shop.namespace("outside", meshed=False), shop.account("stranger", "outside"),
                               shop.namespace(shop.SPACE, meshed=True))
    cluster.apply_all(shop.mesh_config())
    cluster.apply_with_kubectl(*shop.ACCOUNTS, *shop.SERVICES, *shop.DEPLOYMENTS, shop.DATABASE, shop.CLIENT)
    cluster.apply_with_kubectl(shop.pod("stranger", ["pause"], "outside", "stranger"))
    start = time.monotonic()
    for app, count in shop.WORKLOADS.items():
        wait_until(lambda app=app, count=count: len(cluster.ready_pods(shop.SPACE, f"app={app}")) == count,
                   f"{count} of {app}", 90, 0.3)
    print(f"the shop is up after {time.monotonic() - start:.1f} s", flush=True)
    pods = cluster.pods(shop.SPACE)
    names = [[one["name"] for one in pod["spec"].get("initContainers") or []] for pod in pods]
    checks.that(f"all {len(pods)} pods of the labelled namespace have the redirect and the sidecar",
                all("weft-sidecar" in one and len(one) >= 2 for one in names), names)
    checks.that("a pod of another namespace has not",
                not any(pod["spec"].get("initContainers") for pod in cluster.pods("outside")))
    checks.that("nobody was started twice for it", all(
        one["restartCount"] == 0 for pod in pods for kind in ("containerStatuses", "initContainerStatuses")
        for one in pod["status"].get(kind) or []))
    cluster.wait_rolled_out("observe", "deployment/collector")
    wait_until(lambda: cluster.ready_pods("outside", "app=stranger"), "a stranger", 60, 0.3)


# ---- calls ----

def calls(cluster, url, count=1, headers=(), pod="client", name_space=shop.SPACE):
    """What `app get` in a pod has to say."""
    flags = [part for header in headers for part in ("-header", header)]
    done = cluster.run_in(name_space, pod, "/app", "get", "-n", str(count), *flags, url, timeout=90)
    if done.returncode != 0:
        raise Failed(f"{pod} to {url}: {done.stderr.strip()[-500:]}")
    return json.loads(done.stdout)


def log_lines(cluster, pod, **wanted):
    """The access log of a pod's sidecar, of requests that are like this."""
    found = []
    for line in cluster.logs(shop.SPACE, pod, "weft-sidecar").splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            if all(record.get(key) == value for key, value in wanted.items()):
                found.append(record)
    return found


def identities(checks, cluster):
    """A call to a ClusterIP is mTLS, and both ends write down who the other one is."""
    address = cluster.get("/api/v1/namespaces/shop/services/cart")["spec"]["clusterIP"]
    came = calls(cluster, f"http://{address}/who")
    if not checks.equal("a call to a ClusterIP is answered", (came["answered"], came["lost"]), (1, 0)):
        print(came, flush=True)
        return
    pod = came["last"]["pod"]

    def line(where, direction):
        return wait_until(lambda: log_lines(cluster, where, path="/who", direction=direction),
                          f"{direction} line of {where}", 10, 0.3)[0]
    inbound, outbound = line(pod, "inbound"), line("client", "outbound")
    checks.equal("cart's sidecar proved who called", (inbound["source"]["principal"], inbound["tls"]),
                 (IDENTITY.format("visitor"), "TLSv1.3"))
    checks.equal("the client's sidecar proved who answered", outbound["destination"].get("principal"), IDENTITY.format("cart"))
    checks.equal("and both name the Service", (outbound["destination"]["service"], outbound["destination"]["workload"]),
                 ("cart.shop.svc.cluster.local", pod))
    for name in ("cart", "cart.shop", "cart.shop.svc.cluster.local"):
        came = calls(cluster, f"http://{name}/by-name")
        checks.equal(f"http://{name} is answered", (came["answered"], came["lost"]), (1, 0))
    called = calls(cluster, "http://web/call?url=http://cart/through")
    checks.equal("a call through web to cart is answered", (called["answered"], (called["last"] or {}).get("next", {}).get("app")),
                 (1, "cart"))


def status_page(checks, cluster):
    """`weft status`, beside the control plane: every sidecar has what it is to have."""
    def said():
        return cluster.kubectl("exec", "-n", MESH, "deployment/weft-control", "--", "/usr/local/bin/weft", "status")
    try:
        wait_until(lambda: said().returncode == 0, "status in which all is well", 20, 1)
        checks.that("weft status says that all is well", True)
    except Failed:
        done = said()
        checks.that("weft status says that all is well", False, done.stdout + done.stderr)


def strict(checks, cluster):
    """Who has no identity gets no answer from whoever is meshed; probes do."""
    for url in ("http://cart.shop/", f"http://{cluster.pods(shop.SPACE, 'app=cart')[0]['status']['podIP']}:8080/"):
        came = calls(cluster, url, pod="stranger", name_space="outside")
        checks.equal(f"a pod without a sidecar is refused at {url}", (came["answered"], came["lost"]), (0, 1))
    came = calls(cluster, "http://collector.observe:4318/")
    checks.equal("a meshed pod reaches one that is not", list(came["statuses"]), ["404"])


NINETY_TEN = {"cart v1": 180, "cart v2": 20}


def split_of(cluster, wanted, count=200, headers=(), patience=20):
    """Calls until the split is there: a change takes a moment to arrive."""
    deadline = time.monotonic() + patience
    while True:
        came = calls(cluster, "http://cart.shop/split", count, headers)
        if came["versions"] == wanted or time.monotonic() > deadline:
            return came["versions"], came["lost"]


def http_route(checks, cluster):
    """90/10 by HTTPRoute is 90/10."""
    cluster.apply_with_kubectl(shop.SPLIT)
    checks.equal("HTTPRoute 90/10 of 200 calls", split_of(cluster, NINETY_TEN), (NINETY_TEN, 0))


def route_status(checks, cluster):
    """kubectl shows what became of a route."""
    def conditions():
        shown = json.loads(cluster.told("get", "httproute", "cart", "-n", shop.SPACE, "-o", "json"))
        parents = (shown.get("status") or {}).get("parents") or []
        if len(parents) != 1:
            return None
        return {one["type"]: one["status"] for one in parents[0]["conditions"]}, parents[0], shown["metadata"]["generation"]
    try:
        held, parent, generation = wait_until(conditions, "status of the route", 30, 0.5)
    except Failed as error:
        checks.that("kubectl shows the status of an HTTPRoute", False, error)
        return
    checks.equal("kubectl shows that the HTTPRoute is accepted and leads somewhere",
                 (held.get("Accepted"), held.get("ResolvedRefs")), ("True", "True"))
    checks.equal("its parentRef is as it was written", parent["parentRef"], shop.SPLIT["spec"]["parentRefs"][0])
    checks.that("of this generation", all(one["observedGeneration"] == generation for one in parent["conditions"]), parent)

    def applied():
        _, parent, _ = conditions()
        said = next((one["message"] for one in parent["conditions"] if one["type"] == "weft.dev/Programmed"), "")
        counts = re.fullmatch(r"applied by (\d+) of (\d+) sidecars", said)
        return counts and counts[1] == counts[2] != "0" and said
    checks.that(f"and {wait_until(applied, 'sidecars that have applied it', 30, 0.3)}", True)


def virtual_service(checks, cluster):
    """The same in Istio's words."""
    cluster.told("delete", "httproute", "cart", "-n", shop.SPACE)
    cluster.apply_with_kubectl(shop.SUBSETS, shop.VIRTUAL)
    checks.equal("VirtualService 90/10 of 200 calls", split_of(cluster, NINETY_TEN), (NINETY_TEN, 0))
    checks.equal("and its header chooses a subset", split_of(cluster, {"cart v2": 50}, 50, ["canary=true"]), ({"cart v2": 50}, 0))
    cluster.told("delete", "virtualservice,destinationrule", "cart", "-n", shop.SPACE)


def ejection(checks, cluster):
    """One of three fails; soon nobody is sent there."""
    cluster.apply_with_kubectl(shop.EJECTION)
    pods = cluster.ready_pods(shop.SPACE, "app=ledger")
    wait_until(lambda: len(calls(cluster, "http://ledger/before", 30)["pods"]) == len(pods), "calls to each of ledger", 20, 0.5)
    bad = pods[0]
    done = cluster.run_in(shop.SPACE, bad, "/app", "get", "http://127.0.0.1:8080/fail?status=503")
    checks.equal("one instance of ledger fails from now on", json.loads(done.stdout)["answered"], 1)
    came = calls(cluster, "http://ledger/failing", 60)
    checks.that("a few calls fail", 0 < came["lost"] <= 6, came)
    came = calls(cluster, "http://ledger/after", 60)
    checks.that("then it is left alone", came["lost"] == 0 and bad not in came["pods"] and len(came["pods"]) == 2, came)
    cluster.told("delete", "trafficpolicy", "ledger", "-n", shop.SPACE)
    cluster.told("delete", "pod", bad, "-n", shop.SPACE, timeout=60)
    wait_until(lambda: len(cluster.ready_pods(shop.SPACE, "app=ledger")) == 3, "a new ledger", 60, 0.3)


def job(checks, cluster):
    """A Job that calls once completes: its sidecar goes when it has."""
    cluster.apply_with_kubectl(shop.JOB)
    start = time.monotonic()
    path = "/apis/batch/v1/namespaces/shop/jobs/once"
    try:
        wait_until(lambda: cluster.condition(cluster.get(path), "Complete"), "end of the Job", 60, 0.3)
        checks.that(f"a Job completes ({time.monotonic() - start:.1f} s)", True)
    except Failed as error:
        checks.that("a Job completes", False, f"{error}: {cluster.get(path).get('status')}")


def greetings(checks, cluster):
    """A protocol in which the server speaks first, by Service, by headless Service, and by a peer's own name."""
    names = cluster.ready_pods(shop.SPACE, "app=db")
    address = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in cluster.pods(shop.SPACE, "app=db")}

    def greeted(where, to):
        done = cluster.run_in(shop.SPACE, where, "/app", "greeted", to)
        parts = re.fullmatch(r"(\d+) ms \| greetings from (\S+) \| (\S+) says thanks\s*", done.stdout)
        return (parts[2], parts[3], int(parts[1])) if parts else (done.stdout + done.stderr, "", 0)
    pod, again, waited = greeted("client", "db:3306")
    checks.that("a server-first protocol by ClusterIP", pod in names and pod == again and waited < 1000, (pod, again, waited))
    pod, again, _ = greeted("client", "db-peers:3306")
    checks.that("by a headless Service", pod in names and pod == again, (pod, again))
    for name in names:
        for to in (f"{name}.db-peers:3306", f"{address[name]}:3306"):
            pod, again, _ = greeted("client", to)
            checks.equal(f"{to} is {name}", (pod, again), (name, name))
    pod, _, _ = greeted("db-0", "db-1.db-peers.shop.svc.cluster.local:3306")
    checks.equal("a StatefulSet's peer calls another", pod, "db-1")
    pod, _, _ = greeted("db-0", "db-0.db-peers:3306")
    checks.equal("and itself", pod, "db-0")


def traces(checks, cluster):
    """Spans of a request through two services reach a collector that runs as a pod, as one trace."""
    calls(cluster, "http://web/call?url=http://cart/traced", 3)

    def spans():
        found = []
        for line in cluster.logs("observe", "deployment/collector", "app").splitlines():
            message = json.loads(line)
            if "span" in message:
                found.append(message["span"])
        by_trace = {}
        for span in found:
            by_trace.setdefault(span["trace_id"], set()).add((span["service"], span["kind"]))
        return [one for one in by_trace.values() if {service.split(".")[0] for service, _ in one} >= {"client", "web", "cart"}]
    found = wait_until(spans, "trace through client, web and cart", 30, 0.5)
    checks.that("a trace through three sidecars reaches the collector", len(found[0]) >= 4, found[0])


# ---- other people's tests ----

# What the conformance tests are told of weft, beyond the core of MESH-HTTP and MESH-GRPC.
FEATURES = ["MeshClusterIPMatching", "MeshConsumerRoute", "MeshHTTPRouteRewritePath", "MeshHTTPRouteSchemeRedirect",
            "MeshHTTPRouteRedirectPort", "MeshHTTPRouteRedirectPath", "MeshHTTPRouteBackendRequestHeaderModification",
            "MeshHTTPRouteQueryParamMatching", "MeshHTTPRouteNamedRouteRule", "HTTPRouteResponseHeaderModification",
            "HTTPRouteParentRefPort"]


def conformance(checks, cluster):
    """The Gateway API's own mesh tests as they are; only their image is ours (app/echo.go)."""
    report = temp_dir() / "conformance.yaml"
    with (temp_dir() / "conformance.log").open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [cluster.conformance, "-test.run=TestConformance", "-test.v", "-test.timeout=900s", "-conformance-profiles=MESH-HTTP,MESH-GRPC",
             f"-supported-features={','.join(FEATURES)}", "-namespace-labels=weft.dev/inject=enabled", "-organization=weft",
             "-project=weft", "-url=https://weft.dev", "-version=0.1.0", "-contact=nobody", f"-report-output={report}"],
            stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=960, check=False,
            env=dict(os.environ, KUBECONFIG=str(cluster.admin)))
    said = (temp_dir() / "conformance.log").read_text(encoding="utf-8", errors="replace")
    found = re.findall(r"^ *--- (\w+): TestConformance/(Mesh\w+) ", said, re.MULTILINE)
    verdicts = {name: verdict for verdict, name in found}
    for name, verdict in sorted(verdicts.items()):
        if verdict == "SKIP":
            print(f"left out: {name}, by the tests' own rules", flush=True)
        else:
            checks.equal(f"conformance: {name}", verdict, "PASS")
    checks.that(f"the Gateway API's conformance tests ran ({len(verdicts)} of the mesh)",
                list(verdicts.values()).count("PASS") >= 10, said[-1500:])
    if done.returncode != 0 and "FAIL" not in verdicts.values():
        checks.that("and ended well", False, said[-1500:])


ALL = [install, come_up, identities, status_page, strict, http_route, route_status, virtual_service, ejection, job, greetings,
       traces, conformance]
