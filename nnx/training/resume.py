"""The beginning of a fit that writes checkpoints or goes on from one: is it the same fit, to the same bits?"""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from .checkpoint import Checkpoint, Progress, Resumed, ResumeWarning, Writer
from .identity import Facts, environment, flat, mark, other_bits, same_settings
from .result import EarlyStopping
from .run import Run
from .step import gather


@contextmanager
def resuming(
    run: Run,
    checkpoint: Checkpoint | None,
    resumed: Resumed | None,
    rule: EarlyStopping | None,
    metrics: Mapping[str, Any],
) -> Iterator[Progress | None]:
    """Compare a run with the checkpoint resumed, which is given to the block to begin with; then write checkpoints.

    Raises: SettingError, ModelFileError.
    """
    if checkpoint is None and resumed is None:
        yield None
        return
    settings, place = identity(run, rule, metrics), environment(run.backend, run.compile)
    if resumed is not None:
        same_settings(resumed.settings, settings)
        if text := other_bits(resumed.environment, place):
            warnings.warn(text, ResumeWarning, stacklevel=5)
    yield None if resumed is None else resumed.progress
    if checkpoint is not None:
        run.writer = Writer(checkpoint, run.net, run.loss, run.backend, settings, place)
        first = run.progress(run.best[1], "") if run.done == 0 else None
        run.writer.begin(first, None if resumed is None else resumed.path)


def identity(run: Run, rule: EarlyStopping | None, metrics: Mapping[str, Any]) -> Facts:
    """The settings of a fit, and what tells its data from others."""
    settings = {
        "epochs": run.epochs,
        "batch_size": run.batch_size,
        "seed": run.seed,
        "shuffle": run.shuffle,
        "dtype": run.backend.dtype,
        "rows": "a stream" if run.rows is None else len(run.rows),
        "validation": None if run.held is None else f"{len(run.held[1])} rows",
        "early_stopping": rule,
        "metrics": tuple(metrics),
        "loss": run.loss,
        "optimizer": run.optimizer,
        "net": run.net,
    }
    found: Facts = {}
    for name, value in settings.items():
        found |= flat(name, value)
    x, target, weight, row = run.sample
    found |= {"columns of x": str(int(x.shape[-1])), "sample_weight": "none" if weight is None else "given"}
    if run.rows is not None:
        found["data (first row)"] = mark(run.backend, *(gather(a, row) for a in (x, target, weight)))
    return found
