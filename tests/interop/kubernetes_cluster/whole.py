"""Whole: a cluster of one node in the world that world.py made: every part of Kubernetes, containerd under it, CoreDNS in it."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time

import world
from cluster import Cluster
from harness.checks import Failed, wait_until
from harness.processes import Process, run

NODE = "node"
PODS = "10.88.0.0/16"
DNS = "10.96.0.10"
SOCKET = "/run/containerd/containerd.sock"

CONTAINERD = """
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.tracing", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
                    "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "weft.test/pause:1"
  # Without CAP_SYS_RESOURCE, as in most machines that are themselves somebody's guests, no score can be lowered.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{programs}/usr/lib/cni"
    conf_dir = "{state}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{snapshotter}"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{programs}/usr/sbin/runc"
"""

# Each pod a cable to the node, which routes.
NETWORK = {"cniVersion": "0.4.0", "name": "weft", "plugins": [
    {"type": "ptp", "ipMasq": False, "mtu": 1500,
     "ipam": {"type": "host-local", "dataDir": "/run/cni-addresses", "ranges": [[{"subnet": PODS}]],
              "routes": [{"dst": "0.0.0.0/0"}]}}]}

KUBELET = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}}, "authorization": {"mode": "AlwaysAllow"},
    "containerRuntimeEndpoint": f"unix://{SOCKET}", "clusterDNS": [DNS], "clusterDomain": "cluster.local",
    "resolvConf": "/etc/resolv.conf", "cgroupDriver": "cgroupfs", "failCgroupV1": False, "failSwapOn": False,
    # Its containers' groups stand below its own, which is not the machine's first one; nobody is evicted for what the rest of the
    # machine does.
    "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "evictionHard": {}, "localStorageCapacityIsolation": False,
    "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99, "makeIPTablesUtilChains": False,
    "volumePluginDir": "/var/lib/kubelet/plugins", "serializeImagePulls": False, "nodeStatusUpdateFrequency": "10s",
    "shutdownGracePeriod": "0s",
}

COREFILE = """
cluster.local:53 {
  errors
  health :8080
  ready :8181
  cache 5
  kubernetes cluster.local {
    pods insecure
  }
}
"""


class KeptLogs(threading.Thread):
    """What containers say outlives them: a second name for each file that the kubelet makes."""

    def __init__(self, state):
        super().__init__(daemon=True)
        self._from, self._to = state / "var-log-pods", state / "kept-logs"
        self._to.mkdir()

    def run(self):
        while True:
            # Pods go while one looks at them.
            with contextlib.suppress(OSError):
                self._look()
            time.sleep(0.5)

    def _look(self):
        for file in self._from.glob("*/*/*.log"):
            pod, container = file.parts[-3:-1]
            kept = self._to / f"{pod}_{container}_{file.name}"
            if not kept.exists():
                os.link(file, kept)


class Whole(Cluster):
    """`program`: every part of Kubernetes; `programs`: the root of Debian's containerd, runc and CNI plugins."""

    def __init__(self, program, programs, snapshotter="overlayfs"):
        super().__init__(program, address=world.NODE_ADDRESS, flags={
            "allow-privileged": "true", "api-audiences": "https://kubernetes.default.svc",
            "kubelet-preferred-address-types": "InternalIP"})
        self.programs, self.snapshotter = programs, snapshotter
        self.admin = self.kubeconfig()
        self._start_containerd()

    # ---- the node ----

    def _environment(self):
        """Containerd's, its shims' and the kubelet's."""
        paths = [self.programs / "usr/bin", self.programs / "usr/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        return {"PATH": ":".join(map(str, paths)),
                "LD_LIBRARY_PATH": ":".join(map(str, self.programs.glob("usr/lib/*-linux-gnu*")))}

    def _start_containerd(self):
        (self.dir / "cni").mkdir()
        (self.dir / "cni" / "weft.conflist").write_text(json.dumps(NETWORK))
        file = self.dir / "containerd.toml"
        file.write_text(CONTAINERD.format(socket=SOCKET, programs=self.programs, state=self.dir, snapshotter=self.snapshotter))
        self.containerd = Process("containerd", [self.programs / "usr/bin/containerd", "--config", file], self._environment())
        self._wait(self.containerd, lambda: self.ctr("version").returncode == 0, "containerd", 30)

    def ctr(self, *arguments, timeout=120):
        return run(str(self.programs / "usr/bin/ctr"), "--address", SOCKET, *arguments, timeout=timeout)

    def add_image(self, archive):
        done = self.ctr("--namespace", "k8s.io", "images", "import", archive)
        if done.returncode != 0:
            raise Failed(f"image {archive.name}: {done.stderr.strip()[-500:]}")

    def start_parts(self):
        """Everything that is not the API server; returns when the node is ready."""
        def part(name, **flags):
            given = [f"--{flag.replace('_', '-')}={value}" for flag, value in flags.items()]
            return Process(name, [self.program, name, *given], self._environment())
        self.parts = [
            part("controller-manager", kubeconfig=self.admin, leader_elect="false", secure_port=0, allocate_node_cidrs="false",
                 service_account_private_key_file=self.dir / "accounts.key", root_ca_file=self.ca,
                 authentication_skip_lookup="true"),
            part("scheduler", kubeconfig=self.admin, leader_elect="false", secure_port=0, authentication_skip_lookup="true"),
            part("proxy", kubeconfig=self.admin, proxy_mode="nftables", cluster_cidr=PODS, hostname_override=NODE,
                 bind_address=world.NODE_ADDRESS, healthz_bind_address="127.0.0.1:10256", metrics_bind_address="127.0.0.1:10249",
                 # The tables of connections are the machine's, not this world's.
                 conntrack_max_per_core=0, conntrack_min=0, conntrack_tcp_timeout_established="0s",
                 conntrack_tcp_timeout_close_wait="0s"),
        ]
        file = self.dir / "kubelet.json"
        file.write_text(json.dumps(KUBELET))
        self.parts.append(part("kubelet", kubeconfig=self.admin, config=file, hostname_override=NODE, node_ip=world.NODE_ADDRESS,
                               cert_dir=self.dir / "kubelet-certificates"))

        def ready():
            for one in self.parts:
                if not one.running():
                    raise Failed(f"{one.name} ended:\n{one.tail(30)}")
            return self.condition(self.get(f"/api/v1/nodes/{NODE}"), "Ready")
        wait_until(ready, "ready node", 90, 0.3)

    def _wait(self, process, holds, what, patience):
        def checked():
            if not process.running():
                raise Failed(f"{process.name} ended:\n{process.tail(30)}")
            return holds()
        wait_until(checked, what, patience, 0.2)

    def pause_api_server(self, seconds):
        """It neither answers nor goes away."""
        self.process.signal(signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self.process.signal(signal.SIGCONT)

    def restart_api_server(self, seconds):
        """It is killed, nobody is there for so long, and another one comes."""
        self.process.kill()
        time.sleep(seconds)
        self.start_api_server()
        self._wait(self.process, self.ready, "API server again", 90)

    def signal_container(self, name_space, pod, container, number):
        """To the first process of a container, as the kernel would."""
        held = self.get(f"/api/v1/namespaces/{name_space}/pods/{pod}")["status"]
        status = next(one for kind in ("containerStatuses", "initContainerStatuses") for one in held.get(kind) or []
                      if one["name"] == container)
        identifier = status["containerID"].removeprefix("containerd://")
        listed = self.ctr("--namespace", "k8s.io", "tasks", "list").stdout.splitlines()
        found = [line.split()[1] for line in listed if line.startswith(identifier)]
        if not found:
            raise Failed(f"no process of {pod} {container}: {listed}")
        os.kill(int(found[0]), number)

    def page(self, name_space, pod, port, path):
        """What a pod serves at a port, through the API server; None when it does not."""
        answer = self.ask("GET", f"/api/v1/namespaces/{name_space}/pods/{pod}:{port}/proxy{path}")
        return answer.body if answer.status == 200 else None

    # ---- people's tools ----

    def kubectl(self, *arguments, timeout=60, text=None):
        """The result of one command; `text` is what it reads."""
        argv = [self.program, "kubectl", f"--kubeconfig={self.admin}", *map(str, arguments)]
        env = dict(os.environ, HOME=str(self.dir))
        try:
            return subprocess.run(argv, capture_output=True, text=True, errors="replace", timeout=timeout, check=False, env=env,
                                  **({"input": text} if text is not None else {"stdin": subprocess.DEVNULL}))
        except subprocess.TimeoutExpired as error:
            raise Failed(f"kubectl {' '.join(map(str, arguments))} did not end within {timeout} s") from error

    def told(self, *arguments, timeout=60, text=None):
        """What one command prints; it has to succeed."""
        done = self.kubectl(*arguments, timeout=timeout, text=text)
        if done.returncode != 0:
            raise Failed(f"kubectl {' '.join(map(str, arguments))}: {(done.stderr or done.stdout).strip()[-1500:]}")
        return done.stdout

    def apply_with_kubectl(self, *documents):
        """As people do; prints a document to no file."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        return self.told("apply", "--server-side", "--force-conflicts", "-f", "-", text=json.dumps(listed))

    def run_in(self, name_space, pod, *command, container="app", timeout=60):
        return self.kubectl("exec", "-n", name_space, pod, "-c", container, "--", *command, timeout=timeout)

    def logs(self, name_space, pod, container, *flags):
        return self.told("logs", "-n", name_space, pod, "-c", container, *flags)

    def pods(self, name_space, selector=""):
        path = f"/api/v1/namespaces/{name_space}/pods"
        found = self.get(path + (f"?labelSelector={selector}" if selector else "")) or {"items": []}
        return found["items"]

    @staticmethod
    def condition(document, kind):
        """Whether a condition of a status is True."""
        conditions = ((document or {}).get("status") or {}).get("conditions") or []
        return any(one["type"] == kind and one["status"] == "True" for one in conditions)

    def ready_pods(self, name_space, selector):
        """Names of those that are ready and stay."""
        return sorted(pod["metadata"]["name"] for pod in self.pods(name_space, selector)
                      if self.condition(pod, "Ready") and "deletionTimestamp" not in pod["metadata"])

    def wait_rolled_out(self, name_space, *names, patience=120):
        for name in names:
            self.told("rollout", "status", "-n", name_space, name, f"--timeout={patience}s", timeout=patience + 10)

    # ---- the cluster's own names ----

    def start_dns(self):
        labels = {"k8s-app": "kube-dns"}
        place = {"name": "coredns", "namespace": "kube-system"}
        self.apply_all(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "coredns"}, "rules": [
                {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
                {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "coredns"},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"},
             "subjects": [{"kind": "ServiceAccount", **place}]},
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"Corefile": COREFILE}},
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
             "spec": {"clusterIP": DNS, "selector": labels, "ports": [{"name": "dns", "port": 53, "protocol": "UDP"},
                                                                       {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]}},
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": {
                "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {
                    "serviceAccountName": "coredns", "terminationGracePeriodSeconds": 1, "containers": [{
                        "name": "coredns", "image": "weft.test/coredns:1", "args": ["-conf", "/etc/coredns/Corefile"],
                        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
                        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}]}],
                    "volumes": [{"name": "config", "configMap": {"name": "coredns"}}]}}}})
        self.wait_rolled_out("kube-system", "deployment/coredns", patience=60)

    def apply_all(self, *documents):
        for document in documents:
            answer = self.apply(document)
            if answer.status not in (200, 201):
                raise Failed(f"{document['kind']} {document['metadata']['name']}: {answer.status} {answer.body}")

    # ---- when something is wrong ----

    def describe(self, *name_spaces):
        """What people would look at first."""
        out = []
        for name_space in name_spaces:
            for arguments in (("get", "pods,services,endpointslices,deployments,jobs", "-o", "wide"), ("describe", "pods"),
                              ("get", "events", "--sort-by=.lastTimestamp")):
                out.append(f"--- kubectl -n {name_space} {' '.join(arguments)}")
                out.append(self.kubectl("-n", name_space, *arguments).stdout)
            for pod in self.pods(name_space):
                spec, name = pod["spec"], pod["metadata"]["name"]
                for container in (spec.get("initContainers") or []) + spec["containers"]:
                    for flags in ((), ("--previous",)):
                        said = self.kubectl("-n", name_space, "logs", name, "-c", container["name"], "--tail=60", *flags)
                        if said.returncode == 0 and said.stdout:
                            out.append(f"--- {name_space}/{name} {container['name']} {' '.join(flags)}\n{said.stdout}")
        return "\n".join(out)

