"""The progress of a training for a person: a live table on a terminal, one line in a notebook, plain lines elsewhere.

Elsewhere is a file, a pipe, continuous integration (CI is set), or a terminal that cannot move its cursor (TERM=dumb).
NO_COLOR is respected.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from math import inf
from time import monotonic
from typing import Any, TextIO

from ..backends import TOLD
from .result import HIDDEN, Report


@contextmanager
def progress(
    epochs: int, show: bool, stream: TextIO | None = None, *, head: str = ""
) -> Iterator[Callable[[Report], None]]:
    """A callback that shows each epoch on the stream (standard output), after a line above all, or shows nothing.

    Within the block it also shows that a step is compiled.
    """
    stream = stream or sys.stdout
    if show and head:
        print(head, file=stream, flush=True)
    if not show:
        yield lambda report: None
    elif _is_live(stream):
        with _live(epochs, stream) as callback:
            yield callback
    else:
        line = _line(stream)
        with _told(line):
            yield lambda report: line(
                f"epoch {report.epoch:{len(str(report.epochs))}}/{report.epochs}  {figures(report)}"
            )


@contextmanager
def _told(line: Callable[[str], object]) -> Iterator[None]:
    """Within the block the function is told what takes long."""
    TOLD.append(line)
    try:
        yield
    finally:
        TOLD.pop()


@contextmanager
def bar(total: int, what: str, show: bool, stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """A function that is told how many more of `total` are done: a bar on a terminal, or a line for each tenth."""
    stream = stream or sys.stdout
    if not show:
        yield lambda more: None
    elif _is_live(stream):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(file=stream)) as drawn:
            task = drawn.add_task(what, total=total)
            yield lambda more: drawn.advance(task, more)
    else:
        done, line = 0, _line(stream)

        def more_done(more: int) -> None:
            nonlocal done
            before, done = done, done + more
            if 10 * before // total < 10 * done // total:
                line(f"{what} {done}/{total}")

        yield more_done


def _line(stream: TextIO) -> Callable[[str], None]:
    """A function that shows a line: on the stream, or in a notebook in the place of the one before."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if stream is not sys.stdout or not hasattr(shell, "kernel"):
        return lambda text: print(text, file=stream, flush=True)
    shown: list[Any] = []

    def show(text: str) -> None:
        data = {"text/plain": text}
        if shown:
            shown[0].update(data, raw=True)
        else:
            shown.append(import_module("IPython.display").display(data, raw=True, display_id=True))

    return show


def _is_live(stream: TextIO) -> bool:
    """True if the stream is a terminal on which things can be drawn anew."""
    plain = "CI" in os.environ or os.environ.get("TERM") in ("dumb", "unknown")
    return stream.isatty() and not plain and _has_rich()


def _has_rich() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


def figures(report: Report) -> str:
    """The figures of an epoch as one line of text."""
    parts = [f"{name} {value:.4g}" for name, value in report.figures.items() if name not in HIDDEN]
    parts += [f"rate {report.figures['rate']:.3g}", f"{report.figures['samples_per_second']:,.0f} samples/s"]
    return "  ".join(parts)


@contextmanager
def _live(epochs: int, stream: TextIO) -> Iterator[Callable[[Report], None]]:
    """A table whose last rows are the last epochs, and under it a bar with the time left and the best epoch so far."""
    from rich.console import Console
    from rich.live import Live

    rows: list[dict[str, float]] = []
    ends = [monotonic()]
    with Live(console=Console(file=stream), refresh_per_second=8) as live, _told(live.update):

        def show(report: Report) -> None:
            rows.append({"epoch": report.epoch, **report.figures})
            ends.append(monotonic())
            live.update(picture(rows, epochs, ends[-1] - ends[0], ends[1] - ends[0], live.console.width))

        yield show


def picture(rows: list[dict[str, float]], epochs: int, seconds: float, first: float, width: int) -> Any:
    """The picture on the terminal after the epochs in `rows`, of `epochs`, took so many seconds, and the first of them
    so many, which are no measure of the time left: the step was compiled in it. It needs rich.
    """
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    names = columns_that_fit([name for name in rows[-1] if name not in ("epoch", "seconds")], width)
    best = min(rows, key=lambda row: row.get("validation_loss", inf))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("epoch", *names):
        table.add_column(_head(name), justify="right", min_width=max(len(_head(name)), 5), no_wrap=True)
    for row in rows[-10:]:
        style = "bold" if row is best and "validation_loss" in row else ""
        table.add_row(f"{row['epoch']:.0f}", *(_cell(name, row[name]) for name in names), style=style)
    done = int(rows[-1]["epoch"])
    text = f"{done}/{epochs}"
    if done == epochs:
        text += f"  {_clock(seconds)} in all"
    elif len(rows) > 1:  # those of this process
        text += f"  {_clock((seconds - first) / (len(rows) - 1) * (epochs - done))} left"
    note = f"  best val. loss: epoch {best['epoch']:.0f}" if "validation_loss" in best else ""
    text += note if len(text) + len(note) + 8 <= width else ""
    line = Table.grid(padding=(0, 2, 0, 0))
    bar = ProgressBar(total=epochs, completed=done, width=max(min(36, width - len(text) - 4), 4), complete_style="cyan")
    line.add_row(bar, Text(text))
    return Group(table, line)


def columns_that_fit(names: list[str], width: int) -> list[str]:
    """The figures there is room for; those that matter least are left out first."""
    for least in ("samples_per_second", "rate", *reversed(names)):
        if 5 + sum(2 + max(len(_head(name)), 5) for name in names) <= width:
            break
        names = [name for name in names if name != least]
    return names


def _head(name: str) -> str:
    return name.replace("validation_", "val. ").replace("samples_per_second", "samples/s").replace("_", " ")


def _cell(name: str, value: float) -> str:
    if name == "samples_per_second":
        return f"{value:,.0f}"
    if name == "rate":
        return f"{value:.3g}"
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.2e}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours = f"{whole // 3600}:" if whole >= 3600 else ""
    return f"{hours}{whole // 60 % 60:0{2 if hours else 1}}:{whole % 60:02}"
