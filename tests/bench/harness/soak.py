"""The long hold: control plane, a pair of sidecars over mTLS, traffic, an edited route again and again, short certificates.

What must hold at the end: memory does not grow, descriptors do not either, each edit was taken by both sidecars, both
certificates were renewed all the time, and of the requests none was lost. judge() says so, from a plain record of the run.
"""

import json
import os
import random
import subprocess
import time
from dataclasses import dataclass, field

from harness import machine, process, trend
from harness.contenders import CONFIG
from harness.process import Failed

# Below that many seconds of samples a slope per hour says nothing, and growth is judged instead.
SLOPE_SECONDS = 600
GROWTH_MAX_MB = 16
# A connection or two may be between two owners in the instant of a sample.
DESCRIPTORS_SLACK = 8
RENEWAL_SHARE = 0.8
# The least that weft-control signs; renewal is at half of a certificate's life, give or take a tenth.
LIFETIME_MIN = 10
# Blue's share, edit by edit. With nothing to do a colour is taken away whole; it is another handshake when it comes back.
WEIGHTS = (90, 50, 0, 10, 100)
BREAKS = ("backend", "push", "rotation")
TICK = 0.1
LOAD_OUTLASTS = 2


@dataclass
class Options:
    seconds: float = 1800
    warmup: float = 300
    rate: float = 0  # Requests/s in all; 0 = half of the measured peak.
    push_every: float = 10
    lifetime: float = 60  # Of a certificate: renewed at half of it.
    sample_every: float = 5
    push_patience: float = 5
    slope_max_mb: float = 1
    peak_seconds: float = 5
    breaks: str = ""


@dataclass
class Record:
    """What happened, for judge()."""

    seconds: float
    lifetime: float
    slope_max_mb: float
    pushes: int = 0
    push_seconds: list = field(default_factory=list)  # From the edit until both sidecars have it.
    loads: dict = field(default_factory=dict)  # What each meshload reports.
    backend_answers: int = 0
    samples: dict = field(default_factory=dict)  # By process: [{"at", "rss_mb", "heap_mb", "descriptors"}] after warm-up.
    renewals: dict = field(default_factory=dict)  # By sidecar: [renewed, failed] after warm-up.
    handshakes: list = field(default_factory=lambda: [0, 0])  # Of both sidecars: done, failed.

    def failed(self, name):
        report = self.loads[name]
        wrong = sum(count for code, count in report["statuses"].items() if code != "200")
        return report["errors"] + report["unsent"] + wrong + (1 if report["aborted"] else 0)


def judge(record):
    """(sentence, holds) for each promise."""
    lines = []
    answered = sum(report["requests_all"] for report in record.loads.values())
    for name, report in record.loads.items():
        failed = record.failed(name)
        what = f": {report['errors_by_kind']} {report['statuses']} unsent {report['unsent']}" if failed else ""
        lines.append((f"lost requests, {name}: {failed} of {report['requests_all'] + report['errors'] + report['unsent']}{what}",
                      failed == 0 and report["requests_all"] > 0))
    lines.append((f"answers: {answered} received, {record.backend_answers} given by the app",
                  0 < answered <= record.backend_answers))
    for name, samples in record.samples.items():
        lines += _judge_memory(record, name, samples)
        lines.append(_judge_descriptors(name, samples))
    taken = record.push_seconds
    slowest = f", slowest after {max(taken):.2f} s" if taken else ""
    lines.append((f"pushes: {len(taken)} of {record.pushes} taken by both sidecars{slowest}", 0 < record.pushes == len(taken)))
    expected = int(RENEWAL_SHARE * record.seconds / (record.lifetime / 2))
    for name, (renewed, failed) in record.renewals.items():
        lines.append((f"certificate renewals, {name}: {renewed}, {failed} failed (at least {expected})",
                      renewed >= max(expected, 1) and failed == 0))
    done, failed = record.handshakes
    lines.append((f"TLS handshakes: {done} done, {failed} failed", done > 0 and failed == 0))
    return lines


def _judge_memory(record, name, samples):
    if not samples:
        return [(f"memory, {name}: unknown", False)]
    if record.seconds < SLOPE_SECONDS:
        growth = samples[-1]["rss_mb"] - samples[0]["rss_mb"]
        return [(f"memory, {name}: {growth:+.1f} MiB (at most {GROWTH_MAX_MB}; too short for a slope)", growth <= GROWTH_MAX_MB)]
    lines = []
    for kind, key in (("resident", "rss_mb"), ("heap", "heap_mb")):
        line = trend.Line([(sample["at"], sample[key]) for sample in samples])
        sizes = [sample[key] for sample in samples]
        lines.append((f"memory, {name}: {kind} {line} MiB/h, {min(sizes):.1f} to {max(sizes):.1f} MiB "
                      f"(below {record.slope_max_mb:g} with all of its 95 % interval)", line.stays_below(record.slope_max_mb)))
    return lines


def _judge_descriptors(name, samples):
    """The most of the last third beside the most of the first."""
    counts = [sample["descriptors"] for sample in samples]
    third = max(len(counts) // 3, 1)
    if not counts:
        return f"descriptors, {name}: unknown", False
    first, last = max(counts[:third]), max(counts[-third:])
    return (f"descriptors, {name}: {min(counts)} to {max(counts)}; first third at most {first}, last third at most {last}",
            last <= first + DESCRIPTORS_SLACK)


# ---- The run ----


def _sizes(pid):
    """Resident and anonymous megabytes, and open descriptors."""
    found = {}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            name, _, rest = line.partition(":")
            if name in ("VmRSS", "RssAnon"):
                found[name] = int(rest.split()[0]) / 1024
    return {"rss_mb": found["VmRSS"], "heap_mb": found["RssAnon"], "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def _metric(page, name, *labels):
    """The sum of a family's samples that carry these labels."""
    total = 0.0
    for line in page.splitlines():
        if line.startswith(name + "{") or line.startswith(name + " "):
            if all(label in line for label in labels):
                total += float(line.rpartition(" ")[2])
    return int(total)


class Mesh:
    """weft-control, two sidecars and two apps, in a directory and a network of their own."""

    def __init__(self, plan, directory, options):
        self.plan = plan
        self.directory = directory
        self.options = options
        self.network = f"127.{random.randrange(100, 250)}"
        self.admin = machine.free_port()
        self.xds = machine.free_port()
        self.apps = {"http": machine.free_port(), "grpc": machine.free_port()}
        self.processes = {}
        self.outbound = f"{self.network}.0.1:15001"
        self.sidecars = {"caller": f"{self.network}.0.1", "server": f"{self.network}.1.1"}

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def write(self, template, **places):
        """By rename, so that nobody reads half of it. A line that ends in the name of a place that is 0 is left out."""
        with open(os.path.join(CONFIG, template), encoding="utf-8") as source:
            lines = source.read().splitlines(keepends=True)
        for place, value in places.items():
            if value == 0:
                lines = [line for line in lines if not line.rstrip().endswith(f"# {place.lower()}")]
            lines = [line.replace(f"@{place}@", str(value)) for line in lines]
        fresh = self.path(template + ".new")
        with open(fresh, "w", encoding="utf-8") as target:
            target.writelines(lines)
        os.rename(fresh, self.path("config", template))

    def start(self):
        for name in ("config", "state"):
            os.mkdir(self.path(name), 0o700)
        self.write("soak.yaml", NETWORK=self.network, HTTP=self.apps["http"], GRPC=self.apps["grpc"])
        self.write("soak-route.yaml", BLUE=WEIGHTS[0], GREEN=100 - WEIGHTS[0])
        for name in self.apps:
            self.start_app(name)
        lifetime = "1h" if self.options.breaks == "rotation" else f"{self.options.lifetime:g}s"
        self._start("weft-control", [
            self.plan.tool("weft-control"), "--config-dir", self.path("config"), "--state-dir", self.path("state"), "--listen",
            f"127.0.0.1:{self.xds}", "--admin", f"127.0.0.1:{self.admin}", "--max-certificate-lifetime", lifetime])
        control = [self.processes["weft-control"]]
        process.wait_until(lambda: control[0].has_said(" ready "), control, "ready control plane", 20)
        for name, account in (("caller", "caller"), ("server", "api")):
            self._make_start_file(name, account)
            self._start(name, [self.plan.tool("weft-sidecar"), "-c", self.path(f"{name}.yaml")])
        everyone = list(self.processes.values())
        process.wait_until(lambda: self.has_taken(1), everyone, "configured sidecars", 20)
        process.wait_until(self._serves, everyone, "an answer through the pair", 20)

    def start_app(self, name):
        flags = ["--http2", "--grpc"] if name == "grpc" else []
        self._start(f"app-{name}", [self.plan.tool("meshback"), "--port", str(self.apps[name]), "--lifetime", "86400", *flags])

    def _start(self, name, argv):
        self.processes[name] = process.Process(name, argv, None, self.directory)

    def _weft(self, *arguments):
        done = subprocess.run([self.plan.tool("weft"), *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"weft {arguments[0]}: {done.stderr or done.stdout}")
        return done.stdout

    def _make_start_file(self, name, account):
        token = self.path(f"{name}.token")
        for path, arguments in (
            (token, ["token", "create", "--namespace", "soak", "--service-account", account, "--ttl", "1h",
                     "--state-dir", self.path("state")]),
            (self.path(f"{name}.yaml"), ["sidecar-config", "--workload", f"soak/{name}", "--config-dir", self.path("config"),
                                         "--control", f"127.0.0.1:{self.xds}", "--token-file", token])):
            text = self._weft(*arguments)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as target:
                target.write(text)

    def _serves(self):
        for flags in (["--protocol", "http1"], ["--protocol", "grpc"]):
            try:
                report = process.run_json([*self.load_argv(flags), "--connections", "1", "--requests", "1", "--duration", "2"],
                                          None, 20)
            except Failed:
                return False
            if report["statuses"] != {"200": 1}:
                return False
        return True

    def load_argv(self, flags):
        host = "echo.soak" if "grpc" in flags else "api.soak"
        return [self.plan.tool("meshload"), self.outbound, "--host", host, "--warmup", "0", *flags]

    def generation(self):
        """(the control plane's, the oldest of the sidecars' that refused nothing); None while it does not answer."""
        answer = process.get(self.admin, "/mesh", host="localhost")
        if answer is None or answer[0] != 200:
            return None
        page = json.loads(answer[1])
        mine = [one["generation"] if one["state"] in ("current", "behind") else 0
                for one in page["sidecars"] if one["state"] != "missing"]
        return page["generation"], min(mine) if len(mine) == len(self.sidecars) else 0

    def has_taken(self, generation):
        now = self.generation()
        return now is not None and now[0] >= generation and now[1] >= generation

    def metrics(self, name):
        answer = process.get(15000, "/metrics", host="localhost", address=self.sidecars[name])
        if answer is None or answer[0] != 200:
            raise Failed(f"{name}: /metrics does not answer\n{self.processes[name].log_tail()}")
        return answer[1].decode()

    def stop(self):
        """The sidecars first, and what the apps answered in all."""
        for name in ("caller", "server", "weft-control"):
            if name in self.processes:
                self.processes[name].stop(10)
        answers = 0
        for name, app in self.processes.items():
            if name.startswith("app-"):
                app.stop()
                answers += app.last_json().get("requests", 0)
        return answers


class Soak:
    """One run; run() returns its Record."""

    def __init__(self, plan, options, directory, say):
        self.plan = plan
        self.options = options
        self.say = say
        self.mesh = Mesh(plan, directory, options)
        self.record = Record(options.seconds, options.lifetime, options.slope_max_mb)
        self.clients = {}
        self.asked = None  # (generation that must come, when the edit was made)
        self.probes = 0

    def run(self):
        try:
            self.mesh.start()
            rate = self.options.rate or self._half_of_peak()
            self.start_load(rate)
            self.say(f"soak: {rate:.0f} requests/s, {self.options.warmup:g} s of warm-up, {self.options.seconds:g} s of samples, "
                     f"a push each {self.options.push_every:g} s, certificates of {self.options.lifetime:g} s")
            self._hold()
            self._gather()
        finally:
            for client in self.clients.values():
                client.stop()
            self.record.backend_answers = self.mesh.stop()
        return self.record

    def _half_of_peak(self):
        argv = self.mesh.load_argv(["--connections", "32", "--duration", str(self.options.peak_seconds)])
        report = process.run_json(argv, None, self.options.peak_seconds + 30)
        self.say(f"soak: the pair's peak is {report['rps']:.0f} requests/s over HTTP/1.1")
        return report["rps"] / 2

    def start_load(self, rate):
        """HTTP/1.1, HTTP/2 and gRPC a third each, and a few that open a connection of their own each time."""
        kinds = {
            "http1": (["--connections", "16"], 0.33),
            "http2": (["--protocol", "http2", "--connections", "4", "--streams", "8"], 0.33),
            "grpc": (["--protocol", "grpc", "--connections", "4", "--streams", "8", "--body", "64"], 0.33),
            "fresh": (["--connections", "8", "--connections-per-request"], 0.01),
        }
        # A little longer than the hold, which must not see its end.
        total = self.options.warmup + self.options.seconds + LOAD_OUTLASTS
        for name, (flags, share) in kinds.items():
            argv = self.mesh.load_argv([*flags, "--rate", f"{rate * share:.2f}", "--duration", f"{total:.1f}"])
            self.clients[name] = process.Process(f"load-{name}", argv, None, self.mesh.directory)

    def _hold(self):
        begin = time.monotonic()
        warm, end = begin + self.options.warmup, begin + self.options.warmup + self.options.seconds
        next_push, next_sample = begin + self.options.push_every, warm
        before, broken, said = None, False, begin
        while (now := time.monotonic()) < end:
            for one in [*self.mesh.processes.values(), *self.clients.values()]:
                if not one.is_running() and not (broken and one.name == "app-http"):
                    raise Failed(f"{one.name} ended:\n{one.log_tail()}")
            if before is None and now >= warm:
                before = self._counts()
            self._see_push(now)
            if now >= next_push and now + self.options.push_patience < end:
                next_push += self.options.push_every
                self._push(now)
            if now >= next_sample:
                next_sample += self.options.sample_every
                self._sample(now - begin)
            if self.options.breaks == "backend" and not broken and now > (warm + end) / 2:
                broken = True
                self.mesh.processes["app-http"].stop()
            if now >= said + 60:
                said = now
                self.say(f"soak: {now - begin:.0f} s; {self._words()}")
            time.sleep(TICK)
        after = self._counts()
        for name in self.mesh.sidecars:
            gone = [a - b for a, b in zip(after[name], before[name])]
            self.record.renewals[name] = gone[:2]
            self.record.handshakes = [sum(pair) for pair in zip(self.record.handshakes, gone[2:])]

    def _counts(self):
        pages = {name: self.mesh.metrics(name) for name in self.mesh.sidecars}
        return {name: [_metric(page, "weft_certificate_renewals_total", 'result="ok"'),
                       _metric(page, "weft_certificate_renewals_total", 'result="failed"'),
                       _metric(page, "weft_handshakes_total", 'result="ok"'),
                       _metric(page, "weft_handshakes_total", 'result="failed"')] for name, page in pages.items()}

    def _push(self, now):
        """An edit that was not taken before the next one counts as not taken."""
        standing = self.mesh.generation()
        self.asked = (standing[0] + 1 if standing else 1, now)
        self.record.pushes += 1
        blue = WEIGHTS[self.record.pushes % len(WEIGHTS)]
        self.mesh.write("soak-route.yaml", BLUE=-1 if self.options.breaks == "push" else blue, GREEN=100 - blue)

    def _see_push(self, now):
        if self.asked is None:
            return
        generation, asked_at = self.asked
        if self.mesh.has_taken(generation):
            self.record.push_seconds.append(time.monotonic() - asked_at)
            self.asked = None
        elif now > asked_at + self.options.push_patience:
            self.asked = None

    def _sample(self, at):
        for name in ("caller", "server", "weft-control"):
            sample = {"at": at, **_sizes(self.mesh.processes[name].pid)}
            self.record.samples.setdefault(name, []).append(sample)
        for name in self.mesh.sidecars:  # Somebody always scrapes.
            self.mesh.metrics(name)

    def _words(self):
        parts = [f"{name} {_sizes(self.mesh.processes[name].pid)['rss_mb']:.1f} MiB" for name in
                 ("caller", "server", "weft-control")]
        return ", ".join(parts) + f"; {len(self.record.push_seconds)} of {self.record.pushes} pushes taken"

    def _gather(self):
        for name, client in self.clients.items():
            if not client.wait(60):
                raise Failed(f"load-{name} did not end")
            report = client.last_json()
            if not report:
                raise Failed(f"load-{name} failed: {client.log_tail()}")
            self.record.loads[name] = report


def run(plan, options, say):
    """Prints the verdicts and returns (record as JSON, whether all of them hold)."""
    directory = os.path.join(plan.directory, "soak")
    os.mkdir(directory, 0o700)
    record = Soak(plan, options, directory, say).run()
    judged = judge(record)
    for sentence, holds in judged:
        print(("ok      " if holds else "BROKEN  ") + sentence)
    for name, report in record.loads.items():
        latency = report["latency"]
        print(f"        {name}: {report['rps']:.0f} requests/s, p50 {latency['p50_us']:.0f} us, p99 {latency['p99_us']:.0f} us, "
              f"longest {latency['max_us'] / 1000:.0f} ms, {report['idle_closed']} idle connections closed")
    found = {
        "machine": machine.describe(), "options": vars(options), "pushes": record.pushes, "push_seconds": record.push_seconds,
        "loads": record.loads, "backend_answers": record.backend_answers, "samples": record.samples,
        "renewals": record.renewals, "handshakes": record.handshakes,
        "slopes_mb": {name: {key: trend.Line([(sample["at"], sample[key]) for sample in samples]).as_json()
                             for key in ("rss_mb", "heap_mb", "descriptors")} for name, samples in record.samples.items()},
        "verdicts": [{"promise": sentence, "holds": holds} for sentence, holds in judged],
    }
    return found, all(holds for _, holds in judged)


def self_test():
    """Returns what does not hold: a good run is good, and each fault alone turns the verdict."""
    wrong = []

    def good():
        record = Record(seconds=1800, lifetime=60, slope_max_mb=1, pushes=180, push_seconds=[0.2] * 180, backend_answers=4000)
        record.loads = {name: {"requests_all": 1000, "errors": 0, "errors_by_kind": {}, "unsent": 0, "aborted": False,
                               "statuses": {"200": 1000}} for name in ("http1", "http2", "grpc", "fresh")}
        record.renewals = {"caller": [60, 0], "server": [59, 0]}
        record.handshakes = [144, 0]
        record.samples = {"caller": [{"at": 5.0 * i, "rss_mb": 20 + 0.1 * (7 * i % 11) / 11, "heap_mb": 9 + 0.1 * (5 * i % 11) / 11,
                                      "descriptors": 40 + i % 3} for i in range(360)]}
        return record

    def broken(what, change):
        record = good()
        change(record)
        if all(holds for _, holds in judge(record)):
            wrong.append(f"{what} breaks nothing")

    for sentence, holds in judge(good()):
        if not holds:
            wrong.append(f"a good run is judged broken: {sentence}")

    def each_sample(change):
        return lambda record: [change(i, sample) for i, sample in enumerate(record.samples["caller"])]

    broken("a request cut", lambda record: record.loads["http2"].update(errors=1))
    broken("a request never sent", lambda record: record.loads["http1"].update(unsent=1))
    broken("a 503", lambda record: record.loads["grpc"]["statuses"].update({"503": 1}))
    broken("a client that gave up", lambda record: record.loads["fresh"].update(aborted=True))
    broken("a client that sent nothing", lambda record: record.loads["fresh"].update(requests_all=0, statuses={}))
    broken("an answer that the app never gave", lambda record: setattr(record, "backend_answers", 3999))
    broken("a leak of 2 MiB/h", each_sample(lambda i, sample: sample.update(rss_mb=sample["rss_mb"] + 2 * i / 720)))
    broken("a leak of heap alone", each_sample(lambda i, sample: sample.update(heap_mb=sample["heap_mb"] + 2 * i / 720)))
    broken("a descriptor a minute", each_sample(lambda i, sample: sample.update(descriptors=40 + i // 12)))
    broken("no sample", lambda record: record.samples.update(caller=[]))
    broken("growth in a short run", lambda record: (setattr(record, "seconds", 30), record.renewals.update(caller=[1, 0], server=[1, 0]),
                                                    record.samples["caller"][-1].update(rss_mb=40)))
    broken("a push not taken", lambda record: record.push_seconds.pop())
    broken("no push at all", lambda record: (record.push_seconds.clear(), setattr(record, "pushes", 0)))
    broken("a sidecar that renews too seldom", lambda record: record.renewals.update(server=[30, 0]))
    broken("a handshake that failed", lambda record: setattr(record, "handshakes", [143, 1]))
    broken("connections that outlive every certificate", lambda record: setattr(record, "handshakes", [0, 0]))
    broken("a renewal that failed", lambda record: record.renewals.update(caller=[60, 1]))
    if _metric('a{x="1"} 2\na{x="2"} 3\nab 9\n', "a", 'x="2"') != 3 or _metric('a{x="1"} 2\na{x="2"} 3\n', "a") != 5:
        wrong.append("a metric is found by name and labels")
    return wrong
