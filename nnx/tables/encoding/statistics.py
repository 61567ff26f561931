"""Statistics of a column from one pass over its rows. Memory is bounded, however many rows there are."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ...backends import numpy as host
from ...random import words
from ..kinds.cells import arrow
from .ids import WHOLE, Numbering
from .way import coded
from .words import Terms

SAMPLE = 1 << 17  # numbers kept of a column; quantiles are exact up to here, beyond it those of a random sample
ROUNDING = 2.0**-48  # numbers that differ by no more than this part of them are one
LEVELS = 256  # whole numbers are counted while there are no more different ones
NEAR = 4096  # whole numbers in such a range are counted without sorting them
DISTINCT, LENGTH = 20_000, 1 << 26  # values of a column of text, and their characters; no more than these are counted


def drawn(n: int, first: int) -> Any:
    """Random numbers of n rows from this one on: those of which they are lowest are a sample. float64 (n,)."""
    return host.uniform(words(0, "sample", n, first))


@dataclass
class Numbers:
    """Count, mean, spread and a sample of a column of numbers (also of booleans and dates)."""

    dates: bool = False  # the values are seconds since 1970
    rows: int = 0
    filled: int = 0
    mean: float = 0.0
    squares: float = 0.0  # sum of squared distances from the mean
    low: float = float("inf")
    high: float = float("-inf")
    numbering: Numbering = field(default_factory=Numbering)  # of all rows, also of those not learned from
    sample: Any = None
    ranks: Any = None  # a random number of each value in the sample; the lowest SAMPLE are kept
    least: float = 1.0  # random numbers not below it are not among these
    clock: bool = False  # of dates: some are not at midnight
    whole: bool = True  # all are whole numbers
    levels: Counter[int] | None = field(default_factory=Counter)  # of whole numbers; None: others, or too many

    def see(self, v: Any, ranks: Any = None) -> None:
        """Take in the next values, float64 (n,), NaN where missing.

        ranks: what `drawn` gave for them, which all columns may share.
        Source: Chan, Golub & LeVeque 1983, eq. 2.1.
        """
        xp, missing = host.namespace(), host.namespace().isnan(v)
        ranks = drawn(len(v), self.rows) if ranks is None else ranks
        self.rows += len(v)
        if missing.any():
            ranks, v = ranks[~missing], v[~missing]
        if len(v) == 0:
            return
        with host.scope(None, "float64", ""):
            mean = float(v.mean())
            n, both = len(v), self.filled + len(v)
            delta = mean - self.mean
            self.squares += float(((v - mean) ** 2).sum()) + delta * delta * self.filled * n / both
            self.mean += delta * n / both
        self.filled = both
        self.low, self.high = min(self.low, float(v.min())), max(self.high, float(v.max()))
        self.clock = self.clock or (self.dates and bool((v % 86_400 != 0).any()))
        self.whole = self.whole and bool((v == xp.floor(v)).all())
        self.levels = _with_counts(self.levels, v) if self.whole and self.levels is not None else None
        if self.sample is None:
            self.sample, self.ranks = v, ranks
        else:
            low = (ranks < self.least).nonzero()[0] if self.least < 1 else slice(None)
            self.sample, self.ranks = xp.concat([self.sample, v[low]]), xp.concat([self.ranks, ranks[low]])
        if len(self.sample) > 2 * SAMPLE:
            self._thin()

    def follow(self, v: Any) -> None:
        """Take in the next values of all rows, also of those not learned from: do they number the rows?"""
        if self.levels is None or self.filled <= LEVELS:  # else some are there twice
            self.numbering.see(v)
        else:
            self.numbering.open = False

    @property
    def different(self) -> bool:
        """True if no two of the values in the sample are equal."""
        return len(host.namespace().unique(self.sample)) == len(self.sample)

    def _thin(self) -> None:
        if len(self.sample) > SAMPLE:
            lowest = host.namespace().argpartition(self.ranks, SAMPLE)[:SAMPLE]
            self.sample, self.ranks = self.sample[lowest], self.ranks[lowest]
            self.least = float(self.ranks.max())

    def quantiles(self, *q: float, method: str = "linear") -> list[float]:
        """Quantiles of the values, linear between neighbours, or by another of NumPy's methods."""
        self._thin()
        return [float(v) for v in host.namespace().quantile(self.sample, q, method=method)]

    @property
    def width(self) -> float:
        """The distance of the quartiles; where they are one, the values that differ say it: the geometric mean of their
        median distance and of the one that a tenth of them pass.

        Both are what most values say: the ends of the range are where one wrong cell puts them. Values that few rows
        have are often of a heavy tail: a smaller scale presses its end into one, a larger one its beginning.
        """
        low, middle, high = self.quantiles(0.25, 0.5, 0.75)
        if high - low > ROUNDING * max(abs(low), abs(high)):
            return high - low
        distances = abs(self.sample - middle)
        distances = distances[distances > ROUNDING * abs(middle)]
        if not len(distances):  # those that differ are not in the sample
            return (self.high - self.low) / 2
        distances, last = host.namespace().sort(distances), len(distances) - 1
        return float(distances[last // 2] ** 0.5 * distances[9 * last // 10] ** 0.5)

    @property
    def gaps(self) -> int:
        return self.rows - self.filled

    @property
    def deviation(self) -> float:
        """The standard deviation (over n)."""
        return float((self.squares / max(self.filled, 1)) ** 0.5)

    @property
    def constant(self) -> bool:
        """True if all values are one, to rounding."""
        return self.filled == 0 or self.high - self.low <= ROUNDING * max(abs(self.low), abs(self.high))


def _with_counts(counts: Counter[int], v: Any) -> Counter[int] | None:
    """The counts of whole numbers with those of v (n,), of which some are looked at first. None: too many."""
    found: dict[int, int] = {}
    for part in (v[:1000], v):
        if float(abs(part).max()) > WHOLE:
            return None
        values, times = _times(part)
        if len(values) > LEVELS:
            return None
        found = dict(zip(map(int, values), map(int, times), strict=True))
    counts.update(found)
    return counts if len(counts) <= LEVELS else None


def _times(v: Any) -> tuple[Any, Any]:
    """The different whole numbers in v (n,), ascending, and how often each is there."""
    xp, low = host.namespace(), v.min()
    if v.max() - low >= NEAR:
        values, times = xp.unique(v, return_counts=True)
        return values, times
    times = xp.bincount((v - low).astype("int64"))
    steps = times.nonzero()[0]
    return steps + low, times[steps]


@dataclass
class Texts:
    """The counts of the texts of a column."""

    rows: int = 0
    filled: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    many: bool = False  # more than are counted: then `counts` is of the first rows
    length: int = 0  # of the texts counted
    terms: Terms | None = None  # the words in them, where these are wanted

    def see(self, v: Any) -> None:
        """Take in the next texts, an Arrow array or dictionary, null where missing."""
        self.rows += len(v)
        self.filled += len(v) - v.null_count
        if self.many and self.terms is None:
            return
        texts, cell = coded(v)
        times = host.namespace().bincount(cell, minlength=len(texts) + 1)[:-1]
        there = times.nonzero()[0]
        texts, times = texts.take(arrow().array(there)), times[there]
        if not self.many:
            found = dict(zip(texts.to_pylist(), times.tolist(), strict=True))
            self.length += sum(len(text) for text in found if text not in self.counts)
            self.counts.update(found)
            self.many = len(self.counts) > DISTINCT or self.length > LENGTH
        if self.terms is not None:
            self.terms.see(texts, times)

    @property
    def gaps(self) -> int:
        return self.rows - self.filled

    @property
    def constant(self) -> bool:
        return len(self.counts) <= 1

    @property
    def alike(self) -> float:
        """The share of cells that repeat an earlier one: 0 if all differ. Where too many, of those counted."""
        return 1 - len(self.counts) / max(sum(self.counts.values()), 1)
