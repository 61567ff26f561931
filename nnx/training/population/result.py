"""The result of training a population, and the report that its callbacks are given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

from ...backends import Backend, is_sparse
from ...contract import Array, Layer, Loss, Params
from ...errors import DataError, SettingError, ShapeError, require, unknown
from ...network import predict
from ..check import as_rows
from ..result import Attributes, EarlyStopping, Fit
from .joining import joined, kind_of


@dataclass(frozen=True)
class PopulationReport:
    """The report of an epoch of a run: its number from 1, the members that still train, and their figures.

    figures: for each name, one number for each of `members`, in their order.
    """

    epoch: int
    epochs: int
    members: tuple[int, ...]
    figures: dict[str, list[float]]

    def renumbered(self, numbers: Sequence[int]) -> "PopulationReport":
        """The report with other numbers for its members."""
        return PopulationReport(self.epoch, self.epochs, tuple(numbers[k] for k in self.members), self.figures)


PopulationCallback = Callable[[PopulationReport], Any]  # returns True to stop all, or the members that are to stop


class Stack(NamedTuple):
    """Members whose weights are put into the same arrays, on axis 0: for prediction."""

    members: list[int]
    net: Layer
    loss: Loss
    params: Params


@dataclass(repr=False)
class PopulationFit(Attributes):
    """Trained networks: `fits[k]`, or the population's `[k]`, is member k as `nnx.fit` would have given it.

    `runs` says how the members were run: their numbers and the words of `Fit.execution`, for each batched run.
    """

    fits: list[Fit]
    backend: Backend
    runs: list[tuple[list[int], str]]

    @cached_property
    def stacks(self) -> list[Stack]:
        """The members by kind, with their weights stacked."""
        found: dict[Any, list[int]] = {}
        for k, fit in enumerate(self.fits):
            shapes = tuple((name, tuple(p.shape)) for name, p in fit.params.items())
            found.setdefault((kind_of(fit.net), kind_of(fit.loss), shapes), []).append(k)
        parts = []
        for members in found.values():
            fits = [self.fits[k] for k in members]
            params = {name: self.backend.xp.stack([fit.params[name] for fit in fits]) for name in fits[0].params}
            parts.append(Stack(members, joined([f.net for f in fits]), joined([f.loss for f in fits]), params))
        return parts

    def __repr__(self) -> str:
        """How many members there are, how they were run, and the first of them."""
        dropped = f", {len(self.dropped)} dropped" if self.dropped else ""
        return f"PopulationFit({len(self)} members in {len(self.runs)} runs{dropped}; the first: {self[0]!r})"

    def __len__(self) -> int:
        return len(self.fits)

    def __getitem__(self, k: int) -> Fit:
        return self.fits[k]

    def __iter__(self) -> Iterator[Fit]:
        return iter(self.fits)

    @property
    def dropped(self) -> list[int]:
        """The members whose loss or weights stopped being finite; their fits hold the last good epoch."""
        return [k for k, fit in enumerate(self.fits) if fit.stopped == "not finite"]

    def monitored(self, monitor: str = "auto") -> str:
        """The figure that scores the members: a name in `history` that all of them have. Raises SettingError.

        "auto" is "validation_loss", or "loss" where not every member was validated.
        """
        histories = [fit.history for fit in self.fits if fit.best_epoch] or [{"loss": []}]
        known = [name for name in histories[0] if all(name in history for history in histories)]
        name = monitor if monitor != "auto" else "validation_loss" if "validation_loss" in known else "loss"
        if name not in known:
            raise SettingError(unknown("monitor", name, known))
        return name

    def scores(self, monitor: str = "auto") -> list[float]:
        """Each member's figure, `monitored`, at the epoch whose weights were kept; NaN where no epoch was finished."""
        name = self.monitored(monitor)
        return [fit.history[name][fit.best_epoch - 1] if fit.best_epoch else float("nan") for fit in self.fits]

    def best(self, monitor: str = "auto", better: str = "auto") -> int:
        """The number of the best member. better: "smaller" or "larger"; "auto" knows it for nnx's own figures.

        Members are compared by what they were validated on: with a fraction each has its own rows, by its seed.
        Raises: SettingError if losses of several kinds are to be compared.
        """
        scores = self.scores(monitor)
        kinds = sorted({type(fit.loss).__name__ for fit in self.fits})
        alike = len(kinds) == 1 or not self.monitored(monitor).endswith("loss")
        require(
            alike, f"best: {' and '.join(kinds)} cannot be compared; give a metric, such as monitor='validation_r2'"
        )
        rule = EarlyStopping(monitor="loss" if monitor == "auto" else monitor, better=better)
        require(rule.knows_what_is_better, f"best: say whether {monitor} is better='smaller' or better='larger'")
        larger = rule.improves(1.0, 0.0)
        finite = [k for k, score in enumerate(scores) if isfinite(score)]
        if not finite:
            raise DataError("no member has finished an epoch with a finite loss")
        return (max if larger else min)(finite, key=lambda k: scores[k])

    def output(self, x: Array) -> Array:
        """The outputs z of all members, (members, rows, outputs), for x (rows, features), which may be on the host."""
        return self._computed(x, lambda part: None)

    def predict(self, x: Array) -> Array:
        """The outputs in the target's terms, (members, rows, outputs). Shapes: x (rows, features)."""
        return self._computed(x, lambda part: part.loss)

    def _computed(self, x: Array, loss: Callable[[Stack], Any]) -> Array:
        xp = self.backend.xp
        with self.backend.scope():
            x = as_rows(x)
            if is_sparse(x):
                raise DataError("predict: a population needs x as an array: give x.toarray(), or ask fit[k].predict")
            x = self.backend.as_floats(x)
            size = max(8192 // max(len(part.members) for part in self.stacks), 64)
            parts = [predict(p.net, p.params, x, loss=loss(p), batch_size=size) for p in self.stacks]
            if len({tuple(y.shape[1:]) for y in parts}) > 1:
                raise ShapeError("the members have different numbers of outputs: ask each, fit[k].predict(x)")
            places = [k for part in self.stacks for k in part.members]
            back = sorted(range(len(places)), key=places.__getitem__)
            return xp.take(xp.concat(parts, axis=0), self.backend.integers(back), axis=0)
