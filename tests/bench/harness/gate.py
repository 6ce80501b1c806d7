"""The regression gate: weft's instructions per request under callgrind, beside the values kept in gate.json.

Such a count repeats to a fraction of a percent on a busy machine, and belongs to one compiler and one set of libraries: Debian
12's. Elsewhere WEFT_BENCH_GATE names a file of one's own, which --gate-record writes.
"""

import json
import os

from harness import machine, measure

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOLERANCE = 0.03
FEW, MANY = 500, 2000


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


def run(plan, weft, scenarios, record, say):
    if machine.find_program("valgrind") is None:
        say("the gate needs valgrind; it is not installed")
        return 1 if os.environ.get("CI") == "true" else 2
    counts = {}
    for name, scenario in scenarios.items():
        try:
            counts[name] = measure.counted(plan, weft, scenario, "instructions", FEW, MANY)
        except measure.Failed as error:
            say(f"FAILED {name}: {error}")
            return 1
    if record:
        with open(path(), "w", encoding="utf-8") as target:
            json.dump({name: round(count) for name, count in counts.items()}, target, indent=1)
            target.write("\n")
    with open(path(), encoding="utf-8") as source:
        judged = judge(counts, json.load(source))
    for sentence, holds in judged:
        print(("ok      " if holds else "SLOWER  ") + sentence)
    if all(holds for _, holds in judged):
        return 0
    print("If more work per request is meant, run ./dev bench --gate-record and say why in the commit.")
    return 1


def self_test():
    """Returns what does not hold, as sentences."""
    judged = judge({"S1": 102.9, "S2": 104.0, "S3": 50.0, "S4": 1.0}, {"S1": 100, "S2": 100, "S3": 100})
    wrong = [] if [holds for _, holds in judged] == [True, False, True, False] else ["the gate lets 3 % pass and no more"]
    return wrong
