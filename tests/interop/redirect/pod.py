"""A pod and the world outside it, as two network namespaces of this machine, and the agents that live in them."""

import itertools
import json
import os
import pathlib
import re
import select
import subprocess
import sys
import time

from harness.checks import Failed
from harness.processes import Process, find_program, run, temp_dir

HERE = pathlib.Path(__file__).resolve().parent
SIDECAR = (5150, 5150)
APP = (1000, 1000)

_names = itertools.count()
# What iptables-nft makes for itself when it first looks at a table, and leaves there: chains of its own without a rule.
_IPTABLES_OWN = re.compile(r"\tchain (?:PREROUTING|INPUT|FORWARD|OUTPUT|POSTROUTING) \{\n\t\ttype [^\n]*policy accept;\n\t\}\n\n?")


class Agent:
    """agent.py in a namespace, as some user; `agent.call(...)` and so on are its commands."""

    def __init__(self, namespace, ids=APP, *privileges):
        log = temp_dir() / f"agent-{next(_names)}.log"
        with log.open("wb") as out:
            self._child = subprocess.Popen(
                [sys.executable, HERE / "agent.py", namespace, *map(str, ids), *privileges],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out, text=True)
        self._log = log
        self._answer()

    def _answer(self):
        if not select.select([self._child.stdout], [], [], 15)[0]:
            raise Failed(f"an agent does not answer: {self._log.read_text()}")
        line = self._child.stdout.readline()
        if not line:
            raise Failed(f"an agent ended: {self._log.read_text()}")
        return json.loads(line)

    def __getattr__(self, command):
        def ask(*arguments, **named):
            names = {"listen": ("host", "port", "name"), "listen_udp": ("host", "port", "name"),
                     "listen_http": ("host", "port", "name"), "listen_greeting": ("host", "port", "name"),
                     "get": ("to", "path", "host"), "greeting": ("to",),
                     "stand_in": ("services", "delivery", "transparent"), "call": ("to",), "query": ("to",),
                     "keep": ("name", "to"), "ask_kept": ("name",), "nonsense": ("source", "to")}[command]
            self._child.stdin.write(json.dumps({"do": command, **dict(zip(names, arguments)), **named}) + "\n")
            self._child.stdin.flush()
            return self._answer()
        return ask

    def end(self):
        self._child.kill()
        self._child.wait()


def at(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Addresses:
    """The same places in both families."""

    def __init__(self, v6):
        self.v6 = v6
        self.pod = "fd66::5" if v6 else "10.66.0.5"
        self.peer = "fd66::1" if v6 else "10.66.0.1"
        self.other_peer = "fd66::2" if v6 else "10.66.0.2"  # of the peer as well
        self.pod_on_net1 = "fd67::5" if v6 else "10.67.0.5"
        self.peer_on_net1 = "fd67::1" if v6 else "10.67.0.1"
        self.own_service = "fd96::1" if v6 else "10.96.0.1"  # the pod is behind it
        self.peer_service = "fd96::2" if v6 else "10.96.0.2"
        self.loopback = "::1" if v6 else "127.0.0.1"
        self.delivery_source = "::6" if v6 else "127.0.0.6"
        self.range_of_services = "fd96::/64" if v6 else "10.96.0.0/16"
        self.range_of_peers = "fd66::/64" if v6 else "10.66.0.0/24"
        self.name = "IPv6" if v6 else "IPv4"


class Pod:
    """`pod` has eth0 and net1; `peer` is its node, its router, its kube-proxy and everybody else at once."""

    def __init__(self):
        self.tag = f"weft{os.getpid()}"
        self.pod, self.peer = f"{self.tag}-pod", f"{self.tag}-peer"
        self.agents = []

    def _ip(self, *arguments):
        done = run("ip", *arguments)
        if done.returncode != 0:
            raise Failed(f"ip {' '.join(map(str, arguments))}: {done.stderr}")

    def make(self):
        for name in (self.pod, self.peer):
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        for link, net in (("eth0", "66"), ("net1", "67")):
            self._ip("link", "add", link, "netns", self.pod, "type", "veth", "peer", "name", link, "netns", self.peer)
            for name, host in ((self.pod, "5"), (self.peer, "1")):
                self._ip("-n", name, "addr", "add", f"10.{net}.0.{host}/24", "dev", link)
                self._ip("-n", name, "addr", "add", f"fd{net}::{host}/64", "dev", link, "nodad")
                self._ip("-n", name, "link", "set", link, "up")
        self._ip("-n", self.peer, "addr", "add", "10.66.0.2/24", "dev", "eth0")
        # Deprecated: for who asks for it by name only.
        self._ip("-n", self.peer, "addr", "add", "fd66::2/64", "dev", "eth0", "nodad", "preferred_lft", "0")
        self._ip("-n", self.pod, "route", "add", "default", "via", "10.66.0.1")
        self._ip("-n", self.pod, "-6", "route", "add", "default", "via", "fd66::1")
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            self.run_in(self.peer, "sysctl", "-q", "-w", f"{key}=1")
        # As kube-proxy: a Service's address becomes a pod's; a pod that meets itself comes back from the node's address. Port 30080
        # of the node is the pod's hostPort, also for who calls from the node itself.
        rules = ""
        for family, ip, own, theirs, pod, peer in (("ip", "ip", "10.96.0.1", "10.96.0.2", "10.66.0.5", "10.66.0.1"),
                                                   ("ip6", "ip6", "fd96::1", "fd96::2", "[fd66::5]", "[fd66::1]")):
            bare, node = pod.strip("[]"), peer.strip("[]")
            rules += f"""table {family} proxy {{
  chain services {{
    type nat hook prerouting priority -100;
    {ip} daddr {own} tcp dport 80 dnat to {pod}:8080
    {ip} daddr {theirs} tcp dport 80 dnat to {peer}:9000
    {ip} daddr {node} tcp dport 30080 dnat to {pod}:8080
  }}
  chain local {{
    type nat hook output priority -100;
    {ip} daddr {node} tcp dport 30080 dnat to {pod}:8080
  }}
  chain hairpin {{
    type nat hook postrouting priority 100;
    {ip} saddr {bare} {ip} daddr {bare} masquerade
  }}
}}
"""
        self.run_in(self.peer, "nft", "-f", "-", input=rules)

    def run_in(self, namespace, *argv, input=None, env=None, check=True):
        done = run("ip", "netns", "exec", namespace, find_program(argv[0]), *argv[1:], timeout=60,
                   **({"input": input, "stdin": None} if input is not None else {}),
                   env=dict(os.environ, **(env or {})))
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(map(str, argv))}: {done.stdout}{done.stderr}")
        return done

    def redirect(self, *arguments, env=None, check=True):
        return self.run_in(self.pod, "weft-sidecar", "redirect", *arguments, env=env, check=check)

    def agent(self, namespace, ids=APP, *privileges):
        self.agents.append(Agent(namespace, ids, *privileges))
        return self.agents[-1]

    def kernel_rules(self):
        """All that netfilter holds in the pod, whoever put it there, counters left out; the addresses of lo; and routing."""
        texts = [_IPTABLES_OWN.sub("", self.run_in(self.pod, "nft", "-s", "list", "ruleset").stdout),
                 self.run_in(self.pod, "ip", "-br", "addr", "show", "dev", "lo").stdout]
        for family in ("-4", "-6"):
            texts.append(self.run_in(self.pod, "ip", family, "rule").stdout)
            texts.append(self.run_in(self.pod, "ip", family, "route", "show", "table", "15006", check=False).stdout)
        for program in ("iptables-legacy-save", "ip6tables-legacy-save"):
            texts.append(self.run_in(self.pod, program).stdout)
        return "\n".join(line for text in texts for line in text.splitlines()
                         if line and not line.startswith(("#", ":", "*", "COMMIT")))

    def wait_connected(self):
        for host in ("10.66.0.1", "fd66::1"):
            deadline = time.monotonic() + 10
            while self.run_in(self.pod, "ip", "route", "get", host, check=False).returncode != 0:
                if time.monotonic() > deadline:
                    raise Failed(f"no route to {host}")
                time.sleep(0.05)

    def end(self):
        for agent in self.agents:
            agent.end()
        for name in (self.pod, self.peer):
            run("ip", "netns", "delete", name)
