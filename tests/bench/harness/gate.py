"""The regression gate: weft's instructions per request under callgrind, beside the values kept in gate.json.

Such a count repeats to a fraction of a percent on a busy machine, and belongs to one compiler and one set of libraries: Debian
12's. Elsewhere WEFT_BENCH_GATE names a file of one's own, which --gate-record writes. What every default policy and a table of
10,000 routes add is judged as a share of the same run, so that it needs no kept value to be wrong.
"""

import json
import os

from harness import machine, measure

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOLERANCE = 0.03
FEW, MANY = 500, 2000
# (with, without, most): every default policy. The promise about processor time is 1.12, and the kernel's part, which policies do
# not touch, is not counted here.
POLICIES = (("S1p", "S1", 1.05), ("S2p", "S2", 1.05))
ROUTES_FEW, ROUTES_MANY = 10, 10_000
ROUTE_KINDS = ("exact", "prefixes", "header")
ROUTES_SHARE_MAX = 0.05


def path():
    return os.environ.get("WEFT_BENCH_GATE") or os.path.join(HERE, "gate.json")


def judge(counts, kept):
    """(sentence, holds) for each scenario; one without a kept value does not hold."""
    lines = []
    for name, count in counts.items():
        before = kept.get(name)
        if before is None:
            lines.append((f"{name}: {count:.0f} instructions per request, and no value is kept to compare with", False))
            continue
        change = count / before - 1
        lines.append((f"{name}: {count:.0f} instructions per request, {change:+.1%} of {before:.0f} (limit {TOLERANCE:+.0%})",
                      change <= TOLERANCE))
    return lines


def judge_policies(counts):
    lines = []
    for name, without, most in POLICIES:
        if name in counts and without in counts:
            share = counts[name] / counts[without]
            lines.append((f"{without} with every default policy: {share:.3f} x the instructions with none (limit {most:.2f})",
                          share <= most))
    return lines


def judge_routes(lookups, request):
    """`lookups`: {kind: (instructions to find the last of few routes, of many)}; `request`: those of a whole request."""
    lines = []
    for kind, (few, many) in lookups.items():
        share = (many - few) / request
        lines.append((f"last of {ROUTES_MANY:,} routes, by {kind}: {many:.0f} instructions, {few:.0f} of {ROUTES_FEW}: "
                      f"{share:+.1%} of S1 (limit {ROUTES_SHARE_MAX:+.0%})", share <= ROUTES_SHARE_MAX))
    return lines


def run(plan, found, scenarios, record, say):
    if machine.find_program("valgrind") is None:
        say("the gate needs valgrind; it is not installed")
        return 1 if os.environ.get("CI") == "true" else 2
    contenders = {contender.name: contender for contender in found}
    counts = {}
    try:
        for name, scenario in scenarios.items():
            counts[name] = measure.counted(plan, contenders[scenario.counted_by], scenario, "instructions", FEW, MANY)
        lookups = {kind: tuple(measure.lookup(plan, routes, kind) for routes in (ROUTES_FEW, ROUTES_MANY))
                   for kind in ROUTE_KINDS}
    except measure.Failed as error:
        say(f"FAILED: {error}")
        return 1
    if record:
        with open(path(), "w", encoding="utf-8") as target:
            json.dump({name: round(count) for name, count in counts.items()}, target, indent=1)
            target.write("\n")
    with open(path(), encoding="utf-8") as source:
        judged = judge(counts, json.load(source))
    judged += judge_policies(counts) + judge_routes(lookups, counts["S1"])
    for sentence, holds in judged:
        print(("ok      " if holds else "SLOWER  ") + sentence)
    if all(holds for _, holds in judged):
        return 0
    print("If more work per request is meant, run ./dev bench --gate-record and say why in the commit.")
    return 1


def self_test():
    """Returns what does not hold, as sentences."""
    wrong = []

    def expect(lines, verdicts, what):
        if [holds for _, holds in lines] != verdicts:
            wrong.append(what)

    expect(judge({"S1": 102.9, "S2": 104.0, "S3": 50.0, "S4": 1.0}, {"S1": 100, "S2": 100, "S3": 100}), [True, False, True, False],
           "the gate lets 3 % pass and no more")
    expect(judge_policies({"S1": 100, "S1p": 105, "S2": 100, "S2p": 105.5}), [True, False], "policies may add 5 % and no more")
    expect(judge_routes({"exact": (10, 15), "header": (10, 15.1)}, 100), [True, False], "routes may add 5 % and no more")
    return wrong
