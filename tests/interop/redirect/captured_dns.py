"""A pod's DNS: `redirect --dns` brings it to weft-sidecar --dns, which says the mesh's names as weft-control tells them and asks
the pod's own server for all others. libc asks as any app does, with the search list that a pod has."""

import os
import pathlib
import shutil
import sys

from harness.checks import wait_until
from harness.processes import Process, find_program, run, temp_dir
from pod import APP, SIDECAR

HERE = pathlib.Path(__file__).resolve().parent

SHOP = """
apiVersion: v1
kind: Service
metadata: {name: catalog, namespace: shop}
spec: {clusterIP: 10.96.0.30, selector: {app: catalog}, ports: [{name: http, port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: shop}
spec: {clusterIP: None, selector: {app: vault}, ports: [{name: tcp-vault, port: 7000}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: web-a, namespace: shop, labels: {app: web}}
spec: {address: 10.66.0.5, redirect: true, serviceAccount: web, ports: [{port: 8080}]}
---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {name: vault-0, namespace: shop, labels: {app: vault}}
spec: {address: 10.66.0.1, sidecar: false, hostname: vault-0, subdomain: vault, ports: [{port: 7000}]}
"""
CATALOG = "catalog.shop.svc.cluster.local"
VAULT = "vault.shop.svc.cluster.local"


def as_user(ids, *argv):
    return [find_program("setpriv"), "--reuid", str(ids[0]), "--regid", str(ids[1]), "--clear-groups", *argv]


class Planes:
    """weft-control and weft-sidecar in the pod's namespace, both as the sidecar's user."""

    def __init__(self, pod):
        folder = temp_dir() / "dns"
        folder.mkdir()
        for path in (temp_dir(), folder):
            path.chmod(0o755)
        (folder / "shop").mkdir()
        (folder / "shop" / "shop.yaml").write_text(SHOP)
        programs = {name: shutil.copy(find_program(name), folder / name) for name in ("weft-control", "weft-sidecar")}
        state, token, start = folder / "state", folder / "web.token", folder / "web.yaml"
        token.write_text(run("weft", "token", "create", "--namespace", "shop", "--service-account", "web",
                             "--state-dir", state).stdout)
        start.write_text(run("weft", "sidecar-config", "--workload", "shop/web-a", "--config-dir", folder / "shop",
                             "--token-file", token).stdout)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, *SIDECAR)
        self._pod = pod
        self._start("control", programs["weft-control"], "--config-dir", folder / "shop", "--state-dir", state,
                    "--listen", "127.0.0.1:15012", "--admin", "off")
        self.sidecar = self._start("dns-sidecar", programs["weft-sidecar"], "-c", start, "--dns")

    def _start(self, name, *argv):
        return Process(name, ["ip", "netns", "exec", self._pod.pod, *as_user(SIDECAR, *argv)])


def dns_by_the_sidecar(checks, world, loaders):
    pod = world.pod
    world.peer.end()  # it has port 53
    # What `ip netns exec` shows a namespace as /etc/resolv.conf.
    conf = pathlib.Path("/etc/netns") / pod.pod / "resolv.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("nameserver 10.66.0.1\nsearch shop.svc.cluster.local svc.cluster.local\noptions ndots:5 timeout:3\n")
    server = Process("dns-server", ["ip", "netns", "exec", pod.peer, sys.executable, HERE / "dns_peer.py", "serve",
                                    "10.66.0.1", "fd66::1"])

    def ask(road, host, name, ids=APP):
        done = pod.run_in(pod.pod, *as_user(ids, sys.executable, HERE / "dns_peer.py", "ask", road, host, name), check=False)
        return done.stdout.strip() or done.stderr.strip().splitlines()[-1]

    def libc(name):
        done = pod.run_in(pod.pod, *as_user(APP, "getent", "ahostsv4", name), check=False)
        return sorted({line.split()[0] for line in done.stdout.splitlines()})

    def asked():
        return set(server.output().split()) - {"serves"}

    try:
        wait_until(lambda: "serves" in server.output(), "DNS server")
        pod.redirect("apply", "--dns")
        planes = Planes(pod)
        wait_until(lambda: ask("udp", "10.66.0.1", CATALOG) == "0 10.96.0.30" or not planes.sidecar.running(), "name of the mesh", 30)
        checks.that("DNS: weft-sidecar runs", planes.sidecar.running(), planes.sidecar.tail())
        for loader in loaders:
            pod.redirect("apply", "--loader", loader, "--dns")
            for host in ("10.66.0.1", "fd66::1"):
                for road in ("udp", "tcp"):
                    at = f"DNS, {loader}, {road} to {host}"
                    checks.equal(f"{at}: a Service", ask(road, host, CATALOG), "0 10.96.0.30")
                    checks.equal(f"{at}: a name of the world", ask(road, host, f"{loader}-{road}.example.org"), "0 192.0.2.53")
                    checks.equal(f"{at}: the sidecar's own question is not captured", ask(road, host, CATALOG, SIDECAR), "3")
            checks.equal(f"DNS, {loader}: libc finds a Service by its short name", libc("catalog"), ["10.96.0.30"])
            checks.equal(f"DNS, {loader}: and a headless one's instances", libc("vault.shop"), ["10.66.0.1"])
            checks.equal(f"DNS, {loader}: and one of them by its name", libc("vault-0.vault"), ["10.66.0.1"])
            checks.equal(f"DNS, {loader}: and a name of the world", libc("example.org."), ["192.0.2.53"])
        checks.that("DNS: the server was asked for the rest", {"example.org", "nft-udp.example.org"} <= asked(), asked())
        checks.that("DNS: and for no name of the mesh", not {VAULT, f"vault-0.{VAULT}"} & asked(), asked())
        server.stop()
        checks.equal("DNS: without the server what is known is known still", libc("example.org."), ["192.0.2.53"])
        checks.equal("DNS: and the mesh's names are", libc("catalog"), ["10.96.0.30"])
        checks.equal("DNS: and the rest fails, as a failure", ask("udp", "10.66.0.1", "other.example.org"), "2")
        planes.sidecar.stop()
    finally:
        shutil.rmtree(conf.parent)
