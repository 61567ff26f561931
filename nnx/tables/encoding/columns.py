"""Encodings of one column of a table as columns of numbers. Each class is one, a frozen dataclass of plain data.

`compact` makes few numbers of each cell, for a cache to keep; `spread` makes of these the columns of a network.
"""

from dataclasses import dataclass
from math import pi
from typing import Any, ClassVar

from ...backends import numpy as host
from ..kinds.cells import KINDS, TEXTS, arrow, compute
from .murmur import murmur3
from .numbers import Levels, Number, Pieces
from .way import Way, coded, mark, on_host
from .words import Words

DAY = 86_400.0
YEAR = 365.2425 * DAY  # the mean Gregorian year


@dataclass(frozen=True)
class Category(Way):
    """One column of 0 and 1 for each value; values seldom seen, and those never seen, share the column "rare".

    Without a column "rare" a value never seen is 0 everywhere, and so is a missing one without "missing".
    """

    kind: ClassVar[str] = "category"
    name: str
    values: tuple[str, ...]
    rare: bool
    gaps: bool

    @property
    def names(self) -> list[str]:
        others = [word for word, there in (("rare", self.rare), ("missing", self.gaps)) if there]
        return [f"{self.name}={v}" for v in self.values] + [f"{self.name} ({word})" for word in others]

    def compact(self, v: Any) -> list[Any]:
        """The number of the column that is 1, or -1 for none, from Arrow text v (n,)."""
        pa, pc, k = arrow(), compute(), len(self.values)
        texts, cell = coded(v)
        code = pc.fill_null(pc.index_in(texts, value_set=pa.array(self.values, pa.string())), k if self.rare else -1)
        return [host.namespace().append(on_host(code), k + self.rare if self.gaps else -1)[cell]]

    def spread(self, columns: Any, out: Any) -> None:
        """Write 1 where the code says."""
        mark(out, columns[:, 0])

    @property
    def compact_width(self) -> int:
        """One code."""
        return 1


@dataclass(frozen=True)
class Coded(Way):
    """One column of whole numbers, for nnx.Embedding: 1 for the first value, 2 for the next; 0 for all else.

    Values seldom seen, those never seen, and missing ones are 0.
    """

    kind: ClassVar[str] = "coded"
    name: str
    values: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [f"{self.name} (code)"]

    def compact(self, v: Any) -> list[Any]:
        """The codes of Arrow text v (n,)."""
        pa, pc = arrow(), compute()
        texts, cell = coded(v)
        code = on_host(pc.fill_null(pc.index_in(texts, value_set=pa.array(self.values, pa.string())), -1))
        return [host.namespace().append(code + 1, 0)[cell]]


@dataclass(frozen=True)
class Hashed(Way):
    """Columns of 0 and 1; a text has a 1 in two of them: MurmurHash3(text, seed) and (text, seed + 1) mod buckets.

    Texts that share one seldom share both. 0 everywhere for a missing one.
    Source: hashing twice as in Serra & Karatzoglou 2017, "Getting deep recommenders fit", with k = 2.
    """

    kind: ClassVar[str] = "hashed"
    name: str
    buckets: int
    seed: int
    gaps: bool

    @property
    def names(self) -> list[str]:
        gap = [f"{self.name} (missing)"] if self.gaps else []
        return [f"{self.name}#{i}" for i in range(self.buckets)] + gap

    def compact(self, v: Any) -> list[Any]:
        """The numbers of the two columns that are 1, from Arrow text v (n,); if missing that of "missing" or -1."""
        texts, cell = coded(v)
        texts, gap = compute().fill_null(texts, ""), self.buckets if self.gaps else -1
        codes = [(murmur3(texts, seed) % self.buckets).astype("int64") for seed in self.seeds]
        return [host.namespace().append(code, gap)[cell] for code in codes]

    def spread(self, columns: Any, out: Any) -> None:
        """Write 1 where the codes say."""
        for i in range(2):
            mark(out, columns[:, i])

    @property
    def width(self) -> int:
        """As many as it has names, without making these."""
        return self.buckets + self.gaps

    @property
    def compact_width(self) -> int:
        """Two codes."""
        return 2

    @property
    def seeds(self) -> tuple[int, int]:
        """The seeds of the two hashes, 32 bits each."""
        return self.seed % 2**32, (self.seed + 1) % 2**32


@dataclass(frozen=True)
class Truth(Way):
    """1 for true, -1 for false, 0 for missing."""

    kind: ClassVar[str] = "boolean"
    name: str
    gaps: bool

    @property
    def names(self) -> list[str]:
        return [self.name, *([f"{self.name} (missing)"] if self.gaps else [])]

    def compact(self, v: Any) -> list[Any]:
        """Columns of numbers from v (n,): 1.0, 0.0 or NaN."""
        xp = host.namespace()
        missing = xp.isnan(v)
        return [xp.where(missing, 0.0, 2 * v - 1), *([missing] if self.gaps else [])]


@dataclass(frozen=True)
class Presence(Way):
    """1 where there is something, whatever it is, -1 where the cell is missing."""

    kind: ClassVar[str] = "presence"
    name: str

    @property
    def names(self) -> list[str]:
        return [self.name]

    def compact(self, v: Any) -> list[Any]:
        """One column from v (n,): Arrow text, or numbers with NaN where missing."""
        missing = host.namespace().isnan(v) if hasattr(v, "dtype") else on_host(compute().is_null(v))
        return [1 - 2 * missing]


class Waves(Way):
    """The base of encodings as a number, and sine and cosine of its place in some periods. All are 0 if missing."""

    name: str
    number: Number
    periods: Any  # by their names, in seconds

    @property
    def names(self) -> list[str]:
        return self.number.names + [f"{self.name} {wave} of {p}" for p in self.periods for wave in ("sin", "cos")]

    def compact(self, v: Any) -> list[Any]:
        """Columns of numbers from v (n,), NaN where missing."""
        xp = host.namespace()
        columns, there = self.number.compact(v), ~xp.isnan(v)
        t = xp.where(there, v, 0.0)
        for period in self.periods.values():
            angle = (t / period - xp.floor(t / period)) * (2 * pi)
            columns += [xp.sin(angle) * there, xp.cos(angle) * there]
        return columns


@dataclass(frozen=True)
class Moment(Waves):
    """A date t in seconds since 1970: a number, and its place in the year, the week and, by `clock`, the day.

    The place in the year is t mod 365.2425 days.
    """

    kind: ClassVar[str] = "date"
    name: str
    number: Number  # of t
    clock: bool

    @property
    def periods(self) -> dict[str, float]:
        return {"year": YEAR, "week": 7 * DAY} | ({"day": DAY} if self.clock else {})


@dataclass(frozen=True)
class Clock(Waves):
    """A time of day in seconds since midnight: a number, and its place in the day."""

    kind: ClassVar[str] = "time"
    name: str
    number: Number

    @property
    def periods(self) -> dict[str, float]:
        return {"day": DAY}


Column = Number | Levels | Pieces | Category | Coded | Hashed | Words | Truth | Presence | Moment | Clock
COLUMNS: dict[str, type[Any]] = {c.kind: c for c in Column.__args__}
NUMBERS = ("number", "duration")
CELLS = {  # the kinds of cells that a column is encoded from
    "number": NUMBERS,
    "levels": NUMBERS,
    "pieces": NUMBERS,
    "category": TEXTS,
    "coded": TEXTS,
    "hashed": TEXTS,
    "words": TEXTS,
    "boolean": ("boolean",),
    "presence": KINDS,
    "date": ("date",),
    "time": ("time",),
}
