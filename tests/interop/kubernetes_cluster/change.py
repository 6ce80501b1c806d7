"""What a mesh promises while things change: nobody who calls notices."""

import json
import time

import shop
from harness.checks import Failed, wait_until
from promises import MESH, whole

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{MESH}/leases/weft-control"


class Load:
    """Calls at an even pace to every Service and through one to another, by a pod of its own; a `with` around what is tried."""

    URLS = ["http://web/load", "http://cart/load", "http://ledger/load", "http://web/call?url=http://cart/load"]

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        self.cluster.apply_with_kubectl(shop.pod("load", ["load", "-rate", "20", *self.URLS], restart="Never"))
        wait_until(lambda: self.cluster.ready_pods(shop.SPACE, "app=load"), "load", 60, 0.3)
        wait_until(lambda: self.latest()["answered"] > 100, "answers under load", 30, 0.5)
        self.before = self.latest()["lost"]
        return self

    def latest(self):
        """What came of its calls until a second ago."""
        lines = self.cluster.logs(shop.SPACE, "load", "app", "--tail=1").strip()
        return json.loads(lines) if lines else {"sent": 0, "answered": 0, "lost": 0, "failures": []}

    def settled(self):
        time.sleep(1.5)
        return self.latest()

    def __exit__(self, *_):
        self.cluster.kubectl("delete", "pod", "load", "-n", shop.SPACE, timeout=60)


def restarts(checks, cluster):
    """Everything is restarted, one Deployment after the other and the control plane among them."""
    lost = {}
    with Load(cluster) as load:
        for name_space, name in ((shop.SPACE, "web"), (shop.SPACE, "cart-v1"), (shop.SPACE, "cart-v2"), (shop.SPACE, "ledger"),
                                 (MESH, "weft-control"), (shop.SPACE, "web")):
            start, had = time.monotonic(), load.latest()["lost"]
            cluster.told("rollout", "restart", "-n", name_space, f"deployment/{name}")
            cluster.wait_rolled_out(name_space, f"deployment/{name}", patience=180)
            # The new ones are there before the old ones go: wait until they are gone.
            labels = cluster.get(f"/apis/apps/v1/namespaces/{name_space}/deployments/{name}")["spec"]["selector"]["matchLabels"]
            selector = ",".join(f"{key}={value}" for key, value in labels.items())
            wait_until(lambda selector=selector, name_space=name_space: not any(
                "deletionTimestamp" in pod["metadata"] for pod in cluster.pods(name_space, selector)),
                f"end of the old {name}", 90, 0.3)
            lost[f"{name}: {time.monotonic() - start:.0f} s"] = load.settled()["lost"] - had
        end = load.settled()
    checks.equal(f"of {end['answered']} calls while all was restarted ({', '.join(lost)}) so many were lost",
                 (load.before, end["lost"]), (0, 0))
    if end["lost"]:
        print(json.dumps({"lost": lost, "failures": end["failures"]}, indent=1), flush=True)


def holder(cluster):
    lease = cluster.get(LEASE) or {"spec": {}}
    return lease["spec"].get("holderIdentity") or ""


def leader(checks, cluster):
    """Two control planes; the one that leads is killed, and the other leads soon."""
    cluster.told("scale", "-n", MESH, "deployment/weft-control", "--replicas=2")
    cluster.wait_rolled_out(MESH, "deployment/weft-control")
    try:
        first = wait_until(lambda: holder(cluster), "holder of the Lease", 30, 0.3)
    except Failed as error:
        checks.that("one of two control planes leads", False, error)
        return
    pods = whole(cluster)
    pod = next((name for name in pods if name in first), None)
    checks.that("one of two control planes leads", pod is not None and len(pods) == 2, (first, pods))
    if pod is None:
        return
    with Load(cluster) as load:
        start = time.monotonic()
        cluster.told("delete", "pod", pod, "-n", MESH, "--grace-period=0", "--force")
        second = wait_until(lambda: (now := holder(cluster)) != first and now, "another leader", 60, 0.2)
        seconds = time.monotonic() - start
        checks.that(f"it is killed, and another leads after {seconds:.1f} s", seconds <= 15 and pod not in second, second)
        cluster.wait_rolled_out(MESH, "deployment/weft-control")
        # Still in one piece: a change arrives.
        cluster.apply_with_kubectl(shop.SPLIT)
        end = load.settled()
    checks.equal(f"of {end['answered']} calls meanwhile so many were lost", (load.before, end["lost"]), (0, 0))
    if end["lost"]:
        print(json.dumps(end["failures"], indent=1), flush=True)
    cluster.told("delete", "httproute", "cart", "-n", shop.SPACE)


def gone(checks, cluster):
    """The API server ends for a while: traffic goes on."""
    with Load(cluster) as load:
        had = load.latest()["answered"]
        cluster.pause_api_server(8)
        wait_until(lambda: load.latest()["answered"] > had + 400, "calls without an API server", 60, 0.5)
        end = load.settled()
    checks.equal(f"of {end['answered']} calls, some while the API server was silent, so many were lost", (load.before, end["lost"]),
                 (0, 0))
    if end["lost"]:
        print(json.dumps(end["failures"], indent=1), flush=True)


ALL = [restarts, leader, gone]
