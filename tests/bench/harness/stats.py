"""Statistics of repeated runs: median with its range, and latency histograms merged over runs.

Histograms are added bucket to bucket and then asked for a quantile; quantiles are never averaged.
"""

import math


class Sample:
    """One figure measured once per run."""

    def __init__(self, values):
        self.values = [value for value in values if value is not None]

    def __bool__(self):
        return bool(self.values)

    @property
    def median(self):
        ordered = sorted(self.values)
        middle = len(ordered) // 2
        if len(ordered) % 2 == 1:
            return ordered[middle]
        return (ordered[middle - 1] + ordered[middle]) / 2

    @property
    def low(self):
        return min(self.values)

    @property
    def high(self):
        return max(self.values)

    @property
    def spread(self):
        """How far the runs lie apart, as a share of the median."""
        return (self.high - self.low) / self.median if self.median else 0.0

    def as_json(self):
        if not self:
            return None
        return {"median": self.median, "min": self.low, "max": self.high, "values": self.values}


class Histogram:
    """Buckets as meshload prints them: (lowest ns, highest ns, count), bounds included."""

    def __init__(self):
        self.buckets = {}

    def add(self, buckets):
        for lowest, highest, count in buckets:
            _, before = self.buckets.get(lowest, (highest, 0))
            self.buckets[lowest] = (highest, before + count)

    @property
    def count(self):
        return sum(count for _, count in self.buckets.values())

    def quantile_us(self, share):
        """The highest value of the bucket that holds the sample of this rank; None when empty."""
        total = self.count
        if total == 0:
            return None
        rank = min(max(math.ceil(share * total), 1), total)
        seen = 0
        for lowest in sorted(self.buckets):
            highest, count = self.buckets[lowest]
            seen += count
            if seen >= rank:
                return highest / 1000
        raise AssertionError("the rank lies beyond the count")


def ratio(ours, theirs):
    if ours is None or not theirs:
        return None
    return ours / theirs


def self_test():
    """Returns what does not hold, as sentences; empty when all is well."""
    wrong = []

    def expect(found, wanted, what):
        if found != wanted:
            wrong.append(f"{what}: {found!r}, not {wanted!r}")

    expect(Sample([3, 1, 2]).median, 2, "median of three")
    expect(Sample([4, 1, 2, 3]).median, 2.5, "median of four")
    expect(Sample([None, 7, None]).median, 7, "runs without a figure do not count")
    expect(Sample([9, 10, 11]).spread, 0.2, "spread")
    expect(bool(Sample([None])), False, "a sample of nothing is empty")
    expect(Sample([]).as_json(), None, "an empty sample prints as nothing")
    expect(Sample([1, 2]).as_json(), {"median": 1.5, "min": 1, "max": 2, "values": [1, 2]}, "JSON")

    first, second = Histogram(), Histogram()
    expect(first.quantile_us(0.5), None, "quantile of nothing")
    first.add([[1000, 1999, 98], [5000, 5999, 1]])
    first.add([[1000, 1999, 0], [9000, 9999, 1]])
    expect(first.count, 100, "count of merged histograms")
    expect(first.quantile_us(0.5), 1.999, "median bucket")
    expect(first.quantile_us(0.98), 1.999, "the last rank of a bucket")
    expect(first.quantile_us(0.99), 5.999, "p99 is the 99th of 100")
    expect(first.quantile_us(0.999), 9.999, "p99.9 of 100 is the last")
    expect(first.quantile_us(0), 1.999, "rank 0 is the first")
    # The mean of two p99 would be 3; merged, the fast run's samples outnumber the slow one's.
    second.add([[1000, 1000, 10000]])
    second.add([[5000, 5000, 100]])
    expect(second.quantile_us(0.99), 1.0, "merging weighs by samples")
    expect(ratio(3, 2), 1.5, "ratio")
    expect(ratio(None, 2), None, "ratio without ours")
    expect(ratio(3, 0), None, "ratio to nothing")
    return wrong
