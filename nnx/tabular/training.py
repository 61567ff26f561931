"""The networks of a table trained: one by `fit`, several as one population, each on rows of its own."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import compress
from math import isfinite
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from time import monotonic
from typing import Any

from ..backends import Backend
from ..errors import TrainingError
from ..training import Checkpoint, Fit, Member, Population, PopulationReport, Report, fit
from ..training.checkpoint import Resumed
from ..training.interrupt import listening
from ..training.parallel import Ranks
from ..training.population.arrays import histories_from
from ..training.population.resume import Read, read as read_population
from ..training.restore import read as read_alone
from .blocks import Blocks
from .kinds import initial, kinds_of
from .prepare import Prepared
from .recipe import average_of, loss_of, metrics_of, network, optimizer_of, stopping_of
from .settings import Config

History = dict[str, list[float]]
ENDS = ("interrupted", "time", "callback", "early stopping", "epochs", "not finite")


def train(
    config: Config,
    prepared: Prepared,
    chosen: Backend,
    *,
    callbacks: Sequence[Callable[[Report], Any]] = (),
    checkpoint: Checkpoint | None = None,
    resume: "Resumed | Read | None" = None,
    ranks: Ranks | None = None,
) -> list[Fit]:
    """Train the networks of settled settings. callbacks: given the mean figures of those that still train.

    ranks: as `nnx.fit` takes them.

    Raises: TrainingError where no network has finite weights; its `fit` is that of one network or of a population.
    """
    t, data, net = config.training, prepared.train, network(config, prepared)
    held = prepared.validation is not None or any(fold.held is not None for fold in prepared.folds)
    given: dict[str, Any] = {
        "epochs": t.epochs,
        "batch_size": t.batch_size,
        "micro_batches": t.micro_batches,
        "early_stopping": stopping_of(config) if t.early_stopping else None,
        "metrics": metrics_of(config, prepared) if held else [],
        "validation": prepared.validation,
        "callbacks": callbacks,
        "backend": chosen,
        "checkpoint": checkpoint,
        "resume": resume,
        "ranks": ranks,
    }
    if len(prepared.folds) > 1:
        given |= {"callbacks": [_averaged(c) for c in callbacks], "resume": None if resume is None else resume.path}
        return _of_kinds(config, prepared, given)
    if isinstance(data, Blocks):
        data = replace(data, batch_size=t.batch_size or 1)
        given |= {"x": data}
        steps = data.steps
    else:
        rows, apart = prepared.folds[0]
        whole = (*data, *([] if prepared.weight is None else [prepared.weight]))
        given |= dict(zip(("x", "y", "sample_weight"), (a[rows] for a in whole), strict=False))
        if apart is not None:
            given["validation"] = tuple(a[apart] for a in whole)
        steps = -(-len(rows) // (t.batch_size or 1))
    given |= {"average": average_of(config, steps), "params": initial(net, prepared, t.seed)}
    optimizer = optimizer_of(config, steps * (t.epochs or 1))
    return [fit(net, loss=loss_of(config, prepared), optimizer=optimizer, seed=t.seed, **given)]


def _of_kinds(config: Config, prepared: Prepared, given: Mapping[str, Any]) -> list[Fit]:
    """Several networks, one population of each kind after another. Only the first goes on from a checkpoint."""
    fits = list[Fit]()
    for kind in kinds_of(config, prepared):
        members = []
        for k in range(len(fits), len(fits) + kind.members):
            (rows, apart), seed = prepared.folds[k], config.training.seed + k
            begin = kind.begin(seed, rows)
            loss = loss_of(config, prepared)
            members.append(Member(kind.net, loss, kind.optimizer, seed=seed, rows=rows, held=apart, params=begin))
        own = {**given, **kind.given, "n_members_per_run": len(members)}  # as one: they have figures of each epoch
        if fits:
            own |= {"checkpoint": None, "resume": None}
        try:
            fits += Population(members).fit(*prepared.train, sample_weight=prepared.weight, **own)
        except TrainingError as error:
            if not fits:
                raise
            fits += getattr(error.fit, "fits", ())
        if {fit.stopped for fit in fits} & {"interrupted", "callback"}:
            break
    return fits


def _averaged(callback: Callable[[Report], Any]) -> Callable[[PopulationReport], Any]:
    """The callback, given the mean of each figure over the networks that still train and whose losses are finite."""

    def called(report: PopulationReport) -> Any:
        losses = [values for name, values in report.figures.items() if name.endswith("loss")]
        fine = [all(map(isfinite, own)) for own in zip(*losses, strict=True)]
        if not any(fine):
            fine = [True] * len(fine)
        figures = {name: mean(name, list(compress(values, fine))) for name, values in report.figures.items()}
        return callback(Report(report.epoch, report.epochs, figures, {}))

    return called


def mean(name: str, values: Sequence[float]) -> float:
    """The mean of a figure over networks; of the seconds, of which each has its share, the sum."""
    return values[0] if name == "epoch" else sum(values) / (1 if name == "seconds" else len(values))


def history_of(histories: Sequence[Mapping[str, Sequence[float]]]) -> History:
    """The figures of each epoch, in the mean over the networks that trained then."""
    names = {name: None for own in histories for name in own}
    epochs = max((len(own.get("epoch", ())) for own in histories), default=0)
    there = [[own for own in histories if len(own.get("epoch", ())) > i] for i in range(epochs)]
    return {name: [mean(name, [own[name][i] for own in there[i]]) for i in range(epochs)] for name in names}


def ended_by(fits: Sequence[Fit]) -> str:
    """Why the training of networks ended: the first of ENDS that is true of one of them."""
    words = {fit.stopped for fit in fits}
    return next(word for word in ENDS if word in words)


def finished(fits: Sequence[Fit]) -> list[Fit]:
    """The networks that have weights to predict with: those whose loss stayed finite, where there are such."""
    done = [fit for fit in fits if fit.best_epoch]
    return [fit for fit in done if fit.stopped != "not finite"] or done or list(fits[:1])


def lost(fits: Sequence[Fit]) -> str:
    """What is to be said of several networks of which some have become infinite, or ""."""
    ruined = [fit for fit in fits if fit.stopped == "not finite"]
    if not ruined or len(fits) == 1:
        return ""
    epoch = min(len(fit.history.get("epoch", ())) for fit in ruined) + 1
    kept = "the others are the model" if len(ruined) < len(fits) else "their last good weights are kept"
    count = f"of {len(ruined)} of {len(fits)} networks"
    return f"the loss is not finite in epoch {epoch} {count}: {kept}; lower the rate, or clip gradients"


def saved(error: TrainingError) -> list[Fit]:
    """The networks of a training that failed, as far as they came; none where no epoch was finished."""
    found = [] if error.fit is None else list(error.fit) if hasattr(error.fit, "fits") else [error.fit]
    return [one for one in found if one.best_epoch]


class Before:
    """A training that was interrupted, from its checkpoint: what it is gone on from, and what had come of it."""

    def __init__(self, path: Path, members: int) -> None:
        self.read: Resumed | Read = read_alone(path) if members < 2 else read_population(path)
        read = self.read
        if isinstance(read, Resumed):
            self.epoch, self.model, self.history = read.progress.epoch, read.model, read.progress.history
        else:
            self.epoch, self.model = read.epoch, read.model
            of_each = histories_from(read.about["histories"], read.arrays["run.history"]) if read.epoch else []
            self.history = history_of(of_each)

    path = property(lambda self: self.read.path)


@contextmanager
def time_limit(end: float | None) -> Iterator[Callable[[], bool]]:
    """End a fit in the block, as Ctrl-C does, when `monotonic` has come to `end`; the function tells whether it has.

    At least one batch is trained. Outside the main thread, where signals cannot be caught, nothing ends: ask after each
    epoch.
    """
    if end is not None and current_thread() is not main_thread():
        yield lambda: monotonic() > end
        return
    over: list[bool] = []
    done, outside = Event(), listening()

    def wait(seconds: float) -> None:
        if done.wait(seconds):
            return
        over.append(True)
        while (inside := listening()) is outside and not done.wait(0.05):
            pass  # fit does not listen yet
        if inside is not None and not done.is_set():
            inside.late = inside.seen = True

    if end is not None:
        Thread(target=wait, args=(max(end - monotonic(), 0.0),), daemon=True).start()
    try:
        yield lambda: bool(over)
    finally:
        done.set()
