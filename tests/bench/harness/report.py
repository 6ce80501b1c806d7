"""From runs to figures: summaries, the table, ratios, verdicts and the line for history.jsonl."""

from harness.stats import Histogram, Sample, ratio

ANCHORS = ("haproxy", "nginx", "nghttpx", "envoy", "fwd-epoll", "fwd-splice")
# Method: a set whose runs lie further apart is not evidence.
SPREAD_MAX = {"rps": 0.05, "cpu_us": 0.05, "p99_us": 0.15}


def summarise(runs):
    """Runs of one contender at one load → median with range for each figure, quantiles of the merged histogram."""
    summary = {}
    for key in ("rps", "cpu_us", "switches", "proxy_busy", "load_busy", "load_cpu_us", "p50_us", "p99_us", "p999_us", "rss_kb",
                "pss_kb"):
        summary[key] = Sample([run[key] for run in runs]).as_json()
    merged = Histogram()
    for run in runs:
        merged.add(run["buckets_ns"])
    summary["merged"] = {
        "samples": merged.count,
        "p50_us": merged.quantile_us(0.5),
        "p99_us": merged.quantile_us(0.99),
        "p999_us": merged.quantile_us(0.999),
        "max_us": max((run["max_us"] for run in runs if run["max_us"] is not None), default=None),
    }
    summary["notes"] = _notes(runs)
    summary["disturbed_runs"] = sum(run["is_disturbed"] for run in runs)
    for key, most in SPREAD_MAX.items():
        figure = summary[key]
        if figure and len(runs) > 1:
            spread = Sample(figure["values"]).spread
            if spread > most:
                summary["notes"].append(f"spread of {key} {spread:.0%} (limit {most:.0%})")
    return summary


def _notes(runs):
    """One sentence per kind of note, the last one seen, with the number of runs it touches."""
    kinds = {}
    for run in runs:
        for kind, sentence in run["notes"]:
            kinds.setdefault(kind, []).append(sentence)
    notes = [f"{sentences[-1]} ({len(sentences)} of {len(runs)} runs)" for sentences in kinds.values()]
    repeated = sum(run.get("repeated", 0) for run in runs)
    if repeated:
        notes.append(f"{repeated} disturbed runs were discarded and repeated")
    return notes


def median(summary, key):
    figure = (summary or {}).get(key)
    return figure["median"] if figure else None


def ours_in(result):
    """(whose cost is judged, beside whom): weft beside the others, or weft with every default policy beside weft with none."""
    return ("weft-policies", ("weft",)) if "weft-policies" in result["contenders"] else ("weft", ANCHORS)


def ratios(result):
    """ours / anchor for every figure both have."""
    found = {}
    name, anchors = ours_in(result)
    ours = result["contenders"].get(name)
    for anchor in anchors:
        theirs = result["contenders"].get(anchor)
        if not ours or not theirs:
            continue
        found[anchor] = {
            "cpu_us": ratio(median(ours["fixed"], "cpu_us"), median(theirs["fixed"], "cpu_us")),
            "cpu_us_at_peak": ratio(median(ours["peak"], "cpu_us"), median(theirs["peak"], "cpu_us")),
            "peak_rps": ratio(median(ours["peak"], "rps"), median(theirs["peak"], "rps")),
            "p50_us": ratio(median(ours["fixed"], "p50_us"), median(theirs["fixed"], "p50_us")),
            "p99_us": ratio(median(ours["fixed"], "p99_us"), median(theirs["fixed"], "p99_us")),
            "rss_kb": ratio(median(ours["fixed"], "rss_kb"), median(theirs["fixed"], "rss_kb")),
        }
    return found


def _figure(summary, key, digits=1, scale=1.0, with_range=True):
    figure = (summary or {}).get(key)
    if not figure:
        return "-"
    text = f"{figure['median'] * scale:.{digits}f}"
    if with_range and len(figure["values"]) > 1:
        text += f" ({figure['min'] * scale:.{digits}f}-{figure['max'] * scale:.{digits}f})"
    return text


def _rows(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells).rstrip())
        if number == 0:
            lines.append("  ".join("-" * width for width in widths))
    return lines


def table(result):
    """One line for each contender; columns nobody has a figure for are left out."""
    unit = result.get("unit", "request")
    load = "fixed" if any(contender["fixed"] for contender in result["contenders"].values()) else "peak"
    haproxy = result["contenders"].get("haproxy")
    rows = [["contender", f"CPU us/{unit}", "x haproxy", f"peak {unit}s/s", "CPU us at peak", "p50 us", "p99 us", "RSS MB",
             "PSS MB"]]
    for contender in result["contenders"].values():
        fixed, peak = contender["fixed"], contender["peak"]
        against = ratio(median(contender[load], "cpu_us"), median(haproxy[load], "cpu_us")) if haproxy else None
        rows.append([
            contender["label"],
            _figure(contender[load], "cpu_us"),
            f"{against:.2f}" if against else "-",
            _figure(peak, "rps", digits=0),
            _figure(peak if load == "fixed" else None, "cpu_us"),
            _figure(fixed, "p50_us", digits=0),
            _figure(fixed, "p99_us", digits=0),
            _figure(contender[load], "rss_kb", scale=1 / 1024, with_range=False),
            _figure(contender[load], "pss_kb", scale=1 / 1024, with_range=False),
        ])
    kept = [i for i in range(len(rows[0])) if i < 2 or any(row[i] != "-" for row in rows[1:])]
    rows = [[row[i] for i in kept] for row in rows]
    at = f"CPU, p50 and p99 at {result['rate']:.0f} {unit}s/s open loop; " if load == "fixed" and result["rate"] else ""
    lines = [
        f"{result['title']}: {at}{result['connections']} connections; median (min-max) of {result['runs']} runs"
    ] + _rows(rows)
    for anchor, values in result["ratios"].items():
        parts = [f"{name} {value:.2f}" for name, value in values.items() if value is not None]
        lines.append(f"{ours_in(result)[0]} / {anchor}: " + ", ".join(parts))
    for contender in result["contenders"].values():
        for each in ("fixed", "peak"):
            notes = list((contender[each] or {}).get("notes", []))
            bound = peak_bound(contender["peak"]) if each == "peak" else None
            notes += [bound] if bound else []
            if notes:
                lines.append(f"note: {contender['label']}, {each}: " + "; ".join(notes))
    return "\n".join(lines)


def peak_bound(peak):
    """Why a peak figure is not the proxy's own limit; None when it is."""
    busy, load = median(peak, "proxy_busy"), median(peak, "load_busy")
    if busy is None:
        return None
    if load is not None and load >= 0.95:
        return f"bound by client and backend ({load:.0%} of their core, proxy {busy:.0%}): use CPU us/req"
    if busy < 0.98:
        return f"the proxy used only {busy:.0%} of its core"
    return None


def idle_table(result):
    rows = [["idle process", "RSS MB", "PSS MB", "wake-ups/s"]]
    for name, figures in result["processes"].items():
        rows.append([name, f"{figures['rss_kb'] / 1024:.1f}", f"{figures['pss_kb'] / 1024:.1f}",
                     f"{figures['wake_ups_per_s']:.1f}"])
    return "\n".join(["idle: ready, no request seen"] + _rows(rows))


def held_table(result):
    rows = [["contender", "KB/connection", "RSS MB", "wake-ups/s"]]
    for name, figures in result["held"].items():
        rows.append([name, _figure(figures, "kb", digits=2), _figure(figures, "rss_kb", scale=1 / 1024, with_range=False),
                     _figure(figures, "wake_ups_per_s", with_range=False)])
    return "\n".join([f"{result['title']}: {result['connections']} of them, resident size above that of none"] + _rows(rows))


def start_table(result):
    rows = [["contender", "ms", "RSS MB"]]
    for name, figures in result["started"].items():
        rows.append([name, _figure(figures, "ms"), _figure(figures, "rss_kb", scale=1 / 1024, with_range=False)])
    return "\n".join([f"{result['title']}: median (min-max) of {result['runs']} runs"] + _rows(rows))


def drain_table(result):
    rows = [["contender", "failed", "of", "p99 us", "max us", "gone after s"]]
    for name, figures in result["drained"].items():
        gone = _figure(figures, "gone_s", digits=2, with_range=False)
        rows.append([name, f"{sum(figures['failed']['values'])}", f"{sum(figures['requests']['values'])}",
                     _figure(figures, "p99_us", digits=0), _figure(figures, "max_us", digits=0, with_range=False), gone])
    return "\n".join([f"{result['title']}: {result['rate']:.0f} requests/s open loop, {result['runs']} runs"] + _rows(rows))


TABLES = {"idle": idle_table, "hold": held_table, "start": start_table, "drain": drain_table}


def tables(result):
    return TABLES.get(result["kind"], table)(result)


def counts_table(results):
    kinds = sorted({counter for result in results.values() for counter in result})
    rows = [["per request"] + kinds]
    for name, result in results.items():
        rows.append([name] + [f"{result[kind]:.1f}" if kind in result else "-" for kind in kinds])
    return "\n".join(_rows(rows))


def verdicts(results, limit_cpu, limit_idle_mb, limit_policies=1.12):
    """(sentence, holds) for each promise these results can show or break."""
    found = []
    for name, result in results.items():
        if result["kind"] == "idle":
            for process_name, figures in result["processes"].items():
                if process_name.startswith("weft"):
                    size = figures["rss_kb"] / 1024
                    found.append((f"{process_name} idle: {size:.1f} MB resident, at most {limit_idle_mb:g}",
                                  size <= limit_idle_mb))
            continue
        if result["kind"] == "drain":
            for who, figures in result["drained"].items():
                if who == "weft":
                    failed = sum(figures["failed"]["values"])
                    found.append((f"{name}: {failed:g} requests failed, none may", failed == 0))
            continue
        if "ratios" not in result or not result.get("is_promised"):
            continue
        ours = ours_in(result)[0]
        anchor, limit, words = ("haproxy", limit_cpu, "HAProxy") if ours == "weft" else ("weft", limit_policies, "that without policies")
        for key, load, where in (("cpu_us", "fixed", "at the fixed rate"), ("cpu_us_at_peak", "peak", "at peak")):
            value = result["ratios"].get(anchor, {}).get(key)
            if value is None:
                continue
            disturbed = sum(result["contenders"][who][load]["disturbed_runs"] for who in (ours, anchor))
            aside = f" ({disturbed} of the runs behind it were disturbed)" if disturbed else ""
            found.append((f"{name}: CPU per request {where} {value:.2f} x {words}, at most {limit:.2f}{aside}", value <= limit))
    return found


def goals(results, wanted):
    """Sentences about what is aimed at, met or not. They are no promises: nothing fails by them."""
    lines = []
    for name, result in results.items():
        for goal in wanted.get(name, ()):
            value = result.get("ratios", {}).get(goal.anchor, {}).get(goal.figure)
            if value is None:
                continue
            is_met = value >= goal.limit if goal.at_least else value <= goal.limit
            words = "at least" if goal.at_least else "at most"
            lines.append(f"{'met' if is_met else 'missed':7} {name}: {goal.figure} {value:.2f} x {goal.anchor}, {words} {goal.limit:.2f}")
    return lines


def compact(results):
    """What history.jsonl keeps: medians and ratios, without single runs."""
    kept = {}
    for name, result in results.items():
        if result["kind"] == "idle":
            kept[name] = result["processes"]
            continue
        other = next((key for key in ("held", "started", "drained") if key in result), None)
        if other:
            kept[name] = {who: {key: _rounded(figure["median"]) for key, figure in figures.items() if figure}
                          for who, figures in result[other].items()}
            continue
        kept[name] = {"rate": round(result["rate"] or 0), "ratios": {
            anchor: {key: round(value, 3) for key, value in values.items() if value is not None}
            for anchor, values in result["ratios"].items()}}
        for contender, loads in result["contenders"].items():
            kept[name][contender] = {
                "cpu_us": _rounded(median(loads["fixed"], "cpu_us")),
                "peak_rps": _rounded(median(loads["peak"], "rps"), 0),
                "cpu_us_at_peak": _rounded(median(loads["peak"], "cpu_us")),
                "p50_us": _rounded(median(loads["fixed"], "p50_us")),
                "p99_us": _rounded(median(loads["fixed"], "p99_us")),
                "rss_kb": _rounded(median(loads["fixed"], "rss_kb"), 0),
            }
    return kept


def _rounded(value, digits=2):
    return None if value is None else round(value, digits)


def history_lines(records):
    """The last records, one line each, with the change of CPU per request against the record before."""
    lines, before = [], {}
    for record in records:
        parts = []
        for name, result in record["results"].items():
            ours = (result.get("weft-policies") or result.get("weft")) if isinstance(result, dict) else None
            value = (ours or {}).get("cpu_us") or (ours or {}).get("cpu_us_at_peak")
            if value is None:
                continue
            change = f" ({value / before[name] - 1:+.1%})" if before.get(name) else ""
            anchor = "weft" if "weft-policies" in result else "haproxy"
            against = result.get("ratios", {}).get(anchor, {})
            against = against.get("cpu_us") or against.get("cpu_us_at_peak")
            parts.append(f"{name} {value:.1f} us{change}" + (f" = {against:.2f} x {anchor}" if against else ""))
            before[name] = value
        lines.append(f"{record['time']} {record['commit']}: " + ("; ".join(parts) or "no figure of weft"))
    return lines


def self_test():
    """Returns what does not hold of summaries, ratios and verdicts, as sentences."""
    wrong = []

    def run(cpu_us, disturbed=False):
        notes = [("other load 1", "other load on core 1: 9%")] if disturbed else []
        return {"rps": 1e5 / cpu_us, "cpu_us": cpu_us, "switches": 1, "proxy_busy": 1.0, "load_busy": 0.5,
                "load_cpu_us": 5, "p50_us": 50, "p99_us": 90, "p999_us": 95, "max_us": 99, "rss_kb": 10240,
                "pss_kb": 8192, "buckets_ns": [[50000, 50999, 99], [90000, 90999, 1]], "notes": notes,
                "is_disturbed": disturbed}

    def contender(label, runs):
        return {"label": label, "peak": summarise(runs), "fixed": summarise(runs)}

    result = {"kind": "requests", "is_promised": True, "title": "plain", "rate": 1000, "connections": 1, "runs": 2, "contenders": {
        "direct": {"label": "direct", "peak": summarise([dict(run(1), cpu_us=None, proxy_busy=None)]), "fixed": None},
        "haproxy": contender("haproxy", [run(10), run(10, disturbed=True)]),
        "weft": contender("weft", [run(12), run(14)]),
    }}
    result["ratios"] = ratios(result)

    def expect(holds, what):
        if not holds:
            wrong.append(what)

    expect(abs(result["ratios"]["haproxy"]["cpu_us"] - 1.3) < 1e-9, "the ratio is of the medians")
    expect("nginx" not in result["ratios"], "an absent anchor has no ratio")
    fixed = result["contenders"]["weft"]["fixed"]
    expect(fixed["merged"]["samples"] == 200 and fixed["merged"]["p50_us"] == 50.999, "histograms are merged")
    expect(any("spread of cpu_us 15%" in note for note in fixed["notes"]), "a wide spread is noted")
    holds = {sentence: kept for sentence, kept in verdicts({"plain-2": result}, 1.31, 15)}
    expect(len(holds) == 2 and all(holds.values()), "1.30 is within 1.31")
    expect(all("1 of the runs behind it were disturbed" in sentence for sentence in holds), "disturbed runs are named")
    expect(not any(kept for _, kept in verdicts({"plain-2": result}, 1.29, 15)), "1.30 breaks 1.29")
    beside = {**result, "contenders": {"weft": contender("weft", [run(10), run(10)]), "haproxy": result["contenders"]["haproxy"],
                                       "weft-policies": contender("weft-policies", [run(11), run(11)])}}
    beside["ratios"] = ratios(beside)
    expect(list(beside["ratios"]) == ["weft"], "policies are judged beside none of them, and nobody else")
    expect(all(kept for _, kept in verdicts({"p": beside}, 0.5, 15, 1.11)), "1.10 is within 1.11")
    expect(not any(kept for _, kept in verdicts({"p": beside}, 9, 15, 1.09)), "1.10 breaks 1.09")
    expect("weft-policies / weft" in table(beside), "the table says whose ratio it is")
    idle = {"kind": "idle", "processes": {"weft-plain": {"rss_kb": 16 * 1024, "pss_kb": 1, "wake_ups_per_s": 0}}}
    expect(not verdicts({"idle": idle}, 1.3, 15)[0][1], "16 MB idle breaks 15")
    lines = table(result)
    expect("1.30" in lines and "weft / haproxy" in lines, "the table shows the ratio")
    records = [{"time": "t", "commit": "c", "results": compact({"plain-2": result})}] * 2
    expect("(+0.0%) = 1.30 x haproxy" in history_lines(records)[1], "history shows the change")
    return wrong
