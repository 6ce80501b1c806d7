"""A straight line through samples, and how far its slope may be from the truth.

Least squares. Samples of memory follow one another closely, so the usual standard error would promise too much: it is
divided by the share of the samples that are independent, (1 - r) / (1 + r) with r the correlation of neighbouring residuals.
"""

import math

SECONDS_PER_HOUR = 3600
# Two-sided 95 %; a run long enough to be judged has far more than thirty samples.
NORMAL_95 = 1.96


class Line:
    """value = at + slope * t, for (seconds, value) samples; slopes are per hour. None of it without three samples."""

    def __init__(self, samples):
        self.count = len(samples)
        self.slope = self.error = None
        if self.count < 3:
            return
        mean_t = sum(t for t, _ in samples) / self.count
        mean_v = sum(v for _, v in samples) / self.count
        spread = sum((t - mean_t) ** 2 for t, _ in samples)
        if spread == 0:
            return
        slope = sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread
        left = [v - mean_v - slope * (t - mean_t) for t, v in samples]
        squares = sum(r * r for r in left)
        error = math.sqrt(squares / (self.count - 2) / spread)
        alike = sum(a * b for a, b in zip(left, left[1:])) / squares if squares > 0 else 0.0
        alike = min(max(alike, 0.0), 0.99)
        error *= math.sqrt((1 + alike) / (1 - alike))
        self.slope = slope * SECONDS_PER_HOUR
        self.error = NORMAL_95 * error * SECONDS_PER_HOUR

    def stays_below(self, limit):
        """Whether the whole 95 % interval lies below the limit: a slope that may be above it is not shown to be below."""
        return self.slope is not None and self.slope + self.error < limit

    def as_json(self):
        return {"per_hour": self.slope, "error_95": self.error, "samples": self.count}

    def __str__(self):
        return "unknown" if self.slope is None else f"{self.slope:+.3f} ± {self.error:.3f}"


def self_test():
    """Returns what does not hold, as sentences."""
    wrong = []

    def expect(holds, what):
        if not holds:
            wrong.append(what)

    times = [5.0 * i for i in range(360)]
    # A saw of a tenth: what an allocator does, and nothing that a generator of random numbers could change.
    saw = [0.1 * ((7 * i) % 11) / 11 for i in range(360)]
    flat = Line([(t, 20 + s) for t, s in zip(times, saw)])
    leak = Line([(t, 20 + 2 * t / 3600 + s) for t, s in zip(times, saw)])
    expect(abs(flat.slope) < 0.05 and flat.stays_below(1), f"a saw has no slope: {flat}")
    expect(abs(leak.slope - 2) < 0.05 and not leak.stays_below(1), f"two per hour are found: {leak}")
    expect(leak.error < 0.1, f"and found closely: {leak}")
    exact = Line([(t, 3 * t) for t in times])
    expect(abs(exact.slope - 3 * 3600) < 1e-6 and exact.error < 1e-6, "a line has no error")
    # Half an hour of which one step of half a unit is the whole story: the slope is below the limit, its interval is not.
    step = Line([(t, 20 + (0.5 if t > 900 else 0)) for t in times])
    expect(step.slope > 0.5 and not step.stays_below(1), f"one step decides nothing: {step}")
    expect(Line([(0, 1), (1, 2)]).slope is None and not Line([]).stays_below(1), "two samples are no line")
    expect(Line([(1, 1), (1, 2), (1, 3)]).slope is None, "no line at one instant")
    return wrong
