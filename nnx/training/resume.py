"""The beginning of a fit that writes checkpoints or goes on from one: is it the same fit, to the same bits?"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from ..contract import Params, State, as_features
from .alone import Alone
from .checkpoint import Checkpoint, Progress, Resumed, ResumeWarning, Writer, contents
from .engine import copies
from .identity import Facts, environment, flat, mark, other_bits, same_settings
from .judge import Judge
from .restore import parsing, state_like
from .settings import Settings
from .step import gather

Beginning = tuple[Params | None, Callable[[], None]]  # parameters to begin with, and what is called after an epoch


@contextmanager
def resuming(
    engine: Alone, judge: Judge, checkpoint: Checkpoint | None, resumed: Resumed | None
) -> Iterator[Beginning]:
    """Compare a fit with the checkpoint resumed, whose parameters are given to the block to begin with; then write.

    Raises: SettingError, ModelFileError.
    """
    writer: Writer[Progress] | None = None

    def write() -> None:
        if writer is None or judge.stopped.get(0) == "not finite":
            return
        stopped = judge.stopped.get(0, "")
        stopped = "" if stopped == "epochs" else stopped
        writer.epoch(progress(engine, judge, stopped) if engine.whole else None, now=stopped == "interrupted")

    if checkpoint is None and resumed is None:
        yield None, write
        return
    row = tuple(engine.sample[0].shape[1:])
    settings, place = identity(engine), environment(engine.backend, engine.settings.compile)
    if resumed is not None:
        same_settings(resumed.settings, settings)
        if text := other_bits(resumed.environment, place):
            warnings.warn(text, ResumeWarning, stacklevel=6)
    yield (None if resumed is None else resumed.progress.params), write
    if resumed is not None:
        with parsing(resumed.path):
            go_on(engine, judge, resumed.progress)
    if checkpoint is not None:
        writer = Writer(checkpoint, settings, place, partial(contents, engine.net, engine.loss, engine.backend, row))
        first = progress(engine, judge, "") if judge.done == 0 else None
        writer.begin(first, None if resumed is None else resumed.path)


def progress(engine: Alone, judge: Judge, stopped: str) -> Progress:
    """Copies of all that the next epoch begins with."""
    carry, backend = engine.program.carry, engine.backend
    state: State = {}
    for slot, value in engine.state.items():
        state[slot] = copies(backend, value) if isinstance(value, dict) else copies(backend, {"": value})[""]
    params = copies(backend, carry.params(engine.layout)) if engine.settings.average else engine.params
    average = copies(backend, engine.layout.views(carry.average)) if carry.average else engine.sum
    epoch, choices = len(judge.histories[0].get("epoch", ())), dict(engine.program.loop.choices)
    best = judge.best[0], engine.best
    return Progress(epoch, params, state, best, judge.histories[0], choices, stopped, engine.how, average)


def go_on(engine: Alone, judge: Judge, before: Progress) -> None:
    """Take up the training where it was after this epoch."""
    backend, layout, carry = engine.backend, engine.layout, engine.program.carry
    state = state_like(engine.state, before.state, backend)
    state = {name: layout.pack(slot) if isinstance(slot, dict) else slot for name, slot in state.items()}
    average = {name: backend.floats(p) for name, p in before.average.items()}
    if engine.settings.decay is None:
        engine.sum = average
    else:
        carry = carry._replace(average=layout.pack(average))
    engine.program.carry = carry._replace(state=state)
    engine.best = {name: backend.floats(p) for name, p in before.best[1].items()}
    engine.program.loop.restore(before.choices)
    engine.execution = before.execution
    judge.done, judge.best[0], judge.histories[0] = before.epoch, before.best[0], before.history
    if before.stopped == "early stopping":
        judge.stopped[0] = before.stopped


def described(settings: Settings) -> dict[str, Any]:
    """The settings of a training that its bits depend on."""
    found: dict[str, Any] = {
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "shuffle": settings.shuffle,
        "early_stopping": settings.early_stopping,
        "metrics": tuple(settings.metrics),
    }
    usual = Settings()
    for name in ("micro_batches", "average", "frozen", "rate_factors", "decay_factors"):
        value = getattr(settings, name)
        if value != getattr(usual, name):  # checkpoints of older versions do not have them
            found[name] = tuple(value.items()) if isinstance(value, dict) else value
    return found


def identity(engine: Alone) -> Facts:
    """The settings of a fit, and what tells its data from others."""
    about = {
        "seed": engine.seed,
        "dtype": engine.backend.dtype,
        "rows": "a stream" if engine.rows is None else len(engine.rows),
        "validation": None if engine.held is None else f"{len(engine.held[1])} rows",
        "loss": engine.loss,
        "optimizer": engine.optimizer,
        "net": engine.net,
    }
    found: Facts = {}
    for name, value in (described(engine.settings) | about).items():
        found |= flat(name, value)
    x, target, weight, row = engine.sample
    found |= {"columns of x": str(as_features(x.shape[1:])), "sample_weight": "none" if weight is None else "given"}
    if engine.rows is not None:
        found["data (first row)"] = mark(engine.backend, *(gather(a, row) for a in (x, target, weight)))
    return found
