"""A place of our own to run a cluster in: network, mounts, process ids and a control group; gone with its first process.

Whoever calls enter() goes on as a child inside it. Nothing of the machine changes: what Kubernetes writes into /run, /var/lib,
/var/log and the kernel's settings, it writes into what covers them here.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import time

from harness.checks import Failed
from harness.processes import find_program, run

GROUPS = pathlib.Path("/sys/fs/cgroup")
NODE_ADDRESS = "10.77.0.1"
# What the kubelet sets where it is otherwise; here it finds it so.
SETTINGS = {"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
            "kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000"}


def _hierarchies():
    found = [path for path in GROUPS.iterdir() if (path / "cgroup.procs").exists() and not path.is_symlink()]
    if not (GROUPS / "memory" / "cgroup.procs").exists():
        raise Failed("cgroup v1 is wanted, as Kubernetes 1.34 still takes it; v2 alone has not been tried")
    return found


def _remove_group(group):
    """A group and those in it, deepest first; one in which something lives stays."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(folder)
        except OSError:
            pass
    return not group.exists()


def sweep(name=None, patience=0.0):
    """Removes a world's groups; those that killed runs left without a name. Returns what could not be."""
    deadline = time.monotonic() + patience
    while True:
        groups = [group for hierarchy in _hierarchies() for group in hierarchy.glob(name or "weft-cluster-*")]
        if name is None:
            groups = [group for group in groups if not pathlib.Path("/proc", group.name.rsplit("-", 1)[1]).exists()]
        left = [group for group in groups if not _remove_group(group)]
        if not left or time.monotonic() > deadline:
            return [str(one) for one in left]
        time.sleep(0.2)


def _join_group(name):
    for hierarchy in _hierarchies():
        group = hierarchy / name
        group.mkdir()
        if hierarchy.name == "cpuset":  # a new one has neither processors nor memory
            for file in ("cpuset.cpus", "cpuset.mems"):
                (group / file).write_text((hierarchy / file).read_text())
        (group / "cgroup.procs").write_text(str(os.getpid()))


def enter(argv):
    """Runs argv in a world of its own and returns its exit status; nothing of it is left then."""
    sweep()
    name = f"weft-cluster-{os.getpid()}"
    command = [find_program("unshare"), "--net", "--mount", "--propagation", "private", "--pid", "--fork",
               "--kill-child=SIGKILL", "--mount-proc", sys.executable, *map(str, argv)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=lambda: (_die_with_parent(), _join_group(name)))
    if os.environ.get("WEFT_KEEP"):
        print(f"to look at it: nsenter -t $(pgrep -P {child.pid}) -n -m -p sh", flush=True)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: child.kill())
        status = child.wait()
    finally:
        child.kill()
        child.wait()
        left = sweep(name, 20)
    if left:
        print(f"FAILED  nothing of the cluster is left: {left}", flush=True)
        return status or 1
    return status


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def reap_until_done():
    """For the first process of the world: the rest goes on in a child, and who has lost its parent finds one here."""
    child = os.fork()
    if child == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            sys.stdout.flush()
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _do(*argv):
    done = run(*argv)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, argv))}: {done.stderr.strip()}")


def furnish(state):
    """Mounts and network, from inside. `state`: a folder on a real disk."""
    for path in ("/run", "/var/lib", "/var/log"):
        _do("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
    for path in ("/var/lib/kubelet", "/var/lib/containerd", "/var/lib/cni", "/var/log/pods"):
        source = state / path.strip("/").replace("/", "-")
        source.mkdir()
        pathlib.Path(path).mkdir()
        _do("mount", "--bind", source, path)
    settings = state / "settings"
    settings.mkdir()
    for name, value in SETTINGS.items():
        file = settings / name.replace("/", "-")
        file.write_text(value)
        _do("mount", "--bind", file, f"/proc/sys/{name}")
    (state / "resolv.conf").write_text("")
    _do("mount", "--bind", state / "resolv.conf", "/etc/resolv.conf")
    # An interface for the node's address and a way to addresses that are nobody's, such as those of Services.
    for arguments in (("link", "set", "lo", "up"), ("link", "add", "node0", "type", "veth", "peer", "name", "node1"),
                      ("addr", "add", f"{NODE_ADDRESS}/24", "dev", "node0"), ("link", "set", "node0", "up"),
                      ("link", "set", "node1", "up"), ("route", "add", "default", "dev", "node0")):
        _do("ip", *arguments)
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
