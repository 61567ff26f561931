"""Training a population: its members in groups of one kind, each as one batched run, or as many as fit in memory."""

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

from ...backends import Backend, backend as make_backend
from ...backends.native.loop import step_bytes
from ...backends.native.record import Refused
from ...backends.numpy import namespace as host_namespace
from ...contract import Loss
from ...errors import DataError, OutOfMemoryError, SettingError, TrainingError, require
from ..check import choose_backend
from ..data import DeviceData, make_data, numbered, split
from ..given import check_monitor, count, lists, metrics_of
from ..interrupt import Interrupt
from ..memory import GIB, PART, Memory
from ..progress import progress
from ..result import EarlyStopping, Fit, Report
from ..run import Metric, naming
from .group import Group
from .member import Member, Rows, groups_of, row_numbers
from .plan import Plan
from .result import PopulationCallback, PopulationFit, PopulationReport

SMALL = 0.05  # of the free memory, below which nobody need reckon how many members fit


class Population:
    """Networks that are trained together on the same data, each with settings, seed and rows of its own.

    members: a sequence of `nnx.Member`. Those whose settings differ in numbers only (rate, momentum, betas, weight
    decay, dropout, label smoothing, class weights), or in widths that zeros can fill up, are one batched run; members
    of other depths, activations, losses or numbers of rows are runs of their own.

    >>> import numpy as np
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> members = [nnx.Member(nnx.mlp((8,), 2), "softmax_cross_entropy", nnx.Adam(r)) for r in (1e-4, 1e-1)]
    >>> fit = nnx.Population(members).fit(x, np.array([0, 1, 1, 0]), epochs=100)
    >>> len(fit), fit.best()
    (2, 1)
    """

    def __init__(self, members: Sequence[Member]) -> None:
        fine = hasattr(members, "__iter__")
        require(fine, f"Population: expected a list of nnx.Member, got one {type(members).__name__}")
        self.members = tuple(members)
        require(len(self.members) > 0, "Population: expected at least one member")
        for member in self.members:
            require(
                isinstance(member, Member),
                f"Population: expected nnx.Member(net, loss, ...), got {type(member).__name__}",
            )

    def fit(
        self,
        x: Any,
        y: Any,
        *,
        epochs: int = 100,
        batch_size: int = 128,
        validation: float | tuple[Any, ...] | None = None,
        early_stopping: EarlyStopping | None = None,
        metrics: Sequence[str | Metric] = (),
        callbacks: Sequence[PopulationCallback] = (),
        sample_weight: Any = None,
        shuffle: bool = True,
        backend: str | Backend | None = None,
        dtype: str | None = None,
        compile: bool | str = "auto",
        verbose: bool = False,
        n_members_per_run: int | None = None,
    ) -> PopulationFit:
        """Train all members; each as `nnx.fit` would have trained it alone on its rows, to rounding.

        A member that stops early no longer changes; when half of those that train together have stopped, the others
        go on in smaller arrays. A member whose loss or weights are not finite is dropped, which its `stopped` says.
        callbacks: given an nnx.PopulationReport after each epoch of each run; one that returns True stops the run's
            members, one that returns numbers of members stops those.
        n_members_per_run: the most members in one run; None: as many as fit in the free memory.
        All else: see `nnx.fit`. x and y must be arrays in memory.
        Raises: as `nnx.fit`; TrainingError if no member at all has finished an epoch.
        """
        lists(metrics=metrics, callbacks=callbacks)
        epochs, batch_size = count("epochs", epochs), count("batch_size", batch_size)
        most = None if n_members_per_run is None else count("n_members_per_run", n_members_per_run)
        require(compile in (True, False, "auto"), f"fit: compile must be True, False or 'auto', got {compile!r}")
        found = metrics_of(metrics)
        own = [member.held is not None for member in self.members]
        if validation is not None and any(own):
            raise SettingError("fit: give validation, or each member's held, not both")
        if (found or early_stopping is not None) and any(own) and not all(own):
            raise SettingError("fit: metrics and early stopping need held for every member")
        if found and validation is None and not any(own):
            raise SettingError("fit: metrics are computed on validation data; give validation=0.1, or (x, y)")
        check_monitor(early_stopping, validation is not None or all(own), found)
        chosen = choose_backend(
            x, y, sample_weight, None if backend is None else make_backend(backend, dtype), dtype or "float32"
        )
        with chosen.scope(), Memory(chosen, batch_size), Interrupt() as interrupt:
            data = Sources(chosen, x, y, sample_weight, validation)
            rows = data.rows(self.members)
            fits: dict[int, Fit] = {}
            runs = []
            for numbers in groups_of(self.members, rows, data.features):
                train, held = data.of(self.members[numbers[0]].loss)
                plan = Plan(chosen, train, held, epochs, batch_size, shuffle, compile, early_stopping, found)
                for part in in_runs(plan, numbers, self.members, rows, most):
                    group = Group(plan, part, self.members, rows)
                    group.begin()
                    with progress(epochs, verbose, head=chosen.why) as show:
                        group.train([*callbacks, shown(show, verbose)], interrupt)
                    fits |= {number: group.fits[k] for k, number in enumerate(part)}
                    runs.append((part, group.fits[0].execution))
        result = PopulationFit([fits[k] for k in range(len(self.members))], chosen, runs)
        if len(result.dropped) == len(result) and not any(fit.best_epoch for fit in result):
            raise TrainingError("the loss of every member is not finite; lower the rates, or clip gradients", result)
        return result


class Sources:
    """The data of a population, on the device once."""

    def __init__(self, backend: Backend, x: Any, y: Any, weight: Any, validation: Any) -> None:
        self.backend, self.given, self.validation = backend, (x, y, weight), validation
        self.known: dict[bool, tuple[DeviceData, DeviceData | None]] = {}

    def of(self, loss: Any) -> tuple[DeviceData, DeviceData | None]:
        """The data to train on, and data of its own to validate on, as this loss takes them."""
        if loss.labels not in self.known:
            train, held = self.made(loss, *self.given), None
            if isinstance(self.validation, tuple):
                require(len(self.validation) in (2, 3), "fit: validation must be a fraction, (x, y) or (x, y, weight)")
                with naming("validation"):
                    held = self.made(loss, *(*self.validation, None)[:3])
            self.known[loss.labels] = train, held
        train, held = self.known[loss.labels]
        return replace(train, loss=loss), None if held is None else replace(held, loss=loss)

    def made(self, loss: Loss, x: Any, y: Any, weight: Any) -> DeviceData:
        """The data in memory. Raises DataError."""
        if y is None:
            raise DataError("fit: a population needs y, and x in memory; batches train one network")
        data = make_data(self.backend, x, y, weight, loss)
        if not isinstance(data, DeviceData):
            raise DataError("fit: a population needs x in memory: numpy.array(x) reads a file into it")
        return data

    @property
    def features(self) -> int:
        return int(next(iter(self.known.values()))[0].x.shape[1])

    def rows(self, members: Sequence[Member]) -> list[Rows]:
        """Each member's rows; members that share them share the arrays."""
        train, held = self.of(members[0].loss)
        known: dict[Any, Rows] = {}
        found = []
        for m in members:
            fraction = self.validation is not None and held is None
            key = (id(m.rows), id(m.held), m.seed if fraction else 0)
            if key not in known:
                other = None if m.held is None else row_numbers("held", m.held, train.rows)
                own = numbered(train.rows) if m.rows is None else row_numbers("rows", m.rows, train.rows)
                if other is not None:
                    own = without(own, other, drop=m.rows is None)
                if held is not None:
                    other = numbered(held.rows)
                elif fraction:
                    require(hasattr(self.validation, "__float__"), "fit: validation must be a fraction or (x, y)")
                    if len(set(own.tolist())) < len(own):
                        raise DataError("rows has a row twice, which a fraction would hold out and train on: give held")
                    kept, away = split(len(own), float(self.validation), m.seed)
                    own, other = own[kept], own[away]
                known[key] = Rows(own, other)
            found.append(known[key])
        return found


def without(rows: Any, held: Any, *, drop: bool) -> Any:
    """The rows to train on without those held out, or the same if they are none of them. Raises DataError."""
    both = host_namespace().isin(rows, held)
    if not both.any():
        return rows
    if not drop or both.all():
        raise DataError(f"rows and held have {int(both.sum())} rows in common: no row may be trained on and held out")
    return rows[~both]


def in_runs(
    plan: Plan, numbers: Sequence[int], members: Sequence[Member], rows: Sequence[Rows], most: int | None
) -> list[list[int]]:
    """The members in runs of at most so many, or of as many as fit in the free memory."""
    if most is None:
        most = len(numbers) if len(numbers) == 1 else fitting(plan, numbers, members, rows)
    count = -(-len(numbers) // most)
    return [list(numbers[len(numbers) * i // count : len(numbers) * (i + 1) // count]) for i in range(count)]


def fitting(plan: Plan, numbers: Sequence[int], members: Sequence[Member], rows: Sequence[Rows]) -> int:
    """How many of these members fit in the free memory. Raises OutOfMemoryError if not one does."""
    free = plan.backend.free_memory()
    one = Group(plan, numbers[:1], members, rows)
    one.begin()
    carry, start = one.beginning
    weights = sum(prod(p.shape) for p in start.values()) * (4 if plan.backend.dtype == "float32" else 8)
    if not free or len(numbers) * one.bytes_each < SMALL * free:
        return len(numbers)
    like = [
        None if a is None else (a.shape[1:], str(a.dtype)) for a in (plan.data.x, plan.data.target, plan.data.weight)
    ]
    try:
        needed = step_bytes(one.step([0], 0), carry, like, plan.batch_size)
    except Refused:
        needed = one.bytes_each
    slots = sum(isinstance(slot, dict) for slot in carry.state.values())
    needed += weights * (3 + slots)  # as they are, those that are kept, those of the next epoch's beginning
    if needed > PART * free:
        raise OutOfMemoryError(
            f"out of memory on {plan.backend}: one member needs {needed / GIB:.2f} GiB for a step on {plan.batch_size} "
            f"rows, {free / GIB:.2f} GiB are free; give a smaller batch_size"
        )
    return min(len(numbers), int(PART * free / needed))


def shown(show: Any, verbose: bool) -> PopulationCallback:
    """A callback that shows how many members train, and the figures of the best of them."""

    def callback(report: PopulationReport) -> None:
        if verbose and report.members:
            first = next(name for name in ("validation_loss", "loss") if name in report.figures)
            losses = report.figures[first]
            best = min(range(len(losses)), key=lambda i: (losses[i] != losses[i], losses[i]))  # NaN last
            figures = {name: values[best] for name, values in report.figures.items()}
            show(Report(report.epoch, report.epochs, {"members": len(losses), **figures}, {}))

    return callback
