"""A cluster on one machine: pods in network namespaces of their own behind a node that routes between them, and the outside world.

Each pod with a sidecar has three things in its namespace: its app (an agent of tests/interop/redirect), weft-sidecar with the start
file that `weft sidecar-config` prints, and the kernel's rules as `weft-sidecar redirect apply` loads them. weft-control runs on the
node. Addresses: pod number N is 10.77.N.2 and fd77:N::2, its node is at .1 of both; the world is 203.0.113.9 and 2001:db8::9.
"""

import json
import os
import pathlib
import re
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "redirect")]

from harness.checks import Failed, wait_until  # noqa: E402
from harness.processes import Process, find_program, run, temp_dir  # noqa: E402
from pod import SIDECAR, Agent, at  # noqa: E402

CONTROL_PORT = 15012
KUBE_PROXY = """
table {family} proxy {{
  chain services {{
    type nat hook prerouting priority -100;
{rules}
  }}
}}
"""


def ip(*arguments):
    done = run("ip", *arguments)
    if done.returncode != 0:
        raise Failed(f"ip {' '.join(map(str, arguments))}: {done.stderr}")


def run_in(namespace, *argv, input=None, check=True):
    done = run("ip", "netns", "exec", namespace, find_program(argv[0]), *argv[1:],
               **({"input": input, "stdin": None} if input is not None else {}))
    if check and done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: {done.stdout}{done.stderr}")
    return done


class Pod:
    """`families`: "46", or "6" where the cluster has no IPv4."""

    def __init__(self, cluster, name, number, families="46", account=None, sidecar=True):
        self.cluster, self.name, self.number = cluster, name, number
        self.families, self.account, self.has_sidecar = families, account or name, sidecar
        self.namespace = f"{cluster.tag}-{name}"
        self.v4, self.v6 = f"10.77.{number}.2", f"fd77:{number}::2"
        self.addresses = [address for family, address in (("4", self.v4), ("6", self.v6)) if family in families]
        self.node_address = f"10.77.{number}.1" if "4" in families else f"fd77:{number}::1"
        self.app = self.sidecar = None

    def address(self, v6):
        return self.v6 if v6 else self.v4

    def make(self):
        self.cluster.make_namespace(self.namespace)
        uplink = f"to-{self.name}"
        ip("link", "add", "eth0", "netns", self.namespace, "type", "veth", "peer", "name", uplink, "netns", self.cluster.node)
        for space, link, host in ((self.namespace, "eth0", 2), (self.cluster.node, uplink, 1)):
            if "4" in self.families:
                ip("-n", space, "addr", "add", f"10.77.{self.number}.{host}/24", "dev", link)
            ip("-n", space, "addr", "add", f"fd77:{self.number}::{host}/64", "dev", link, "nodad")
            ip("-n", space, "link", "set", link, "up")
        if "4" in self.families:
            ip("-n", self.namespace, "route", "add", "default", "via", f"10.77.{self.number}.1")
        ip("-n", self.namespace, "-6", "route", "add", "default", "via", f"fd77:{self.number}::1")
        self.app = self.cluster.agent(self.namespace)

    def listen(self, what, host, port):
        getattr(self.app, what)(host, port, self.name)

    def workload(self, ports, redirect_mode=None):
        spec = {"address": self.addresses[0], "moreAddresses": self.addresses[1:], "serviceAccount": self.account,
                "ports": [{"name": name, "port": port} for name, port in ports], "sidecar": self.has_sidecar}
        if self.has_sidecar:
            spec["redirect"] = True
        if redirect_mode:
            spec["redirectMode"] = redirect_mode
        return {"apiVersion": "weft.dev/v1alpha1", "kind": "Workload", "spec": spec,
                "metadata": {"name": self.name, "namespace": "shop", "labels": {"app": self.name.split("-")[0]}}}

    def redirect(self, *arguments, check=True):
        return run_in(self.namespace, "weft-sidecar", "redirect", *arguments, check=check)

    def start_sidecar(self, transparent=False):
        """`transparent`: as a container of redirect mode tproxy is started, as root that may become another user."""
        token = temp_dir() / f"{self.name}.token"
        start = temp_dir() / f"{self.name}.yaml"
        if not start.exists():
            token.write_text(self.cluster.weft("token", "create", "--namespace", "shop", "--service-account", self.account,
                                               "--state-dir", self.cluster.state))
            start.write_text(self.cluster.weft("sidecar-config", "--workload", f"shop/{self.name}", "--config-dir",
                                               self.cluster.config, "--control", at(self.node_address, CONTROL_PORT),
                                               "--token-file", token))
        ids = ["--reuid", SIDECAR[0], "--regid", SIDECAR[1], "--clear-groups"]
        if transparent:
            ids = ["--inh-caps", "-all", "--bounding-set", "-all,+net_admin,+setgid,+setuid"]
        self.sidecar = Process(f"sidecar-{self.name}", ["ip", "netns", "exec", self.namespace, find_program("setpriv"), *ids,
                                                       self.cluster.sidecar_program, "-c", start],
                               {"WEFT_REDIRECT_MODE": "tproxy"} if transparent else None)

    def page(self, target):
        return self.cluster.on_node.get(at(self.addresses[0], 15000), target, "localhost")

    def wait_ready(self):
        def ready():
            if not self.sidecar.running():
                raise Failed(f"the sidecar of {self.name} ended:\n{self.sidecar.tail()}")
            return self.page("/ready").startswith("200")
        try:
            wait_until(ready, f"ready sidecar of {self.name}", 20, 0.05)
        except Failed as error:
            raise Failed(f"{error}: {self.page('/ready')}\n{self.sidecar.tail()}") from error

    def mark(self):
        """A place in its access log: what comes after is new."""
        return len(self.sidecar.output())

    def log(self, mark, **wanted):
        """The first line after that mark with these values; `source__principal` is a value inside of `source`."""
        def value(record, key):
            for word in key.split("__"):
                record = record.get(word) if isinstance(record, dict) else None
            return record
        def find():
            for line in self.sidecar.output()[mark:].splitlines():
                if line.startswith("{") and line.endswith("}"):
                    record = json.loads(line)
                    if all(value(record, key) == wanted[key] for key in wanted):
                        return record
            return None
        return wait_until(find, f"line with {wanted} in the access log of {self.name}:\n{self.sidecar.tail(4)}", 5)

    def metric(self, name, **labels):
        total = 0.0
        for line in self.page("/metrics").splitlines():
            parts = re.match(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$", line)
            if parts and parts[1] == name:
                have = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', parts[2] or ""))
                if all(have.get(label) == value for label, value in labels.items()):
                    total += float(parts[3])
        return total


class Cluster:
    def __init__(self):
        self.tag = f"wcap{os.getpid()}"
        self.node, self.world = f"{self.tag}-node", f"{self.tag}-world"
        self.namespaces, self.agents, self.pods = [], [], []
        self.config, self.state = temp_dir() / "config", temp_dir() / "state"
        self.config.mkdir()
        temp_dir().chmod(0o755)  # where the sidecars' user may read
        self.sidecar_program = shutil.copy(find_program("weft-sidecar"), temp_dir() / "weft-sidecar")
        self.control = self.on_node = self.outside = None

    def make_namespace(self, name):
        self.namespaces.append(name)
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def agent(self, namespace, ids=(1000, 1000)):
        self.agents.append(Agent(namespace, ids))
        return self.agents[-1]

    def weft(self, *arguments):
        done = run("weft", *arguments)
        if done.returncode != 0:
            raise Failed(f"weft {' '.join(map(str, arguments))}: {done.stderr}")
        return done.stdout

    def add_pod(self, *arguments, **named):
        self.pods.append(Pod(self, *arguments, **named))
        return self.pods[-1]

    def make(self):
        self.make_namespace(self.node)
        self.make_namespace(self.world)
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            run_in(self.node, "sysctl", "-q", "-w", f"{key}=1")
        for pod in self.pods:
            pod.make()
        ip("link", "add", "eth0", "netns", self.world, "type", "veth", "peer", "name", "to-world", "netns", self.node)
        for space, link, host in ((self.world, "eth0", 9), (self.node, "to-world", 1)):
            ip("-n", space, "addr", "add", f"203.0.113.{host}/24", "dev", link)
            ip("-n", space, "addr", "add", f"2001:db8::{host}/64", "dev", link, "nodad")
            ip("-n", space, "link", "set", link, "up")
        ip("-n", self.world, "route", "add", "default", "via", "203.0.113.1")
        ip("-n", self.world, "-6", "route", "add", "default", "via", "2001:db8::1")
        self.on_node = self.agent(self.node, (0, 0))
        self.outside = self.agent(self.world, (0, 0))

    def kube_proxy(self, services):
        """[(v6, address, port, pod's address and port)]: what a node does for those whom no sidecar helps."""
        text = ""
        for v6 in (False, True):
            family = "ip6" if v6 else "ip"
            rules = "\n".join(f"    {family} daddr {address} tcp dport {port} dnat to {target}"
                              for is_v6, address, port, target in services if is_v6 == v6)
            text += KUBE_PROXY.format(family=family, rules=rules)
        run_in(self.node, "nft", "-f", "-", input=text)

    def write(self, file, text):
        beside = temp_dir() / "next"
        beside.write_text(text)
        os.replace(beside, self.config / file)

    def write_workloads(self, ports, redirect_modes=None):
        modes = redirect_modes or {}
        self.write("workloads.yaml", "\n---\n".join(json.dumps(pod.workload(ports.get(pod.name, []), modes.get(pod.name)))
                                                   for pod in self.pods))

    def start_control(self):
        self.control = Process("control", ["ip", "netns", "exec", self.node, find_program("weft-control"), "--config-dir",
                                           self.config, "--state-dir", self.state, "--listen", f"[::]:{CONTROL_PORT}",
                                           "--admin", "127.0.0.1:0"])
        def ready():
            if not self.control.running():
                raise Failed(f"weft-control ended:\n{self.control.tail()}")
            return " ready xds=" in self.control.output()
        wait_until(ready, "ready weft-control", 10)

    def end(self):
        for agent in self.agents:
            agent.end()
        for namespace in self.namespaces:
            run("ip", "netns", "delete", namespace)
