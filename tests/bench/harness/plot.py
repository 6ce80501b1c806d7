"""The plot: CPU per unit of work beside HAProxy's (or the first anchor there is), one group of bars for each scenario, as SVG."""

from html import escape

from harness.report import median, ours_in

BAR, GAP, GROUP_GAP = 16, 4, 26
LEFT, WIDTH, RIGHT, TOP = 210, 520, 150, 46
COLOURS = {"weft": "#1b6ca8", "weft-policies": "#4f93c4", "haproxy": "#8a8d91", "nginx": "#a9b18f", "nghttpx": "#b59a7a", "envoy": "#a58fb0",
           "fwd-epoll": "#d5d8dc", "fwd-splice": "#e3e5e8"}


def _cost(contender):
    for load in ("fixed", "peak"):
        value = median(contender[load], "cpu_us")
        if value is not None:
            return value
    return None


def groups(results):
    """(title, unit, anchor's name, [(contender, cost, cost / anchor's)]) of every scenario that has costs."""
    found = []
    for result in results.values():
        costs = {name: _cost(contender) for name, contender in result.get("contenders", {}).items()}
        costs = {name: cost for name, cost in costs.items() if cost}
        anchor = next((name for name in ours_in(result)[1] if name in costs), None) if costs else None
        if anchor:
            found.append((result["title"], result.get("unit", "request"), anchor,
                          [(name, cost, cost / costs[anchor]) for name, cost in sorted(costs.items(), key=lambda each: each[1])]))
    return found


def svg(results):
    drawn = groups(results)
    widest = max((share for *_, bars in drawn for _, _, share in bars), default=1.0)
    scale = WIDTH / max(widest, 1.2)
    parts, y = [], TOP
    for title, unit, anchor, bars in drawn:
        parts.append(f'<text x="{LEFT}" y="{y}" class="title">{escape(title)}</text>')
        y += 8
        top = y
        for name, cost, share in bars:
            colour = COLOURS.get(name, "#cccccc")
            parts.append(f'<text x="{LEFT - 8}" y="{y + BAR - 4}" class="name">{escape(name)}</text>')
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{share * scale:.1f}" height="{BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + share * scale + 6:.1f}" y="{y + BAR - 4}">{cost:.1f} us/{escape(unit)}, {share:.2f}</text>')
            y += BAR + GAP
        line = LEFT + scale
        parts.append(f'<line x1="{line:.1f}" y1="{top - 2}" x2="{line:.1f}" y2="{y}" stroke="#444" stroke-dasharray="3 3"/>')
        parts.append(f'<text x="{line:.1f}" y="{y + 10}" class="mark">{escape(anchor)} = 1</text>')
        y += GROUP_GAP
    height, width = y + 10, LEFT + WIDTH + RIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
        "<style>text{font:12px sans-serif;fill:#222}.title{font-weight:bold}.name{text-anchor:end}"
        ".mark{text-anchor:middle;font-size:10px;fill:#555}</style>\n"
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        f'<text x="12" y="20">CPU time of the proxy for one unit of work, lower is better; shares of one machine</text>\n'
        + "\n".join(parts) + "\n</svg>\n"
    )


def self_test():
    """Returns what does not hold, as sentences."""
    import xml.dom.minidom

    def contender(cost):
        return {"label": "x", "fixed": {"cpu_us": {"median": cost}}, "peak": None}

    results = {"plain": {"title": "S1: 1 < 2", "contenders": {"haproxy": contender(10.0), "weft": contender(8.0)}},
               "idle": {"kind": "idle", "processes": {}}}
    wrong = [] if groups(results)[0][3] == [("weft", 8.0, 0.8), ("haproxy", 10.0, 1.0)] else ["bars are shares of the anchor"]
    try:
        xml.dom.minidom.parseString(svg(results))
        xml.dom.minidom.parseString(svg({}))
    except Exception as error:
        wrong.append(f"the plot is XML: {error}")
    return wrong
