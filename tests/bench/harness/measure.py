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
def stage(plan, contender, scenario, prefix=None, patience=READY_PATIENCE, probe=True):
    """Ready when the block is entered; stopped, and judged whether it lived through it, when the block ends."""
    directory = tempfile.mkdtemp(prefix=f"{contender.name}-", dir=plan.directory)
    started = []
    try:
        backend_port = machine.free_port()
        lifetime = int(plan.warmup + plan.duration) + 600
        backend = process.Process(
            "meshback",
            [plan.tool("meshback"), "--port", str(backend_port), "--lifetime", str(lifetime), *scenario.backend],
            plan.load_core,
            directory,
        )
        started.append(backend)
        process.wait_until(lambda: backend.has_said("port "), [backend], "listening backend", 5)
        scene = contenders.Scene(
            scenario.setup, directory, plan.binaries, plan.certificates, plan.proxy_core, backend_port, prefix, plan.tracing
        )
        proxies = contender.start(scene)
        started += proxies

        def serves():
            return contender.is_ready(scene) and (not probe or _probe(plan, scenario, scene, patience))

        process.wait_until(serves, proxies, f"an answer through {contender.name}", patience)
        standing = Stage(scene, backend, proxies)
        yield standing
        for proxy in standing.proxies:
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


def _probe(plan, scenario, scene, patience):
    """One exchange through the whole path, of the kind that will be measured."""
    if scenario.is_http1:
        answer = process.get(scene.listen, PROBE_PATH, timeout=patience)
        return answer is not None and answer[0] == 200 and (not scenario.body or len(answer[1]) == scenario.body)
    argv = [plan.tool("meshload"), f"127.0.0.1:{scene.listen}", "--connections", "1", "--warmup", "0", *_flags(scenario, scene)]
    try:
        if scenario.kind == "bulk":
            return process.run_json([*argv, "--duration", "0.05"], plan.load_core, patience)["bytes"] > 0
        report = process.run_json([*argv, "--duration", str(patience), "--requests", "1"], plan.load_core, 2 * patience)
    except Failed:
        return False
    return report["errors"] == 0 and report["requests_all"] > 0 and not _wrong_status(report)


def _flags(scenario, scene):
    return [flag.replace("@CERTS@", scene.certificates) for flag in scenario.load]


def _argv(plan, scenario, standing, extra, warmup, duration, connections):
    argv = [
        plan.tool("meshload"), f"127.0.0.1:{standing.scene.listen}", "--connections", str(connections),
        "--headers", str(plan.headers), "--warmup", str(warmup), "--duration", str(duration), "--histogram",
        *_flags(scenario, standing.scene), *extra,
    ]
    for watched in [*standing.proxies, standing.backend]:
        argv += ["--watch", str(watched.pid)]
    return argv


def _load(plan, scenario, standing, extra, warmup, duration, connections):
    argv = _argv(plan, scenario, standing, extra, warmup, duration, connections)
    return process.run_json(argv, plan.load_core, warmup + duration + 30)


def _wrong_status(report):
    return {code: count for code, count in report["statuses"].items() if code not in ("0", "200")}


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


def _faults(scenario, report, answered):
    """What must not happen, whatever the machine did meanwhile: (kind, words)."""
    notes = []
    if report["errors"] or report["aborted"]:
        notes.append(("errors", f"{report['errors']} errors {report['errors_by_kind']}"))
    if _wrong_status(report):
        notes.append(("status", f"statuses other than 200: {_wrong_status(report)}"))
    if not scenario.proxy_answers and answered < report["requests_all"]:
        notes.append(("count", f"the backend saw {answered} requests, the client {report['requests_all']} answers"))
    return notes


def _shares(plan, standing, report):
    """(CPU of the proxies, of client and backend, in ns; what else ran on those cores)."""
    proxy_ns = _busy_ns(report, {proxy.pid for proxy in standing.proxies})
    load_ns = _busy_ns(report, {standing.backend.pid, report["pid"]})
    ours_by_core = {}
    for core, ns in ((plan.proxy_core, proxy_ns), (plan.load_core, load_ns)):
        if core is not None:
            ours_by_core[core] = ours_by_core.get(core, 0) + ns
    return proxy_ns, load_ns, _disturbances(plan, report, ours_by_core)


def loaded(plan, contender, scenario, rate=None, check=False):
    """One run: peak (closed loop) without a rate, open loop with one; at the backend's pace when that has one."""
    with stage(plan, contender, scenario) as standing:
        faults = [(sentence, sentence) for sentence in contender.checks(standing.scene)] if check else []
        extra = ["--rate", f"{rate:.1f}"] if rate else []
        report = _load(plan, scenario, standing, extra, plan.warmup, plan.duration, scenario.connections or plan.connections)
        memory = standing.memory() if standing.proxies else {"rss_kb": None, "pss_kb": None}
    if report["requests"] == 0:
        raise Failed(f"no answer within {plan.duration:g} s: {report['errors_by_kind']}")
    proxies = {proxy.pid for proxy in standing.proxies}
    proxy_ns, load_ns, disturbances = _shares(plan, standing, report)
    requests, seconds = report["requests"], report["seconds"]
    faults += _faults(scenario, report, standing.answered)
    wanted = rate or scenario.messages_per_s
    if wanted and report["rps"] < 0.98 * wanted:
        disturbances.append(("rate", f"only {report['rps']:.0f} of {wanted:.0f} {scenario.unit}s/s came through"))
    if scenario.is_resumed and report["handshakes"]:
        share = report["resumed"] / report["handshakes"]
        disturbances += [("resumed", f"{share:.0%} of the handshakes were resumed")] if share < 0.99 else []
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


def bulk(plan, contender, scenario, check=False):
    """One run of as many bytes as go through; the unit is a megabyte."""
    with stage(plan, contender, scenario) as standing:
        faults = [(sentence, sentence) for sentence in contender.checks(standing.scene)] if check else []
        argv = _argv(plan, scenario, standing, [], plan.warmup, plan.duration, scenario.connections)
        report = process.run_json(argv, plan.load_core, plan.warmup + plan.duration + 30)
        memory = standing.memory() if standing.proxies else {"rss_kb": None, "pss_kb": None}
    if report["bytes"] == 0:
        raise Failed(f"no byte within {plan.duration:g} s")
    if report["lost"]:
        faults.append(("lost", f"{report['lost']} flows ended early"))
    proxy_ns, load_ns, disturbances = _shares(plan, standing, report)
    megabytes, seconds = report["bytes"] / 1e6, report["seconds"]
    nothing = dict.fromkeys(("switches", "p50_us", "p99_us", "p999_us", "max_us"))
    return {
        **nothing,
        "buckets_ns": [],
        "rps": megabytes / seconds,
        "requests": megabytes,
        "cpu_us": proxy_ns / 1000 / megabytes if standing.proxies else None,
        "load_cpu_us": load_ns / 1000 / megabytes,
        "proxy_busy": proxy_ns / 1e9 / seconds if standing.proxies else None,
        "load_busy": load_ns / 1e9 / seconds,
        **memory,
        "is_valid": not faults,
        "is_disturbed": bool(disturbances),
        "notes": faults + disturbances,
    }


def idle(plan, contender, scenario, settle=2.0, watch=5.0):
    """Memory and wake-ups of each process of a contender that has seen no request."""
    with stage(plan, contender, scenario, probe=False) as standing:
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


def held(plan, contender, scenario, connections, seconds):
    """What an idle connection costs: memory with so many of them, after one request on each, less memory before."""
    with stage(plan, contender, scenario) as standing:
        time.sleep(1)
        before = standing.memory()
        argv = _argv(plan, scenario, standing, ["--hold", str(seconds)], 0, 1, connections)
        client = process.Process("meshload", argv, plan.load_core, standing.scene.directory)
        try:
            process.wait_until(lambda: client.has_said("holding "), [client, *standing.proxies],
                               f"{connections} connections held", 120)
            # Whoever frees buffers of idle connections late has had time to, and what is read is a connection at rest.
            time.sleep(0.75 * seconds)
            wakes = sum(machine.wake_ups(proxy.pid) for proxy in standing.proxies)
            after = standing.memory()
            time.sleep(0.2 * seconds)
            wakes = sum(machine.wake_ups(proxy.pid) for proxy in standing.proxies) - wakes
            if not client.wait(0.05 * seconds + 90):
                raise Failed("the client did not end")
            report = client.last_json()
        finally:
            client.stop()
    if not report:
        raise Failed(f"the client failed: {client.log_tail()}")
    wrong = [f"{report['errors']} errors {report['errors_by_kind']}"] if report["errors"] else []
    wrong += [f"statuses other than 200: {_wrong_status(report)}"] if _wrong_status(report) else []
    wrong += [f"only {report['held']} of {connections} stayed open"] if report["held"] != connections else []
    return {
        "kb": (after["rss_kb"] - before["rss_kb"]) / connections,
        "rss_kb": after["rss_kb"],
        "wake_ups_per_s": wakes / (0.2 * seconds),
        "wrong": wrong,
    }


def start(plan, contender, scenario):
    """Milliseconds from exec until a request through the proxy is answered."""
    with stage(plan, contender, scenario) as standing:
        answered = standing.scene.listen
        argv = [(proxy.name, proxy.argv) for proxy in standing.proxies]
        for proxy in standing.proxies:
            proxy.stop()
        begin = time.monotonic()
        again = [process.Process(f"{name}-again", line, plan.proxy_core, standing.scene.directory) for name, line in argv]
        try:
            while not process.get_quickly(answered, PROBE_PATH):
                if time.monotonic() > begin + READY_PATIENCE:
                    raise Failed("it did not serve")
                time.sleep(0.0005)
            taken = time.monotonic() - begin
            standing.proxies = again
            return {"ms": 1000 * taken, **standing.memory()}
        finally:
            for proxy in again:
                proxy.stop()
            standing.proxies = []


def drained(plan, contender, scenario, rate):
    """Load in open loop, and in the middle of it one of the two servers' sides is told to stop."""
    with stage(plan, contender, scenario) as standing:
        leaving = standing.proxies[1]
        argv = _argv(plan, scenario, standing, ["--rate", str(rate)], 1, plan.duration, plan.connections)
        client = process.Process("meshload", argv, plan.load_core, standing.scene.directory)
        try:
            time.sleep(1 + plan.duration / 3)
            asked = time.monotonic()
            contender.drain(leaving)
            gone = leaving.wait(plan.duration + 30)
            taken = time.monotonic() - asked
            if not client.wait(plan.duration + 30):
                raise Failed("the client did not end")
            report = client.last_json()
        finally:
            client.stop()
        standing.proxies.remove(leaving)
        leaving.stop()
    if not report:
        raise Failed(f"the client failed: {client.log_tail()}")
    failed = report["errors"] + report["unsent"] + sum(_wrong_status(report).values())
    return {"failed": failed, "requests": report["requests_all"], "p99_us": report["latency"]["p99_us"],
            "max_us": report["latency"]["max_us"], "gone_s": taken if gone else None,
            "why": f"{report['errors_by_kind']} {_wrong_status(report)}" if failed else ""}


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


def counted(plan, contender, scenario, counter, few=1000, many=5000):
    """Instructions or system calls per request: two runs that differ only in requests, so that start and end cancel."""
    _, prefix_of, total_of = COUNTERS[counter]
    totals = {}
    for requests in (few, many):
        paths = []

        def prefix(name):
            paths.append(os.path.join(plan.directory, f"{contender.name}-{name}-{requests}.{counter}"))
            return prefix_of(paths[-1])

        with stage(plan, contender, scenario, prefix=prefix, patience=90) as standing:
            report = _load(plan, scenario, standing, ["--requests", str(requests)], 0, 120, 1)
        if report["errors"] or report["requests_all"] != requests:
            raise Failed(f"{report['requests_all']} of {requests} requests under {counter}: {report['errors_by_kind']}")
        totals[requests] = sum(total_of(path) for path in paths)
    return (totals[many] - totals[few]) / (many - few)


def lookup(plan, routes, kind, few=100, many=1100):
    """Instructions to find the last of so many routes: two runs that differ only in how often they look."""
    _, prefix_of, total_of = COUNTERS["instructions"]
    totals = {}
    for rounds in (few, many):
        out = os.path.join(plan.directory, f"lookup-{kind}-{routes}-{rounds}.instructions")
        argv = [*prefix_of(out), plan.tool("micro_config"), "--match", str(routes), kind, str(rounds)]
        process.run(argv, plan.proxy_core, 120)
        totals[rounds] = total_of(out)
    return (totals[many] - totals[few]) / (many - few)
