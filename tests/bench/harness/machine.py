"""The machine under the benchmark: cores, free ports, memory of a process, and what to write into a record."""

import ctypes
import os
import platform
import random
import shutil
import signal
import socket

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1
# Below the range the kernel takes local ports from, so that no client socket can sit on a port we chose.
_PORTS = (20000, 32000)
_taken_ports = set()


def pin(core):
    """For preexec_fn: the child runs on this core only, and dies with its parent."""

    def apply():
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if core is not None:
            os.sched_setaffinity(0, {core})

    return apply


def free_port():
    """A port of loopback that nobody listens on; never the same one twice in this process."""
    for _ in range(200):
        port = random.randrange(*_PORTS)
        if port in _taken_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _taken_ports.add(port)
        return port
    raise RuntimeError("no free port found on 127.0.0.1")


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def memory_kb(pid):
    """Resident and proportional size of one process."""
    found = {}
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as rollup:
        for line in rollup:
            name, _, rest = line.partition(":")
            if name in ("Rss", "Pss"):
                found[name] = int(rest.split()[0])
    return {"rss_kb": found.get("Rss", 0), "pss_kb": found.get("Pss", 0)}


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as listed:
        return [int(child) for child in listed.read().split()]


def wake_ups(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("voluntary_ctxt_switches:"):
                    total += int(line.split()[1])
    return total


def describe():
    model = "unknown"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
        for line in cpuinfo:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_gb": round(pages / 1e9, 1),
        "kernel": ".".join(platform.release().split(".")[:2]),
    }
