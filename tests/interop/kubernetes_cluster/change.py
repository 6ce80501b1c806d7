"""What a mesh promises while things change: nobody who calls notices."""

import json
import re
import signal
import time

import shop
from harness.checks import wait_until
from promises import MESH, NINETY_TEN, split_of, whole

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{MESH}/leases/weft-control"


class Load:
    """Calls at an even pace to every Service and through one to another, by a pod of its own; a `with` around what is tried."""

    URLS = ["http://web/load", "http://cart/load", "http://ledger/load", "http://web/call?url=http://cart/load"]

    def __init__(self, cluster, urls=(), rate=20, name="load"):
        self.cluster, self.urls, self.rate, self.name = cluster, urls or self.URLS, rate, name

    def __enter__(self):
        self.cluster.apply_with_kubectl(shop.pod(self.name, ["load", "-rate", str(self.rate), *self.urls], restart="Never"))
        wait_until(lambda: self.cluster.ready_pods(shop.SPACE, f"app={self.name}"), self.name, 60, 0.3)
        wait_until(lambda: self.latest()["answered"] > 5 * self.rate, "answers under load", 30, 0.5)
        self.before = self.latest()["lost"]
        return self

    def latest(self):
        """What came of its calls until a second ago."""
        lines = self.cluster.logs(shop.SPACE, self.name, "app", "--tail=1").strip()
        return json.loads(lines) if lines else {"sent": 0, "answered": 0, "lost": 0, "failures": []}

    def settled(self):
        time.sleep(1.5)
        return self.latest()

    def judge(self, checks, when, lost=None):
        """Nothing was lost; `lost` says what was at each step."""
        end = self.settled()
        checks.equal(f"of {end['answered']} calls {when} so many were lost", (self.before, end["lost"]), (0, 0))
        if end["lost"]:
            print(json.dumps({"lost": lost or {}, "failures": end["failures"]}, indent=1), flush=True)

    def __exit__(self, *_):
        self.cluster.kubectl("delete", "pod", self.name, "-n", shop.SPACE, timeout=240)


def wait_for_the_old_ones(cluster, name_space, name):
    """Until a Deployment is as it is to be, and the last of the pods that were is gone."""
    cluster.wait_rolled_out(name_space, f"deployment/{name}", patience=300)
    labels = cluster.get(f"/apis/apps/v1/namespaces/{name_space}/deployments/{name}")["spec"]["selector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    wait_until(lambda: not any("deletionTimestamp" in pod["metadata"] for pod in cluster.pods(name_space, selector)),
               f"end of the old {name}", 90, 0.3)


def restart(cluster, load, name_space, name):
    """How many calls were lost meanwhile."""
    had = load.latest()["lost"]
    cluster.told("rollout", "restart", "-n", name_space, f"deployment/{name}")
    wait_for_the_old_ones(cluster, name_space, name)
    return load.settled()["lost"] - had


def restarts(checks, cluster):
    """Everything is restarted, one Deployment after the other and the control plane among them."""
    lost, times = {}, []
    with Load(cluster) as load:
        for name_space, name in ((shop.SPACE, "web"), (shop.SPACE, "cart-v1"), (shop.SPACE, "cart-v2"), (shop.SPACE, "ledger"),
                                 (MESH, "weft-control"), (shop.SPACE, "web")):
            start = time.monotonic()
            lost[f"{len(lost)} {name}"] = restart(cluster, load, name_space, name)
            times.append(f"{name}: {time.monotonic() - start:.0f} s")
        load.judge(checks, f"while all was restarted ({', '.join(times)})", lost)


class Replicas:
    """The control planes, and which of them leads."""

    def __init__(self, cluster):
        self.cluster, self.holders, self.both = cluster, [], []

    def holder(self):
        """Who the Lease says it is; a name that no other process ever has."""
        lease = self.cluster.get(LEASE) or {"spec": {}}
        held, number = lease["spec"].get("holderIdentity") or "", lease["spec"].get("leaseTransitions", 0)
        if held and (not self.holders or self.holders[-1] != (number, held)):
            self.holders.append((number, held))
        return held

    def pod_of(self, holder):
        return next((name for name in whole(self.cluster) if holder.startswith(f"{name}_")), None)

    def figure(self, pod, series):
        text = self.cluster.page(MESH, pod, 15018, "/metrics")
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE) if isinstance(text, str) else None
        return float(found[1]) if found else None

    def writes(self, pod):
        return self.figure(pod, 'weft_control_status_writes_total{result="written"}')

    def look(self, pods):
        """Notes it when more than one says that it leads."""
        lead = [pod for pod in pods if self.figure(pod, "weft_control_leader") == 1]
        if len(lead) > 1:
            self.both.append(lead)
        return lead

    def wait_for_another(self, than, pods=()):
        """Seconds until somebody else holds the Lease."""
        start = time.monotonic()

        def other():
            self.look(pods)
            now = self.holder()
            return now and now != than
        wait_until(other, "another leader", 60, 0.1)
        return time.monotonic() - start


def leader(checks, cluster):
    """Two control planes; the one that leads is killed, the next one is stopped for a while: another leads soon, and never two."""
    cluster.told("scale", "-n", MESH, "deployment/weft-control", "--replicas=2")
    cluster.wait_rolled_out(MESH, "deployment/weft-control")
    replicas = Replicas(cluster)
    first = wait_until(replicas.holder, "holder of the Lease", 30, 0.3)
    pods = wait_until(lambda: (now := whole(cluster)) and len(now) == 2 and now, "two control planes", 60, 0.3)
    pod = replicas.pod_of(first)
    if not checks.that("one of two control planes leads", pod in pods and replicas.look(pods) == [pod], (first, pods)):
        return
    with Load(cluster) as load:
        cluster.signal_container(MESH, pod, "weft-control", signal.SIGKILL)
        seconds = replicas.wait_for_another(first)
        second = replicas.holder()
        checks.that(f"it is killed, and another leads after {seconds:.1f} s", seconds <= 15, second)
        cluster.apply_with_kubectl(shop.SPLIT)
        checks.equal("a change by whoever writes it arrives", split_of(cluster, NINETY_TEN), (NINETY_TEN, 0))
        cluster.wait_rolled_out(MESH, "deployment/weft-control")
        wait_until(lambda: len(whole(cluster)) == 2, "two control planes again", 60, 0.3)

        # As a machine that swaps: it comes back and does not know that time has passed.
        stopped = replicas.pod_of(second)
        other = next(one for one in whole(cluster) if one != stopped)
        cluster.signal_container(MESH, stopped, "weft-control", signal.SIGSTOP)
        try:
            seconds = replicas.wait_for_another(second, [other])
        finally:
            cluster.signal_container(MESH, stopped, "weft-control", signal.SIGCONT)
        third = replicas.holder()
        checks.that(f"the next one stands still, and another leads after {seconds:.1f} s", seconds <= 15 and third.startswith(other),
                    third)
        written, deadline = replicas.writes(stopped), time.monotonic() + 6
        while time.monotonic() < deadline:
            cluster.told("annotate", "--overwrite", "httproute", "cart", "-n", shop.SPACE, f"changed={time.monotonic()}")
            replicas.holder()
            leading = replicas.look([stopped, other])
            time.sleep(0.1)
        checks.equal("when it goes on it does not lead, and writes nothing",
                     (leading, replicas.writes(stopped)), ([other], written))
        load.judge(checks, "meanwhile")
    checks.equal("never did two lead", replicas.both, [])
    checks.equal("and each change of hands has one holder", len(replicas.holders), len({number for number, _ in replicas.holders}))
    cluster.told("delete", "httproute", "cart", "-n", shop.SPACE)


def gone(checks, cluster):
    """The API server is silent for a while, then it is killed and comes back: traffic goes on, and what is written then arrives."""
    with Load(cluster) as load:
        had = load.latest()["answered"]
        cluster.pause_api_server(8)
        wait_until(lambda: load.latest()["answered"] > had + 400, "calls without an API server", 60, 0.5)
        cluster.restart_api_server(15)
        start = time.monotonic()
        cluster.apply_with_kubectl(shop.SPLIT)
        checks.equal("when it is back a change arrives", split_of(cluster, NINETY_TEN, patience=90), (NINETY_TEN, 0))
        print(f"it arrives within {time.monotonic() - start:.1f} s", flush=True)
        load.judge(checks, "some of them while the API server was silent or not there")
    cluster.told("delete", "httproute", "cart", "-n", shop.SPACE)


ALL = [restarts, leader, gone]
