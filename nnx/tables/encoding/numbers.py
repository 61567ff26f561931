"""Encodings of a column of numbers: scaled, and beside that as categories or in pieces."""

from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Any, ClassVar

from ...backends import numpy as host
from .way import Way, mark

LIMIT = 1e6  # scaled numbers beyond it are cut off there
NARROW = 1e-3  # a piece is at least so wide: in a narrower one a new value would be far outside


@dataclass(frozen=True)
class Number(Way):
    """(v - center) / scale; with smooth, z / sqrt(1 + (z/3)^2), which lies between -3 and 3.

    fill: what stands for a missing v. gaps: whether a further column says that v is missing.
    Source: the robust scale and smooth clip of RealMLP (Holzmueller, Grinsztajn & Steinwart 2024, section 3).
    """

    kind: ClassVar[str] = "number"
    name: str
    center: float
    scale: float
    fill: float
    smooth: bool
    gaps: bool

    @property
    def names(self) -> list[str]:
        return [self.name, *([f"{self.name} (missing)"] if self.gaps else [])]

    def compact(self, v: Any) -> list[Any]:
        """Columns of numbers from float64 v (n,), NaN where missing."""
        xp = host.namespace()
        missing = xp.isnan(v)
        z = (xp.where(missing, self.fill, v) - self.center) / self.scale
        z = xp.minimum(xp.maximum(z, -LIMIT), LIMIT)
        if self.smooth:
            z = z / xp.sqrt(1 + (z / 3) ** 2)
        return [z, missing] if self.gaps else [z]


@dataclass(frozen=True)
class Levels(Way):
    """A whole number of few values: the columns of the number, and one of 0 and 1 for each value.

    Values seldom seen, and those never seen, share the column "rare"; without it these columns are 0 for them.
    """

    kind: ClassVar[str] = "levels"
    name: str
    number: Number
    values: tuple[int, ...]  # ascending
    rare: bool

    @property
    def names(self) -> list[str]:
        return [*self.number.names, *(f"{self.name}={v}" for v in self.values), *[f"{self.name} (rare)"] * self.rare]

    def compact(self, v: Any) -> list[Any]:
        """The columns of the number, and the number of the value's column, -1 for none, from float64 v (n,)."""
        xp, values = host.namespace(), host.put(self.values, "float64", None)
        place = xp.minimum(xp.searchsorted(values, v), len(values) - 1)
        other = xp.where(xp.isnan(v), -1, len(values) if self.rare else -1)
        return [*self.number.compact(v), xp.where(values[place] == v, place, other)]

    def spread(self, columns: Any, out: Any) -> None:
        """Write the number, and 1 where the code says."""
        k = self.number.compact_width
        out[:, :k] = columns[:, :k]
        mark(out[:, k:], columns[:, k])

    @property
    def compact_width(self) -> int:
        """Those of the number, and one code."""
        return self.number.compact_width + 1


@dataclass(frozen=True)
class Pieces(Way):
    """A number in pieces: the columns of the number, of which z is the first, and one for each piece of the range of z.

    With the edges b_0 < ... < b_T, piece t is v_t = (z - b_{t-1}) / (b_t - b_{t-1}), at least 0 but for the first, at
    most 1 but for the last: 1 in the pieces below z, 0 in those above. A dense layer of them can bend at each edge.

    Source: the piecewise-linear encoding of Gorishniy, Rubachev & Babenko 2022, "On embeddings for numerical features",
    eq. 1.
    """

    kind: ClassVar[str] = "pieces"
    name: str
    number: Number
    edges: tuple[float, ...]  # ascending, three or more

    @classmethod
    def of(cls, number: Number, values: Any) -> "Number | Pieces":
        """Pieces between quantiles (T + 1,), narrow ones joined; the number alone if fewer than two are left."""
        edges: list[float] = []
        for z in number.compact(values)[0].tolist():
            if not edges or z - edges[-1] >= NARROW:
                edges.append(z)
        return cls(number.name, number, tuple(edges)) if len(edges) > 2 else number

    @property
    def names(self) -> list[str]:
        return [*self.number.names, *(f"{self.name} (piece {t})" for t in range(1, len(self.edges)))]

    def compact(self, v: Any) -> list[Any]:
        """The columns of the number from float64 v (n,): the pieces are made of z."""
        return self.number.compact(v)

    def spread(self, columns: Any, out: Any) -> None:
        """Write the number and the pieces."""
        xp, k = host.namespace(), self.number.compact_width
        start, width, low, high = (host.put(a, str(out.dtype), None) for a in self.pieces)
        out[:, :k] = columns
        v = (columns[:, :1] - start) / width
        out[:, k:] = xp.minimum(xp.maximum(v, low, out=v), high, out=v)

    @property
    def pieces(self) -> tuple[list[float], list[float], list[float], list[float]]:
        """Of each piece where it starts and how wide it is, and its column's least and largest value."""
        edges, inner = self.edges, len(self.edges) - 2
        width = [b - a for a, b in pairwise(edges)]
        return list(edges[:-1]), width, [-inf, *[0.0] * inner], [*[1.0] * inner, inf]

    @property
    def compact_width(self) -> int:
        """Those of the number."""
        return self.number.compact_width
