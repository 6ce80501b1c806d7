"""Measurements: one fresh start of one contender each, so that nothing of an earlier run remains."""

import contextlib
import os
import shutil
import tempfile
import time

from harness import contenders, machine, process
from harness.process import Failed

READY_PATIENCE = 10
PROBE_PATH = "/bench/probe"
# Shares of a core, during the window, that were not ours. Past them a run says more about the machine than the proxy.
OTHER_LOAD_MAX = 0.05
STEAL_MAX = 0.01


class Plan:
    """What stays the same for every run of an invocation."""

    def __init__(self, args, directory, certificates):
        self.binaries = args.bin
        self.directory = directory
        self.certificates = certificates
        self.proxy_core = args.proxy_core
        self.load_core = args.load_core
        self.connections = args.connections
        self.warmup = args.warmup
        self.duration = args.duration
        self.headers = args.headers
        self.tracing = not args.no_tracing
        self.keep = args.keep

    def tool(self, name):
        return os.path.join(self.binaries, name)


class Stage:
    """A backend and a contender in front of it, ready to be loaded."""

    def __init__(self, scene, backend, proxies):
        self.scene = scene
        self.backend = backend
        self.proxies = proxies
        self.answered = 0  # By the backend; known once the stage is down.

    def memory(self):
        sizes = [machine.memory_kb(proxy.pid) for proxy in self.proxies]
        return {key: sum(size[key] for size in sizes) for key in ("rss_kb", "pss_kb")}


@contextlib.contextmanager
def stage(plan, contender, kind, body_bytes, prefix=None, patience=READY_PATIENCE, probe=True):
    """Ready when the block is entered; stopped, and judged whether it lived through it, when the block ends."""
    directory = tempfile.mkdtemp(prefix=f"{contender.name}-", dir=plan.directory)
    started = []
    try:
        backend_port = machine.free_port()
        lifetime = int(plan.warmup + plan.duration) + 600
        backend = process.Process(
            "meshback",
            [plan.tool("meshback"), "--port", str(backend_port), "--size", str(body_bytes), "--lifetime", str(lifetime)],
            plan.load_core,
            directory,
        )
        started.append(backend)
        process.wait_until(lambda: process.get(backend_port, PROBE_PATH), [backend], "answer of the backend", 5)
        scene = contenders.Scene(
            kind, directory, plan.binaries, plan.certificates, plan.proxy_core, backend_port, prefix, plan.tracing
        )
        proxies = contender.start(scene)
        started += proxies

        def serves():
            if not contender.is_ready(scene):
                return False
            if not probe:
                return True
            answer = process.get(scene.listen, PROBE_PATH, timeout=patience)
            return answer is not None and answer[0] == 200 and len(answer[1]) == body_bytes

        process.wait_until(serves, proxies, f"200 through {contender.name}", patience)
        standing = Stage(scene, backend, proxies)
        yield standing
        for proxy in proxies:
            if not proxy.is_running():
                raise Failed(f"{proxy.name} ended under load:\n{proxy.log_tail()}")
            proxy.stop(patience)
        backend.stop()
        standing.answered = backend.last_json().get("requests", 0)
    finally:
        for child in reversed(started):
            child.stop(patience)
        if not plan.keep:
            shutil.rmtree(directory, ignore_errors=True)


def _load(plan, standing, extra, warmup, duration, connections):
    argv = [
        plan.tool("meshload"), f"127.0.0.1:{standing.scene.listen}", "--connections", str(connections),
        "--headers", str(plan.headers), "--warmup", str(warmup), "--duration", str(duration), "--histogram", *extra,
    ]
    for watched in [*standing.proxies, standing.backend]:
        argv += ["--watch", str(watched.pid)]
    return process.run_json(argv, plan.load_core, warmup + duration + 30)


def _busy_ns(report, pids):
    return sum(use["cpu_ns"] for use in report["processes"] if use["pid"] in pids)


def _disturbances(plan, report, ours_by_core):
    """What else ran on our cores during the window, whatever the figures were: (kind, words)."""
    notes = []
    for core in report["cores"]:
        ours = ours_by_core.get(core["core"])
        if ours is None:
            continue
        other = core["busy"] - ours / 1e9 / report["seconds"]
        if other > OTHER_LOAD_MAX:
            notes.append((f"other load {core['core']}", f"other load on core {core['core']}: {other:.0%}"))
        if core["steal"] > STEAL_MAX:
            notes.append((f"steal {core['core']}", f"core {core['core']}: {core['steal']:.0%} stolen"))
    return notes


def _faults(report, answered):
    """What must not happen, whatever the machine did meanwhile: (kind, words)."""
    notes = []
    wrong_status = {code: count for code, count in report["statuses"].items() if code != "200"}
    if report["errors"] or report["aborted"]:
        notes.append(("errors", f"{report['errors']} errors {report['errors_by_kind']}"))
    if wrong_status:
        notes.append(("status", f"statuses other than 200: {wrong_status}"))
    if answered < report["requests_all"]:
        notes.append(("count", f"the backend saw {answered} requests, the client {report['requests_all']} answers"))
    return notes


def loaded(plan, contender, kind, body_bytes, rate=None, check=False):
    """One run: peak (closed loop) without a rate, open loop with one."""
    with stage(plan, contender, kind, body_bytes) as standing:
        faults = [(sentence, sentence) for sentence in contender.checks(standing.scene)] if check else []
        extra = ["--rate", f"{rate:.1f}"] if rate else []
        report = _load(plan, standing, extra, plan.warmup, plan.duration, plan.connections)
        memory = standing.memory() if standing.proxies else {"rss_kb": None, "pss_kb": None}
    if report["requests"] == 0:
        raise Failed(f"no answer within {plan.duration:g} s: {report['errors_by_kind']}")
    proxies = {proxy.pid for proxy in standing.proxies}
    proxy_ns = _busy_ns(report, proxies)
    load_ns = _busy_ns(report, {standing.backend.pid, report["pid"]})
    requests, seconds = report["requests"], report["seconds"]
    ours_by_core = {}
    for core, ns in ((plan.proxy_core, proxy_ns), (plan.load_core, load_ns)):
        if core is not None:
            ours_by_core[core] = ours_by_core.get(core, 0) + ns
    disturbances = _disturbances(plan, report, ours_by_core)
    faults += _faults(report, standing.answered)
    if rate and report["rps"] < 0.98 * rate:
        disturbances.append(("rate", f"only {report['rps']:.0f} of {rate:.0f} requests/s came through"))
    switches = sum(
        use["switches_voluntary"] + use["switches_forced"] for use in report["processes"] if use["pid"] in proxies
    )
    return {
        "rps": report["rps"],
        "requests": requests,
        "cpu_us": proxy_ns / 1000 / requests if proxies else None,
        "load_cpu_us": load_ns / 1000 / requests,
        "switches": switches / requests if proxies else None,
        "proxy_busy": proxy_ns / 1e9 / seconds if proxies else None,
        "load_busy": load_ns / 1e9 / seconds,
        **{key: report["latency"][key] for key in ("p50_us", "p99_us", "p999_us", "max_us", "buckets_ns")},
        **memory,
        "is_valid": not faults,
        "is_disturbed": bool(disturbances),
        "notes": faults + disturbances,
    }


def idle(plan, contender, kind, settle=2.0, watch=5.0):
    """Memory and wake-ups of each process of a contender that has seen no request."""
    with stage(plan, contender, kind, 2, probe=False) as standing:
        time.sleep(settle)
        before = {proxy.name: machine.wake_ups(proxy.pid) for proxy in standing.proxies}
        time.sleep(watch)
        return {
            proxy.name: {
                **machine.memory_kb(proxy.pid),
                "wake_ups_per_s": (machine.wake_ups(proxy.pid) - before[proxy.name]) / watch,
            }
            for proxy in standing.proxies
        }


def _callgrind_total(path):
    with open(path, encoding="utf-8", errors="replace") as text:
        for line in text:
            if line.startswith(("summary:", "totals:")):
                return int(line.split()[1])
    raise Failed(f"callgrind wrote no total for {os.path.basename(path)}")


def _strace_total(path):
    with open(path, encoding="utf-8", errors="replace") as text:
        for line in text:
            fields = line.split()
            if fields and fields[-1] == "total":
                # "100.00 seconds usecs/call calls [errors] total"
                return int(fields[3])
    raise Failed(f"strace wrote no total for {os.path.basename(path)}")


COUNTERS = {
    "instructions": (
        "valgrind",
        lambda path: ["valgrind", "--tool=callgrind", f"--callgrind-out-file={path}", "--quiet"],
        _callgrind_total,
    ),
    "syscalls": ("strace", lambda path: ["strace", "-f", "-c", "-o", path], _strace_total),
}


def counted(plan, contender, kind, body_bytes, counter, few=1000, many=5000):
    """Instructions or system calls per request: two runs that differ only in requests, so that start and end cancel."""
    _, prefix_of, total_of = COUNTERS[counter]
    totals = {}
    for requests in (few, many):
        paths = []

        def prefix(name):
            paths.append(os.path.join(plan.directory, f"{contender.name}-{name}-{requests}.{counter}"))
            return prefix_of(paths[-1])

        with stage(plan, contender, kind, body_bytes, prefix=prefix, patience=90) as standing:
            report = _load(plan, standing, ["--requests", str(requests)], 0, 120, 1)
        if report["errors"] or report["requests_all"] != requests:
            raise Failed(f"{report['requests_all']} of {requests} requests under {counter}: {report['errors_by_kind']}")
        totals[requests] = sum(total_of(path) for path in paths)
    return (totals[many] - totals[few]) / (many - few)
