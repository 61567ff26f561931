"""The result of training a population, and the report that its callbacks are given."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import Any, NamedTuple

from ...backends import Backend, is_sparse
from ...contract import Array, Layer, Loss, Params
from ...errors import DataError, SettingError, ShapeError, require, unknown
from ...inspection import named
from ...markup import curves, heading, table
from ...network import predict
from ..check import as_rows
from ..result import Attributes, EarlyStopping, Fit
from .joining import joined, kind_of


@dataclass(frozen=True)
class PopulationReport:
    """Report of an epoch of a run of a population: the members that still train, and their figures.

    Callbacks of `nnx.Population.fit` and `nnx.fit(..., members=K)` are given one after each epoch of each run. A
    callback that returns True stops all members of the run, one that returns numbers of members stops those.

    Parameters
    ----------
    epoch : int
        The number of the epoch, from 1.
    epochs : int
        How many epochs the training may have.
    members : tuple of int
        The numbers of the members that still train, from 0, as the population counts them.
    figures : dict of str to list of float
        For each name ("loss", "validation_loss", ... as in `nnx.training.Report`) one number for each of `members`, in
        their order.

    Examples
    --------
    >>> def stop_slow(report):
    ...     return [k for k, loss in zip(report.members, report.figures["loss"]) if report.epoch == 5 and loss > 0.05]
    >>> x = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x[:, 0], loss="squared_error", optimizer=nnx.Adam((1e-6, 0.1)), seed=(0, 0),
    ...               members=2, epochs=10, callbacks=[stop_slow])
    >>> [one.stopped for one in fit]
    ['callback', 'epochs']
    """

    epoch: int
    epochs: int
    members: tuple[int, ...]
    figures: dict[str, list[float]]

    def renumbered(self, numbers: Sequence[int]) -> "PopulationReport":
        """The report with other numbers for its members.

        Parameters
        ----------
        numbers : sequence of int
            The new number of each member, by its number of now.

        Returns
        -------
        PopulationReport
            The same figures under the new numbers.
        """
        return PopulationReport(self.epoch, self.epochs, tuple(numbers[k] for k in self.members), self.figures)


SHOWN = 24  # members that a notebook shows
PopulationCallback = Callable[[PopulationReport], Any]  # returns True to stop all, or the members that are to stop


class Stack(NamedTuple):
    """Members whose weights are put into the same arrays, on axis 0: for prediction."""

    members: list[int]
    net: Layer
    loss: Loss
    params: Params


@dataclass(repr=False)
class PopulationFit(Attributes):
    """Trained population: `fits[k]`, or the population's `[k]`, is member k as `nnx.fit` would have given it alone.

    `len(fit)` is the number of members, and a loop over it gives their fits. `best` finds the member to take,
    `predict` computes predictions of all members.

    Parameters
    ----------
    fits : list of Fit
        The result of each member.
    backend : Backend
        The library, device and float type that computed.
    runs : list of tuple
        How the members were run: for each batched run the numbers of its members, and the words of `Fit.execution`.

    Examples
    --------
    >>> x = np.linspace(-1.0, 1.0, 20)[:, None]
    >>> fit = nnx.fit(nnx.mlp((8,), 1), x, x[:, 0], loss="squared_error", optimizer=nnx.Adam((1e-6, 0.1)), seed=(0, 0),
    ...               members=2, epochs=10)
    >>> len(fit), fit.best(), fit.predict(x).shape
    (2, 1, (2, 20, 1))
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
        runs = f"{len(self.runs)} run{'s' * (len(self.runs) != 1)}"
        return f"PopulationFit({len(self)} members in {runs}{dropped}; the first: {self[0]!r})"

    def _repr_html_(self) -> str:
        figure = self.monitored()
        lines = {f"member {k}": fit.history[figure] for k, fit in enumerate(self.fits[:SHOWN]) if fit.best_epoch}
        head = ("member", figure, "kept: epoch", "stopped", "network")
        rows = [
            (k, f"{score:.4g}", fit.best_epoch, fit.stopped, named(fit.net))
            for k, (score, fit) in enumerate(zip(self.scores(), self.fits, strict=True))
        ]
        more = f"<small>and {len(rows) - SHOWN} more</small>" if len(rows) > SHOWN else ""
        title = f"PopulationFit: {len(self)} members, {figure} by epoch"
        return heading(title) + curves(lines, legend=False) + table(head, rows[:SHOWN]) + more

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
        """Name of the figure that scores the members: a name in `history` that all of them have.

        Parameters
        ----------
        monitor : str, default "auto"
            The name of a figure; "auto" is "validation_loss", or "loss" where not every member was validated.

        Returns
        -------
        str
            The name.

        Raises
        ------
        SettingError
            If not all members have such a figure.
        """
        histories = [fit.history for fit in self.fits if fit.best_epoch] or [{"loss": []}]
        known = [name for name in histories[0] if all(name in history for history in histories)]
        name = monitor if monitor != "auto" else "validation_loss" if "validation_loss" in known else "loss"
        if name not in known:
            raise SettingError(unknown("monitor", name, known))
        return name

    def scores(self, monitor: str = "auto") -> list[float]:
        """Figure of each member, `monitored`, at the epoch whose weights were kept.

        Parameters
        ----------
        monitor : str, default "auto"
            The name of a figure; "auto" is "validation_loss", or "loss" where not every member was validated.

        Returns
        -------
        list of float
            A number for each member; NaN where no epoch was finished.
        """
        name = self.monitored(monitor)
        return [fit.history[name][fit.best_epoch - 1] if fit.best_epoch else float("nan") for fit in self.fits]

    def best(self, monitor: str = "auto", better: str = "auto") -> int:
        """Number of the best member, from 0.

        Members are compared by what they were validated on: with a fraction each has its own rows, by its seed.

        Parameters
        ----------
        monitor : str, default "auto"
            The figure to compare by; "auto" is "validation_loss", or "loss" where not every member was validated.
        better : str, default "auto"
            Which values are better: "smaller" or "larger"; "auto" knows it for nnx's own figures.

        Returns
        -------
        int
            The number of the member: `fit[fit.best()]` is its Fit.

        Raises
        ------
        SettingError
            If losses of several kinds are to be compared, or it is not known which values are better.
        DataError
            If no member has finished an epoch with a finite figure.
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
        """Outputs z of all members, before their losses give them a meaning.

        Parameters
        ----------
        x : array
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The outputs (members, rows, outputs).

        Raises
        ------
        DataError
            If x is sparse.
        ShapeError
            If the members have different numbers of outputs.
        """
        return self._computed(x, lambda part: None)

    def predict(self, x: Array) -> Array:
        """Predictions of all members in the target's terms: probabilities, counts, or values.

        Parameters
        ----------
        x : array
            Rows (rows, features), of the backend's library or on the host.

        Returns
        -------
        array
            The predictions (members, rows, outputs).

        Raises
        ------
        DataError
            If x is sparse.
        ShapeError
            If the members have different numbers of outputs.
        """
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
