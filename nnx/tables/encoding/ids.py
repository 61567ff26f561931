"""Columns that tell rows apart and nothing else: numbers of the rows, and columns that are named like an id."""

import re
from dataclasses import dataclass
from math import inf
from typing import Any

from ...backends import numpy as host

WHOLE = 2.0**53  # below it every whole number is a float64
PART = 1 << 20  # numbers of a range summed at once
NAMES = re.compile(r"(?i)(.*[\W_])?(id|uuid|guid|key|index|idx|rownames|row|nr|no)|unnamed: \d+|column 1")
CAMELS = re.compile(r".*[a-z0-9](Id|ID|Uuid|UUID|Guid|GUID|Key|Index)")


def named_like_id(name: str) -> bool:
    """True for the name of a column that mostly holds ids: id, user_id, userId, key, "Unnamed: 0"."""
    return bool(NAMES.fullmatch(name.strip()) or CAMELS.fullmatch(name.strip()))


@dataclass
class Numbering:
    """Whether the values of a column are low, low + 1, ..., high, each once, in any order: found in one pass.

    They are as many whole numbers as the range has, and the sum of their hashes is that of the range.
    """

    rows: int = 0
    low: float = inf
    high: float = -inf
    total: int = 0  # of the hashes, mod 2^64
    open: bool = True  # nothing speaks against it so far

    def see(self, v: Any) -> None:
        """Take in the next values, float64 (n,), NaN where missing; some are looked at first."""
        xp = host.namespace()
        for part in (v[:1000], v):
            self.open = self.open and bool(((part == xp.floor(part)) & (abs(part) < WHOLE)).all())
        if self.open and len(v):
            self.rows += len(v)
            self.low, self.high = min(self.low, float(v.min())), max(self.high, float(v.max()))
            self.total += int(_mixed(v.astype("int64")).sum(dtype="uint64"))

    @property
    def holds(self) -> bool:
        """True if the values number the rows."""
        if not self.open or self.high - self.low != self.rows - 1:
            return False
        xp, first, total = host.namespace(), int(self.low), 0
        for start in range(first, first + self.rows, PART):
            stop = min(start + PART, first + self.rows)
            total += int(_mixed(xp.arange(start, stop, dtype="int64")).sum(dtype="uint64"))
        return (total - self.total) % 2**64 == 0


def _mixed(v: Any) -> Any:
    """The hash of whole numbers of 64 bits. Source: Steele, Lea & Flood 2014, SplitMix64."""
    xp = host.namespace()
    x = v.astype("uint64") + xp.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> xp.uint64(30))) * xp.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> xp.uint64(27))) * xp.uint64(0x94D049BB133111EB)
    return x ^ (x >> xp.uint64(31))
