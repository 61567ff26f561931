"""How a training ends for the shell, and words that were given in the wrong place."""

import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import click

from ..files import LockWarning
from ..tabular.table import paths_of
from .run import is_run


def ended(training: Callable[[], int]) -> int:
    """The exit code of a training: 130 if Ctrl-C ended it, 143 if SIGTERM did."""
    from ..training.checkpoint import ResumeWarning
    from ..training.interrupt import Termination

    others = warnings.showwarning

    def show(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, (ResumeWarning, LockWarning)):
            print(f"nnx: {message}", file=sys.stderr)
        else:
            others(message, category, *place, **more)

    with Termination() as termination, warnings.catch_warnings():
        warnings.simplefilter("always", ResumeWarning)
        warnings.simplefilter("always", LockWarning)
        warnings.showwarning = show
        try:
            code = training()
        except KeyboardInterrupt:
            code = 130
    return 143 if code == 130 and termination.seen else code


def with_data(config: Any) -> Any:
    """The settings, if they name a table. Raises: UsageError."""
    paths = [path for path in paths_of(config.data.path) if path]
    if not paths:
        raise click.UsageError("Missing argument 'DATA': the table to train on, or data.path in the file -c")
    for path in filter(is_run, paths):
        raise click.UsageError(f"{path} is a run, not a table: nnx train DATA; to go on with it: nnx resume {path}")
    return config


def in_order(command: str, run: str, data: Sequence[str]) -> None:
    """Raise UsageError where a run is given in the place of a table."""
    for path in filter(is_run, data):
        raise click.UsageError(f"{path} is a run, not a table: first the run, then the table: nnx {command} RUN DATA")


def images_in(config: Any) -> bool:
    """True where the data are images, not a table."""
    from ..images import are_images

    return any(are_images(path) for path in paths_of(config.data.path))
