"""What weft-control writes into a real API server, and which of several replicas does; the webhooks, asked by that server."""

import base64
import copy
import json
import re
import signal
import socket
import time
import urllib.request

import cases
from harness.checks import Failed, wait_until
from harness.processes import Process, free_port, temp_dir
from manifests import documents_in, weft

MESH = "weft-system"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{MESH}/leases/weft-control"
ROUTES = "/apis/gateway.networking.k8s.io/v1/namespaces/shop/httproutes"
PARENT = {"group": "", "kind": "Service", "name": "cart", "port": 80}


def route(name, backend="cart-v1", **metadata):
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": name, "namespace": "shop", **metadata},
            "spec": {"parentRefs": [PARENT], "rules": [{"backendRefs": [{"name": backend, "port": 80}]}]}}


class ControlPlane:
    """One replica, as the account that the manifests give it."""

    def __init__(self, cluster, name):
        config = temp_dir() / f"{name}.kubeconfig"
        config.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": cluster.url, "certificate-authority": str(cluster.ca)}}],
            "users": [{"name": "it", "user": {"token": cluster.token_of(MESH, "weft-control")}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}]}))
        self.name = name
        self.webhook = free_port()
        self.process = Process(name, ["weft-control", "--kubernetes", "--kubeconfig", config, "--listen", "127.0.0.1:0", "--admin",
                                      "127.0.0.1:0", "--webhook", f"127.0.0.1:{self.webhook}"], env={"WEFT_POD_NAME": name})
        ready = wait_until(self._ready, f"ready {name}", 30, 0.1)
        self.xds, self.admin = int(ready[1]), int(ready[2])

    def _ready(self):
        if not self.process.running():
            raise Failed(f"{self.name} ended:\n{self.process.tail()}")
        return re.search(r" ready xds=\S+:(\d+) .*admin=\S+:(\d+) ", self.process.output())

    def page(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=5) as answer:
            return answer.read().decode()

    def metric(self, line):
        found = re.search(rf"^{re.escape(line)} (\S+)$", self.page("/metrics"), re.MULTILINE)
        return float(found[1]) if found else None

    def leads(self):
        return self.metric("weft_control_leader") == 1

    def written(self):
        return self.metric('weft_control_status_writes_total{result="written"}')

    def serves(self):
        with socket.create_connection(("127.0.0.1", self.xds), timeout=2):
            return True


def conditions(parent):
    return {one["type"]: (one["status"], one["reason"], one["observedGeneration"]) for one in parent["conditions"]}


def parents_of(cluster, name):
    held = cluster.get(f"{ROUTES}/{name}") or {}
    return (held.get("status") or {}).get("parents") or []


def told(cluster, name, generation):
    parents = parents_of(cluster, name)
    return parents and conditions(parents[0])["Accepted"][2] == generation and parents


def statuses(checks, cluster):
    """Exact, by server-side apply, of the newest generation, and quiet when nothing changes."""
    one = ControlPlane(cluster, "control-status")
    wait_until(one.leads, "leader", 30, 0.2)
    start = time.monotonic()
    cluster.apply(route("told"))
    parents = wait_until(lambda: told(cluster, "told", 1), "status of a route", 10, 0.05)
    checks.that(f"a route has its status {time.monotonic() - start:.1f} s after it was applied", True)
    checks.equal("one entry, of its parentRef as it was written", [(each["parentRef"], each["controllerName"]) for each in parents],
                 [(PARENT, "weft.dev/control")])
    checks.equal("accepted, resolved, and how many sidecars have it", conditions(parents[0]),
                 {"Accepted": ("True", "Accepted", 1), "ResolvedRefs": ("True", "ResolvedRefs", 1),
                  "weft.dev/Programmed": ("True", "Programmed", 1)})
    fields = cluster.get(f"{ROUTES}/told")["metadata"]["managedFields"]
    checks.equal("written by weft-control alone, to the status alone",
                 [(each["manager"], each["operation"]) for each in fields if each.get("subresource") == "status"],
                 [("weft-control", "Apply")])
    since = {each["type"]: each["lastTransitionTime"] for each in parents[0]["conditions"]}
    time.sleep(1.1)  # the API server's times have whole seconds
    cluster.apply(route("told", "nowhere"))
    parents = wait_until(lambda: told(cluster, "told", 2), "status of the next generation", 10, 0.05)
    now = conditions(parents[0])
    checks.equal("the next generation says what it leads to is not there", now["ResolvedRefs"], ("False", "BackendNotFound", 2))
    moved = {each["type"] for each in parents[0]["conditions"] if each["lastTransitionTime"] != since.get(each["type"])}
    checks.equal("and only what has changed has another time", moved, {"ResolvedRefs"})

    foreign = {"parentRef": {"name": "edge"}, "controllerName": "example.com/gateway", "conditions": []}
    cluster.ask("PATCH", f"{ROUTES}/told/status", {"status": {"parents": [foreign, *parents]}},
                content_type="application/merge-patch+json")
    cluster.apply(route("told"))
    wait_until(lambda: len(parents_of(cluster, "told")) == 2 and conditions(parents_of(cluster, "told")[1])["Accepted"][2] == 3,
               "status beside another controller's", 10, 0.05)
    checks.equal("what another controller wrote stays", parents_of(cluster, "told")[0], foreign)

    before, written = cluster.get(f"{ROUTES}/told")["metadata"]["resourceVersion"], one.written()
    time.sleep(4)
    checks.equal("nothing is written while nothing changes",
                 (cluster.get(f"{ROUTES}/told")["metadata"]["resourceVersion"], one.written()), (before, written))

    target = dict(cases.SERVICE, name="reviews")  # not one that an example is about
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "reviews", "namespace": "shop"},
                   "spec": {"selector": {"app": "reviews"}, "ports": [{"name": "http", "port": 80}]}})
    policy = cases.policy([target], retry={"attempts": 3})
    policy["metadata"]["name"] = "patient"
    cluster.apply(policy)

    def ancestors():
        return ((cluster.get(cluster.path_of(policy)) or {}).get("status") or {}).get("ancestors")
    ancestor = wait_until(ancestors, "status of a policy", 10, 0.05)[0]
    checks.equal("a TrafficPolicy has its conditions", (ancestor["ancestorRef"], conditions(ancestor)),
                 (target, {"Accepted": ("True", "Accepted", 1), "Programmed": ("True", "Programmed", 1)}))
    refused = [line for line in one.process.output().splitlines() if re.search(r"\b403\b", line)]
    checks.equal("nothing was refused to its account", refused, [])
    one.process.stop()
    checks.equal("who drains gives the Lease back", cluster.get(LEASE)["spec"].get("holderIdentity", ""), "")


def shipped(*flags):
    return [each for each in documents_in(weft("install", "--no-crds", *flags)) if each["kind"].endswith("WebhookConfiguration")]


def put_away(checks, cluster):
    """They lead to Services, which nobody routes here: whoever asks would wait for them."""
    for each in shipped() + shipped("--revision", "v2"):
        cluster.delete(each)


def put_back(checks, cluster):
    for each in shipped() + shipped("--revision", "v2"):
        cluster.apply(each)


def moved_door(cluster, configuration, port):
    """The configuration as shipped, but for the door: there is no network of Services here, so it is on loopback."""
    moved = copy.deepcopy(configuration)
    moved["metadata"] = {"name": configuration["metadata"]["name"] + "-on-loopback"}
    for hook in moved["webhooks"]:
        path = hook["clientConfig"].pop("service")["path"]
        hook["clientConfig"]["url"] = f"https://localhost:{port}{path}"
    answer = cluster.ask("POST", cluster.path_of(moved).rsplit("/", 1)[0], moved)
    if answer.status != 201:
        raise Failed(f"{moved['metadata']['name']}: {answer.status} {answer.body}")
    return moved


def pod(name, **labels):
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "meshed", "labels": labels},
            "spec": {"containers": [{"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}]}}


def webhooks(checks, cluster):
    """The caBundle is kept; the real API server believes the certificate, asks, and takes the answers."""
    one = ControlPlane(cluster, "control-webhooks")
    root = base64.b64decode(cluster.get(f"/api/v1/namespaces/{MESH}/secrets/weft-root")["data"]["root.pem"]).decode()
    certificate = root[root.index("-----BEGIN CERTIFICATE"):].strip()
    configurations = shipped()
    for each in configurations:
        cluster.apply(each)

    def bundles(document):
        held = cluster.get(cluster.path_of(document))
        return {base64.b64decode(hook["clientConfig"].get("caBundle") or "").decode().strip() for hook in held["webhooks"]}
    for each in configurations:
        wait_until(lambda each=each: bundles(each) == {certificate}, f"caBundle of {each['metadata']['name']}", 10, 0.1)
        checks.that(f"{each['metadata']['name']} believes the mesh's root", True)
        hooks = copy.deepcopy(cluster.get(cluster.path_of(each)))
        hooks["webhooks"][0]["clientConfig"]["caBundle"] = base64.b64encode(
            (cluster.ca).read_bytes()).decode()
        cluster.ask("PUT", cluster.path_of(each), hooks)
        start = time.monotonic()
        wait_until(lambda each=each: bundles(each) == {certificate}, f"caBundle of {each['metadata']['name']} again", 10, 0.05)
        checks.that(f"and again {time.monotonic() - start:.1f} s after somebody has put another one there", True)
        again = cluster.apply(each)
        checks.that("and is as it was when the manifests are applied anew", again.status == 200 and bundles(each) == {certificate},
                    again.status)

    cluster.ask("POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "meshed", "labels": {"weft.dev/inject": "enabled"}}})
    for space in ("meshed", "shop"):
        cluster.ask("POST", f"/api/v1/namespaces/{space}/serviceaccounts",
                    {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}})
    moved = [moved_door(cluster, cluster.get(cluster.path_of(each)), one.webhook) for each in configurations]
    put_away(checks, cluster)

    def made(document, query=""):
        return cluster.ask("POST", f"/api/v1/namespaces/{document['metadata']['namespace']}/pods{query}", document)
    try:
        # The API server hears of a configuration a moment later.
        wait_until(lambda: "initContainers" in made(pod("try"), "?dryRun=All").body.get("spec", {}), "injection", 20, 0.3)
        first = made(pod("first"))
        names = [each["name"] for each in first.body["spec"].get("initContainers", [])]
        checks.that("a pod of a labelled namespace gets its sidecar from the API server's own call", "weft-sidecar" in names, names)
        checks.equal("one that says no gets none", made(pod("second", **{"weft.dev/inject": "disabled"})).body["spec"].get(
            "initContainers"), None)
        elsewhere = pod("third", **{"weft.dev/inject": "enabled"})
        elsewhere["metadata"]["namespace"] = "shop"
        names = [each["name"] for each in made(elsewhere).body["spec"].get("initContainers", [])]
        checks.that("one that asks for it gets it anywhere", "weft-sidecar" in names, names)
        host = pod("host")
        host["spec"]["hostNetwork"] = True
        answer = made(host)
        checks.that("one that cannot be meshed is made, with a warning", answer.status == 201 and any(
            "no sidecar" in each for each in answer.warnings), (answer.status, answer.warnings))
        past = cases.policy(faults=[{"name": "past", "until": "2020-01-01T00:00:00Z", "reset": True}])
        past["metadata"]["name"] = "past"
        answer = cluster.apply(past)
        checks.that("a TrafficPolicy that no schema could refuse is refused, with the reason", answer.status == 422 or (
            answer.status >= 400 and "until" in json.dumps(answer.body)), (answer.status, answer.body))
        checks.equal("and is not there", cluster.get(cluster.path_of(past)), None)
        # A pod there is by now that should be meshed and is not: it has an address, as if it ran.
        cluster.ask("PATCH", "/api/v1/namespaces/meshed/pods/host/status", {"status": {"phase": "Running", "podIP": "10.9.0.1",
                    "podIPs": [{"ip": "10.9.0.1"}]}}, content_type="application/merge-patch+json")
        wait_until(one.leads, "leader", 30, 0.2)

        def event():
            listed = cluster.get("/apis/events.k8s.io/v1/namespaces/meshed/events") or {"items": []}
            return next((each for each in listed["items"] if each["regarding"].get("name") == "host"), None)
        seen = wait_until(event, "event of a pod that cannot be meshed", 30, 0.3)
        checks.that("it says why in an event", seen["reason"] == "NotMeshed" and "hostNetwork" in seen["note"], seen)
    finally:
        for each in moved:
            cluster.delete(each)
        one.process.stop()


class Pace:
    """A route that is changed again and again, so that whoever may write has something to write."""

    def __init__(self, cluster):
        self.cluster, self.count = cluster, 0

    def step(self):
        self.count += 1
        self.cluster.apply(route("paced", ("cart-v1", "cart")[self.count % 2]))
        lease = self.cluster.get(LEASE)["spec"]
        return lease.get("holderIdentity") or "", lease.get("leaseTransitions", 0)


def replicas(checks, cluster):
    """Two of them: the leader stands still, and later is killed; another leads soon, and never do two write."""
    first, second = ControlPlane(cluster, "control-a"), ControlPlane(cluster, "control-b")
    wait_until(lambda: first.leads() or second.leads(), "leader", 30, 0.1)
    if second.leads():
        first, second = second, first
    checks.that("one of two leads, and both serve sidecars", not second.leads() and first.serves() and second.serves())
    pace = Pace(cluster)
    held = [pace.step()]
    wait_until(lambda: pace.step() and first.written() > 3, "writes", 20, 0.2)
    checks.equal("only the leader writes", second.written(), 0)

    # As a machine that swaps, or a debugger: it comes back and does not know that time has passed.
    first.process.signal(signal.SIGSTOP)
    start = time.monotonic()
    try:
        def other_leads():
            held.append(pace.step())
            return second.leads()
        wait_until(other_leads, "another leader", 40, 0.1)
        seconds = time.monotonic() - start
        checks.that(f"a leader that stands still is replaced after {seconds:.1f} s", seconds <= 15, seconds)
        wait_until(lambda: pace.step() and second.written() > 3, "writes of the new leader", 20, 0.2)
    finally:
        first.process.signal(signal.SIGCONT)
    before = first.written()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        held.append(pace.step())
        if first.leads() and second.leads():
            checks.that("never two lead", False)
        time.sleep(0.1)
    checks.equal("when it goes on it writes no more", (first.written(), first.leads()), (before, False))

    start = time.monotonic()
    second.process.kill()

    def back():
        held.append(pace.step())
        if not first.serves():
            raise Failed("the other one serves no more")
        return first.leads()
    wait_until(back, "leader", 40, 0.1)
    seconds = time.monotonic() - start
    checks.that(f"a leader that is killed is replaced after {seconds:.1f} s, and the other one serves all the while", seconds <= 15,
                seconds)
    last = pace.step()
    generation = cluster.get(f"{ROUTES}/paced")["metadata"]["generation"]
    wait_until(lambda: told(cluster, "paced", generation), "status by the new leader", 10, 0.1)
    checks.that("and writes what had changed meanwhile", True)
    hands = [number for _, number in held + [last]]
    by_number = {}
    for holder, number in held + [last]:
        if holder:
            by_number.setdefault(number, set()).add(holder)
    checks.that("the Lease's history: one holder for each change of hands, in order", hands == sorted(hands) and all(
        len(holders) == 1 for holders in by_number.values()) and len(by_number) == 3, by_number)
    first.process.stop()
