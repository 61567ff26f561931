"""Prediction intervals of given coverage from rows held out: CV+, and split conformal prediction for one member.

On the host and in float64. The letters: k = members, n = rows of a prediction, R = residuals |y - prediction|.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, sqrt
from typing import Any

from ..backends import numpy as host
from ..errors import DataError, ModelFileError, shown
from ..settings import BETWEEN, real

KEPT = 4096  # residuals of all members together
ROOM = 2**22  # numbers at once


@dataclass(frozen=True)
class Residuals:
    """What members were wrong by on the rows that each was not trained on, from the smallest to the largest.

    Of more than 4096 in all, so many quantiles of each member's stand for them, none smaller than what it stands for.
    """

    members: tuple[tuple[float, ...], ...]
    rows: int  # how many residuals there were
    shrink: float | None = None  # the error of the members' mean by that of one; None: not known

    @classmethod
    def of(cls, errors: Sequence[Any], rows: Sequence[Any] | None = None, variance: float | None = None) -> "Residuals":
        """The residuals from what each member was wrong by on its rows, (rows,) each. Raises: DataError.

        With v the variance of members for the same row and s the mean square of all errors, the mean of k members is
        wrong by about sqrt((s - v + v / k) / s) times as much as one: `shrink`, with which intervals are narrower.
        rows: the numbers of these rows, where several members leave out the same ones, which tell v.
        variance: v itself, where no rows tell it.
        """
        xp, found = host.namespace(), [abs(host.put(e, "float64", None)) for e in errors]
        if not found or any(R.ndim != 1 or not R.size or not xp.all(xp.isfinite(R)) for R in found):
            raise DataError("Residuals: expected for each member one or more finite numbers (rows,)")
        count = sum(R.size for R in found)
        share = min(1.0, KEPT / count)
        kept = tuple(tuple(_thinned(R, max(int(R.size * share), 1)).tolist()) for R in found)
        if rows is not None:
            variance = _variance(errors, rows)
        return cls(kept, count, None if variance is None else _shrink(found, variance))

    def interval(self, predicted: Any, coverage: float) -> Any:
        """The lower and the upper end (n, 2) for rows of which the members predict (k, n).

        The upper end is the ceil(coverage (rows + 1))-th smallest of all predicted[m] + R of member m, the lower one
        the same from below: [-inf, inf] where there are too few rows for the coverage. Where the rows are
        exchangeable a new target lies within with a probability of at least 2 coverage - 1, and in practice of about
        the coverage, or more where members differ much; with one member it is at least the coverage. Where `shrink` is
        known, it is the mean prediction and shrink R that stand there: about the coverage, without that promise.

        Raises: SettingError, DataError.
        Source: Barber, Candes, Ramdas & Tibshirani 2021, "Predictive inference with the jackknife+", section 3;
        with one member Lei, G'Sell, Rinaldo, Tibshirani & Wasserman 2018, algorithm 2.

        >>> Residuals.of([[0.5, -1.0, 2.0]]).interval([[10.0]], 0.75)
        array([[ 8., 12.]])
        """
        coverage = real("interval: coverage", coverage, BETWEEN)
        xp, y = host.namespace(), host.put(predicted, "float64", None)
        if y.ndim != 2 or len(y) != len(self.members):
            raise DataError(
                f"interval: expected predictions of {len(self.members)} members (members, rows), got {y.shape}"
            )
        if self.shrink is not None:
            y = xp.mean(y, axis=0, keepdims=True) + xp.zeros_like(y)
        kept = sum(map(len, self.members))
        place = ceil(coverage * (self.rows + 1) * kept / self.rows - 1e-9)
        if place > kept:
            return xp.stack((xp.full(y.shape[1], -inf), xp.full(y.shape[1], inf)), axis=1)
        many = max(ROOM // kept, 1)
        parts = [y[:, start : start + many] for start in range(0, max(y.shape[1], 1), many)]
        ends = [xp.stack((-self._upper(-part, place), self._upper(part, place)), axis=1) for part in parts]
        return xp.concat(ends)

    def _upper(self, y: Any, place: int) -> Any:
        """The place-th smallest (n,) of all y[m] + R of member m."""
        xp = host.namespace()
        factor = 1.0 if self.shrink is None else self.shrink
        ends = [mean[:, None] + factor * xp.asarray(R) for mean, R in zip(y, self.members, strict=True)]
        return xp.partition(xp.concat(ends, axis=1), place - 1, axis=1)[:, place - 1]

    def to_data(self) -> dict[str, Any]:
        """Plain data: what a model file holds of it."""
        return {"rows": self.rows, "members": [list(R) for R in self.members], "shrink": self.shrink}

    @classmethod
    def from_data(cls, data: Any) -> "Residuals":
        """The residuals that `to_data` wrote. Raises: ModelFileError for what it never writes."""
        fine = (
            isinstance(data, Mapping) and set(data) == {"rows", "members", "shrink"} and type(data["members"]) is list
        )
        fine = fine and all(type(R) is list and len(R) > 0 for R in data["members"])
        require_file(fine, f"residuals are not members and rows: {shown(data)}")
        members, rows = data["members"], data["rows"]
        kept = sum(map(len, members))
        for R in members:
            numbers = all(type(v) in (int, float) and 0 <= v < inf for v in R)
            require_file(numbers and all(a <= b for a, b in pairwise(R)), "residuals are not finite and in order")
        few = 0 < kept <= KEPT + len(members) and type(rows) is int and kept <= rows < 2**63
        require_file(few, f"{kept} residuals for {shown(rows)} rows")
        shrink = data["shrink"]
        require_file(shrink is None or (type(shrink) is float and 0 < shrink <= 1), f"shrink is {shown(shrink)}")
        return cls(tuple(tuple(map(float, R)) for R in members), rows, shrink)


def require_file(holds: bool, text: str) -> None:
    """Raise ModelFileError unless it holds."""
    if not holds:
        raise ModelFileError(text)


def _variance(errors: Sequence[Any], rows: Sequence[Any]) -> float | None:
    """The variance of members for a row; None where no row is left out by two. Raises: DataError."""
    xp = host.namespace()
    e, row = (xp.concat([host.get(part) for part in parts]) for parts in (errors, rows))
    if e.shape != row.shape:
        raise DataError(f"Residuals: {row.size} numbers of rows for {e.size} errors")
    _, place, count = xp.unique(row, return_inverse=True, return_counts=True)
    again = e.size - count.size
    apart = e - (xp.bincount(place, e) / count)[place]
    return float(xp.sum(apart * apart)) / again if again else None


def _shrink(errors: Sequence[Any], variance: float) -> float | None:
    """The error of the mean of the members by that of one; None where there is no error."""
    xp = host.namespace()
    e = xp.concat(errors)
    total = float(xp.mean(e * e))
    return max(sqrt(1.0 - min(variance / total, 1.0) * (1.0 - 1.0 / len(errors))), 1e-6) if total else None


def _thinned(R: Any, many: int) -> Any:
    """So many of the residuals in order, each the largest of those that it stands for."""
    xp = host.namespace()
    return xp.sort(R)[(xp.arange(1, many + 1) * R.size + many - 1) // many - 1]
