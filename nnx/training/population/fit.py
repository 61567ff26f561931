"""Training a population: its members in groups of one kind, each as one batched run, or as many as fit in memory."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...backends import Backend, backend as make_backend, is_sparse
from ...backends.numpy import namespace as host_namespace
from ...contract import Features, Loss, as_features
from ...errors import DataError, SettingError, TrainingError, require, shown
from ...names import Spelled, spelled
from ...settings import BETWEEN, check_range, flag, integer, optional_name, real
from ..agreed import several, together
from ..averages import Average
from ..check import check_parts, choose_backend, naming, of_positions
from ..checkpoint import Checkpoint, Resumed, check as check_checkpoint, claimed
from ..data import DeviceData, make_data, numbered, split
from ..interrupt import Interrupt
from ..judge import Figures, Judge
from ..memory import Memory
from ..parallel import Ranks
from ..progress import progress
from ..result import EarlyStopping, Report
from ..scale import scaled, scaled_alike
from ..settings import Metric, Settings, lists, not_swapped, shows
from .fitting import in_runs
from .member import Member, Rows, groups_of, row_numbers
from .members import Members, Sources
from .result import PopulationCallback, PopulationFit, PopulationReport
from .resume import Runs


class Population(Spelled):
    """Networks that are trained together on the same data, each with settings, seed and rows of its own.

    Members whose settings differ in numbers only (rate, momentum, betas, weight decay, dropout, label smoothing, class
    weights), or in widths that zeros can fill up, are one batched run; members of other depths, activations, losses or
    numbers of rows are runs of their own.

    Parameters
    ----------
    members : sequence of Member
        The members, at least one.

    Raises
    ------
    SettingError
        If members are none, or not of `nnx.Member`.

    Examples
    --------
    >>> x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    >>> members = [nnx.Member(nnx.mlp((8,), 2), "softmax_cross_entropy", nnx.Adam(r)) for r in (1e-4, 1e-1)]
    >>> fit = nnx.Population(members).fit(x, np.array([0, 1, 1, 0]), epochs=100)
    >>> len(fit), fit.best()
    (2, 1)
    """

    def __init__(self, members: Sequence[Member]) -> None:
        fine = hasattr(members, "__iter__")
        require(fine, "Population: members must be a list of nnx.Member", members)
        self.members = tuple(members)
        require(len(self.members) > 0, "Population: members must be at least one nnx.Member, got none")
        for member in self.members:
            require(isinstance(member, Member), "Population: members must be nnx.Member(net, loss, ...)", member)

    @spelled
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
        micro_batches: int = 1,
        average: Average | None = None,
        frozen: str | Sequence[str] = (),
        rate_factors: Mapping[str, float] | None = None,
        decay_factors: Mapping[str, float] | None = None,
        scale_target: bool = False,
        checkpoint: Checkpoint | None = None,
        resume: str | os.PathLike[str] | None = None,
        ranks: Ranks | None = None,
        n_members_per_run: int | None = None,
    ) -> PopulationFit:
        """Train all members; each as `nnx.fit` would have trained it alone on its rows, to rounding.

        A member that stops early no longer changes; where half of those that train together have stopped, the others go
        on in smaller arrays as soon as that pays. A member whose loss or weights are not finite is dropped, which its
        `stopped` says. The settings are those of `nnx.fit`, where they are explained, and are the same for all members.

        Parameters
        ----------
        x : array
            The rows (rows, features) or (rows, *axes, features), an array in memory.
        y : array
            The targets (rows,) or (rows, outputs), integers for labels, or those of each position; an array in memory.
        epochs : int, default 100
            How many times each member goes over its rows, at least 1.
        batch_size : int, default 128
            Rows in a batch, at least 1.
        validation : float or tuple, default None
            A share of the rows to set aside, between 0 and 1, by each member's own seed; or a tuple (x, y) or (x, y,
            weight) for all.
        early_stopping : EarlyStopping, default None
            When each member stops by itself.
        metrics : sequence of str or callable, default ()
            What is computed on the validation data after each epoch.
        callbacks : sequence of callable, default ()
            Functions given an `nnx.PopulationReport` after each epoch of each run; one that returns True stops the
            run's members, one that returns numbers of members stops those.
        sample_weight : array, default None
            A weight of at least 0 for each row (rows,), or for each position.
        shuffle : bool, default True
            Draw a new order of the rows for each epoch.
        backend : str or Backend, default None
            What computes; None: the library and device of the arrays, or for data of the host NNX_BACKEND, else NumPy.
        dtype : str, default None
            The float type, "float32" or "float64"; None is "float32" (or a given Backend's).
        compile : bool or str, default "auto"
            Whether to compile the steps: True, False, or "auto", where it pays.
        verbose : bool, default False
            Show after each epoch how many members train, and the figures of the best of them.
        micro_batches : int, default 1
            The parts that each batch is computed in.
        average : EMA or SWA, default None
            The average of the weights that is validated and kept.
        frozen : str or sequence of str, default ()
            Patterns of parameters that stay as they are.
        rate_factors : dict of str to float, default None
            What the rate of parameters is multiplied by, by pattern.
        decay_factors : dict of str to float, default None
            What the weight decay of parameters is multiplied by, by pattern.
        scale_target : bool, default False
            Train on (y - mean) / deviation of each of y's columns.
        checkpoint : Checkpoint, default None
            As for one network; the file holds the members that have finished, and the run that is going on. `nnx.load`
            gives the network of that run's first member.
        resume : str or path, default None
            The file of a checkpoint to go on from, with the same data and settings.
        ranks : Ranks, default None
            `nnx.ranks()`: each process trains some of the members, and has the result of all.
        n_members_per_run : int, default None
            The most members in one run; None: as many as fit in the free memory.

        Returns
        -------
        PopulationFit
            The members' results.

        Raises
        ------
        DataError
            If the data cannot be trained on, or is not an array in memory.
        SettingError
            If a setting is outside its range, or settings do not go together.
        TrainingError
            If no member at all has finished an epoch.
        NNXError
            For all else, as `nnx.fit`.
        """
        lists(metrics=metrics, callbacks=callbacks)
        most = None if n_members_per_run is None else integer("fit: n_members_per_run", n_members_per_run)
        own = [member.held is not None for member in self.members]
        if validation is not None and any(own):
            raise SettingError("fit: give validation, or each member's held, not both")
        if (metrics or early_stopping is not None) and any(own) and not all(own):
            raise SettingError("fit: metrics and early stopping need held for every member")
        settings = Settings.of(
            epochs=epochs,
            batch_size=batch_size,
            shuffle=shuffle,
            compile=compile,
            early_stopping=early_stopping,
            metrics=metrics,
            callbacks=callbacks,
            micro_batches=micro_batches,
            average=average,
            frozen=frozen,
            rate_factors=rate_factors,
            decay_factors=decay_factors,
            validated=validation is not None or (any(own) if early_stopping is None else all(own)),
        )
        verbose = shows(verbose)
        not_swapped(x, y)
        check_checkpoint(checkpoint, resume)
        require(not isinstance(resume, Resumed), "fit: that checkpoint is of one network, not of a population")
        for member in self.members:
            settings.check(member.net, member.loss)
        ranks = several(ranks)
        writes = ranks is None or ranks.is_first
        dtype = optional_name("fit: dtype", dtype)
        given = None if backend is None else make_backend(backend, dtype)
        chosen = choose_backend(x, y, sample_weight, given, dtype or "float32")
        with (
            claimed(checkpoint if writes else None),
            chosen.scope(),
            Memory(chosen, settings.batch_size, settings.micro_batches) as memory,
            Interrupt(told=writes) as own_interrupt,
        ):
            members = tuple(in_positions(member, x) for member in self.members)
            if flag("fit: scale_target", scale_target):
                scale = scaled(chosen, members[0].loss, y, sample_weight)
                members = tuple(replace(m, loss=scaled_alike(m.loss, scale)) for m in members)
            check_range(chosen.dtype, *(part for m in members for part in (m.net, m.loss, m.optimizer)))
            data = Data(chosen, x, y, sample_weight, validation)
            rows = data.rows(members)
            for member, mine in zip(members, rows, strict=True):
                settings.check_batches(member.net, len(mine.train))
            runs = Runs(chosen, settings, members, rows, data.of(members[0].loss), checkpoint, resume, ranks)
            if not runs.parts:
                for numbers in groups_of(members, rows, data.features):
                    sources = data.of(members[numbers[0]].loss)
                    runs.parts += in_runs(settings, chosen, sources, numbers, members, rows, most)
                if ranks is not None:
                    runs.parts = ranks.broadcast(runs.parts)  # others may have another amount of memory free
            for part in runs.parts:
                if all(k in runs.fits for k in part):
                    continue
                own_members, own_rows = [members[k] for k in part], [rows[k] for k in part]
                engine = Members(settings, chosen, data.of(own_members[0].loss), own_members, own_rows, ranks)
                engine.begin()
                memory.needs, memory.members = engine.needs, len(part)
                judge = Judge(settings.epochs, early_stopping, len(part))
                with progress(settings.epochs, verbose and writes, head=chosen.why) as show, engine.lanes.threads():
                    ask = asking([*callbacks, showing(show, verbose)], part, settings.epochs, len(self.members))
                    ask, interrupt, _ = together(ranks, ask, own_interrupt, lambda: None)
                    with runs.training(part, engine, judge, interrupt) as after:
                        judge.train(engine, ask, interrupt, after=after)
        result = runs.result()
        if len(result.dropped) == len(result) and not any(fit.best_epoch for fit in result):
            raise TrainingError("the loss of every member is not finite; lower the rates, or clip gradients", result)
        return result


def in_positions(member: Member, x: Any) -> Member:
    """The member, whose loss is that of each position where a row of its output has several axes."""
    loss = of_positions(member.net, member.loss, x)
    return member if loss is member.loss else replace(member, loss=loss)


def asking(callbacks: Sequence[PopulationCallback], numbers: Sequence[int], epochs: int, count: int) -> Any:
    """A function that gives callbacks the report of a run of members with these numbers, and tells who is to stop.

    count: of all members, those of other runs too.
    """

    def ask(number: int, figures: Figures) -> Collection[int]:
        if not figures:
            return ()
        members = tuple(numbers[k] for k in figures)
        names = next(iter(figures.values()))
        values = {name: [own[name] for own in figures.values()] for name in names}
        report, asked = PopulationReport(number, epochs, members, values), set()
        for answer in [callback(report) for callback in callbacks]:
            asked |= asked_to_stop(answer, members, count)
        return {k for k in figures if numbers[k] in asked}

    return ask


def asked_to_stop(answer: Any, members: Sequence[int], count: int) -> set[int]:
    """The members that a callback's answer means. Raises SettingError."""
    if hasattr(answer, "item") and getattr(answer, "ndim", 1) == 0:
        answer = answer.item()
    if answer is None or isinstance(answer, bool):
        return set(members) if answer else set()
    found: list[Any] = list(answer) if hasattr(answer, "__iter__") else [None]
    if not all(hasattr(k, "__index__") and not isinstance(k, bool) and 0 <= k < count for k in found):
        raise SettingError(
            f"fit: a callback returns None, True, or numbers of members below {count}, got {shown(answer)}"
        )
    return set(map(int, found))


class Data:
    """The data of a population, on the device once."""

    def __init__(self, backend: Backend, x: Any, y: Any, weight: Any, validation: Any) -> None:
        self.backend, self.given, self.validation = backend, (x, y, weight), validation
        self.known: dict[tuple[bool, int], Sources] = {}

    def of(self, loss: Any) -> Sources:
        """The data to train on, and data of its own to validate on, as this loss takes them."""
        kind = loss.labels, loss.positions
        if kind not in self.known:
            train, held = self.made(loss, *self.given), None
            if isinstance(self.validation, tuple):
                require(len(self.validation) in (2, 3), "fit: validation must be a fraction, (x, y) or (x, y, weight)")
                with naming("validation"):
                    held = self.made(loss, *(*self.validation, None)[:3])
            self.known[kind] = Sources(train, held)
        train, held = self.known[kind]
        return Sources(replace(train, loss=loss), None if held is None else replace(held, loss=loss))

    def made(self, loss: Loss, x: Any, y: Any, weight: Any) -> DeviceData:
        """The data in memory. Raises DataError."""
        if y is None:
            raise DataError("fit: a population needs y, and x in memory; batches train one network")
        if is_sparse(x):
            raise DataError("fit: a population needs x as an array, not sparse: give x.toarray(), or train one by one")
        data = make_data(self.backend, x, y, weight, loss)
        if not isinstance(data, DeviceData):
            raise DataError("fit: a population needs x in memory: numpy.array(x) reads a file into it")
        return data

    @property
    def features(self) -> Features:
        return as_features(next(iter(self.known.values()))[0].x.shape[1:])

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
                    share = real("fit: validation", self.validation, BETWEEN)
                    if len(set(own.tolist())) < len(own):
                        raise DataError("rows has a row twice, which a fraction would hold out and train on: give held")
                    kept, away = split(len(own), share, m.seed)
                    own, other = own[kept], own[away]
                check_parts(train.weight, own, other if held is None else None)
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


def showing(show: Any, verbose: bool) -> PopulationCallback:
    """A callback that shows how many members train, and the figures of the best of them."""

    def callback(report: PopulationReport) -> None:
        if verbose and report.members:
            first = next(name for name in ("validation_loss", "loss") if name in report.figures)
            losses = report.figures[first]
            best = min(range(len(losses)), key=lambda i: (losses[i] != losses[i], losses[i]))  # NaN last
            figures = {name: values[best] for name, values in report.figures.items()}
            show(Report(report.epoch, report.epochs, {"members": len(losses), **figures}, {}))

    return callback
