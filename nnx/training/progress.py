"""What a person sees while a network trains: a live line on a terminal, plain lines elsewhere."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any, TextIO

from .result import Report

HIDDEN = ("seconds", "samples_per_second", "rate")


@contextmanager
def progress(epochs: int, show: bool, stream: TextIO | None = None) -> Iterator[Callable[[Report], None]]:
    """A callback that shows each epoch on the stream (standard output), or shows nothing."""
    stream = stream or sys.stdout
    if not show:
        yield lambda report: None
    elif stream.isatty() and "CI" not in os.environ and _has_rich():
        with _live(epochs, stream) as callback:
            yield callback
    else:
        yield _lines(stream)


def _has_rich() -> bool:
    from importlib.util import find_spec

    return find_spec("rich") is not None


def figures(report: Report) -> str:
    """The figures of an epoch as one line of text."""
    parts = [f"{name} {value:.4g}" for name, value in report.figures.items() if name not in HIDDEN]
    parts += [f"rate {report.figures['rate']:.3g}", f"{report.figures['samples_per_second']:,.0f} samples/s"]
    return "  ".join(parts)


def _lines(stream: TextIO) -> Callable[[Report], None]:
    def show(report: Report) -> None:
        width = len(str(report.epochs))
        print(f"epoch {report.epoch:{width}}/{report.epochs}  {figures(report)}", file=stream, flush=True)

    return show


@contextmanager
def _live(epochs: int, stream: TextIO) -> Iterator[Callable[[Report], None]]:
    """A table whose last rows are the last epochs, and a bar with the time left under it."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    rows: list[dict[str, float]] = []
    started = monotonic()

    def picture(report: Report) -> Any:
        table = Table(box=None, pad_edge=False, header_style="bold")
        names = [name for name in report.figures if name != "seconds"]
        for name in ("epoch", *names):
            table.add_column(
                name.replace("validation_", "val. ").replace("samples_per_second", "samples/s"), justify="right"
            )
        for row in rows[-10:]:
            cells = [f"{row[n]:,.0f}" if n == "samples_per_second" else f"{row[n]:.4g}" for n in names]
            table.add_row(f"{row['epoch']:.0f}", *cells)
        left = (monotonic() - started) / report.epoch * (epochs - report.epoch)
        note = f"  epoch {report.epoch}/{epochs}, {left // 60:.0f}:{left % 60:02.0f} left"
        return Group(table, ProgressBar(total=epochs, completed=report.epoch, width=60), note)

    with Live(console=Console(file=stream), refresh_per_second=8) as live:

        def show(report: Report) -> None:
            rows.append({"epoch": report.epoch, **report.figures})
            live.update(picture(report))

        yield show
