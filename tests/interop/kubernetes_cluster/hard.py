"""What a mesh promises when more happens at a time than anybody would wish."""

import json
import re
import signal
import time

import shop
from change import Load, wait_for_the_old_ones
from harness.checks import wait_until
from promises import MESH

DEPLOYMENTS = [one["metadata"]["name"] for one in shop.DEPLOYMENTS]


def answers(cluster, url):
    """Whether a call of the client is answered."""
    done = cluster.run_in(shop.SPACE, "client", "/app", "get", "-n", "1", url)
    return done.returncode == 0 and json.loads(done.stdout)["answered"] == 1


def together(checks, cluster):
    """All is restarted at once, the control plane with it, while answers that take seconds are under way."""
    cluster.apply_with_kubectl(*shop.SLOW)
    wait_until(lambda: len(cluster.ready_pods(shop.SPACE, "app=slow")) == 2, "2 of slow", 90, 0.3)
    # CoreDNS takes its time to ask an API server again that was gone, and until then knows no new name.
    wait_until(lambda: answers(cluster, "http://slow/load"), "slow by its name", 90, 0.5)
    with Load(cluster) as load, Load(cluster, ["http://slow/load"], 4, "load-slow") as slow:
        start = time.monotonic()
        cluster.told("rollout", "restart", "-n", shop.SPACE, *(f"deployment/{name}" for name in (*DEPLOYMENTS, "slow")))
        cluster.told("rollout", "restart", "-n", MESH, "deployment/weft-control")
        for name in (*DEPLOYMENTS, "slow"):
            wait_for_the_old_ones(cluster, shop.SPACE, name)
        wait_for_the_old_ones(cluster, MESH, "weft-control")
        seconds = time.monotonic() - start
        load.judge(checks, f"while all was restarted at once ({seconds:.0f} s)")
        slow.judge(checks, "of three seconds each")
    cluster.told("delete", "deployment", "slow", "-n", shop.SPACE, timeout=90)


def scaled(checks, cluster):
    """More and fewer pods of a Service under load."""
    with Load(cluster) as load:
        for replicas in (6, 1, 3):
            for name in ("ledger", "cart-v1"):
                cluster.told("scale", "-n", shop.SPACE, f"deployment/{name}", f"--replicas={replicas}")
            for name in ("ledger", "cart-v1"):
                wait_for_the_old_ones(cluster, shop.SPACE, name)
        cluster.told("scale", "-n", shop.SPACE, "deployment/cart-v1", "--replicas=2")
        wait_for_the_old_ones(cluster, shop.SPACE, "cart-v1")
        load.judge(checks, "while there were six, one and three pods")


def figure(cluster, pod, series):
    """One figure of a pod's sidecar."""
    said = cluster.page(shop.SPACE, pod, 15020, "/metrics")
    found = re.search(rf"^{re.escape(series)} (\S+)$", said if isinstance(said, str) else "", re.MULTILINE)
    return float(found[1]) if found else 0


def renewed(checks, cluster):
    """Identities that live for a minute are renewed under load."""
    cluster.apply_with_kubectl(shop.mesh_config(identity={"leafLifetime": "1m"}))
    for name in ("web", "cart-v1", "cart-v2"):
        cluster.told("rollout", "restart", "-n", shop.SPACE, f"deployment/{name}")
    for name in ("web", "cart-v1", "cart-v2"):
        wait_for_the_old_ones(cluster, shop.SPACE, name)
    pods = [*cluster.ready_pods(shop.SPACE, "app=web"), *cluster.ready_pods(shop.SPACE, "app=cart"), "load"]
    with Load(cluster) as load:
        def all_twice():
            return all(figure(cluster, pod, 'weft_certificate_renewals_total{result="ok"}') >= 3 for pod in pods)
        wait_until(all_twice, "third certificates", 240, 2)
        load.judge(checks, f"while {len(pods)} sidecars renewed their certificates")
    cluster.apply_with_kubectl(shop.mesh_config())
    cluster.told("rollout", "restart", "-n", shop.SPACE, *(f"deployment/{name}" for name in ("web", "cart-v1", "cart-v2")))
    for name in ("web", "cart-v1", "cart-v2"):
        wait_for_the_old_ones(cluster, shop.SPACE, name)


def killed(checks, cluster):
    """A sidecar is killed: it is back, and who calls goes elsewhere meanwhile."""
    with Load(cluster) as load:
        for app in ("web", "cart", "ledger"):
            pod = cluster.ready_pods(shop.SPACE, f"app={app}")[0]
            cluster.signal_container(shop.SPACE, pod, "weft-sidecar", signal.SIGKILL)

            def back(pod=pod):
                held = cluster.get(f"/api/v1/namespaces/{shop.SPACE}/pods/{pod}")["status"]
                return all(one["ready"] and one["restartCount"] == 1 for one in held["initContainerStatuses"]
                           if one["name"] == "weft-sidecar")
            wait_until(back, f"sidecar of {pod}", 60, 0.3)
        load.judge(checks, "while three sidecars were killed, one after another")


ALL = [together, scaled, renewed, killed]
